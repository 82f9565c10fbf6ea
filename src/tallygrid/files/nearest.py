"""What a mistyped word was probably meant to be."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from tallygrid.files.document import Document, Mistake, Where


def unknown_keys(document: Document, where: Where, known: Collection[str]) -> Iterable[Mistake]:
    """Yield a mistake for every key of a mapping in a document that is not known there."""
    found = document.data
    for step in where:
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, dict):
        for key in sorted(found.keys() - set(known)):
            name = ".".join(str(step) for step in (*where, key))
            problem = f"`{name}` is not known here."
            yield document.mistake((*where, key), problem, nearest(key, known))


def unknown_names(document: Document, where: Where, known: Collection[str]) -> Iterable[Mistake]:
    """Yield a mistake for a name, or each of a list, that nothing bears."""
    found = document.data
    for step in where:
        found = found.get(step) if isinstance(found, dict) else None
    for position, name in enumerate(found if isinstance(found, list) else [found]):
        if isinstance(name, str) and name and name not in known:
            problem = f"There is no {'.'.join(str(step) for step in where)} `{name}`."
            place = (*where, position) if isinstance(found, list) else where
            yield document.mistake(place, problem, nearest(name, known))


def unknown_models(named: Iterable[str], known: Collection[str]) -> Iterable[tuple[str, str]]:
    """Yield a problem and a remedy for every accelerator model that no site has."""
    spelled = {model.casefold() for model in known}
    for model in named:
        if known and model.casefold() not in spelled:
            yield f"No site has the accelerator `{model}`.", nearest(model, known)


def nearest(word: str, known: Collection[str]) -> str:
    """Return a remedy that names the known word nearest to one that is not known.

    >>> nearest("accelarators", ["accelerators", "cpus"])
    'Did you mean `accelerators`?'
    >>> nearest("x", ["a", "b"])
    'Known are: a, b.'
    >>> nearest("x", ["p", "p"])
    'Known are: p.'
    """
    close = closest(word, known)
    if close is not None:
        return f"Did you mean `{close}`?"
    return f"Known are: {', '.join(sorted({*known}))}."


def closest(word: str, known: Collection[str]) -> str | None:
    """Return the known word nearest to one that is not known; None if none is near."""
    spelled = {name.casefold(): name for name in sorted(known)}
    close = get_close_matches(word.casefold(), spelled, n=1)
    return spelled[close[0]] if close else None
