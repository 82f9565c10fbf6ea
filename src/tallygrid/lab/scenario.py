"""A scenario: who asks, what is offered where, which programmes hold, how people behave."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tallygrid.core.arithmetic import on_day
from tallygrid.core.assumptions import Assumptions
from tallygrid.core.catalogue import Catalogue
from tallygrid.core.money import FEN_PER_YUAN, GREATEST_FEN
from tallygrid.core.programme import Many, Name, Programme, Rate, Scalar, Texts
from tallygrid.core.window import holds, is_open
from tallygrid.files.assumptions import fill_mistakes, packaged_assumptions, packaged_names
from tallygrid.files.document import Document, FileError, Mistake, Where, parse, read
from tallygrid.files.nearest import nearest
from tallygrid.files.programme import read_programme, read_programmes
from tallygrid.files.reform import reformed
from tallygrid.lab.behaviour import Parameter, parameters
from tallygrid.lab.offered import PACKAGED, Named, Offered, offered
from tallygrid.lab.shaped import as_far_as_it_goes

JOBS_MAX: Final = 10_000_000
FIRMS_MAX: Final = 100_000
SEEDS_MAX: Final = 1_000
DAYS_MAX: Final = 366
PLACEHOLDER_CARDS_MAX: Final = 1_000_000


def _seeds(written: object) -> object:
    """Read a number of seeds as the first so many."""
    if isinstance(written, int) and not isinstance(written, bool) and 0 < written <= SEEDS_MAX:
        return list(range(1, written + 1))
    if isinstance(written, list):
        counts = Counter(one for one in written if isinstance(one, int))
        twice = [str(seed) for seed, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"Write each seed once; here more often: {', '.join(twice)}")
    return written


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class KindGiven(_Part):
    """A kind of work, as a file gives it."""

    id: Name
    share: Rate
    models: Many[str] = ()
    memory_gb_min: Annotated[int, Field(ge=0)] = 0
    origin: Literal["any", "domestic"] = "any"
    latency_ms_max: Annotated[int, Field(ge=0)] | None = None
    data_gb: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    cards_factor: Annotated[int, Field(ge=1, le=64)] = 1


class DemandGiven(_Part):
    """How much is asked, as a file gives it."""

    jobs: Annotated[int, Field(ge=1, le=JOBS_MAX)] = 20_000
    firms: Annotated[int, Field(ge=1, le=FIRMS_MAX)] = 300
    load: Rate = 2_500
    """Card time wanted at the listed price, of all that is listed."""
    source: str = "fitted"
    """`fitted`, or the file of a trace."""
    kinds: Many[KindGiven] = ()


class SiteGiven(_Part):
    """What a scenario changes about a site, or about all of one side."""

    utilisation: Rate | None = None
    cards: dict[str, Annotated[int, Field(ge=0, le=PLACEHOLDER_CARDS_MAX)]] = Field(
        default_factory=dict
    )
    price: Annotated[int, Field(ge=100, le=10_000)] | None = None
    """In thousandths of what is listed."""
    pue_milli: Annotated[int, Field(ge=1000, le=3000)] | None = None
    power_price_milli_yuan: Annotated[int, Field(ge=1, le=10_000)] | None = None


class NetworkGiven(_Part):
    """The sites, as a file gives them."""

    nodes: bool = True
    depth: Annotated[int, Field(ge=0, le=1_000)] = 100
    origin: Literal["any", "domestic"] = "any"
    """`domestic`: only accelerators of domestic make are offered."""
    sides: dict[Literal["east", "west"], SiteGiven] = Field(default_factory=dict)
    sites: dict[str, SiteGiven] = Field(default_factory=dict)
    only: Many[str] = ()
    """The sites there are; none named means all of the catalogue."""


class ProgrammeGiven(_Part):
    """A programme in force, as a file gives it."""

    id: Name | None = None
    file: str | None = None
    budget_yuan: Annotated[int, Field(ge=1, lt=GREATEST_FEN // FEN_PER_YUAN)] | None = None
    decision_days: Annotated[int, Field(ge=0, le=365)] = 20
    batch_days: Annotated[int, Field(ge=1, le=365)] = 90
    """How often a batch is closed where the text names no window."""
    fills: dict[Name, Scalar] = Field(default_factory=dict)
    changes: Annotated[dict[str, Any], Field(alias="set", default_factory=dict)]
    """By its way in the programme's file, what stands there instead; see `files.reform`."""


class _File(_Part):
    id: Name
    name: Texts
    about: Texts | None = None
    first_day: date
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 365
    seeds: Annotated[
        Many[Annotated[int, Field(ge=0, lt=2**31)]],
        BeforeValidator(_seeds),
        Field(min_length=1, max_length=SEEDS_MAX),
    ] = Field(default=tuple(range(1, 11)))
    demand: DemandGiven = DemandGiven()
    network: NetworkGiven = NetworkGiven()
    assume: str | None = None
    programmes: Many[ProgrammeGiven] = ()
    behaviour: dict[str, int] = Field(default_factory=dict)


@dataclass(frozen=True)
class InForce:
    """A programme that holds, with its money."""

    programme: Programme
    assumptions: Assumptions
    budget_fen: int
    decision_days: int
    batch_days: int
    text: str
    """The hash of the text as it is published; the programme's own where nothing was changed."""
    changes: Mapping[str, object]
    """By its way in the programme's file, what the scenario sets instead."""


@dataclass(frozen=True)
class Scenario:
    """A scenario whose every name is known."""

    id: str
    name: Mapping[str, str]
    about: Mapping[str, str]
    """What it plays, and what it should be held against; empty if its file does not say."""
    first_day: date
    days: int
    seeds: tuple[int, ...]
    demand: DemandGiven
    network: NetworkGiven
    programmes: tuple[InForce, ...]
    behaviour: Mapping[str, int]
    offered: Offered
    trace: Path | None = None
    calibrated: Mapping[str, Parameter] = field(default_factory=dict)
    """Parameters that were estimated, not assumed."""

    @property
    def catalogue(self) -> Catalogue:
        """What is listed."""
        return self.offered.catalogue


def is_published(programme: str) -> bool:
    """Tell whether a programme comes with the package, and not with a scenario of its own."""
    return programme in _programmes()


def packaged() -> tuple[str, ...]:
    """Return the ids of the scenarios that come with the package."""
    folder = files(__package__).joinpath("scenarios")
    return tuple(
        sorted(
            one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name[-5:] == ".yaml"
        )
    )


def open_scenario(
    name: str, *, given: Mapping[str, int] | None = None, named: Named = PACKAGED
) -> Scenario:
    """Return a scenario by its id in the package, or from a file that ends in .yaml.

    Raises:
        FileError: With every mistake in it, or that there is none of this name.
    """
    if name.endswith((".yaml", ".yml", ".json")):
        return scenario_of(read(Path(name)), folder=Path(name).parent, given=given, named=named)
    if name not in packaged():
        remedy = f"{nearest(name, packaged())} Or name a file that ends in .yaml."
        raise FileError([Mistake(name, 1, 1, f"There is no scenario `{name}`.", remedy)])
    with as_file(files(__package__).joinpath("scenarios", f"{name}.yaml")) as path:
        document = parse(path.read_text(encoding="utf-8"), file=path.name)
        return scenario_of(document, folder=path.parent, given=given, named=named)


def scenario_of(
    document: Document,
    *,
    folder: Path,
    given: Mapping[str, int] | None = None,
    named: Named = PACKAGED,
) -> Scenario:
    """Check a document, and return it as a scenario.

    Args:
        document: What the file says.
        folder: Where the files lie that it names.
        given: Parameters of behaviour that stand instead of the file's.
        named: The operator's own catalogue and weights.

    Raises:
        FileError: With every mistake.
    """
    raw, mistakes, marred = as_far_as_it_goes(document, _File, "programmes")
    found = _Reading(document, raw, folder, offered(named), [*mistakes], marred)
    scenario = found.scenario({**raw.behaviour, **(given or {})})
    if found.mistakes:
        raise FileError(found.mistakes)
    return scenario


@cache
def _programmes() -> Mapping[str, Programme]:
    return {one.id: one for one in read_programmes()}


@dataclass(frozen=True)
class _Reading:
    """A file of the right shape, and what is wrong in it nevertheless."""

    document: Document
    raw: _File
    folder: Path
    offered: Offered
    mistakes: list[Mistake]
    marred: frozenset[int] = frozenset()
    """The programmes of which something is not readable."""

    def scenario(self, behaviour: Mapping[str, int]) -> Scenario:
        self._check_behaviour(behaviour)
        self._check_network()
        self._check_demand()
        return Scenario(
            id=self.raw.id,
            name=self.raw.name.model_dump(),
            about=self.raw.about.model_dump() if self.raw.about else {},
            first_day=self.raw.first_day,
            days=self.raw.days,
            seeds=self.raw.seeds,
            demand=self.raw.demand,
            network=self.raw.network,
            programmes=tuple(self._in_force()),
            behaviour=dict(behaviour),
            offered=self.offered,
            trace=self._trace(),
        )

    def wrong(self, where: Where, problem: str, remedy: str) -> None:
        self.mistakes.append(self.document.mistake(where, problem, remedy))

    def _check_behaviour(self, behaviour: Mapping[str, int]) -> None:
        known = parameters()
        for name, value in behaviour.items():
            where: Where = ("behaviour", name)
            if name not in known:
                self.wrong(where, f"There is no parameter `{name}`.", nearest(name, known))
            elif not known[name].range[0] <= value <= known[name].range[1]:
                least, most = known[name].range
                self.wrong(where, f"`{name}` is {value}.", f"It lies between {least} and {most}.")

    def _check_network(self) -> None:
        catalogue, network = self.offered.catalogue, self.raw.network
        for n, site in enumerate(network.only):
            if site not in catalogue.sites:
                remedy = nearest(site, catalogue.sites)
                self.wrong(("network", "only", n), f"There is no site `{site}`.", remedy)
        for site, changes in network.sites.items():
            if site not in catalogue.sites:
                remedy = nearest(site, catalogue.sites)
                self.wrong(("network", "sites", site), f"There is no site `{site}`.", remedy)
                continue
            listed = catalogue.sites[site].cards
            for model in changes.cards.keys() - listed.keys():
                place: Where = ("network", "sites", site, "cards", model)
                self.wrong(place, f"`{site}` lists no `{model}`.", nearest(model, listed))
        for side, changes in network.sides.items():
            if changes.cards:
                place = ("network", "sides", side, "cards")
                self.wrong(place, "A side lists no cards.", "Give cards site by site.")
        named = {*network.only, *network.sites}
        if named <= catalogue.sites.keys() and not self._is_anything_offered():
            problem = "No site that is left offers an accelerator."
            self.wrong(("network",), problem, "Leave more sites, makes or cards.")

    def _is_anything_offered(self) -> bool:
        catalogue, network = self.offered.catalogue, self.raw.network
        cards = {
            name: {**site.cards, **(network.sites[name].cards if name in network.sites else {})}
            for name, site in catalogue.sites.items()
            if not network.only or name in network.only
        }
        return any(
            cards.get(offer.site, {}).get(offer.model) and network.origin in {"any", offer.origin}
            for offer in catalogue.offers_of("compute")
        )

    def _check_demand(self) -> None:
        kinds = self.raw.demand.kinds
        if not self.raw.demand.load:
            remedy = "Give what part of the listed cards is asked for, such as 25%."
            self.wrong(("demand", "load"), "Nothing is asked for.", remedy)
        whole = sum(kind.share for kind in kinds)
        if kinds and whole != 10_000:  # noqa: PLR2004  # basis points
            problem = f"The shares of the kinds come to {whole / 100:g} %."
            self.wrong(("demand", "kinds"), problem, "Together they are 100 %.")
        for n, kind in enumerate(kinds):
            for m, model in enumerate(kind.models):
                if model not in self.offered.catalogue.cards:
                    where = ("demand", "kinds", n, "models", m)
                    remedy = nearest(model, self.offered.catalogue.cards)
                    self.wrong(where, f"There is no accelerator `{model}`.", remedy)

    def _trace(self) -> Path | None:
        source = self.raw.demand.source
        if source == "fitted":
            return None
        path = self.folder / source
        if not path.is_file():
            problem = f"There is no trace `{source}`."
            self.wrong(("demand", "source"), problem, "Write `fitted`, or the name of a file.")
        return path

    def _in_force(self) -> Iterator[InForce]:
        assumed = self._assumed()
        seen: set[str] = set()
        for n, given in enumerate(self.raw.programmes):
            where: Where = ("programmes", n)
            programme = self._programme(where, given)
            if programme is None:
                continue
            if programme.id in seen:
                self.wrong(where, f"`{programme.id}` stands twice.", "Keep one.")
                continue
            seen.add(programme.id)
            changed = self._changed(where, given, programme)
            if changed is None or n in self.marred:  # what is missing in it there, was told
                continue
            still_open = {item.id for item in changed.open}
            usual = assumed.of(programme.id) if assumed else {}
            fills = {
                **{item: reading for item, reading in usual.items() if item in still_open},
                **_budget_fills(given, changed),
                **given.fills,
            }
            if found := self._filled(where, given, changed, fills):
                yield replace(found, text=programme.hash)

    def _changed(
        self, where: Where, given: ProgrammeGiven, programme: Programme
    ) -> Programme | None:
        if not given.changes:
            return programme
        try:
            return reformed(programme, given.changes, self.document, (*where, "set"))
        except FileError as error:
            self.mistakes.extend(error.mistakes)
            return None

    def _assumed(self) -> Assumptions | None:
        name = self.raw.assume
        if name is None:
            return None
        if name not in packaged_names():
            remedy = nearest(name, packaged_names())
            self.wrong(("assume",), f"There are no assumptions `{name}`.", remedy)
            return None
        return packaged_assumptions(name, tuple(_programmes().values()))

    def _programme(self, where: Where, given: ProgrammeGiven) -> Programme | None:
        if (given.id is None) == (given.file is None):
            self.wrong(where, "A programme is named by `id` or by `file`.", "Give one of them.")
            return None
        if given.file is not None:
            try:
                found = read_programme(self.folder / given.file)
            except FileError as error:
                self.mistakes.extend(error.mistakes)
                return None
            return found
        name = str(given.id)
        if name not in _programmes():
            remedy = nearest(name, _programmes())
            self.wrong((*where, "id"), f"There is no programme `{name}`.", remedy)
            return None
        return _programmes()[name]

    def _filled(
        self,
        where: Where,
        given: ProgrammeGiven,
        programme: Programme,
        fills: Mapping[str, Scalar],
    ) -> InForce | None:
        before = len(self.mistakes)
        for item, reading in given.fills.items():
            place = (*where, "fills", item)
            self.mistakes.extend(fill_mistakes(self.document, place, programme, item, reading))
        if programme.kind != "compute":
            problem = f"`{programme.id}` pays for {programme.kind}, not for cards."
            self.wrong((*where, "id"), problem, "The laboratory plays programmes for compute.")
        if len(self.mistakes) > before:
            return None
        applied = programme.with_readings(fills)
        self._check_days(where, applied)
        for name, value in _NEEDED.items():
            if value(applied) is None:
                problem = f"`{programme.id}` leaves `{name}` open; nothing can be issued."
                items = [item.id for item in programme.open if item.field.startswith(f"{name}.")]
                remedy = f"Fill `{items[0] if items else name}` under `fills`, or name assumptions."
                self.wrong(where, problem, remedy)
        budget_fen = self._budget(where, given, applied)
        if len(self.mistakes) > before or budget_fen is None:
            return None
        assumptions = Assumptions.for_one(programme.id, fills)
        return InForce(
            programme, assumptions, budget_fen, given.decision_days, given.batch_days,
            text=programme.hash, changes=given.changes,
        )  # fmt: skip

    def _check_days(self, where: Where, programme: Programme) -> None:
        """Refuse days on none of which a programme takes an application."""
        first = self.raw.first_day
        days = [first + timedelta(days=n) for n in range(self.raw.days)]
        if any(holds(programme.in_force, day) and is_open(programme, day) for day in days):
            return
        problem = f"`{programme.id}` takes no application from {first} to {days[-1]}."
        spans = [(one.first_day, one.last_day) for one in programme.windows]
        spans = spans or [(programme.in_force.first_day, programme.in_force.last_day)]
        told = ", ".join(_span(*span) for span in spans)
        remedy = f"It does {told}. Choose such days, or leave it out."
        self.wrong(where, problem, remedy)

    def _budget(self, where: Where, given: ProgrammeGiven, programme: Programme) -> int | None:
        if given.budget_yuan is not None:
            return given.budget_yuan * FEN_PER_YUAN
        amount = on_day(programme.budget.amount_yuan, self.raw.first_day)
        if not amount:
            problem = f"`{programme.id}` has no budget on {self.raw.first_day}."
            self.wrong(where, problem, "Give `budget_yuan`.")
            return None
        return amount * FEN_PER_YUAN


def _span(first: date | None, last: date | None) -> str:
    begun = f"from {first}" if first else ""
    return f"{begun} to {last}".strip() if last else f"{begun} on"


def _budget_fills(given: ProgrammeGiven, programme: Programme) -> Mapping[str, Scalar]:
    """Return the budget of a scenario as the reading of the item that asks for it, if one does."""
    if given.budget_yuan is None:
        return {}
    asking = (item.id for item in programme.open if item.field == "budget.amount_yuan")
    return dict.fromkeys(asking, given.budget_yuan)


_NEEDED: Final[Mapping[str, Callable[[Programme], Any]]] = {
    "redeem": lambda one: one.redeem.value,
    "paid_to": lambda one: one.paid_to.value,
    "tax": lambda one: one.tax.value,
    "validity": lambda one: one.validity.value,
    "allocation": lambda one: one.allocation.value,
}
"""What must be known before a voucher can be issued."""
