"""What a report says, before it is written in a language: numbers, names and reasons.

`Figures` is the only input of the report. Whoever fills it reads the database; the report
computes nothing but sums and shares of what stands here. Amounts are whole fen, rates are
basis points, durations are whole seconds unless the name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args

from tallygrid.settings import Language

Words = Mapping[Language, str]
"""One text in every language."""

State = Literal[
    "available",
    "reserved",
    "committed",
    "held",
    "payable",
    "in_payment",
    "paid",
    "recoverable",
    "written_off",
    "lapsed",
    "carried_out",
    "transferred_out",
]
"""Where a fen of a budget can be, in the order in which money moves."""

STATES: Final[tuple[State, ...]] = get_args(State)

JobState = Literal["done", "failed", "timed_out", "cancelled", "lost", "refused", "open"]
"""How a job ended; `refused` was never placed, `open` has not ended."""

JOB_STATES: Final[tuple[JobState, ...]] = get_args(JobState)

StageName = Literal[
    "matched", "applied", "eligible", "refused", "undecided", "issued", "redeemed", "paid"
]
"""A step between a firm's facts and a paid voucher."""

Origin = Literal["published", "measured", "fitted", "assumed", "synthetic", "invented"]
"""How far the data can be relied on, from the best to the least."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What was run, from what, and when."""

    seed: int
    made_at: datetime
    """When the report was made, with its zone."""
    version: str
    """The version of the software, with the commit where it is known."""
    demand: Literal["fitted", "trace"]
    """Jobs drawn from the fitted table, or played from the trace itself."""
    demand_name: str
    """The name of the trace, for example `Philly`."""
    firms: int
    jobs: int
    """Jobs asked for, placed or not."""
    opened_at: datetime
    """The first instant on the demonstration's own clock."""
    closed_at: datetime
    """The last instant on the demonstration's own clock."""
    wall_s: int
    """How long the demonstration took on this machine."""


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """A question the published text leaves open, and the answer this run assumes."""

    name: str
    """The key in the assumptions file."""
    programme: str
    """The id of the programme whose text is silent."""
    question: Words
    value: Words
    """The answer as a person reads it."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One body of data the run used."""

    name: Words
    origin: Origin
    note: Words
    """What was taken from it, or how it was made."""
    url: str = ""
    """Where it is published; linked, never loaded."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Where the money of one programme is in one fiscal year."""

    programme: str
    """The id of the programme."""
    name: Words
    edition: Literal["issued", "reported"]
    year: int
    received_fen: int
    """Appropriated, carried in and transferred in."""
    amounts_fen: Mapping[State, int]
    """What stands in each state; a state that is absent holds nothing."""

    @property
    def adrift_fen(self) -> int:
        """Return what is received and stands nowhere: nothing, unless the books are wrong."""
        return self.received_fen - sum(self.amounts_fen.values())


@dataclass(frozen=True, kw_only=True)
class SiteUse:
    """How full one site was before the run's jobs were added, and after."""

    site: str
    """The id of the site."""
    name: Words
    region: Words
    side: Literal["east", "west"]
    cards: int
    before_bp: int
    after_bp: int
    jobs: int
    """Jobs placed here by the run."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A reason and how often it was the one."""

    code: str
    text: Words
    count: int


@dataclass(frozen=True, kw_only=True)
class JobClass:
    """Where one class of job went, and why.

    A class is by size (single card, one node, gang over nodes) or by a rule that binds the
    place, such as data residency. One job counts in one class only.
    """

    name: Words
    placed: Mapping[str, int]
    """Jobs by the id of the site that won."""
    unplaced: int
    won: tuple[Reason, ...]
    """What decided for the chosen offer, per job."""
    passed_over: tuple[Reason, ...]
    """What decided against each other offer, per job and offer."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One clause, or one rule of the network, and what it refused."""

    programme: str
    """The id of the programme; empty where placement or the books refused."""
    name: Words
    """What the programme is called; where it is empty, who refused."""
    clause: str
    """The place in the published text, or the reason code where there is none."""
    text: Words
    count: int
    example: Words
    """One case, with the value that was seen."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How many reached one step between a firm's facts and a paid voucher."""

    name: StageName
    count: int


@dataclass(frozen=True, kw_only=True)
class Wait:
    """How long one step took, on the demonstration's own clock; nearest-rank percentiles."""

    name: Words
    count: int
    p50_s: int
    p90_s: int
    max_s: int


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """One kind of thing bought, one way to redeem, with the whole price of one example.

    Gross less discount is subsidy plus co-payment.
    """

    kind: Literal["compute", "model", "corpus"]
    redeem: Literal["deduct", "reimburse"]
    count: int
    """Purchases of this kind, redeemed this way."""
    programme: str
    item: Words
    """What the example bought, with its quantity."""
    gross_fen: int
    tax_fen: int
    """Tax contained in the gross amount."""
    discount_fen: int
    subsidy_fen: int
    co_payment_fen: int
    cash_today_fen: int
    refund_fen: int
    refund_between: tuple[date, date] | None
    """The days between which a refund is expected."""

    @property
    def adrift_fen(self) -> int:
        """Return what the split leaves over: nothing, unless a formula is wrong."""
        after_discount_fen = self.gross_fen - self.discount_fen
        return after_discount_fen - self.subsidy_fen - self.co_payment_fen


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """What became of the jobs, and what the real processes used."""

    states: Mapping[JobState, int]
    clock: int
    """How many seconds of the demonstration's own time one measured second stands for."""
    measured_card_ms: int
    """Card-milliseconds the wrapper measured; this is what was billed."""
    requested_card_s: int
    """Card-seconds asked for by the demand; never billed."""
    subsidy_fen: int
    """Subsidy captured for jobs."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Whether the books can be believed."""

    problems: tuple[str, ...]
    """What verification found; empty when the books balance and nothing was edited."""
    events: int
    batches: int
    heads: Mapping[str, str]
    """The head of the hash chain of each programme, as `algorithm:hex`."""
    journal_accepted: bool | None
    """What bean-check said of the exported journal; nothing if it was not asked."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to try next."""

    line: str
    does: Words


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Everything a report says."""

    run: Run
    assumptions: tuple[Assumption, ...]
    sources: tuple[Source, ...]
    budgets: tuple[Budget, ...]
    sites: tuple[SiteUse, ...]
    classes: tuple[JobClass, ...]
    refusals: tuple[Refusal, ...]
    stages: tuple[Stage, ...]
    waits: tuple[Wait, ...]
    purchases: tuple[Purchase, ...]
    jobs: Jobs
    checks: Checks
    next: tuple[Command, ...]
