"""Assumption files: readings chosen for what the texts leave open, checked against programmes."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from pydantic import ValidationError

from tallygrid.core.assumptions import Assumptions
from tallygrid.core.programme import OpenItem, Programme, Scalar
from tallygrid.core.sql import nearest
from tallygrid.files.document import Document, FileError, Mistake, Where, read


def read_assumptions(path: Path, programmes: Sequence[Programme]) -> Assumptions:
    """Read an assumptions file.

    Raises:
        FileError: With every programme, open item or reading in it that does not exist.
    """
    document = read(path)
    assumptions = document.parsed(Assumptions)
    mistakes = list(_mistakes(document, assumptions, {p.id: p for p in programmes}))
    if mistakes:
        raise FileError(mistakes)
    return assumptions


def packaged_names() -> tuple[str, ...]:
    """Return the ids of the assumptions that come with the programmes."""
    packaged = files("tallygrid").joinpath("programmes", "assumptions").iterdir()
    return tuple(sorted(Path(one.name).stem for one in packaged if one.name.endswith(".yaml")))


def packaged_assumptions(name: str, programmes: Sequence[Programme]) -> Assumptions:
    """Read an assumptions file that comes with the programmes, by its id."""
    packaged = files("tallygrid").joinpath("programmes", "assumptions", f"{name}.yaml")
    with as_file(packaged) as path:
        return read_assumptions(path, programmes)


def _mistakes(
    document: Document, assumptions: Assumptions, programmes: Mapping[str, Programme]
) -> Iterator[Mistake]:
    for name in assumptions.because.keys() - assumptions.fills.keys():
        remedy = nearest(name, assumptions.fills)
        yield document.mistake(("because", name), f"Nothing is filled for `{name}`.", remedy)
    for name, fills in assumptions.fills.items():
        where: Where = ("fills", name)
        if name not in programmes:
            problem = f"There is no programme `{name}`."
            yield document.mistake(where, problem, nearest(name, programmes))
            continue
        for item, reading in fills.items():
            yield from fill_mistakes(document, (*where, item), programmes[name], item, reading)


def fill_mistakes(
    document: Document, where: Where, programme: Programme, item: str, reading: Scalar
) -> Iterator[Mistake]:
    """Yield what is wrong with filling one open item."""
    items: dict[str, OpenItem] = {item.id: item for item in programme.open}
    if item not in items:
        problem = f"`{programme.id}` has no open item `{item}`."
        yield document.mistake(where, problem, nearest(item, items))
        return
    readings = items[item].readings
    if readings and not any(type(r) is type(reading) and r == reading for r in readings):
        allowed = ", ".join(str(allowed) for allowed in readings)
        yield document.mistake(where, f"`{reading}` is not a reading.", f"Allowed: {allowed}.")
        return
    try:
        programme.with_readings({item: reading})
    except ValidationError as error:
        yield document.mistake(where, f"`{reading}` cannot stand.", error.errors()[0]["msg"])
