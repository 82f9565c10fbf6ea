"""A search finds what was planted within the budget, and tells it on seeds that chose nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from tallygrid.files.document import FileError
from tallygrid.lab.network.summary import Figure
from tallygrid.lab.parts import Figures
from tallygrid.lab.search import Candidate, Search, halve, ranked, read_search

FILE = """
scenario: deduct
aim: take_up
against: low_spending
spend_at_most_yuan: 50
points: 64
keep: 4
vary:
  demand.jobs: {from: 1, to: 100}
"""

WRONG = {
    2: "`aim` is 'taking_up'",
    6: "`programmes.shanghai-compute-issued.budget_yuan` is 0",
    7: "nothing at `programmes.shanghai-computer-issued`",
    8: "is '120%'",
    9: "has no `al`",
    10: "`validity.value` is 9",
    11: "`programs` is not known here",
    12: "is 'many'",
    13: "nothing at `programmes.henan-compute-issued`",
}


@pytest.fixture
def search(tmp_path: Path) -> Search:
    file = tmp_path / "search.yaml"
    file.write_text(FILE, encoding="utf-8")
    return read_search(file)


class _Toy:
    """A world whose best lever is 70, and whose lever is also what it spends, in yuan."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.played: list[tuple[int, tuple[int, ...]]] = []

    def __call__(
        self, points: Sequence[int], seeds: range
    ) -> Iterator[tuple[int, Sequence[Figures]]]:
        for point in points:
            self.played.append((point, tuple(seeds)))
            lever = self.search.sweep.points[point]["demand.jobs"]
            yield (
                point,
                [
                    {
                        "step.awarded": 1 - abs(lever - 70) / 100 + _luck(seed),
                        "step.qualifies": 1.0,
                        "public_fen": lever * 100.0,
                    }
                    for seed in seeds
                ],
            )


def _luck(seed: int) -> float:
    return Random(seed).uniform(-0.2, 0.2)  # noqa: S311  # luck of a toy, not a secret


def _found(search: Search, toy: _Toy) -> list[Candidate]:
    return list(halve(search, toy))[-1][1]


def test_the_best_within_the_budget_is_found_though_a_better_one_costs_more(
    search: Search,
) -> None:
    best = _found(search, _Toy(search))[0]
    levers = [point["demand.jobs"] for point in search.sweep.points]
    assert best.levers["demand.jobs"] == max(lever for lever in levers if lever <= 50)
    assert best.is_within


def test_without_a_limit_the_planted_optimum_is_found(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    file.write_text(FILE.replace("spend_at_most_yuan: 50\n", ""), encoding="utf-8")
    search = read_search(file)
    best = _found(search, _Toy(search))[0]
    levers = [point["demand.jobs"] for point in search.sweep.points]
    assert best.levers["demand.jobs"] == min(levers, key=lambda lever: abs(lever - 70))


def test_the_reported_seeds_chose_nothing(search: Search) -> None:
    toy = _Toy(search)
    done = [runs for runs, _ in halve(search, toy)]
    assert done[-1] == search.runs
    last = toy.played[-1][1]
    chose = {seed for _, seeds in toy.played if seeds != last for seed in seeds}
    assert len(last) == 10
    assert not chose & set(last)


def test_the_front_holds_those_that_nobody_beats_in_both() -> None:
    def candidate(point: int, aim: float, against: float) -> Candidate:
        one, other = (Figure(value, value, value, 10) for value in (aim, against))
        return Candidate(point, {}, one, other, None, is_within=True)

    found = ranked([candidate(0, 1, 5), candidate(1, 3, 3), candidate(2, 2, 2), candidate(3, 5, 1)])
    assert {one.point for one in found if one.on_front} == {0, 1, 3}
    assert [one.point for one in found] == [3, 1, 2, 0]


def test_a_point_without_the_figure_in_some_seeds_stands_behind_whatever_it_shows(
    search: Search,
) -> None:
    """The dearest points would be best by far, on the few seeds in which they have a figure."""

    class Patchy(_Toy):
        def __call__(
            self, points: Sequence[int], seeds: range
        ) -> Iterator[tuple[int, Sequence[Figures]]]:
            for point, figures in super().__call__(points, seeds):
                lever = self.search.sweep.points[point]["demand.jobs"]
                lucky: list[Figures] = [{"take_up": 9.0, "public_fen": 1.0}]
                lucky += [{"take_up": None, "public_fen": 1.0}] * (len(figures) - 1)
                yield point, (lucky if lever > 90 else figures)

    found = _found(search, Patchy(search))
    assert all(one.is_whole and one.seeds == search.held_out for one in found)
    patchy = Candidate(0, {}, Figure(9, 9, 9, 1), None, None, is_within=True, is_whole=False)
    whole = Candidate(1, {}, Figure(1, 1, 1, 10), None, None, is_within=True)
    assert [(one.point, one.on_front) for one in ranked([patchy, whole])] == [(1, True), (0, False)]


def test_equal_points_are_played_once(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    text = FILE.replace("points: 64", "points: 8").replace("to: 100", "to: 2")
    file.write_text(text, encoding="utf-8")
    points = [dict(point) for point in read_search(file).sweep.points]
    assert sorted(point["demand.jobs"] for point in points) == [1, 2]


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "search.yaml"
    text = "scenario: deduct\naim: take_up\nagainst: take_up\npoints: 2\nkeep: 3\n"
    text += "vary: {aware_bp: {from: 1, to: 2}, budget: {from: 1, to: 2}}\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as raised:
        read_search(file)
    assert len(raised.value.mistakes) == 4
    assert {one.line for one in raised.value.mistakes} == {3, 5, 6}


def test_what_is_wrong_in_levers_is_told_at_their_place_whatever_else_is_wrong(
    tmp_path: Path,
) -> None:
    file = tmp_path / "search.yaml"
    text = """scenario: deduct
aim: taking_up
points: 2
keep: 1
vary:
  programmes.shanghai-compute-issued.budget_yuan: {from: 0, to: 9}
  programmes.shanghai-computer-issued.budget_yuan: {from: 1, to: 9}
  programmes.shanghai-compute-issued.set.rate.tiers.all.rate: {from: 10%, to: 120%}
  programmes.shanghai-compute-issued.set.rate.tiers.al.rate: {from: 10%, to: 20%}
  programmes.shanghai-compute-issued.set.validity.value: {from: 1, to: 9}
  programs.shanghai-compute-issued.budget_yuan: {from: 1, to: 9}
  network.sites.guian.price: {from: 1, to: many}
split: [{yuan: 9, over: [programmes.henan-compute-issued.budget_yuan, demand.jobs]}]
"""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as raised:
        read_search(file)
    told = {one.line: one.problem for one in raised.value.mistakes}
    assert {one.file for one in raised.value.mistakes} == {str(file)}
    assert {line: part for line, part in WRONG.items() if part not in told.get(line, "")} == {}
    assert set(told) == set(WRONG)
