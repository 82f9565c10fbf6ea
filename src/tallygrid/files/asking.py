"""What a workload file says beside its task: the `tallygrid:` block, the same in every form."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tallygrid.core.catalogue import OfferKind, Unit
from tallygrid.core.workload import Order, WantedOrigin
from tallygrid.files.document import Document, Mistake, Where
from tallygrid.files.nearest import unknown_keys, unknown_names

HOURS_MAX: Final = 87_660
"""Ten years: nothing is reserved for longer."""
_QUANTITY_MAX: Final = 1_000_000
_PLACES_MAX: Final = 6
Names = Mapping[str, Collection[str]]
"""What may be named under a key of the block; a key that is absent accepts every name."""


def exact(value: object) -> Fraction:
    """Return a number of a file as exactly what was written.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Write a number, as in 720 or 0.5")  # noqa: TRY004  # pydantic's way
    written = Decimal(repr(value))
    exponent = written.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _PLACES_MAX:
        raise ValueError(f"Write at most {_PLACES_MAX} decimal places")
    return Fraction(written)


def positive(value: object) -> Fraction:
    """Return a number of a file that must be more than nothing."""
    number = exact(value)
    if number <= 0:
        raise ValueError("Write a number above 0")
    return number


def _hours(value: object) -> Fraction:
    hours = positive(value)
    if hours > HOURS_MAX:
        raise ValueError(f"Write at most {HOURS_MAX} hours, which are ten years")
    return hours


def _quantity(value: object) -> Fraction:
    quantity = positive(value)
    if quantity > _QUANTITY_MAX:
        raise ValueError(f"Write at most {_QUANTITY_MAX}, or divide the order")
    return quantity


def not_negative(value: object) -> Fraction:
    """Return a number of a file that may be nothing, but not less."""
    number = exact(value)
    if number < 0:
        raise ValueError("Write 0 or more")
    return number


def _words(value: object) -> tuple[str, ...]:
    words = value if isinstance(value, list) else [value]
    if not all(isinstance(word, str) and word for word in words):
        raise ValueError("Write a name, or a list of names")
    return tuple(words)


_Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
_NotNegative = Annotated[Fraction, BeforeValidator(not_negative)]


class OrderIn(BaseModel):
    """The `order:` inside the block: a quantity of another unit than the card-hour."""

    model_config = ConfigDict(strict=True, frozen=True)

    unit: Unit
    quantity: Annotated[Fraction, BeforeValidator(_quantity)]
    offer: str = ""

    def parsed(self) -> Order:
        """Return the order in the core's own terms."""
        return Order(unit=self.unit, quantity=self.quantity, offer=self.offer)


class Asking(BaseModel):
    """The block: what neither a task file nor a scheduler's script can say."""

    model_config = ConfigDict(strict=True, frozen=True)

    hours: Annotated[Fraction | None, BeforeValidator(_hours)] = None
    facts: str | None = Field(default=None, min_length=1)
    programmes: _Words = ()
    kind: OfferKind | None = None
    region: str = ""
    data_gb: _NotNegative = Fraction(0)
    latency_ms_max: int | None = Field(default=None, ge=0)
    origin: WantedOrigin = "any"
    sites: _Words = ()
    certified: bool = False
    order: OrderIn | None = None


def unknown_in_block(document: Document, where: Where, names: Names) -> Iterable[Mistake]:
    """Yield the keys of the block that mean nothing, and the names that nothing bears."""
    yield from unknown_keys(document, where, Asking.model_fields)
    yield from unknown_keys(document, (*where, "order"), OrderIn.model_fields)
    for key, known in names.items():
        yield from unknown_names(document, (*where, *key.split(".")), known)


def contradictions(
    block: Mapping[str, object], *, has_cards: bool, has_hours: bool
) -> Iterator[tuple[Where, str, str]]:
    """Yield what cannot be meant together: where in the block, the problem, the remedy."""
    order = block.get("order")
    unit = order.get("unit") if isinstance(order, dict) else None
    if not has_cards and order is None:
        yield (), "The file asks for nothing.", "Name accelerators, or an `order`."
    if has_cards and unit in _KIND_OF_UNIT:
        problem = f"Accelerators are not bought by `{unit}`."
        yield ("order", "unit"), problem, "Order by `card_hour` or `server_month`."
    if has_hours and not has_cards:
        yield ("hours",), "There are hours, but no accelerators to use them.", "Name accelerators."


def kind_of(asking: Asking) -> OfferKind:
    """Return the kind of thing asked for: as said, else as its unit implies."""
    if asking.kind is not None:
        return asking.kind
    return _KIND_OF_UNIT.get(asking.order.unit, "compute") if asking.order else "compute"


_KIND_OF_UNIT: Final[Mapping[Unit, OfferKind]] = {
    "million_tokens": "model",
    "dataset_licence": "corpus",
}
