"""A placement (调度决策): what is asked of the sites, what they answer, and which is chosen.

Only the values stand here, so that whoever renders or stores a placement needs nothing of
the search; the search itself is `tallygrid.placement`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from tallygrid.core.catalogue import CARDS_PER_NODE


@dataclass(frozen=True)
class Request:
    """What a job needs of a site, and what its voucher or owner demands."""

    cards: int
    seconds: int
    """How long the cards are wanted; every card for the whole time."""
    place: str
    """Where the data are."""
    models: frozenset[str] = frozenset()
    """Card models that will do; empty: any."""
    memory_gb_min: int = 0
    """Per card."""
    origin: Literal["any", "domestic"] = "any"
    sites: frozenset[str] = frozenset()
    """Sites at which the data may lie (data residency); empty: any."""
    data_gb: int = 0
    latency_ms_max: int | None = None
    """Inclusive; None: no limit."""
    providers: frozenset[str] | None = None
    """Providers that the voucher admits; None: it does not ask."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Offers that a rule of the voucher's programme refuses, and the clause it stands in."""
    origin_clause: str = ""
    """Where it stands that accelerators must be domestic; empty if the request itself says so."""
    related: frozenset[str] = frozenset()
    """Providers that are related parties of the applicant (关联方)."""
    certified: bool = False
    """Whether only cards will do whose speed was measured and certified."""
    wait_seconds_max: int = 0
    """How long the job may wait for cards; 0: now or not here."""
    budget_bp: int = 0
    """What a fen of price costs more because the budgets that pay it are scarce: the sum of
    their shadow prices per fen, each times the rate it pays."""
    seed: int = 0
    """Which of equals is taken: a number that follows from who asks for what, below 2**31."""

    def __post_init__(self) -> None:
        assert self.cards > 0, self.cards
        assert self.seconds > 0, self.seconds
        assert self.data_gb >= 0, self.data_gb
        assert self.budget_bp >= 0, self.budget_bp
        assert 0 <= self.seed < SEEDS, self.seed


SEEDS: Final = 2**31


class Pool(NamedTuple):
    """The cards of one model at one site, as they stand at one instant."""

    cards: int
    """In all."""
    whole_nodes: int
    """Nodes of 8 cards that are wholly free."""
    largest_part: int
    """The most free cards on one node that is partly in use."""
    utilisation_bp: int
    """Card time in use."""
    wait_seconds: int | None = 0
    """Until a gang can start if there is no room now; None where nothing is known."""
    shadow_fen_per_card_hour: int = 0
    """What one card-hour here is worth to the work that would come later."""
    is_stale: bool = False
    """Whether the report is old: then the pool counts as wholly in use."""

    def holds(self, gang: int) -> bool:
        """Tell whether a gang fits now: whole nodes, and the rest together on one node.

        >>> Pool(32, whole_nodes=1, largest_part=4, utilisation_bp=0).holds(12)
        True
        >>> Pool(32, whole_nodes=1, largest_part=4, utilisation_bp=0).holds(13)
        False
        """
        nodes, rest = divmod(gang, CARDS_PER_NODE)
        if nodes > self.whole_nodes:
            return False
        return rest <= self.largest_part or nodes < self.whole_nodes


PoolState = Mapping[tuple[str, str], Pool]
"""Every pool by site and card model; a pool that is absent has not reported."""


@dataclass(frozen=True)
class Weights:
    """What the operator weighs beside the price; each in fen, so that all can be added.

    A fen of public money costs a fen, so the price has no weight: it counts in full, whoever
    pays it.
    """

    energy_bp: int = 1_000
    """Share of the bill for electricity that counts on top. The rent contains power already;
    a tenth of it says which of two equal rents wastes less."""
    carbon_fen_per_tonne: int = 10_000
    """100 yuan per tonne of carbon dioxide."""
    latency_fen_per_ms_hour: int = 2
    """For each millisecond to the data and each hour of the job."""
    wait_fen_per_card_hour: int = 300
    """For each hour that a card's worth of work waits."""
    pressure_fen_per_card_hour: int = 200
    """For each card-hour in a pool that is wholly in use; in proportion below. This sends
    work to the least-used suitable site."""
    shadow_bp: int = 5_000
    """Share of the solved prices of pools that counts. They price a forecast, of which not
    all comes; half of them did best, or nearly so, at every load that was tried."""

    def __post_init__(self) -> None:
        assert all(weight >= 0 for weight in vars(self).values()), self


@dataclass(frozen=True)
class Flip:
    """A weight, a value of it, and the offer that is chosen from there on."""

    weight: str
    now: int
    at: int
    offer: str


class Cost(NamedTuple):
    """What a placement costs in all, part by part."""

    price_fen: int
    """The gross price after the provider's discount, whoever pays it."""
    transfer_fen: int
    energy_fen: int
    carbon_fen: int
    latency_fen: int
    wait_fen: int
    pressure_fen: int
    shadow_fen: int = 0
    budget_fen: int = 0

    @property
    def total_fen(self) -> int:
        """Return the objective: the sum of all parts."""
        return sum(self)


REASONS: Final = (
    "card_model",
    "memory",
    "origin",
    "residency",
    "latency",
    "provider_not_admitted",
    "related_party",
    "not_certified",
    "too_large",
    "no_report",
    "full",
)
"""Why an offer cannot be chosen. A verdict keeps them as bits in this order; the first eight
lie in the offer itself."""


class Verdict(NamedTuple):
    """What the search says of one offer."""

    offer: str
    site: str
    model: str
    reasons: int
    """Why not, as bits in the order of `REASONS`; 0: eligible."""
    cost: Cost | None
    """None where the offer is not eligible."""
    wait_seconds: int | None
    used_bp: int = 0
    """How much of the pool counts as in use."""

    @property
    def eligible(self) -> bool:
        """Tell whether the offer could be chosen."""
        return not self.reasons

    @property
    def codes(self) -> tuple[str, ...]:
        """Return every reason against the offer."""
        return tuple(code for bit, code in enumerate(REASONS) if self.reasons >> bit & 1)


@dataclass(frozen=True)
class Placement:
    """The choice, and why every other offer was passed over."""

    request: Request
    chosen: str | None
    """The id of the offer; None if no offer is eligible."""
    verdicts: tuple[Verdict, ...]
    """Of every offer, in the order of their ids."""

    @property
    def verdict(self) -> Verdict | None:
        """Return the verdict on the offer chosen."""
        return next((one for one in self.verdicts if one.offer == self.chosen), None)

    def ranked(self) -> tuple[Verdict, ...]:
        """Return the eligible offers, the chosen first, then by what they cost."""
        eligible = (
            (one.offer != self.chosen, one.cost.total_fen, one.used_bp, one.offer, one)
            for one in self.verdicts
            if one.cost
        )
        return tuple(one for *_, one in sorted(eligible))

    def passed_over(self) -> tuple[Verdict, ...]:
        """Return the offers that are not eligible."""
        return tuple(one for one in self.verdicts if not one.eligible)

    def dearer_fen(self, other: Verdict) -> int:
        """Return by how much an eligible offer costs more than the one chosen."""
        chosen = self.verdict
        assert chosen is not None, "nothing was chosen"
        assert chosen.cost is not None, chosen
        assert other.cost is not None, other
        return other.cost.total_fen - chosen.cost.total_fen
