"""A YAML or JSON file with the place of every value, checked against a model."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tallygrid.files.mistake import FileError, Mistake, Where, shown
from tallygrid.files.places import place_within
from tallygrid.files.plain import plain
from tallygrid.files.shape import keys_at

__all__ = ["Document", "FileError", "Mistake", "Where", "parse", "read", "read_text"]

DOCUMENT_BYTES_MAX: Final = 1_000_000
"""Forty times the longest file that comes with the package."""

_Model = TypeVar("_Model", bound=BaseModel)
_ONE_STEP: Final = (0, "value")
"""Where a dated value is written without its date, as one figure."""


@dataclass(frozen=True)
class Document:
    """A parsed file: its plain data, and where each value stands."""

    file: str
    data: Any
    places: Mapping[Where, tuple[int, int]]
    text: str = ""
    files: Mapping[Where, str] = field(default_factory=dict)
    """The values that another file sets, and which."""

    def mistake(self, where: Where, problem: str, remedy: str = "") -> Mistake:
        """Return a mistake at a place; an absent value is placed at its nearest parent."""
        written = self._written(where)
        line, column = self.places.get(written, (1, 1))
        return Mistake(self.files.get(written, self.file), line, column, problem, remedy)

    def mistake_within(
        self, where: Where, value: str, at: tuple[int, int], problem: str, remedy: str
    ) -> Mistake:
        """Return a mistake at a line and column of a text value, wherever that is in the file."""
        line, column = self.places.get(self._written(where), (1, 1))
        if where in self.places:
            line, column = place_within(self.text, (line, column), value, at)
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
            raise FileError(self._from_model(error, model)) from None

    def _from_model(self, error: ValidationError, model: type[BaseModel]) -> Iterable[Mistake]:
        for detail in _deepest(error):
            where = self._as_written(detail)
            if where[-2:] == _ONE_STEP and where not in self.places:
                where = where[:-2]
            name = ".".join(self._named(where)) or "the document"
            if detail["type"] == "missing":
                yield self.mistake(where, f"`{name}` is missing.", "Add it.")
            elif detail["type"] == "extra_forbidden":
                remedy = _instead(where, model)
                yield self.mistake(where, f"`{name}` is not known here.", remedy)
            elif detail["type"] in {"model_type", "dict_type"}:
                problem = f"`{name}` is {shown(detail['input'])}."
                yield self.mistake(where, problem, "Write `name: value` pairs.")
            else:
                found = shown(detail["input"])
                problem = f"`{name}` is {found}."
                if where[-1:] == (_KEY,):
                    problem = f"A name in `{'.'.join(self._named(where[:-2]))}` is {found}."
                yield self.mistake(where, problem, _remedy(detail))

    def _as_written(self, detail: ErrorDetails) -> Where:
        """Return the way to what is wrong, without the shapes of which a value may be one."""
        where: Where = ()
        for step in detail["loc"]:
            inside = self._at(where)
            is_missing = detail["type"] == "missing" and step == detail["loc"][-1]
            if not isinstance(inside, dict) or step in inside or is_missing or step == _KEY:
                where = (*where, step)
        return where

    def _named(self, where: Where) -> Iterator[str]:
        """Yield the steps to a value as a reader tells them: entries of a list by id, or from 1."""
        for n, step in enumerate(where):
            entry = self._at(where[: n + 1])
            name = entry.get("id") if isinstance(entry, dict) else None
            if isinstance(step, int):
                yield name if isinstance(name, str) else str(step + 1)
            else:
                yield step

    def _at(self, where: Where) -> object:
        """Return what stands at a place, or nothing."""
        inside = self.data
        for step in where:
            if isinstance(inside, dict):
                inside = inside.get(step)
            elif isinstance(inside, list) and isinstance(step, int):
                inside = inside[step]
            else:
                return None
        return inside


def _deepest(error: ValidationError) -> Iterator[ErrorDetails]:
    """Yield what is wrong, without a list being too short because its items are wrong."""
    details = error.errors(include_url=False)
    for detail in details:
        length = len(detail["loc"])
        inside = (other for other in details if len(other["loc"]) > length)
        if detail["type"] != "too_short" or all(
            other["loc"][:length] != detail["loc"] for other in inside
        ):
            yield detail


def _remedy(detail: ErrorDetails) -> str:
    """Return what would be right, with the bound that is overstepped if one is."""
    said = detail["msg"].removeprefix("Value error, ")
    remedy = _REMEDIES.get(detail["type"], f"{said.rstrip('.')}.")
    bound = _BOUNDS.get(detail["type"])
    return bound.format(**detail.get("ctx", {})) if bound else remedy


_KEY: Final = "[key]"
_BOUNDS: Final = {
    "greater_than_equal": "Write {ge} or more.",
    "greater_than": "Write more than {gt}.",
    "less_than_equal": "Write {le} or less.",
    "less_than": "Write less than {lt}.",
    "too_short": "Give {min_length} or more.",
    "too_long": "Give {max_length} at most.",
    "literal_error": "Write {expected}.",
}
_REMEDIES: Final = {
    "bool_type": "Write true or false.",
    "string_type": 'Write a text; digits alone go in quotes, such as "000000".',
    "date_type": "Write a day as 2026-03-01, without quotes.",
    "date_from_datetime_parsing": "Write a day as 2026-03-01, without quotes.",
    "int_type": "Write a whole number, digits alone.",
    "tuple_type": "Write a list: `[…]`, or one line with `-` for each.",
    "string_too_short": "Write it.",
}
"""Sentences for those who do not know the words of the checker of shapes."""


def _instead(where: Where, model: type[BaseModel]) -> str:
    """Return the key that was probably meant; nothing of a merge key is read."""
    if where[-1] == "<<":
        return "Write the values out: nothing is merged from elsewhere."
    known = keys_at(model, where[:-1])
    close = get_close_matches(str(where[-1]), known, n=1)
    return f"Did you mean `{close[0]}`?" if close else "Remove it, or mend it."


def read(path: Path) -> Document:
    """Read a YAML or JSON file (JSON is YAML).

    Raises:
        FileError: The file is absent, not UTF-8, not YAML, or repeats a key.
    """
    return parse(read_text(path), file=str(path))


def read_text(path: Path, *, bytes_max: int = DOCUMENT_BYTES_MAX, also: str = "") -> str:
    """Read a file that must be UTF-8, with or without a byte order mark; see `read`.

    No more is read than is wanted, for the path may lead to something without an end. What
    comes from others may be in another encoding `also`, which is tried last.
    """
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _error(path, *_why_not(error)) from None
    if len(data) > bytes_max:
        problem = f"The file is longer than {bytes_max // 1_000_000} MB."
        raise _error(path, problem, "Check that it is the right one.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        with suppress(LookupError, UnicodeDecodeError):
            return data.decode(also)
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"Byte {error.start} is not UTF-8."
        raise FileError([Mistake(str(path), line, 1, problem, "Save the file as UTF-8.")]) from None


def parse(text: str, *, file: str) -> Document:
    """Parse a YAML or JSON text; see `read`."""
    data, places = plain(text, file=file)
    return Document(file=file, data=data, places=places, text=text)


def _why_not(error: Exception) -> tuple[str, str]:
    """Return why a file cannot be opened, and the remedy."""
    match error:
        case FileNotFoundError():
            return "No such file.", "Check the name."
        case IsADirectoryError():
            return "This is a directory.", "Name a file in it."
        case OSError(strerror=str(why)):
            return f"The file cannot be read: {why}.", "Check its name and permissions."
    return "This is not the name of a file.", "Check the name."


def _error(path: Path, problem: str, remedy: str) -> FileError:
    return FileError([Mistake(str(path), 1, 1, problem, remedy)])
