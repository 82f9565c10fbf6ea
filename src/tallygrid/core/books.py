"""The books' vocabulary: which accounts there are, and which event moves money where.

An amount sits in exactly one account; an event moves it along legs, each from one account
to another. The tables below are the whole law: what they do not list cannot be posted. The
database holds the same tables (a test compares them) and refuses on its own.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, Self
from uuid import UUID

from tallygrid.core.money import GREATEST_FEN

Family = Literal["money", "cap", "ceiling", "copay", "discount"]
Phase = Literal["direct", "hold", "extend", "start", "capture", "release", "expire"]

REGISTRY: Final = "registry"
"""The programme that holds what several programmes share: one ceiling per contract."""


@dataclass(frozen=True)
class AccountKind:
    """What the accounts of one kind have in common."""

    family: Family
    is_source: bool = False
    """Whether money enters the books here, so that the balance runs below zero."""
    holder_of: str = ""
    """What the holder is (`voucher`, `party`, …); a leg between two of a sort stays with one."""
    holder_required: bool = False
    has_group: bool = False
    """Whether the account may belong to the budget of one class of applicants."""


def _source(family: Family, *, holder_of: str = "") -> AccountKind:
    return AccountKind(family, is_source=True, holder_of=holder_of, holder_required=bool(holder_of))


def _budget(*, is_source: bool = False) -> AccountKind:
    return AccountKind("money", is_source=is_source, has_group=True)


def _held_by(holder_of: str, family: Family = "money") -> AccountKind:
    return AccountKind(family, holder_of=holder_of, holder_required=True)


ACCOUNT_KINDS: Final[Mapping[str, AccountKind]] = MappingProxyType(
    {
        "appropriation": _budget(is_source=True),
        "carried_in": _budget(is_source=True),
        "transferred_in": _budget(is_source=True),
        "available": _budget(),
        "reserved": AccountKind("money", holder_of="award", has_group=True),
        "committed": AccountKind(
            "money", holder_of="voucher", holder_required=True, has_group=True
        ),
        "payable": _held_by("party"),
        "in_payment": _held_by("party"),
        "paid": _held_by("party"),
        "recoverable": _held_by("party"),
        "written_off": _held_by("party"),
        "lapsed": _budget(),
        "carried_out": _budget(),
        "transferred_out": _budget(),
        "cap_source": _source("cap"),
        "cap_room": _held_by("cap", "cap"),
        "cap_used": _held_by("cap", "cap"),
        "ceiling_source": _source("ceiling"),
        "ceiling_room": _held_by("contract", "ceiling"),
        "ceiling_used": _held_by("contract", "ceiling"),
        "copay_source": _source("copay"),
        "copay_due": _held_by("debtor", "copay"),
        "copay_received": _held_by("debtor", "copay"),
        "copay_overdue": _held_by("debtor", "copay"),
        "discount_source": _source("discount"),
        "discount_given": _held_by("provider", "discount"),
    }
)
"""Money accounts are the public money; the other families are memoranda beside it."""


@dataclass(frozen=True)
class MoneyRow:
    """One kind of event: what it does to a hold, and the moves it may make."""

    phase: Phase
    moves: frozenset[tuple[str, str]] = frozenset()


def _moves(text: str) -> frozenset[tuple[str, str]]:
    """Read `a > b c, d > e` as the moves a→b, a→c and d→e."""
    pairs: set[tuple[str, str]] = set()
    for part in text.split(","):
        source, targets = part.split(" > ")
        pairs |= {(source.strip(), target) for target in targets.split()}
    return frozenset(pairs)


_COUNTED: Final = "cap_room > cap_used, ceiling_room > ceiling_used"
_UNCOUNTED: Final = "cap_used > cap_room, ceiling_used > ceiling_room"
_CLAIM: Final = _moves(
    f"committed > payable, {_COUNTED}, copay_source > copay_due, discount_source > discount_given"
)
_CLOSABLE: Final = ("available", "reserved", "committed")

_LAW: Final[Mapping[str, MoneyRow]] = MappingProxyType(
    {
        "appropriate": MoneyRow("direct", _moves("appropriation > available")),
        "reduce": MoneyRow("direct", _moves("available > appropriation")),
        "award": MoneyRow("direct", _moves(f"available > reserved, {_COUNTED}")),
        "withdraw": MoneyRow("direct", _moves(f"reserved > available lapsed, {_UNCOUNTED}")),
        "issue": MoneyRow("direct", _moves(f"reserved > committed, {_COUNTED}")),
        "lapse": MoneyRow("direct", _moves(f"committed > available lapsed, {_UNCOUNTED}")),
        "hold": MoneyRow("hold", _CLAIM),
        "extend": MoneyRow("extend", _CLAIM),
        "start": MoneyRow("start"),
        "capture": MoneyRow("capture", _CLAIM),
        "release": MoneyRow("release"),
        "expire": MoneyRow("expire"),
        "award_ex_post": MoneyRow("direct", _moves(f"available > payable, {_COUNTED}")),
        "correct": MoneyRow(
            "direct",
            _moves(
                f"payable > committed available lapsed, {_UNCOUNTED},"
                " copay_due > copay_source, discount_given > discount_source"
            ),
        ),
        "pay": MoneyRow("direct", _moves("payable > in_payment")),
        "confirm": MoneyRow("direct", _moves("in_payment > paid")),
        "fail": MoneyRow("direct", _moves("in_payment > payable")),
        "claw_back": MoneyRow("direct", _moves("paid > recoverable")),
        "waive": MoneyRow("direct", _moves("recoverable > paid")),
        "recover": MoneyRow(
            "direct",
            _moves("recoverable > available lapsed carried_out, carried_in > available lapsed"),
        ),
        "write_off": MoneyRow("direct", _moves("recoverable > written_off")),
        "close_carry_out": MoneyRow(
            "direct", frozenset((kind, "carried_out") for kind in _CLOSABLE)
        ),
        "close_carry_in": MoneyRow("direct", frozenset(("carried_in", kind) for kind in _CLOSABLE)),
        "close_lapse": MoneyRow("direct", frozenset((kind, "lapsed") for kind in _CLOSABLE)),
        "transfer_out": MoneyRow("direct", _moves("available > transferred_out")),
        "transfer_in": MoneyRow("direct", _moves("transferred_in > available")),
        "limit": MoneyRow("direct", _moves("cap_source > cap_room, ceiling_source > ceiling_room")),
        "lower_limit": MoneyRow(
            "direct", _moves("cap_room > cap_source, ceiling_room > ceiling_source")
        ),
        "copay": MoneyRow(
            "direct",
            _moves(
                "copay_source > copay_due copay_received, copay_due > copay_received copay_overdue,"
                " copay_overdue > copay_received, copay_received > copay_source"
            ),
        ),
        "discount": MoneyRow("direct", _moves("discount_source > discount_given")),
    }
)

_UNDOES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "reverse_budget": (
            *("appropriate", "reduce", "award", "withdraw", "issue", "lapse"),
            *("limit", "lower_limit", "close_carry_out", "close_carry_in", "close_lapse"),
        ),
        "reverse_use": ("capture", "correct", "award_ex_post", "copay", "discount"),
        "reverse_payment": (
            *("pay", "confirm", "fail"),
            *("claw_back", "waive", "recover", "write_off"),
        ),
    }
)
REVERSED_BY: Final[Mapping[str, str]] = MappingProxyType(
    {kind: reversal for reversal, kinds in _UNDOES.items() for kind in kinds}
)
"""Kind of event → the kind that undoes it, posted by whoever may post the first.

What is not here is undone otherwise: a hold is released, a transfer is moved back, and a
reversal that was a mistake is followed by the entry once more.
"""


def _mirror(reversal: str) -> frozenset[tuple[str, str]]:
    """Return every move of the kinds that a reversal undoes, the other way round."""
    kinds = _UNDOES[reversal]
    return frozenset((target, source) for kind in kinds for source, target in _LAW[kind].moves)


MONEY_TABLE: Final[Mapping[str, MoneyRow]] = MappingProxyType(
    {
        **_LAW,
        **{kind: MoneyRow("direct", _mirror(kind)) for kind in _UNDOES},
    }
)
"""Kind of event → what it does. `capture` and what closes a hold move what the hold's legs say.

A reversal may only be posted as the exact mirror of the entry it names, once; the database
sees to that.
"""

_HANDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "tallygrid_web": (
            *("appropriate", "reduce", "award", "withdraw", "issue", "lapse", "hold"),
            *("limit", "lower_limit", "transfer_out", "transfer_in"),
            *("close_carry_out", "close_carry_in", "close_lapse", "reverse_budget"),
        ),
        "tallygrid_worker": (
            *("hold", "extend", "start", "capture", "release", "expire"),
            *("correct", "award_ex_post", "copay", "discount", "reverse_use"),
        ),
        "tallygrid_payer": (
            *("pay", "confirm", "fail", "claw_back", "waive", "recover", "write_off"),
            "reverse_payment",
        ),
    }
)
PERMITTED: Final = frozenset((role, kind) for role, kinds in _HANDS.items() for kind in kinds)
"""Login role and kind of event: whoever issues does not verify, whoever verifies does not pay."""

_CODE: Final = re.compile(
    r"(?P<kind>[a-z_]+)(?::(?P<holder>[^:@\s]*)(?::(?P<funder>[^:@\s]*)(?::(?P<group>[^:@\s]+))?)?)?"
    r"@(?P<year>[0-9]{4})"
)
_REVERSES: Final = re.compile(
    r"reverses ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}): "
)
_PARTS: Final = re.compile(r"[^:@\s]*:[^:@\s]*:[^:@\s]*")


@dataclass(frozen=True, order=True)
class Account:
    """One place where an amount can sit, in one programme.

    >>> Account("committed", 2026, holder="V-2026-0001", funder="city").code
    'committed:V-2026-0001:city@2026'
    >>> Account.of("available@2026")
    Account(kind='available', year=2026, holder='', funder='', group='')
    """

    kind: str
    year: int
    holder: str = ""
    funder: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        assert self.kind in ACCOUNT_KINDS, self.kind
        assert 1000 <= self.year <= 9999, self.year  # noqa: PLR2004  # four digits in the code
        assert _PARTS.fullmatch(f"{self.holder}:{self.funder}:{self.group}"), self

    @property
    def code(self) -> str:
        """The account's name in the books: kind, holder, funder and group, then the year."""
        parts = f"{self.kind}:{self.holder}:{self.funder}:{self.group}".rstrip(":")
        return f"{parts}@{self.year}"

    @property
    def family(self) -> Family:
        """Public money, or one of the memoranda beside it."""
        return ACCOUNT_KINDS[self.kind].family

    @property
    def is_source(self) -> bool:
        """Whether money enters the books here."""
        return ACCOUNT_KINDS[self.kind].is_source

    @classmethod
    def of(cls, code: str) -> Self:
        """Return the account of a code."""
        found = _CODE.fullmatch(code)
        assert found is not None, code
        kind, holder, funder, group, year = (part or "" for part in found.groups())
        return cls(kind, int(year), holder, funder, group)


@dataclass(frozen=True)
class Leg:
    """An amount on its way from one account to another."""

    source: Account
    target: Account
    amount_fen: int

    def __post_init__(self) -> None:
        assert type(self.amount_fen) is int, f"{self.amount_fen!r} is not a whole number of fen"
        assert 0 <= self.amount_fen < GREATEST_FEN, self.amount_fen
        assert self.source != self.target, self.source.code

    def as_json(self) -> dict[str, Any]:
        """Return the leg as plain data, its accounts by their codes."""
        return {
            "source": self.source.code,
            "target": self.target.code,
            "amount_fen": self.amount_fen,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read back what `as_json` returned."""
        return cls(Account.of(data["source"]), Account.of(data["target"]), data["amount_fen"])


@dataclass(frozen=True)
class Event:
    """Something that happened, as the books shall record it."""

    key: UUID
    """The intention: the same key again is the same event."""
    kind: str
    legs: tuple[Leg, ...]
    occurred_at: datetime
    hold: UUID | None = None
    """The hold (its event's key) that this event extends, starts, captures, releases or expires."""
    ttl_seconds: int | None = None
    """A hold's only: how long it waits for the work to start. Started work never expires."""
    final: bool = False
    """A capture's only: it is the last one, and the rest of the hold is released."""
    reason: str = ""
    document: str = ""
    """SHA-256, in hexadecimal, of the evidence."""
    outbox: Mapping[str, object] | None = None
    """What the application learns if, and only if, this event is posted."""
    chain: int = 0
    """Consecutive events of one positive number are posted all or none."""

    def __post_init__(self) -> None:
        assert self.kind in MONEY_TABLE, self.kind
        assert self.occurred_at.tzinfo is not None, "an instant names its zone"

    def as_json(self) -> dict[str, Any]:
        """Return the event as plain data, as `books.post` takes it; what is not set is left out."""
        plain = {
            "key": str(self.key),
            "kind": self.kind,
            "legs": [leg.as_json() for leg in self.legs],
            "occurred_at": self.occurred_at.astimezone(UTC).isoformat(),
            "hold": None if self.hold is None else str(self.hold),
            "ttl_seconds": self.ttl_seconds,
            "final": self.final,
            "reason": self.reason,
            "document": self.document,
            "outbox": None if self.outbox is None else dict(self.outbox),
            "chain": self.chain,
        }
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read back what `as_json` returned.

        >>> event = Event(UUID(int=7), "start", (), datetime(2026, 5, 11, tzinfo=UTC))
        >>> Event.from_json(event.as_json()) == event
        True
        """
        hold = data.get("hold")
        return cls(
            **{
                **data,
                "key": UUID(data["key"]),
                "legs": tuple(Leg.from_json(leg) for leg in data["legs"]),
                "occurred_at": datetime.fromisoformat(data["occurred_at"]),
                "hold": None if hold is None else UUID(hold),
            }
        )


def reversal_key(original: UUID) -> UUID:
    """Return the key under which an entry is undone: it follows from the entry's, so it is once."""
    return UUID(bytes=hashlib.sha256(f"reverse:{original}".encode()).digest()[:16])


def reversed_by(reason: str) -> UUID | None:
    """Return the key of the entry that a reversal undoes, as its reason names it."""
    named = _REVERSES.match(reason)
    return UUID(named[1]) if named else None


def reversal_of(
    original: UUID, kind: str, legs: Sequence[Leg], *, at: datetime, reason: str
) -> Event:
    """Return the event that undoes an entry: every leg the other way, once, naming the entry.

    >>> moved = Leg(Account.of("appropriation@2026"), Account.of("available@2026"), 7)
    >>> at = datetime(2026, 5, 11, tzinfo=UTC)
    >>> undone = reversal_of(UUID(int=1), "appropriate", [moved], at=at, reason="a slip")
    >>> undone.kind, undone.reason
    ('reverse_budget', 'reverses 00000000-0000-0000-0000-000000000001: a slip')
    """
    return Event(
        key=reversal_key(original),
        kind=REVERSED_BY[kind],
        legs=tuple(Leg(leg.target, leg.source, leg.amount_fen) for leg in legs if leg.amount_fen),
        occurred_at=at,
        reason=f"reverses {original}: {reason}",
    )


@dataclass(frozen=True)
class Outcome:
    """What became of one event."""

    key: UUID
    code: str
    seq: int | None = None
    """Its place in the programme's books, once it has one."""
    detail: Mapping[str, object] = field(default_factory=dict)
    """The values of a refusal: the account, what was available and asked, which attempt."""

    @property
    def accepted(self) -> bool:
        """Whether the event stands in the books, now or already."""
        return self.code in {"posted", "exists"}

    @property
    def message(self) -> str:
        """The code of its sentence in the catalogue; `values` are the sentence's."""
        if self.code == "invalid":
            return f"ledger.invalid.{self.detail['reason']}"
        return f"ledger.outcome.{self.code}"

    @property
    def values(self) -> Mapping[str, object]:
        """What the sentence says."""
        return {"key": self.key, **self.detail}


@dataclass(frozen=True)
class Balance:
    """What has come into an account, what has left it, and what is held of the rest."""

    in_fen: int = 0
    out_fen: int = 0
    held_fen: int = 0

    @property
    def total_fen(self) -> int:
        """What sits in the account, held or not."""
        return self.in_fen - self.out_fen

    @property
    def free_fen(self) -> int:
        """What may still be spent: the total less what is held."""
        return self.total_fen - self.held_fen


@dataclass(frozen=True, order=True)
class Head:
    """The last batch of a programme's books: its hash stands for all before it."""

    programme: str
    batch: int
    seq: int
    hash: str
    algorithm: str
    at: datetime


@dataclass(frozen=True)
class Problem:
    """Something wrong in the books: a code of the catalogue, and the values of its sentence."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)
