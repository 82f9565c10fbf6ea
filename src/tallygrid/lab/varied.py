"""A scenario whose values a sweep or a search sets, one point after another."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tallygrid.files.document import Document, FileError, Mistake, Where, parse, read
from tallygrid.files.nearest import nearest
from tallygrid.lab.levers import Point, Setting, Span, Split, Unit, WayError, bounds, put, written
from tallygrid.lab.offered import PACKAGED, Named
from tallygrid.lab.scenario import Scenario, packaged, scenario_of

_SUFFIXES: Final = (".yaml", ".yml", ".json")


class Given(BaseModel):
    """What the file of a sweep and that of a search have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    scenario: str
    vary: Mapping[str, Setting] = Field(default_factory=dict)
    split: Annotated[tuple[Split, ...], Field(strict=False)] = ()

    @property
    def units(self) -> dict[str, Unit]:
        """By lever, what its values are; parts of a sum are whole yuan."""
        levers = self.vary.items()
        found: dict[str, Unit] = {
            name: one.unit if isinstance(one, Span) else one[0].unit for name, one in levers
        }
        return found | {name: "whole" for split in self.split for name in split.over}

    @property
    def places(self) -> dict[str, Where]:
        """By lever, where it stands in the file."""
        found: dict[str, Where] = {name: ("vary", name) for name in self.vary}
        for n, split in enumerate(self.split):
            found.update({name: ("split", n, "over", m) for m, name in enumerate(split.over)})
        return found

    @property
    def ends(self) -> tuple[Point, ...]:
        """The points at which all levers stand least, and most; sums are divided evenly."""
        even = {name: split.yuan // len(split.over) for split in self.split for name in split.over}
        spans = {name: bounds(one) for name, one in self.vary.items()}
        return tuple({name: span[n] for name, span in spans.items()} | even for n in (0, 1))


@dataclass(frozen=True)
class Varied:
    """A scenario, and the levers that a file sets in it."""

    file: Document
    """Of the levers."""
    given: Given
    document: Document
    """Of the scenario."""
    folder: Path
    named: Named = PACKAGED

    @property
    def least(self) -> Scenario:
        """The scenario where all its levers stand least."""
        return self.at(self.given.ends[0])

    def at(self, point: Point) -> Scenario:
        """Return the scenario as it is at a point.

        Raises:
            FileError: It cannot be so; what a lever sets is told at the lever's place.
            WayError: A lever leads nowhere.
        """
        data, units = deepcopy(self.document.data), self.given.units
        placed, behaviour = dict[Where, Mistake](), dict[str, int]()
        for name, value in point.items():
            where: Where = ("behaviour", name)
            if "." in name:
                where = put(data, name, written(value, units[name]))
            else:
                behaviour[name] = value
            set_here = self.wrong(name, "", "")
            above = (where[:n] for n in range(1, len(where)))
            placed.update((way, set_here) for way in above if way not in self.document.places)
            placed[where] = set_here
        changed = replace(
            self.document, data=data, files={way: one.file for way, one in placed.items()},
            places={**self.document.places, **{w: (one.line, one.column)
                                               for w, one in placed.items()}},
        )  # fmt: skip
        return scenario_of(changed, folder=self.folder, given=behaviour, named=self.named)

    def wrong(self, lever: str, problem: str, remedy: str) -> Mistake:
        """Return a mistake at the place of a lever."""
        return self.file.mistake(self.given.places[lever], problem, remedy)

    def mistakes(self, told: Sequence[Mistake]) -> Iterator[Mistake]:
        """Yield every lever that leads nowhere, and what cannot be at either end of the sound."""
        lost = [one for name in self.given.units if (one := self._wrong_way(name))]
        yield from lost
        places = {(one.line, one.column) for one in (*told, *lost)}
        for end in self.given.ends:
            here = {name: self.wrong(name, "", "") for name in end}
            sound = {n: at for n, at in end.items() if (here[n].line, here[n].column) not in places}
            yield from self._impossible(sound)

    def _wrong_way(self, name: str) -> Mistake | None:
        try:
            if "." in name:
                put(deepcopy(self.document.data), name, 0)
        except WayError as error:
            return self.wrong(name, error.problem, error.remedy)
        return None

    def _impossible(self, point: Point) -> Iterator[Mistake]:
        """Yield what is wrong at a point; of the scenario's own file, what the levers may mend."""
        try:
            self.at(point)
        except FileError as error:
            own = self._own_mistakes()
            for one in error.mistakes:
                is_theirs = one.file == self.document.file and one not in own
                hint = f"{one.remedy} Look at the levers of {self.file.file}, too.".strip()
                yield replace(one, remedy=hint) if is_theirs else one

    def _own_mistakes(self) -> Sequence[Mistake]:
        try:
            self.at({})
        except FileError as error:
            return error.mistakes
        return ()


def varied(
    file: Document, given: Given, told: Sequence[Mistake], *, folder: Path, named: Named
) -> Varied:
    """Return the scenario of a file with its levers.

    Args:
        file: The file of a sweep or a search.
        given: What it says, as far as that can be read.
        told: What is wrong in it by itself.
        folder: Where it lies.
        named: The operator's own catalogue and weights.

    Raises:
        FileError: With that, and with all that is wrong in its levers or in the scenario.
    """
    mistakes = [*told, *_between_levers(file, given)]
    try:
        found = Varied(file, given, *_scenario(file, given.scenario, folder), named)
        mistakes += found.mistakes(told)
    except FileError as error:
        raise FileError([*mistakes, *error.mistakes]) from None
    if mistakes:
        raise FileError(mistakes)
    return found


def _between_levers(file: Document, given: Given) -> Iterator[Mistake]:
    """Yield that a lever is set twice, or that there is none at all."""
    if not (given.units or file.data.get("vary") or file.data.get("split")):
        remedy = "Give `vary`, with the levers and their values."
        yield file.mistake((), "Nothing is varied.", remedy)
    seen = set(given.vary)
    for n, split in enumerate(given.split):
        for m, name in enumerate(split.over):
            if name in seen:
                where = ("split", n, "over", m)
                yield file.mistake(where, f"`{name}` is set twice.", "Keep one.")
            seen.add(name)


def _scenario(file: Document, name: str, folder: Path) -> tuple[Document, Path]:
    """Return a scenario's document, packaged or from a file, and the folder of its files."""
    if name.endswith(_SUFFIXES):
        path = folder / name
        return read(path), path.parent
    if name not in packaged():
        remedy = f"{nearest(name, packaged())} Or name a file that ends in .yaml."
        problem = f"There is no scenario `{name}`."
        raise FileError([file.mistake(("scenario",), problem, remedy)])
    with as_file(files(__package__).joinpath("scenarios", f"{name}.yaml")) as path:
        return parse(path.read_text(encoding="utf-8"), file=path.name), path.parent
