"""Programme files: read, put together with the vocabulary, and checked, all mistakes at once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from tallygrid.core.arithmetic import OTHER_FUNDS_FACT, TAX_FACT
from tallygrid.core.facts import DERIVED_FROM, Vocabulary
from tallygrid.core.findings import CLAIMED_FACT, PURCHASE_FACT
from tallygrid.core.programme import FactSpec, Programme, open_fields
from tallygrid.files.cache import remembered
from tallygrid.files.document import Document, FileError, Mistake, read
from tallygrid.files.facts import packaged_vocabulary
from tallygrid.files.packaged import as_text, from_text, sources
from tallygrid.files.programme_checks import mistakes_of, mistakes_of_data, warnings_of

_ALWAYS: Final = ("contract_fen", TAX_FACT, PURCHASE_FACT)
_BASES: Final = ("approved_fen", "settled_fen", "rent_fen", "fee_fen")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_PROGRAMMES: Final = frozenset({"vocabulary.yaml"})


@dataclass(frozen=True)
class Checked:
    """What a check of files found: the programmes that can be used, mistakes, and doubts."""

    programmes: tuple[Programme, ...]
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]


def read_programmes(directory: Path | None = None) -> tuple[Programme, ...]:
    """Read every programme of a folder, by default those that come with the package.

    Raises:
        FileError: With every mistake of every file.
    """
    if directory is None:
        with as_file(files("tallygrid").joinpath("programmes")) as folder:
            return from_text(
                remembered("programmes", sources(folder), lambda: as_text(read_programmes(folder)))
            )
    return _usable(check(programme_files(directory)))


def read_programme(path: Path) -> Programme:
    """Read one programme file.

    Raises:
        FileError: With every mistake in it.
    """
    return _usable(check([path]))[0]


def programme_files(directory: Path) -> tuple[Path, ...]:
    """Return the programme files of a folder, in order of name."""
    paths = sorted(directory.glob("*.yaml"))
    return tuple(path for path in paths if path.name not in _NOT_PROGRAMMES)


def _usable(checked: Checked) -> tuple[Programme, ...]:
    if checked.mistakes:
        raise FileError(checked.mistakes)
    return checked.programmes


def check(paths: Iterable[Path], vocabulary: Vocabulary | None = None) -> Checked:
    """Check programme files: each by itself, and together for what only shows between them."""
    known = vocabulary or packaged_vocabulary()
    good: list[tuple[Document, Programme]] = []
    mistakes: list[Mistake] = []
    for path in paths:
        try:
            document = _complete(path, known)
            good.append((document, _checked(document, path, known)))
        except FileError as error:
            mistakes += error.mistakes
    mistakes += _between(good)
    return Checked(
        programmes=tuple(sorted((programme for _, programme in good), key=lambda p: p.id)),
        mistakes=tuple(sorted(set(mistakes))),
        warnings=tuple(w for document, programme in good for w in warnings_of(document, programme)),
    )


def known_facts(programmes: Sequence[Programme]) -> Vocabulary:
    """Return every fact that a facts file may name: the vocabulary and the programmes' own."""
    own = {name: spec for programme in programmes for name, spec in programme.facts.items()}
    return {**packaged_vocabulary(), **own}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a programme file, for completion in editors."""
    schema = Programme.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _checked(document: Document, path: Path, vocabulary: Vocabulary) -> Programme:
    """Return the programme of a complete document, or every mistake in it."""
    mistakes = list(mistakes_of_data(document, vocabulary))
    if isinstance(document.data, dict) and document.data.get("id") not in {None, path.stem}:
        problem = f"The id is `{document.data['id']}`, the file is named {path.name}."
        mistakes.append(document.mistake(("id",), problem, "Give both the same name."))
    try:
        programme = document.parsed(Programme)
    except FileError as error:
        raise FileError([*mistakes, *error.mistakes]) from None
    if not mistakes:
        mistakes += mistakes_of(document, programme)
    if mistakes:
        raise FileError(mistakes)
    return programme


def _complete(path: Path, vocabulary: Vocabulary) -> Document:
    """Read a file and add what it takes from elsewhere: the issued edition, the vocabulary."""
    document = read(path)
    if not isinstance(document.data, dict):
        raise FileError([document.mistake((), "This is not a programme.", "See the how-to.")])
    data = document.data
    if data.get("edition") == "reported" and isinstance(data.get("contradicts"), str):
        data = _over_issued(document, path.with_name(f"{data['contradicts']}.yaml"))
    return Document(document.file, _with_facts(document, data, vocabulary), document.places)


def _over_issued(document: Document, issued_path: Path) -> dict[str, Any]:
    """Return a reported edition laid over the issued one, section by section."""
    try:
        issued = read(issued_path).data
    except FileError as error:
        problem = f"The issued edition cannot be read: {error.mistakes[0].problem}"
        raise FileError(
            [document.mistake(("contradicts",), problem, f"Mend {issued_path.name} first.")]
        ) from None
    own = document.data
    merged = {**issued, **own}
    if isinstance(own.get("sources"), dict):
        merged["sources"] = {**issued.get("sources", {}), **own["sources"]}
    if "open" not in own:
        still_open = set(open_fields(merged))
        merged["open"] = [i for i in issued.get("open", []) if i.get("field") in still_open]
    return merged


def _with_facts(document: Document, data: dict[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """Add the meaning of every fact named, so that the programme stands by itself."""
    own = data.get("facts") or {}
    if not isinstance(own, dict):
        return data
    twice = [name for name in own if name in vocabulary]
    if twice:
        remedy = "Leave it out, or choose another name."
        raise FileError(
            document.mistake(("facts", name), f"`{name}` is in the vocabulary already.", remedy)
            for name in twice
        )
    used = dict.fromkeys([*_ALWAYS, *_BASES, *_words(data)])
    sources = [DERIVED_FROM[name] for name in used if name in DERIVED_FROM]
    if data.get("stacking"):
        sources += [OTHER_FUNDS_FACT, CLAIMED_FACT]
    named: Mapping[str, FactSpec] = {
        name: vocabulary[name] for name in [*used, *sources] if name in vocabulary
    }
    return {**data, "facts": {**named, **own}}


def _words(data: Any) -> Iterator[str]:  # noqa: ANN401  # plain data of any shape
    """Yield every word of every condition, reading and rate table."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in {"when", "by", "readings"}:
                yield from _WORD.findall(str(value))
            yield from _words(value)
    elif isinstance(data, list):
        for item in data:
            yield from _words(item)


def _between(good: list[tuple[Document, Programme]]) -> Iterator[Mistake]:
    """Yield what is wrong only beside the other files."""
    seen: dict[str, str] = {}
    facts: dict[str, FactSpec] = {}
    for document, programme in good:
        if programme.id in seen:
            problem = f"`{programme.id}` is the id of {seen[programme.id]} too."
            yield document.mistake(("id",), problem, "Give each programme its own id.")
        seen[programme.id] = document.file
        for name, spec in programme.facts.items():
            if facts.setdefault(name, spec).type != spec.type:
                problem = f"`{name}` has another type in another programme."
                yield document.mistake(("facts", name), problem, "Choose another name.")
