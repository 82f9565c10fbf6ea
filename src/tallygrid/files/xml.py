"""XML files of others: read with their lines, and without ever following what they ask for.

A document type is refused before it is read. Without one there are no entities, so that no
file can make us read another or grow without end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat

from tallygrid.files.mistake import FileError, Mistake

_BYTES_MAX: Final = 64_000_000
_DEPTH_MAX: Final = 100
_GB: Final = re.compile(rb"""\A<\?xml[^>]*encoding\s*=\s*["']gb(2312|k|18030)["']""", re.IGNORECASE)
"""A declaration of what Chinese programs write where they do not write UTF-8."""


@dataclass
class Element:
    """An element, by its local name, and where it begins."""

    name: str
    namespace: str
    line: int
    column: int
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def all(self, *way: str) -> Iterator["Element"]:
        """Yield every element at the end of a way of names."""
        if not way:
            yield self
            return
        for child in self.children:
            if child.name == way[0]:
                yield from child.all(*way[1:])

    def one(self, *way: str) -> "Element | None":
        """Return the first element at the end of a way of names."""
        return next(self.all(*way), None)

    def said(self, *way: str) -> str:
        """Return what stands at the end of a way of names; nothing if there is no such element."""
        found = self.one(*way)
        return "" if found is None else found.text.strip()


def read_xml(path: Path) -> Element:
    """Read an XML file.

    Raises:
        FileError: It cannot be read, is not well formed, or declares a document type.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        problem = f"The file cannot be read: {error.strerror}."
        raise FileError([Mistake(str(path), 1, 1, problem, "Check its name.")]) from None
    if len(data) > _BYTES_MAX:
        problem = f"The file is longer than {_BYTES_MAX // 1_000_000} MB."
        raise FileError([Mistake(str(path), 1, 1, problem, "Check that it is the right one.")])
    if not _GB.match(data):
        return _Reader(str(path)).read(data)
    try:  # expat reads no such encoding, and GB 18030 holds the two before it
        return _Reader(str(path), encoding="utf-8").read(data.decode("gb18030").encode())
    except UnicodeDecodeError as error:
        problem = f"Byte {error.start} is not GB 18030, which the file declares."
        raise FileError([Mistake(str(path), 1, 1, problem, "Ask for the file again.")]) from None


class _Reader:
    """Builds the elements of one file as expat meets them."""

    def __init__(self, file: str, *, encoding: str | None = None) -> None:
        self._file = file
        self._open: list[Element] = []
        self._root: Element | None = None
        self._parser = expat.ParserCreate(encoding, namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._document_type
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, data: bytes) -> Element:
        try:
            self._parser.Parse(data, True)  # noqa: FBT003  # expat's own signature: the last part
        except expat.ExpatError as error:
            problem = f"The file is no XML: {expat.ErrorString(error.code)}."
            self._refuse(problem, "Ask for the file again.", error.lineno, error.offset + 1)
        except (LookupError, ValueError):  # another encoding of several bytes, or none at all
            self._refuse("The file's encoding is not read here.", "Ask for it in UTF-8.")
        assert self._root is not None, "expat refuses a file without an element"
        return self._root

    def _document_type(self, *_: object) -> None:
        problem = "The file declares a document type, which may hide what it does."
        self._refuse(problem, "Ask for the file without `<!DOCTYPE`.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        element = Element(local, namespace, *self._place(), attributes)
        if len(self._open) >= _DEPTH_MAX:
            self._refuse("The elements stand too deep in each other.", "Check the file.")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text

    def _place(self) -> tuple[int, int]:
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1

    def _refuse(self, problem: str, remedy: str, line: int = 0, column: int = 0) -> None:
        place = (line, column) if line else self._place()
        raise FileError([Mistake(self._file, *place, problem, remedy)])
