"""A search: the policy that serves a stated aim best under a budget, and what it costs in others.

Points are drawn over the levers as a Latin hypercube and played on few seeds; after each round
the better half goes on, on twice as many, the same seeds for all. Where there are two aims, the
better are those that fewer fronts of others beat. What is reported of those that reach the end
comes from seeds that chose nothing.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import polars as pl
from pydantic import Field

from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.files.document import Document, Mistake, read
from tallygrid.files.whole import whole
from tallygrid.lab.behaviour import parameters
from tallygrid.lab.levers import Point, Span, Unit, latin
from tallygrid.lab.network.summary import (
    Figure,
    figure,
    is_saturated,
    money_of,
    net_card_hours,
    over_seeds,
    ratio,
)
from tallygrid.lab.offered import PACKAGED, Named
from tallygrid.lab.parts import Figures, Parts, Pool, tasks_of
from tallygrid.lab.shaped import as_far_as_it_goes
from tallygrid.lab.sweep import RUNS_MAX, Sweep, claim, with_days
from tallygrid.lab.varied import Given, varied

_SMALL: Final = ("gain.size.micro", "gain.size.small")
AIMS: Final[Mapping[str, Callable[[Sequence[Figures]], Figure | None]]] = {
    "additional_card_hours": lambda seeds: figure([net_card_hours(one) for one in seeds]),
    "additional_per_yuan": lambda seeds: ratio(
        [(net_card_hours(one) * FEN_PER_YUAN, one.get("public_fen") or 0.0) for one in seeds]
    ),
    "take_up": lambda seeds: over_seeds("take_up", seeds),
    "small_firms": lambda seeds: ratio(
        [(money_of(one, *_SMALL), one.get("public_fen") or 0.0) for one in seeds]
    ),
    "evenness": lambda seeds: figure([_rest(one.get("gain.gini")) for one in seeds]),
    "low_dead_weight": lambda seeds: _rest_of(over_seeds("dead_weight_share", seeds)),
    "low_spending": lambda seeds: figure([_negative(one.get("public_fen")) for one in seeds]),
}
"""What a search may strive for; of each, more is better. docs/algorithms/laboratory.md."""
_FIRST_SEEDS: Final = 2
_HELD_OUT: Final = 10
"""The fewest seeds on which a result is reported."""
Aim = Literal[
    "additional_card_hours", "additional_per_yuan", "take_up", "small_firms", "evenness",
    "low_dead_weight", "low_spending",
]  # fmt: skip
Play = Callable[[Sequence[int], range], Iterator[tuple[int, Sequence[Figures]]]]
"""Plays points on seeds; yields each point with the figures of its seeds, none if it cannot be."""


class _File(Given):
    aim: Aim | None = None
    """Never none once it was checked; a wrong one hides no other mistake."""
    against: Aim | None = None
    """The second axis of the front."""
    spend_at_most_yuan: Annotated[int, Field(ge=1)] | None = None
    points: Annotated[int, Field(ge=2, le=10_000)] = 32
    keep: Annotated[int, Field(ge=1)] = 4
    """How many reach the held-out seeds."""
    held_out: Annotated[int, Field(ge=_HELD_OUT, le=1_000)] = _HELD_OUT
    seed: int = 1
    vary: Mapping[str, Span] = Field(default_factory=dict)


@dataclass(frozen=True)
class Search:
    """What is to be searched."""

    sweep: Sweep
    aim: Aim
    against: Aim | None
    spend_at_most_fen: int | None
    keep: int
    held_out: int

    @property
    def rounds(self) -> tuple[tuple[int, int], ...]:
        """Return how many points each round plays, and on how many seeds."""
        return tuple(_rounds(len(self.sweep.points), self.keep))

    @property
    def runs(self) -> int:
        """How many single runs it comes to at most."""
        return _runs(len(self.sweep.points), self.keep, self.held_out)


def _rounds(points: int, keep: int) -> Iterator[tuple[int, int]]:
    seeds = _FIRST_SEEDS
    while points > keep:
        yield points, seeds
        points, seeds = max(keep, ceil(points / 2)), seeds * 2


def _runs(points: int, keep: int, held_out: int) -> int:
    chosen = min(keep, points) * held_out
    return sum(left * seeds for left, seeds in _rounds(points, keep)) + chosen


@dataclass(frozen=True)
class Candidate:
    """A point that reached the held-out seeds."""

    point: int
    levers: Point
    aim: Figure | None
    against: Figure | None
    spent_fen: Figure | None
    is_within: bool
    """Whether it spends no more than allowed, on average."""
    on_front: bool = False
    seeds: int = _HELD_OUT
    """How many seeds have the figures of both aims."""
    is_whole: bool = True
    """Whether all have; those that have not stand behind."""
    is_saturated: bool = False
    """Whether queues do not settle, with the programmes or without."""


def read_search(path: Path, named: Named = PACKAGED) -> Search:
    """Read a search file.

    Raises:
        FileError: With every mistake in it, and in the scenario where all levers stand least
            or all stand most.
    """
    document = read(path)
    raw, shapeless, _ = as_far_as_it_goes(document, _File)
    told = [*shapeless, *_mistakes(document, raw)]
    found = varied(document, raw, told, folder=path.parent, named=named)
    drawn = latin(raw.vary, raw.split, count=raw.points, seed=raw.seed)
    # Levers of few values are drawn alike again and again: the same point twice tells nothing.
    points = tuple({tuple(sorted(point.items())): point for point in drawn}.values())
    assert raw.aim, "a search without an aim was refused"
    limit = raw.spend_at_most_yuan
    limit_fen = None if limit is None else limit * FEN_PER_YUAN
    sweep = Sweep(found, 1, points)
    return Search(sweep, raw.aim, raw.against, limit_fen, raw.keep, raw.held_out)


def _mistakes(document: Document, raw: _File) -> Iterator[Mistake]:
    known = parameters()
    if "aim" not in document.data:
        yield document.mistake((), "`aim` is missing.", f"Write one of: {', '.join(AIMS)}.")
    for name in raw.vary:
        if name in known:
            problem = f"`{name}` is how people behave; no policy sets it."
            remedy = "Vary what a programme or the network sets, by its way in the scenario."
            yield document.mistake(("vary", name), problem, remedy)
        elif "." not in name:
            problem = f"`{name}` is no way to a whole number in the scenario."
            remedy = "Write it as `programmes.PROGRAMME.budget_yuan`, for example."
            yield document.mistake(("vary", name), problem, remedy)
    if raw.aim and raw.against == raw.aim:
        problem = f"`{raw.aim}` stands against itself."
        yield document.mistake(("against",), problem, "Name another aim, or leave it out.")
    if raw.keep > raw.points:
        problem = f"{raw.keep} of {raw.points} points cannot be kept."
        yield document.mistake(("keep",), problem, f"Give {raw.points} at most.")
    if (runs := _runs(raw.points, raw.keep, raw.held_out)) > RUNS_MAX:
        remedy = f"At most {RUNS_MAX:,} are run; ask for fewer `points` or `held_out` seeds."
        yield document.mistake(("points",), f"That is {runs:,} runs.", remedy)


def halve(search: Search, play: Play) -> Iterator[tuple[int, list[Candidate]]]:
    """Yield the runs done so far; the last time with the candidates, the best first.

    Args:
        search: What is searched.
        play: Plays points on seeds; yields each point with the figures of its seeds.
    """
    left, done = list(range(len(search.sweep.points))), 0
    first = 1
    for count, seeds in search.rounds:
        # Later rounds see new luck beside the old, so that nobody is kept for a lucky start.
        scored: dict[int, Score] = {}
        for point, figures in play(left, range(first, first + seeds)):
            scored[point] = _score(search, figures)
            done += seeds
            yield done, []
        assert len(scored) == count, (len(scored), count)
        left = best_first(scored)[: max(search.keep, ceil(count / 2))]
        first += seeds
    found = []
    for point, figures in play(left, range(first, first + search.held_out)):
        if figures:
            found.append(_candidate(search, point, figures))
        done += search.held_out
        yield done, []
    yield done, ranked(found)


class Score(NamedTuple):
    """How good a point is: less is worse, in the order of the fields."""

    spared_fen: float
    """What it spends above the limit, negative; 0 within."""
    aim: float
    against: float
    is_whole: bool = True
    """Whether every seed has the figures; those that have may be the lucky ones."""


def _score(search: Search, figures: Sequence[Figures]) -> Score:
    if not figures:
        return Score(-inf, -inf, -inf, is_whole=False)
    spent = figure([one.get("public_fen") for one in figures])
    over = 0.0
    if search.spend_at_most_fen is not None and spent is not None:
        over = max(0.0, spent.mean - search.spend_at_most_fen)
    aim = AIMS[search.aim](figures)
    against = AIMS[search.against](figures) if search.against else None
    told = _seeds_told(search, aim, against)
    return Score(-over, _mean(aim), _mean(against), is_whole=told == len(figures))


def _seeds_told(search: Search, aim: Figure | None, against: Figure | None) -> int:
    """Return how many seeds have both figures, at most."""
    found = [aim, against] if search.against else [aim]
    return min(one.seeds if one else 0 for one in found)


def best_first(scored: Mapping[int, Score]) -> list[int]:
    """Return points, the best first: within the limit, then whole, then by front, then by the aim.

    The first front is of those that no other beats in both aims, the second of those that
    only the first beats, and so on; with one aim every point is a front of its own.

    >>> best_first({0: Score(0, 1, 9), 1: Score(0, 2, 1), 2: Score(0, 3, 2), 3: Score(-1, 9, 9)})
    [2, 0, 1, 3]
    >>> best_first({0: Score(0, 9, 9, is_whole=False), 1: Score(0, 2, 1), 2: Score(-1, 9, 9)})
    [1, 0, 2]
    """
    by_aim = sorted(scored, key=lambda point: (scored[point], -point), reverse=True)
    # Of each front, the negative of the most that it reaches in `against`.
    fronts_of: dict[bool, list[float]] = {True: [], False: []}
    order = {}
    for point in by_aim:
        one = scored[point]
        fronts = fronts_of[one.is_whole]
        front = bisect_right(fronts, -one.against)
        fronts[front : front + 1] = [-one.against]
        order[point] = -one.spared_fen, not one.is_whole, front
    return sorted(by_aim, key=order.__getitem__)


def _candidate(search: Search, point: int, figures: Sequence[Figures]) -> Candidate:
    spent = figure([one.get("public_fen") for one in figures])
    limit = search.spend_at_most_fen
    aim = AIMS[search.aim](figures)
    against = AIMS[search.against](figures) if search.against else None
    seeds = _seeds_told(search, aim, against)
    return Candidate(
        point=point,
        levers=search.sweep.points[point],
        aim=aim,
        against=against,
        spent_fen=spent,
        is_within=limit is None or spent is None or spent.mean <= limit,
        seeds=seeds,
        is_whole=seeds == len(figures),
        is_saturated=is_saturated(figures),
    )


def ranked(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates, the best first, with those marked that no other beats in both aims."""
    marked = [
        replace(one, on_front=one.seeds > 0 and not any(_beats(other, one) for other in found))
        for one in found
    ]
    return sorted(marked, key=_standing)


def _standing(one: Candidate) -> tuple[bool, bool, float, int]:
    return not one.is_within, not one.is_whole, -_mean(one.aim), one.point


def _beats(one: Candidate, other: Candidate) -> bool:
    """Tell whether one is as good in both aims, and better in one; only those within count.

    Where seeds are missing a candidate beats none that has them all, and is beaten by any.
    """
    if not one.is_within:
        return False
    if other.is_within and one.is_whole != other.is_whole:
        return one.is_whole
    ours, theirs = ((_mean(c.aim), _mean(c.against)) for c in (one, other))
    is_as_good = all(a >= b for a, b in zip(ours, theirs, strict=True))
    return not other.is_within or (is_as_good and ours != theirs)


def _mean(figure_: Figure | None) -> float:
    return figure_.mean if figure_ else -inf


def run_search(
    search: Search, out: Path, pool: Pool
) -> Iterator[tuple[int, Mapping[int, str], list[Candidate]]]:
    """Run a search; yield the runs done, what cannot be, at the end the candidates, best first.

    Every point and round is a file of its own, so that a search that was cut short goes on.

    Raises:
        OtherSweepError: The folder holds another search.
        UnfinishedError: Workers were lost, and not all of it could be run.
        FileError: No point can be.
    """
    sweep = search.sweep
    claim(out, "search.json", _description(search))
    parts = Parts(out / "parts", sweep.varied.at, sweep.points)
    texts: dict[int, Mapping[str, Any]] = {}

    def play(points: Sequence[int], seeds: range) -> Iterator[tuple[int, Sequence[Figures]]]:
        tasks = {point: list(tasks_of(point, seeds)) for point in points}
        missing = {point: len(some) for point, some in tasks.items()}
        for task in parts.play(pool, [task for some in tasks.values() for task in some]):
            missing[task.point] -= 1
            if not missing[task.point]:
                rows = [row for one in tasks[task.point] for row in parts.read(one).to_dicts()]
                texts[task.point] = {n: v for n, v in rows[0].items() if n.startswith("text.")}
                yield task.point, rows
        yield from ((point, ()) for point in points if point in parts.impossible)

    candidates: list[Candidate] = []
    for done, found in halve(search, play):
        candidates = found
        yield done, parts.impossible, found
    with whole(out / "candidates.parquet") as part:
        table(candidates, sweep.units, texts).write_parquet(part)


def _description(search: Search) -> dict[str, Any]:
    described = search.sweep.description
    return {
        **described,
        "stamp": [described["stamp"], search.aim, search.against, search.spend_at_most_fen],
        "aim": search.aim,
        "against": search.against,
        "spend_at_most_fen": search.spend_at_most_fen,
        "points": len(search.sweep.points),
        "held_out": search.held_out,
    }


def table(
    candidates: Sequence[Candidate],
    units: Mapping[str, Unit],
    texts: Mapping[int, Mapping[str, Any]],
) -> pl.DataFrame:
    """Return the candidates as a table, the best first, with the hashes of texts they change."""
    rows = []
    for one in candidates:
        row: dict[str, Any] = {"point": one.point, **one.levers, **texts.get(one.point, {})}
        named = (("aim", one.aim), ("against", one.against), ("spent_fen", one.spent_fen))
        for name, found in named:
            for part in ("mean", "low", "high"):
                row[f"{name}_{part}"] = getattr(found, part) if found else None
        rows.append({
            **row, "seeds": one.seeds, "is_within": one.is_within, "on_front": one.on_front,
            "is_saturated": one.is_saturated,
        })  # fmt: skip
    return with_days(pl.DataFrame(rows, infer_schema_length=None), units)


def _rest(part: float | None) -> float | None:
    return None if part is None else 1 - part


def _rest_of(part: Figure | None) -> Figure | None:
    return part and Figure(1 - part.mean, 1 - part.high, 1 - part.low, part.seeds)


def _negative(amount: float | None) -> float | None:
    return None if amount is None else -amount
