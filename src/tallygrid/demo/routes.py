"""Routes: where each class of job went, what decided for it, and what against the others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tallygrid.core.placement import Cost, Placement
from tallygrid.core.steering import class_of, size_of
from tallygrid.demo.gather import Gathered, both
from tallygrid.report import figures as report
from tallygrid.service.plain import load

_CLASSES: Final = ("single", "part", "node", "gang", "nearby", "resident", "domestic")


def classes(of: Gathered) -> Iterator[report.JobClass]:
    """Yield every class that occurs; a rule that binds the place goes before the size."""
    placed: dict[str, list[Placement]] = {}
    for one in of.purchases:
        if one.placement:
            placement = load(Placement, one.placement)
            placed.setdefault(class_of(placement.request), []).append(placement)
    unplaced = Counter(size_of(int(body["cards"])) for body in of.unplaced)
    for name in _CLASSES:
        if name in placed or unplaced[name]:
            yield _class(name, placed.get(name, []), unplaced[name])


def _class(name: str, placed: Iterable[Placement], unplaced: int) -> report.JobClass:
    sites: Counter[str] = Counter()
    won: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for placement in placed:
        verdict = placement.verdict
        assert verdict is not None, "a job that was bought was placed"
        sites[verdict.site] += 1
        won[_won(placement)] += 1
        passed.update(_passed(placement))
    return report.JobClass(
        name=both(f"demo.class.{name}"),
        placed=dict(sites),
        unplaced=unplaced,
        won=tuple(_reasons("demo.won", won)),
        passed_over=tuple(_reasons("demo.passed", passed)),
    )


def _won(placement: Placement) -> str:
    """Return the part of the cost in which the chosen offer beat the runner-up by most."""
    ranked = placement.ranked()
    if len(ranked) == 1:
        return "only"
    chosen, runner_up = ranked[0].cost, ranked[1].cost
    assert chosen is not None, placement.chosen
    assert runner_up is not None, placement.chosen
    ahead = {
        part: after - before
        for part, before, after in zip(Cost._fields, chosen, runner_up, strict=True)
    }
    return max(ahead, key=lambda part: ahead[part])


def _passed(placement: Placement) -> Iterator[str]:
    for one in placement.verdicts:
        if one.eligible and one.offer != placement.chosen:
            yield "dearer"
        yield from one.codes


def _reasons(prefix: str, counted: Mapping[str, int]) -> Iterator[report.Reason]:
    for code, count in sorted(counted.items(), key=lambda one: (-one[1], one[0])):
        yield report.Reason(code=code, text=both(f"{prefix}.{code}"), count=count)
