"""A workload: what an applicant wants run, or bought, and what a site must offer for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from tallygrid.core.catalogue import OfferKind, Unit

WantedOrigin = Literal["any", "domestic"]


@dataclass(frozen=True)
class Gang:
    """Cards that start and end together.

    >>> Gang(models=("H100",), cards_per_node=8, nodes=8, hours=Fraction(720)).card_hours
    Fraction(46080, 1)
    """

    models: tuple[str, ...]
    """The accelerator models that will do, the first preferred; none named means any."""
    cards_per_node: int
    nodes: int
    hours: Fraction

    def __post_init__(self) -> None:
        assert self.cards_per_node > 0, self
        assert self.nodes > 0, self
        assert self.hours > 0, self

    @property
    def cards(self) -> int:
        """Return the cards of all nodes together."""
        return self.cards_per_node * self.nodes

    @property
    def card_hours(self) -> Fraction:
        """Return what the gang uses if it runs for its whole time."""
        return self.cards * self.hours

    @property
    def time_limit_s(self) -> int:
        """Return the whole seconds after which the job is stopped; a begun second counts."""
        return -(-self.hours * 3600 // 1)


@dataclass(frozen=True)
class Order:
    """A quantity of something with another unit than the card-hour."""

    unit: Unit
    quantity: Fraction
    offer: str = ""
    """The offer of the catalogue that is meant; empty leaves the choice to the quote."""

    def __post_init__(self) -> None:
        assert self.quantity > 0, self


@dataclass(frozen=True)
class Script:
    r"""What runs on the cards.

    >>> Script(run="python train.py", setup="pip install x").command[-1]
    'set -e\npip install x\nset +e\npython train.py'
    """

    run: str
    setup: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> tuple[str, ...]:
        """Return the program to start; a set-up that fails ends the job."""
        text = f"set -e\n{self.setup}\nset +e\n{self.run}" if self.setup else self.run
        return ("/bin/bash", "-c", text)


@dataclass(frozen=True)
class Workload:
    """A workload, whichever file it was read from.

    It has a gang, an order, or both: a gang of 64 cards may be bought as 8 server-months.
    """

    name: str
    kind: OfferKind
    gang: Gang | None = None
    order: Order | None = None
    script: Script | None = None
    region: str = ""
    """Where the data is; empty if it does not matter."""
    data_gb: Fraction = Fraction(0)
    latency_ms_max: int | None = None
    """Inclusive; None is no limit."""
    origin: WantedOrigin = "any"
    sites: tuple[str, ...] = ()
    """Where the data may be worked on (residency); none named means anywhere."""
    certified: bool = False
    """Whether only cards will do whose speed was measured and certified."""

    def __post_init__(self) -> None:
        assert self.gang is not None or self.order is not None, self
        assert self.data_gb >= 0, self

    @property
    def unit(self) -> Unit:
        """Return the unit in which the workload is priced."""
        return self.order.unit if self.order is not None else "card_hour"
