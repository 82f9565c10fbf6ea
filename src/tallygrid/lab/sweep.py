"""A sweep: one scenario at many settings, each for several seeds, kept as it goes along."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import as_file, files
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tallygrid.files.document import Document, FileError, Mistake, Where, parse, read
from tallygrid.files.nearest import nearest
from tallygrid.files.whole import whole
from tallygrid.lab.behaviour import parameters
from tallygrid.lab.claiming import refuse_others
from tallygrid.lab.levers import Point, Setting, Span, Split, Unit, WayError, latin, put, written
from tallygrid.lab.offered import PACKAGED, Named
from tallygrid.lab.parts import Parts, Pool, tasks_of
from tallygrid.lab.scenario import Scenario, packaged, scenario_of

RUNS_MAX: Final = 100_000
SEEDS_MIN: Final = 10
_EPOCH: Final = date(1970, 1, 1).toordinal()
_SUFFIXES: Final = (".yaml", ".yml", ".json")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    scenario: str
    method: Literal["grid", "latin"] = "grid"
    points: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[int, Field(ge=SEEDS_MIN, le=1_000)] = SEEDS_MIN
    seed: int = 1
    """Of the Latin hypercube itself."""
    vary: dict[str, Setting] = Field(default_factory=dict)
    split: Annotated[tuple[Split, ...], Field(strict=False)] = ()


@dataclass(frozen=True)
class Sweep:
    """What is to be run."""

    scenario: str
    document: Document
    folder: Path
    seeds: int
    points: tuple[Point, ...]
    """By place, what is set there; a name without dots is a parameter of behaviour."""
    units: Mapping[str, Unit]
    named: Named = PACKAGED

    @property
    def runs(self) -> int:
        """How many single runs it comes to."""
        return self.seeds * len(self.points)

    @property
    def stamp(self) -> str:
        """What tells this sweep from any other, and from itself on other files."""
        plain = [
            self.document.data, self.seeds, [dict(point) for point in self.points],
            version("tallygrid"), *self._rests_on(),
        ]  # fmt: skip
        return sha256(json.dumps(plain, default=str, sort_keys=True).encode()).hexdigest()

    def _rests_on(self) -> Iterator[str]:
        unchanged = scenario_of(self.document, folder=self.folder, named=self.named)
        yield from unchanged.offered.hashes.values()
        yield from (one.text for one in unchanged.programmes)
        if unchanged.trace:
            yield sha256(unchanged.trace.read_bytes()).hexdigest()

    def at(self, point: Point) -> Scenario:
        """Return the scenario as it is at a point.

        Raises:
            FileError: It cannot be so.
            WayError: A lever leads nowhere.
        """
        data = deepcopy(self.document.data)
        given: dict[str, int] = {}
        for name, value in point.items():
            if "." in name:
                put(data, name, written(value, self.units[name]))
            else:
                given[name] = value
        data["seeds"] = self.seeds
        changed = Document(self.document.file, data, self.document.places, self.document.text)
        return scenario_of(changed, folder=self.folder, given=given, named=self.named)


class OtherSweepError(Exception):
    """A folder holds the results of another sweep."""

    def __init__(self, out: Path) -> None:
        super().__init__(
            f"{out} holds the results of another sweep or search, or of the same one on another "
            "text, trace or release. Name another folder, or remove it."
        )


def read_sweep(path: Path, named: Named = PACKAGED) -> Sweep:
    """Read a sweep file.

    Raises:
        FileError: With every mistake in it, and in the scenario where all levers stand least
            or all stand most.
    """
    document = read(path)
    raw = document.parsed(_File)
    mistakes = list(_mistakes(document, raw))
    if mistakes:
        raise FileError(mistakes)
    units = _units(raw)
    points = tuple(_points(raw))
    sweep = Sweep(raw.scenario, *scenario_document(raw.scenario, path.parent), raw.seeds, points,
                  units, named)  # fmt: skip
    check_ends(document, sweep, list(_ends(raw, points)))
    return sweep


def _units(raw: _File) -> dict[str, Unit]:
    units = {
        name: one.unit if isinstance(one, Span) else one[0].unit for name, one in raw.vary.items()
    }
    return units | units_of_parts(raw.split)


def units_of_parts(splits: Sequence[Split]) -> dict[str, Unit]:
    """Return what the parts of sums are: whole yuan."""
    return {name: "whole" for split in splits for name in split.over}


def _mistakes(document: Document, raw: _File) -> Iterator[Mistake]:
    known = parameters()
    for name, values in raw.vary.items():
        where = ("vary", name)
        if "." not in name and name not in known:
            yield document.mistake(where, f"There is no parameter `{name}`.", nearest(name, known))
        if raw.method == "grid" and isinstance(values, Span):
            remedy = "Write a list of values, or `method: latin`."
            yield document.mistake(where, f"A grid needs the values of `{name}`.", remedy)
        if raw.method == "latin" and not isinstance(values, Span):
            remedy = "Write {from: …, to: …}, or `method: grid`."
            yield document.mistake(where, f"A Latin hypercube needs the span of `{name}`.", remedy)
        if not isinstance(values, Span) and len({one.unit for one in values}) > 1:
            yield document.mistake(where, f"`{name}` has values of several kinds.", "Write one.")
    if raw.method == "latin" and raw.points is None:
        yield document.mistake(("method",), "It is not said how many points.", "Give `points`.")
    if raw.method == "grid" and raw.split:
        problem, remedy = "A grid cannot divide a sum.", "Write `method: latin`."
        yield document.mistake(("split",), problem, remedy)
    yield from split_mistakes(document, raw.vary, raw.split)
    count = _count(raw)
    if count * raw.seeds > RUNS_MAX:
        problem = f"That is {count * raw.seeds:,} runs: {count:,} points × {raw.seeds:,} seeds."
        remedy = f"At most {RUNS_MAX:,} are run; vary less, or draw points with `method: latin`."
        yield document.mistake(("vary",), problem, remedy)


def split_mistakes(
    document: Document, vary: Mapping[str, object], splits: Sequence[Split]
) -> Iterator[Mistake]:
    """Yield what is wrong between the levers of a file: none at all, or one that is set twice."""
    if not vary and not splits:
        remedy = "Give `vary`, with the levers and their values."
        yield document.mistake((), "Nothing is varied.", remedy)
    seen = set(vary)
    for n, split in enumerate(splits):
        for m, name in enumerate(split.over):
            if name in seen:
                where = ("split", n, "over", m)
                yield document.mistake(where, f"`{name}` is set twice.", "Keep one.")
            seen.add(name)


def _count(raw: _File) -> int:
    if raw.method == "latin":
        return raw.points or 0
    return prod(len(one) for one in raw.vary.values() if not isinstance(one, Span))


def _points(raw: _File) -> Iterator[Point]:
    if raw.method == "grid":
        lists = [[one.value for one in levels] for levels in raw.vary.values()]  # type: ignore[union-attr]  # spans are refused
        for values in product(*lists):
            yield dict(zip(raw.vary, values, strict=True))
        return
    spans = {name: span for name, span in raw.vary.items() if isinstance(span, Span)}
    yield from latin(spans, raw.split, count=raw.points or 1, seed=raw.seed)


def _ends(raw: _File, points: Sequence[Point]) -> Iterator[Point]:
    if raw.method == "grid":
        yield from {id(point): point for point in (points[0], points[-1])}.values()
        return
    yield from ends_of({n: s for n, s in raw.vary.items() if isinstance(s, Span)}, raw.split)


def ends_of(spans: Mapping[str, Span], splits: Sequence[Split]) -> Iterator[Point]:
    """Yield the points at which all levers stand least, and most; sums are divided evenly."""
    even: dict[str, int] = {}
    for split in splits:
        even.update({name: split.yuan // len(split.over) for name in split.over})
    yield {name: span.least for name, span in spans.items()} | even
    yield {name: span.most for name, span in spans.items()} | even


def check_ends(document: Document, sweep: Sweep, ends: Sequence[Point]) -> None:
    """Refuse a sweep whose levers lead nowhere, or beyond what may be.

    Raises:
        FileError: With every mistake.
    """
    mistakes: dict[Mistake, None] = {}
    for name in sweep.units:
        if "." in name and (wrong := _wrong_way(document, sweep, name)):
            mistakes[wrong] = None
    for point in ends if not mistakes else ():
        try:
            sweep.at(point)
        except FileError as error:
            for one in error.mistakes:
                remedy = f"{one.remedy} Look at the levers of {document.file}, too."
                mistakes[replace(one, remedy=remedy.strip())] = None
    if mistakes:
        raise FileError(mistakes)


def _wrong_way(document: Document, sweep: Sweep, name: str) -> Mistake | None:
    where: Where = ("vary", name)
    try:
        put(deepcopy(sweep.document.data), name, 0)
    except WayError as error:
        return document.mistake(where, error.problem, error.remedy)
    return None


def scenario_document(name: str, folder: Path) -> tuple[Document, Path]:
    """Return a scenario's document, packaged or from a file, and the folder of its files.

    Raises:
        FileError: There is none of this name, or it cannot be read.
    """
    if name.endswith(_SUFFIXES):
        path = folder / name
        return read(path), path.parent
    if name not in packaged():
        remedy = f"{nearest(name, packaged())} Or name a file that ends in .yaml."
        raise FileError([Mistake(name, 1, 1, f"There is no scenario `{name}`.", remedy)])
    with as_file(files(__package__).joinpath("scenarios", f"{name}.yaml")) as path:
        return parse(path.read_text(encoding="utf-8"), file=path.name), path.parent


@dataclass(frozen=True)
class Done:
    """How far a sweep has come."""

    runs: int
    impossible: Mapping[int, str]
    """Points that cannot be, because levers do not go together, and why."""
    saturated: frozenset[int] = frozenset()
    """At the end, the points at which queues do not settle."""


def run_sweep(sweep: Sweep, out: Path, pool: Pool) -> Iterator[Done]:
    """Run what is not there yet; yield how far it has come.

    Every part is a file of its own, which appears whole or not at all, so that a sweep that
    was cut short goes on where it stopped.

    Raises:
        OtherSweepError: The folder holds another sweep.
        UnfinishedError: Workers were lost, and not all of it could be run.
        FileError: No point can be.
    """
    claim(out, "sweep.json", _description(sweep))
    parts = Parts(out / "parts", sweep.at, sweep.points)
    tasks = [
        task for n in range(len(sweep.points)) for task in tasks_of(n, range(1, sweep.seeds + 1))
    ]
    done = 0
    for task in parts.play(pool, tasks):
        done += len(task.seeds)
        yield Done(done, parts.impossible)
    frames = [
        _with_levers(sweep, task.point, parts.read(task))
        for task in tasks
        if task.point not in parts.impossible
    ]
    runs = pl.concat(frames, how="diagonal_relaxed")
    with whole(out / "runs.parquet") as part:
        runs.write_parquet(part)
    yield Done(sweep.runs, parts.impossible, frozenset(saturated_points(runs)))


def saturated_points(runs: pl.DataFrame) -> Iterator[int]:
    """Yield the points at which queues do not settle in half of the seeds or more."""
    from tallygrid.lab.network.summary import is_saturated  # noqa: PLC0415  # loaded where needed

    for (point,), some in runs.group_by("point", maintain_order=True):
        if is_saturated(some.select(pl.col("^saturated_pools.*$")).to_dicts()):
            yield cast("int", point)


def _description(sweep: Sweep) -> dict[str, Any]:
    return {
        "stamp": sweep.stamp,
        "scenario": sweep.scenario,
        "name": sweep.document.data["name"],
        "seeds": sweep.seeds,
        "units": dict(sweep.units),
        "points": [dict(point) for point in sweep.points],
    }


def claim(
    out: Path, name: Literal["sweep.json", "search.json"], description: Mapping[str, Any]
) -> None:
    """Take a folder for a sweep or a search, unless another one lies there.

    Raises:
        OtherSweepError: Another one does.
        OtherResultsError: It holds a run or a comparison.
    """
    out.mkdir(parents=True, exist_ok=True)
    for other in ("sweep.json", "search.json"):
        is_there = (out / other).is_file()
        if is_there and (other != name or _stamp(out / other) != description["stamp"]):
            raise OtherSweepError(out)
    refuse_others(out, name)
    with whole(out / name) as part:
        part.write_text(json.dumps(description, indent=2, ensure_ascii=False), encoding="utf-8")


def _stamp(path: Path) -> object:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return found.get("stamp") if isinstance(found, dict) else None


def _with_levers(sweep: Sweep, point: int, rows: pl.DataFrame) -> pl.DataFrame:
    """Put before the figures which point they are of, and where its levers stand."""
    levers = (
        pl.lit(value).cast(pl.Int64).alias(name) for name, value in sweep.points[point].items()
    )
    numbered = pl.lit(point).cast(pl.Int64).alias("point")
    return with_days(rows.select(numbered, "seed", *levers, pl.exclude("seed")), sweep.units)


def with_days(rows: pl.DataFrame, units: Mapping[str, Unit]) -> pl.DataFrame:
    """Return a table with the levers that are days as days; rates stay basis points."""
    days = [name for name, unit in units.items() if unit == "day" and name in rows.columns]
    return rows.with_columns((pl.col(name) - _EPOCH).cast(pl.Int32).cast(pl.Date) for name in days)
