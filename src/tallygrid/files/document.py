"""A YAML or JSON file with the place of every value, checked against a model."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)
Where = tuple[str | int, ...]
"""The way to a value inside a document: keys and list positions from the top."""

_FOUND_LENGTH_MAX: Final = 60
_ONE_STEP: Final = (0, "value")
"""Where a dated value is written without its date, as one figure."""


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing wrong in a file, with the place and the remedy."""

    file: str
    line: int
    column: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.problem} {self.remedy}".rstrip()


class FileError(Exception):
    """A file cannot be used; carries every mistake in it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


@dataclass(frozen=True)
class Document:
    """A parsed file: its plain data, and where each value stands."""

    file: str
    data: Any
    places: Mapping[Where, tuple[int, int]]

    def mistake(self, where: Where, problem: str, remedy: str = "") -> Mistake:
        """Return a mistake at a place; an absent value is placed at its nearest parent."""
        line, column = self.places.get(self._written(where), (1, 1))
        return Mistake(self.file, line, column, problem, remedy)

    def _written(self, where: Where) -> Where:
        """Return the nearest place that stands in the file."""
        while where and where not in self.places:
            where = where[:-1]
        return where

    def parsed(self, model: type[_Model]) -> _Model:
        """Check the data against a model.

        Raises:
            FileError: With every mistake the model finds.
        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise FileError(self._from_model(error)) from None

    def _from_model(self, error: ValidationError) -> Iterable[Mistake]:
        for detail in error.errors(include_url=False):
            where = tuple(detail["loc"])
            if where[-2:] == _ONE_STEP and where not in self.places:
                where = where[:-2]
            name = ".".join(str(step) for step in where) or "the document"
            if detail["type"] == "missing":
                yield self.mistake(where, f"`{name}` is missing.", "Add it.")
            elif detail["type"] == "extra_forbidden":
                yield self.mistake(where, f"`{name}` is not known here.", "Remove it, or mend it.")
            else:
                found = repr(detail["input"])[:_FOUND_LENGTH_MAX]
                said = detail["msg"].removeprefix("Value error, ")
                yield self.mistake(where, f"`{name}` is {found}.", f"{said.rstrip('.')}.")


def read(path: Path) -> Document:
    """Read a YAML or JSON file (JSON is YAML).

    Raises:
        FileError: The file is absent, not UTF-8, not YAML, or repeats a key.
    """
    return parse(read_text(path), file=str(path))


def read_text(path: Path) -> str:
    """Read a file that must be UTF-8; see `read`."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileError([Mistake(str(path), 1, 1, "No such file.", "Check the name.")]) from None
    except IsADirectoryError:
        raise FileError(
            [Mistake(str(path), 1, 1, "This is a directory.", "Name a file in it.")]
        ) from None
    except UnicodeDecodeError as error:
        problem = f"Byte {error.start} is not UTF-8."
        raise FileError([Mistake(str(path), 1, 1, problem, "Save the file as UTF-8.")]) from None


def parse(text: str, *, file: str) -> Document:
    """Parse a YAML or JSON text; see `read`."""
    try:
        node = yaml.compose(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = f"The YAML cannot be read: {error.problem or error.context}."
        raise FileError([Mistake(file, line, column, problem, "Mend the line.")]) from None
    except yaml.YAMLError as error:
        raise FileError([Mistake(file, 1, 1, f"Not YAML: {error}.", "Mend it.")]) from None
    if node is None:
        raise FileError([Mistake(file, 1, 1, "The file is empty.", "Write its content.")])
    places: dict[Where, tuple[int, int]] = {}
    mistakes: list[Mistake] = []
    data = _value(node, (), places, mistakes, file)
    if mistakes:
        raise FileError(mistakes)
    return Document(file=file, data=data, places=places)


# The C parser reads the programmes in a tenth of the time; the wheel of every platform has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Loader):  # type: ignore[misc]  # which class depends on the machine
    """Safe YAML in which `no`, `on` and `1:30` are the texts they look like."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012  # PyYAML's own


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?$",
        "-0123456789",
    ),
    ("tag:yaml.org,2002:timestamp", r"^\d{4}-\d{2}-\d{2}$", "0123456789"),
):
    _PlainLoader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def _value(
    node: yaml.Node,
    where: Where,
    places: dict[Where, tuple[int, int]],
    mistakes: list[Mistake],
    file: str,
) -> Any:  # noqa: ANN401  # loose data is what this module is for
    mark = node.start_mark
    places[where] = (mark.line + 1, mark.column + 1)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(item, (*where, n), places, mistakes, file) for n, item in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, where, places, mistakes, file)
    try:
        return yaml.SafeLoader("").construct_object(node)
    except ValueError as error:
        problem = f"`{node.value}` is not possible: {error}."
        mistakes.append(Mistake(file, mark.line + 1, mark.column + 1, problem, "Correct it."))
        return None


def _mapping(
    node: yaml.MappingNode,
    where: Where,
    places: dict[Where, tuple[int, int]],
    mistakes: list[Mistake],
    file: str,
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in data:
            mark = key_node.start_mark
            first = places[(*where, key)][0]
            problem = f"`{key}` stands twice; the first is on line {first}."
            mistakes.append(Mistake(file, mark.line + 1, mark.column + 1, problem, "Keep one."))
            continue
        data[key] = _value(value_node, (*where, key), places, mistakes, file)
    return data
