"""A sweep: one scenario at many settings, each for several seeds, kept as it goes along."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

import polars as pl
from pydantic import Field

from tallygrid.files.document import Document, Mistake, read
from tallygrid.files.nearest import nearest
from tallygrid.files.whole import whole
from tallygrid.lab.behaviour import parameters
from tallygrid.lab.claiming import refuse_others
from tallygrid.lab.lever_name import lever_name
from tallygrid.lab.levers import Point, Span, Unit, latin
from tallygrid.lab.offered import PACKAGED, Named
from tallygrid.lab.parts import Parts, Pool, tasks_of
from tallygrid.lab.scenario import Scenario
from tallygrid.lab.shaped import as_far_as_it_goes
from tallygrid.lab.varied import Given, Varied, varied

RUNS_MAX: Final = 100_000
SEEDS_MIN: Final = 10
_EPOCH: Final = date(1970, 1, 1).toordinal()


class _File(Given):
    method: Literal["grid", "latin"] = "grid"
    points: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[int, Field(ge=SEEDS_MIN, le=1_000)] = SEEDS_MIN
    seed: int = 1
    """Of the Latin hypercube itself."""


@dataclass(frozen=True)
class Sweep:
    """What is to be run."""

    varied: Varied
    seeds: int
    points: tuple[Point, ...]
    """By place, what is set there; a name without dots is a parameter of behaviour."""

    @property
    def units(self) -> Mapping[str, Unit]:
        """By lever, what its values are."""
        return self.varied.given.units

    @property
    def runs(self) -> int:
        """How many single runs it comes to."""
        return self.seeds * len(self.points)

    @property
    def description(self) -> dict[str, Any]:
        """What its results tell of it; `stamp` tells it from any other, and from other texts."""
        scenario = self.varied.least
        plain = [
            self.varied.document.data, self.seeds, [dict(point) for point in self.points],
            version("tallygrid"), *_rests_on(scenario),
        ]  # fmt: skip
        return {
            "stamp": sha256(json.dumps(plain, default=str, sort_keys=True).encode()).hexdigest(),
            "scenario": self.varied.given.scenario,
            "name": dict(scenario.name),
            "programmes": {
                one.programme.id: one.programme.name.model_dump() for one in scenario.programmes
            },
            "levers": {name: lever_name(name, scenario) for name in self.units},
            "units": self.units,
        }


def _rests_on(scenario: Scenario) -> Iterator[str]:
    """Yield the hashes of all that a scenario reads."""
    yield from scenario.offered.hashes.values()
    yield from (one.text for one in scenario.programmes)
    if scenario.trace:
        yield sha256(scenario.trace.read_bytes()).hexdigest()


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
    raw, shapeless, _ = as_far_as_it_goes(document, _File)
    told = [*shapeless, *_mistakes(document, raw)]
    found = varied(document, raw, told, folder=path.parent, named=named)
    return Sweep(found, raw.seeds, tuple(_points(raw)))


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
    count = _count(raw)
    if count * raw.seeds > RUNS_MAX:
        problem = f"That is {count * raw.seeds:,} runs: {count:,} points × {raw.seeds:,} seeds."
        remedy = f"At most {RUNS_MAX:,} are run; vary less, or draw points with `method: latin`."
        yield document.mistake(("vary",), problem, remedy)


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
    points = [dict(point) for point in sweep.points]
    claim(out, "sweep.json", {**sweep.description, "seeds": sweep.seeds, "points": points})
    parts = Parts(out / "parts", sweep.varied.at, sweep.points)
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
