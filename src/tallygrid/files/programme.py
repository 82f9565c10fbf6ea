"""Programme files: read, put together with the vocabulary, and checked, all mistakes at once."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from tallygrid.core.arithmetic import HIGHER_AWARD_FACT, OTHER_AWARD_FACT, OTHER_FUNDS_FACT, TAXES
from tallygrid.core.facts import DERIVED_FROM, Vocabulary
from tallygrid.core.findings import CLAIMED_FACT, PURCHASE_FACT
from tallygrid.core.programme import FactSpec, Programme, open_fields
from tallygrid.files.cache import remembered
from tallygrid.files.document import Document, FileError, Mistake, read
from tallygrid.files.facts import packaged_vocabulary
from tallygrid.files.packaged import as_text, from_text, sources
from tallygrid.files.patching import patched
from tallygrid.files.programme_checks import (
    doubts_of,
    mistakes_of,
    mistakes_of_data,
    mistakes_of_parts,
)
from tallygrid.files.programme_schema import programme_schema
from tallygrid.files.stacking_checks import stacking_doubts, stacking_mistakes

_ALWAYS: Final = ("contract_fen", "contract_tax_fen", PURCHASE_FACT)
_BASES: Final = ("approved_fen", "settled_fen", "rent_fen", "fee_fen")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MARKS_OF_ONE: Final = {"id", "edition", "kind", "rate", "budget"}
_NO_PROGRAMME: Final = "This is not a programme."
_EXAMPLE: Final = "Begin with `id:`; docs/howto/programme-file.md names every field."
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
    return _usable(programme_files(directory))


def read_programme(path: Path) -> Programme:
    """Read one programme file.

    Raises:
        FileError: With every mistake in it.
    """
    return _usable([path])[0]


def checked_programme(document: Document) -> Programme:
    """Return the programme of a document that is whole but for the meaning of its facts.

    Raises:
        FileError: With every mistake in it.
    """
    vocabulary = packaged_vocabulary()
    data = _with_facts(document, document.data, vocabulary)
    name = Path(f"{data['id']}.yaml")
    return _checked(replace(document, data=data), name, vocabulary)


def programme_files(directory: Path) -> tuple[Path, ...]:
    """Return the programme files of a folder, in order of name."""
    paths = sorted(directory.glob("*.yaml"))
    return tuple(path for path in paths if path.name not in _NOT_PROGRAMMES)


def _usable(paths: Sequence[Path]) -> tuple[Programme, ...]:
    good, mistakes = _read(paths, packaged_vocabulary())
    if mistakes:
        raise FileError(mistakes)
    return _in_order(good)


def check(paths: Sequence[Path], vocabulary: Vocabulary | None = None) -> Checked:
    """Check programme files: each by itself, and together for what only shows between them."""
    good, mistakes = _read(paths, vocabulary or packaged_vocabulary())
    doubts = {doubt for document, programme in good for doubt in doubts_of(document, programme)}
    return Checked(
        programmes=_in_order(good),
        mistakes=tuple(sorted(set(mistakes))),
        warnings=tuple(sorted({*doubts, *_doubts_between(good)} - set(mistakes))),
    )


_Good = Sequence[tuple[Document, Programme]]


def _read(paths: Sequence[Path], vocabulary: Vocabulary) -> tuple[_Good, list[Mistake]]:
    """Read files; return those that are good by themselves, and every mistake."""
    good: list[tuple[Document, Programme]] = []
    mistakes: list[Mistake] = []
    for path in paths:
        try:
            document = _complete(path, vocabulary)
            good.append((document, _checked(document, path, vocabulary)))
        except FileError as error:
            mistakes += error.mistakes
    return good, [*mistakes, *_between(good), *stacking_mistakes(good, _known_ids(paths))]


def _in_order(good: _Good) -> tuple[Programme, ...]:
    return tuple(sorted((programme for _, programme in good), key=lambda p: p.id))


def _known_ids(paths: Sequence[Path]) -> set[str]:
    """Return the ids of the files, of those beside them, and of those that are shipped."""
    folders = {path.parent for path in paths}
    with as_file(files("tallygrid").joinpath("programmes")) as packaged:
        beside = (file for folder in {*folders, packaged} for file in programme_files(folder))
        return {path.stem for path in (*paths, *beside)}


def known_facts(programmes: Sequence[Programme]) -> Vocabulary:
    """Return every fact that a facts file may name: the vocabulary and the programmes' own."""
    own = {name: spec for programme in programmes for name, spec in programme.facts.items()}
    return {**packaged_vocabulary(), **own}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a programme file, for completion in editors."""
    return programme_schema(packaged_vocabulary())


def _checked(document: Document, path: Path, vocabulary: Vocabulary) -> Programme:
    """Return the programme of a complete document, or every mistake in it."""
    mistakes = list(mistakes_of_data(document, vocabulary))
    if isinstance(document.data.get("id"), str) and document.data["id"] != path.stem:
        problem = f"The id is `{document.data['id']}`, the file is named {path.name}."
        mistakes.append(document.mistake(("id",), problem, "Give both the same name."))
    try:
        programme = document.parsed(Programme)
    except FileError as error:
        rest = patched(document.data)
        mistakes += mistakes_of_parts(document, rest) if rest else ()
        raise FileError([*mistakes, *error.mistakes]) from None
    mistakes += mistakes_of(document, programme)
    if mistakes:
        raise FileError(mistakes)
    return programme


def _complete(path: Path, vocabulary: Vocabulary) -> Document:
    """Read a file and add what it takes from elsewhere: the issued edition, the vocabulary."""
    document = read(path)
    if not isinstance(document.data, dict) or not document.data.keys() & _MARKS_OF_ONE:
        raise FileError([document.mistake((), _NO_PROGRAMME, _EXAMPLE)])
    data = document.data
    if data.get("edition") == "reported" and isinstance(data.get("contradicts"), str):
        data = _over_issued(document, path.with_name(f"{data['contradicts']}.yaml"))
    return replace(document, data=_with_facts(document, data, vocabulary))


def _over_issued(document: Document, issued_path: Path) -> dict[str, Any]:
    """Return a reported edition laid over the issued one, section by section."""
    try:
        issued = read(issued_path).data
    except FileError as error:
        problem = f"The issued edition cannot be read: {error.mistakes[0].problem}"
        raise FileError(
            [document.mistake(("contradicts",), problem, f"Mend {issued_path.name} first.")]
        ) from None
    if not isinstance(issued, dict) or issued.get("edition") != "issued":
        problem = f"{issued_path.name} is not an issued edition."
        remedy = "Name the issued programme that the report is about."
        raise FileError([document.mistake(("contradicts",), problem, remedy)])
    own = document.data
    merged = {**issued, **own}
    both = issued.get("sources"), own.get("sources")
    if all(isinstance(sources, dict) for sources in both):
        merged["sources"] = {**issued["sources"], **own["sources"]}
    if "open" not in own and isinstance(issued.get("open"), list):
        still_open = tuple(open_fields(merged))
        merged["open"] = [
            item
            for item in issued["open"]
            if not isinstance(item, dict) or item.get("field") in still_open
        ]
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
    if "other_award" in _bases(data):
        sources.append(OTHER_AWARD_FACT)
    sources += [TAXES[name] for one in _amounts(data) if (name := f"{one}_fen") in TAXES]
    stacking = data.get("stacking")
    if isinstance(stacking, dict) and stacking:
        sources += [OTHER_FUNDS_FACT, CLAIMED_FACT]
        sources += [HIGHER_AWARD_FACT] if "higher_only" in stacking else []
    named: Mapping[str, FactSpec] = {
        name: vocabulary[name] for name in [*used, *sources] if name in vocabulary
    }
    return {**data, "facts": {**named, **own}}


def _bases(data: Mapping[str, Any]) -> Iterator[object]:
    """Yield what the rate applies to, or may turn out to."""
    base = data.get("base")
    yield base.get("value") if isinstance(base, dict) else None
    items = data.get("open")
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and item.get("field") == "base.value":
            readings = item.get("readings")
            yield from readings if isinstance(readings, list) else []


def _amounts(data: Mapping[str, Any]) -> Iterator[object]:
    """Yield the amounts that a rate or a ceiling applies to, or may turn out to."""
    yield from _bases(data)
    stacking = data.get("stacking")
    ceilings = stacking.get("ceilings") if isinstance(stacking, dict) else None
    for ceiling in ceilings if isinstance(ceilings, list) else []:
        yield ceiling.get("of") if isinstance(ceiling, dict) else None


def _words(data: Any) -> Iterator[str]:  # noqa: ANN401  # plain data of any shape
    """Yield every word of every condition, reading and rate table."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in {"when", "by", "rank_by", "readings"}:
                yield from _WORD.findall(str(value))
            yield from _words(value)
    elif isinstance(data, list):
        for item in data:
            yield from _words(item)


def _between(good: _Good) -> Iterator[Mistake]:
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


def _doubts_between(good: _Good) -> Iterator[Mistake]:
    """Yield what is doubtful only beside the other files."""
    yield from stacking_doubts(good)
    issued = [(document, one) for document, one in good if one.edition == "issued"]
    for (document, one), (_, other) in itertools.permutations(issued, 2):
        begun, ended = one.in_force.first_day, other.in_force.last_day
        earlier = other.in_force.first_day
        if begun is None or ended is None or _lineage(one) != _lineage(other):
            continue
        if begun <= ended and (earlier is None or (earlier, other.id) < (begun, one.id)):
            problem = f"`{other.id}`, an edition of the same name, is in force until {ended} too."
            remedy = "End it the day before, or tell the names apart."
            yield document.mistake(("in_force", "first_day"), problem, remedy)


def _lineage(programme: Programme) -> tuple[str, str, str]:
    """Return what all editions of one scheme share: its name without years and brackets."""
    name = re.sub(r"[（(].*?[)）]|\d+|年度?", "", programme.name.zh)
    return programme.place.code, programme.kind, name
