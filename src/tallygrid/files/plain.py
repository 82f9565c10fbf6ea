"""Plain data from a YAML or JSON text, with the place of every value, within limits.

The text is read event by event: nesting, the number of values and what aliases expand to are
bounded before anything of it is built, so that no file can exhaust the memory or the stack.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NoReturn

import yaml

from tallygrid.files.mistake import FileError, Mistake, Where, shown
from tallygrid.files.yaml_remedies import yaml_remedy

DEPTH_MAX: Final = 100
VALUES_MAX: Final = 20_000
"""Some fifteen times the longest file that comes with the package."""

_SURROGATES: Final = re.compile(
    r"((?:^|[^\\])(?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)
"""How JSON escapes a character beyond U+FFFF; YAML knows the character itself."""

# The C parser reads the programmes in a tenth of the time; the wheel of every platform has it.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _boolean(written: str) -> bool:
    return written == "true"


def _nothing(_: str) -> None:
    return None


def _float(written: str) -> float:
    number = float(written)
    if math.isinf(number):
        raise ValueError("it is immense")
    return number


_PLAIN: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    (re.compile(r"true|false"), _boolean),
    (re.compile(r"null|~|"), _nothing),
    (re.compile(r"-?(?:0|[1-9][0-9]*)"), int),
    (re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?"), _float),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), date.fromisoformat),
)
"""What an unquoted word means; so `no`, `on` and `1:30` are the texts they look like."""


def plain(text: str, *, file: str) -> tuple[Any, Mapping[Where, tuple[int, int]]]:
    """Return the data of a text, and the line and column of every value in it.

    Raises:
        FileError: The text is not YAML, repeats a key, or goes beyond a limit.
    """
    paired = _SURROGATES.sub(_paired, text)
    try:
        reading = _Reading(file, yaml.parse(paired, Loader=_Parser))
        data = reading.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = str(error.problem or error.context)
        problem = f"The YAML cannot be read: {said}."
        remedy = yaml_remedy(text, line, said)
        raise FileError([Mistake(file, line, column, problem, remedy)]) from None
    except yaml.YAMLError:
        raise FileError([_unprintable(paired, file)]) from None
    if reading.mistakes:
        raise FileError(reading.mistakes)
    return data, reading.places


def _paired(match: re.Match[str]) -> str:
    before, *halves = match.groups()
    units = b"".join(int(half, 16).to_bytes(2, "big") for half in halves)
    return before + units.decode("utf-16-be")


def _unprintable(text: str, file: str) -> Mistake:
    """Return the mistake that a text holds a character that YAML does not allow."""
    for number, line in enumerate(text.split("\n"), start=1):
        for column, character in enumerate(line, start=1):
            if not (character.isprintable() or character in "\t\r\ufeff"):
                problem = f"The character U+{ord(character):04X} is not allowed."
                return Mistake(file, number, column, problem, "Remove it.")
    return Mistake(file, 1, 1, "The text is not YAML.", "Save the file as text.")


@dataclass
class _Reading:
    """A text as far as it has been read."""

    file: str
    events: Iterator[Any]
    places: dict[Where, tuple[int, int]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    anchors: dict[str, tuple[Any, Where]] = field(default_factory=dict)

    def document(self) -> Any:  # noqa: ANN401  # loose data is what this module is for
        """Read the one document of the stream."""
        next(self.events)
        if isinstance(next(self.events), yaml.StreamEndEvent):
            raise FileError([Mistake(self.file, 1, 1, "The file is empty.", "Write its content.")])
        data = self._value(next(self.events), ())
        next(self.events)
        if not isinstance(after := next(self.events), yaml.StreamEndEvent):
            self._stop(after, "A second document begins here.", "Keep one document in a file.")
        return data

    def _value(self, event: Any, where: Where) -> Any:  # noqa: ANN401
        """Read the value that begins with an event, and note its place."""
        if isinstance(event, yaml.AliasEvent):
            return self._repeated(event, where)
        self._enter(event, where)
        if event.tag is not None:
            self._wrong(event, f"The tag `{event.tag}` is not known.", "Write the value alone.")
        if isinstance(event, yaml.SequenceStartEvent):
            value: Any = list(self._items(where))
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(where)
        else:
            value = self._scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, where)
        return value

    def _enter(self, event: Any, where: Where) -> None:  # noqa: ANN401
        """Note the place of a value, unless it goes beyond a limit."""
        if len(where) > DEPTH_MAX:
            problem = f"The values are nested more than {DEPTH_MAX} deep."
            self._stop(event, problem, "Write it flatter.")
        if len(self.places) >= VALUES_MAX:
            problem = f"The file holds more than {VALUES_MAX} values, aliases counted in full."
            self._stop(event, problem, "Divide it.")
        self.places[where] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def _items(self, where: Where) -> Iterator[Any]:
        position = 0
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self._value(event, (*where, position))
            position += 1

    def _mapping(self, where: Where) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._stop(event, "A key is not a plain word.", "Write `name: value`.")
            key = event.value
            if key in data:
                first, _ = self.places[(*where, key)]
                problem = f"`{shown(key)[1:-1]}` stands twice; the first is on line {first}."
                self._wrong(event, problem, "Keep one.")
                self._skip()
                continue
            data[key] = self._value(next(self.events), (*where, key))
        return data

    def _scalar(self, event: Any) -> object:  # noqa: ANN401
        """Return what a word means: quoted it is a text, else it may be of another type."""
        if not event.implicit[0]:
            return event.value
        for pattern, meaning in _PLAIN:
            if pattern.fullmatch(event.value):
                try:
                    return meaning(event.value)
                except ValueError as error:
                    problem = f"`{shown(event.value)[1:-1]}` is not possible: {error}."
                    self._wrong(event, problem, "Correct it.")
                    return None
        return event.value

    def _repeated(self, event: Any, where: Where) -> Any:  # noqa: ANN401
        """Return what an alias stands for, its values placed where they were written."""
        if event.anchor not in self.anchors:
            problem = f"`*{event.anchor}` names nothing that is complete before it."
            self._stop(event, problem, "Write the value itself.")
        value, first = self.anchors[event.anchor]
        self._placed_again(event, value, first, where)
        return value

    def _placed_again(self, event: Any, value: object, first: Where, where: Where) -> None:  # noqa: ANN401
        self._enter(event, where)
        self.places[where] = self.places[first]
        inside = value.items() if isinstance(value, dict) else ()
        for step, part in enumerate(value) if isinstance(value, list) else inside:
            self._placed_again(event, part, (*first, step), (*where, step))

    def _skip(self) -> None:
        """Read past a value that is not wanted."""
        depth = 0
        while True:
            event = next(self.events)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if not depth:
                return

    def _wrong(self, event: Any, problem: str, remedy: str) -> None:  # noqa: ANN401
        mark = event.start_mark
        self.mistakes.append(Mistake(self.file, mark.line + 1, mark.column + 1, problem, remedy))

    def _stop(self, event: Any, problem: str, remedy: str) -> NoReturn:  # noqa: ANN401
        """Give up at a mistake that hides what comes after it."""
        self._wrong(event, problem, remedy)
        raise FileError(self.mistakes)
