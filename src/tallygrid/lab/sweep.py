"""A sweep: one scenario at many settings, each for several seeds, kept as it goes along."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import as_file, files
from itertools import product
from math import prod
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Annotated, Any, Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tallygrid.core.programme import Many
from tallygrid.files.document import Document, FileError, Mistake, parse, read
from tallygrid.files.nearest import nearest
from tallygrid.lab.behaviour import parameters
from tallygrid.lab.scenario import Scenario, packaged, scenario_of

RUNS_MAX: Final = 100_000
SEEDS_MIN: Final = 10
_SUFFIXES: Final = (".yaml", ".yml", ".json")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Span(_Part):
    """Whole numbers from one to another, both included."""

    least: Annotated[int, Field(alias="from")]
    most: Annotated[int, Field(alias="to")]

    @model_validator(mode="after")
    def _rises(self) -> "Span":
        if self.least >= self.most:
            raise ValueError("`from` is less than `to`")
        return self


class _File(_Part):
    scenario: str
    method: Literal["grid", "latin"] = "grid"
    points: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[int, Field(ge=SEEDS_MIN, le=1_000)] = SEEDS_MIN
    seed: int = 1
    """Of the Latin hypercube itself."""
    vary: dict[str, Many[int] | Span] = Field(min_length=1)


@dataclass(frozen=True)
class Sweep:
    """What is to be run."""

    scenario: str
    document: Document
    folder: Path
    seeds: int
    points: tuple[Mapping[str, int], ...]
    """By place, what is set there; a name without dots is a parameter of behaviour."""

    @property
    def runs(self) -> int:
        """How many single runs it comes to."""
        return self.seeds * len(self.points)

    @property
    def stamp(self) -> str:
        """What tells this sweep from any other."""
        plain = [self.document.data, self.seeds, [dict(point) for point in self.points]]
        return sha256(json.dumps(plain, default=str, sort_keys=True).encode()).hexdigest()

    def at(self, point: int) -> Scenario:
        """Return the scenario as it is at one point.

        Raises:
            FileError: It cannot be so.
        """
        data = deepcopy(self.document.data)
        given: dict[str, int] = {}
        for name, value in self.points[point].items():
            if "." in name:
                _set(data, name.split("."), value)
            else:
                given[name] = value
        data["seeds"] = self.seeds
        changed = Document(self.document.file, data, self.document.places, self.document.text)
        return scenario_of(changed, folder=self.folder, given=given)


class OtherSweepError(Exception):
    """A folder holds the results of another sweep."""

    def __init__(self, out: Path) -> None:
        super().__init__(
            f"{out} holds the results of another sweep or search. "
            "Name another folder, or remove it."
        )


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file.

    Raises:
        FileError: With every mistake in it, and in the scenario at its first and last point.
    """
    document = read(path)
    raw = document.parsed(_File)
    count = _count(raw)
    mistakes = list(_mistakes(document, raw, count))
    if mistakes:
        raise FileError(mistakes)
    scenario, folder = scenario_document(raw.scenario, path.parent)
    sweep = Sweep(raw.scenario, scenario, folder, raw.seeds, tuple(_points(raw)))
    wrong = [one for point in {0, len(sweep.points) - 1} for one in _wrong_at(sweep, point)]
    if wrong:
        raise FileError(wrong)
    return sweep


def _count(raw: _File) -> int:
    if raw.method == "latin":
        return raw.points or 0
    return prod(len(one) for one in raw.vary.values() if not isinstance(one, Span))


def _mistakes(document: Document, raw: _File, count: int) -> Iterator[Mistake]:
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
    if raw.method == "latin" and raw.points is None:
        yield document.mistake(("method",), "It is not said how many points.", "Give `points`.")
    if count * raw.seeds > RUNS_MAX:
        problem = f"That is {count * raw.seeds:,} runs: {count:,} points × {raw.seeds:,} seeds."
        remedy = f"At most {RUNS_MAX:,} are run; vary less, or draw points with `method: latin`."
        yield document.mistake(("vary",), problem, remedy)


def _points(raw: _File) -> Iterator[Mapping[str, int]]:
    if raw.method == "grid":
        lists = [list(one) for one in raw.vary.values() if not isinstance(one, Span)]
        for values in product(*lists):
            yield dict(zip(raw.vary, values, strict=True))
        return
    spans = {name: span for name, span in raw.vary.items() if isinstance(span, Span)}
    yield from latin(spans, count=raw.points or 1, seed=raw.seed)


def latin(spans: Mapping[str, Span], *, count: int, seed: int) -> Iterator[Mapping[str, int]]:
    """Yield points of which each lies alone in its slice of every parameter."""
    random = Random(seed)  # noqa: S311  # it must repeat
    columns = []
    for span in spans.values():
        slices = list(range(count))
        random.shuffle(slices)
        wide = span.most - span.least + 1
        columns.append([span.least + (n * wide + random.randrange(wide)) // count for n in slices])
    for values in zip(*columns, strict=True):
        yield dict(zip(spans, values, strict=True))


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


def _wrong_at(sweep: Sweep, point: int) -> Sequence[Mistake]:
    try:
        sweep.at(point)
    except FileError as error:
        return error.mistakes
    return ()


def _set(data: Any, steps: Sequence[str], value: int) -> None:  # noqa: ANN401  # plain data
    """Set a value at a place; a programme of a list is found by its id."""
    for n, step in enumerate(steps[:-1]):
        if isinstance(data, list):
            data = next((one for one in data if one.get("id") == step), None)
        else:
            data = data.setdefault(step, {})
        if data is None:
            place = ".".join(steps[: n + 1])
            raise FileError([Mistake(place, 1, 1, f"There is nothing at `{place}`.", "Mend it.")])
    data[steps[-1]] = value


def run_sweep(sweep: Sweep, out: Path, *, workers: int) -> Iterator[tuple[int, int]]:
    """Run what is not there yet; yield how many points are done, and of how many.

    Every point is a file of its own, which appears whole or not at all, so that a sweep that
    was cut short goes on where it stopped.

    Raises:
        OtherSweepError: The folder holds another sweep.
    """
    parts = out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    _claim(sweep, out)
    todo = [n for n in range(len(sweep.points)) if not (parts / _name(n)).is_file()]
    done = len(sweep.points) - len(todo)
    yield done, len(sweep.points)
    with _pool(workers) as pool:
        waiting = {pool.submit(_run_point, sweep, n, parts): n for n in todo}
        for finished in as_completed(waiting):
            finished.result()
            done += 1
            yield done, len(sweep.points)
    gathered = [pl.read_parquet(parts / _name(n)) for n in range(len(sweep.points))]
    pl.concat(gathered, how="diagonal").write_parquet(out / "runs.parquet")


def _pool(workers: int) -> Executor:
    # Forked processes would share locks that threads of numba and polars hold.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _claim(sweep: Sweep, out: Path) -> None:
    stamp = out / "sweep.json"
    if stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8"))["stamp"] != sweep.stamp:
        raise OtherSweepError(out)
    plain = {
        "stamp": sweep.stamp,
        "scenario": sweep.scenario,
        "seeds": sweep.seeds,
        "points": [dict(point) for point in sweep.points],
    }
    stamp.write_text(json.dumps(plain, indent=2), encoding="utf-8")


def _name(point: int) -> str:
    return f"point-{point:06d}.parquet"


def _run_point(sweep: Sweep, point: int, parts: Path) -> None:
    """Run one point for all its seeds, and write one row for each."""
    from tallygrid.lab.network.results import tables_of  # noqa: PLC0415  # loaded where it runs
    from tallygrid.lab.network.simulate import play, stage_of  # noqa: PLC0415
    from tallygrid.lab.network.summary import figures_of  # noqa: PLC0415

    scenario = sweep.at(point)
    stage = stage_of(scenario)
    found = []
    for seed in scenario.seeds:
        figures = figures_of(tables_of(stage, play(stage, seed)))
        found.append({"point": point, "seed": seed, **sweep.points[point], **figures})
    part = parts / f"{_name(point)}.part"
    pl.DataFrame(found, infer_schema_length=None).write_parquet(part)
    part.rename(parts / _name(point))
