"""FACTS.json: what is known of one applicant and purchase, checked against the vocabulary."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from fractions import Fraction
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from pydantic import RootModel

from tallygrid.core.arithmetic import TAXES
from tallygrid.core.condition import Facts, fits
from tallygrid.core.credit_code import ALPHABET, LENGTH, check_character, is_well_formed
from tallygrid.core.facts import Vocabulary
from tallygrid.core.money import FEN_PER_YUAN, GREATEST_FEN
from tallygrid.core.programme import FactSpec, Name, Scalar
from tallygrid.core.sizes import SECTOR_FACT, with_size
from tallygrid.core.sql import nearest
from tallygrid.files.cache import remembered
from tallygrid.files.document import Document, FileError, Mistake, read
from tallygrid.files.mistake import shown
from tallygrid.files.sizes import packaged_sizes

_DECIMAL: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,100})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CREDIT_CODES: Final = frozenset({"credit_code"})


class _Vocabulary(RootModel[dict[Name, FactSpec]]):
    """The vocabulary file."""


@cache
def packaged_vocabulary() -> Vocabulary:
    """Return the vocabulary that comes with the programmes."""
    with as_file(files("tallygrid").joinpath("programmes", "vocabulary.yaml")) as path:

        def made() -> str:
            return read(path).parsed(_Vocabulary).model_dump_json()

        return _Vocabulary.model_validate_json(remembered("vocabulary", [path], made)).root


def read_facts(path: Path, vocabulary: Vocabulary | None = None) -> Facts:
    """Read a facts file; money may be given in yuan under the name ending in `_yuan`.

    Raises:
        FileError: With every unknown name, wrong type, and negative or fractional amount.
    """
    return facts_of(read(path), vocabulary or packaged_vocabulary())


def facts_of(document: Document, vocabulary: Vocabulary) -> Facts:
    """Check the facts of a document; see `read_facts`."""
    if not isinstance(document.data, dict):
        raise FileError([document.mistake((), "This is not a set of facts.", 'Write {"name": …}.')])
    given, mistakes = checked_facts(document, (), document.data, vocabulary)
    if mistakes:
        raise FileError(mistakes)
    return given


def checked_facts(
    document: Document,
    where: tuple[str | int, ...],
    data: dict[str, object],
    vocabulary: Vocabulary,
) -> tuple[Facts, list[Mistake]]:
    """Return the facts that stand at a place of a document, and every mistake in them."""
    found: dict[str, Scalar] = {}
    mistakes: list[Mistake] = []
    for written, value in data.items():
        if value is None:
            continue
        name = fact_of(written, vocabulary)
        problem, remedy = "", ""
        if name in found:
            problem, remedy = f"`{name}` is given twice.", "Give it once, in fen or in yuan."
        elif name not in vocabulary:
            problem, remedy = (
                f"There is no fact `{written}`.",
                nearest(written, all_names(vocabulary)),
            )
        else:
            try:
                found[name] = checked_value(written, value, name, vocabulary[name])
            except WrongValueError as wrong:
                problem, remedy = wrong.problem, wrong.remedy
        if problem:
            mistakes.append(document.mistake((*where, written), problem, remedy))
    told = {fact_of(name, vocabulary): name for name, value in data.items() if value is not None}
    for tax, problem, remedy in _too_much_tax(found, {one: data[told[one]] for one in found}, told):
        mistakes.append(document.mistake((*where, tax), problem, remedy))
    return _completed(found), mistakes


def _too_much_tax(
    found: Facts, said: Mapping[str, object], told: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    for amount, tax in taxes(found):
        if int(str(found[tax])) > int(str(found[amount])):
            wrong = TaxError(told[tax], said[tax], told[amount], said[amount])
            yield told[tax], wrong.problem, wrong.remedy


def taxes(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each amount among some facts of which the tax contained in it is there too."""
    for amount, tax in TAXES.items():
        if amount in names and tax in names:
            yield amount, tax


def _completed(given: Facts) -> Facts:
    """Return the facts with the size class, which needs no day to follow from them."""
    return with_size(packaged_sizes(), given) if SECTOR_FACT in given else given


def all_names(vocabulary: Vocabulary) -> dict[str, object]:
    """Return every name that a file may use, amounts in fen and in yuan."""
    in_yuan = {name[:-4] + "_yuan": None for name in vocabulary if name.endswith("_fen")}
    return {**vocabulary, **in_yuan}


def fact_of(written: str, vocabulary: Vocabulary) -> str:
    """Return the fact that a name in a file stands for: one in yuan stands for one in fen."""
    in_fen = re.sub(r"_yuan$", "_fen", written)
    return in_fen if in_fen in vocabulary else written


class WrongValueError(Exception):
    """A value cannot be that of a fact; says why, and what would be right."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


class TaxError(WrongValueError):
    """More tax is said to be contained in an amount than the amount."""

    def __init__(self, tax: str, value: object, amount: str, whole: object) -> None:
        super().__init__(
            f"`{tax}` is {shown(value)}, and `{amount}`, in which it is contained, {shown(whole)}.",
            f"Give the tax contained in `{amount}`; 0 if there is none.",
        )


def checked_value(written: str, value: object, name: str, spec: FactSpec) -> Scalar:
    """Return a value as that of a fact, which the file may give in yuan.

    Raises:
        WrongValueError: It is of another type, or cannot be.
    """
    if written.endswith("_yuan") and written != name:
        return _whole_fen(written, value)
    if spec.type == "date" and isinstance(value, str):
        value = _as_date(written, value)
    if not isinstance(value, bool | int | str | date) or not fits(value, spec):
        said = {"integer": "a whole number", "boolean": "true or false", "text": "a text in quotes"}
        wanted = said.get(spec.type, "a date such as 2026-03-01")
        raise WrongValueError(f"`{written}` is {shown(value)}.", f"Write {wanted}.")
    for problem, remedy in _limits(written, value, name, spec):
        raise WrongValueError(problem, remedy)
    return value


def _whole_fen(written: str, value: object) -> int:
    remedy = 'Write yuan with at most two decimals, such as 1000000 or "1234.56".'
    exact = _decimal(value)
    if exact is None:
        raise WrongValueError(f"`{written}` is {shown(value)}.", remedy)
    if not 0 <= exact < GREATEST_FEN // FEN_PER_YUAN:
        raise WrongValueError(
            f"`{written}` is {shown(value)}.", "Amounts are not negative, nor immense."
        )
    amount_fen = exact * FEN_PER_YUAN
    if amount_fen.denominator != 1:
        raise WrongValueError(
            f"`{written}` is {shown(value)}, which has a fraction of a fen.", remedy
        )
    return int(amount_fen)


def _decimal(value: object) -> Fraction | None:
    """Read a number exactly, in the one way in which a table's cells are read too."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return Fraction(value) if isinstance(value, int) or _DECIMAL.fullmatch(value) else None


def _as_date(written: str, value: str) -> date:
    try:
        # other forms, such as 20260301 and 2026-W09-7, are read in tables by nobody
        return date.fromisoformat(value if _DAY.fullmatch(value) else "")
    except ValueError:
        raise WrongValueError(
            f"`{written}` is {shown(value)}.", "Write a date: 2026-03-01."
        ) from None


def _limits(written: str, value: Scalar, name: str, spec: FactSpec) -> Iterator[tuple[str, str]]:
    if spec.type == "integer" and not spec.minimum <= int(str(value)) < GREATEST_FEN:
        yield f"`{written}` is {shown(value)}.", f"It is at least {spec.minimum}, and not immense."
    if spec.values and value not in spec.values:
        yield f"`{written}` is {shown(value)}.", nearest(str(value), spec.values)
    if spec.pattern and not re.fullmatch(spec.pattern, str(value), re.ASCII):
        yield f"`{written}` is {shown(value)}.", f"It must match {spec.pattern}."
    if name in _CREDIT_CODES and not is_well_formed(str(value)):
        yield f"`{written}` is {shown(value)}.", _mended(str(value))


def _mended(code: str) -> str:
    """Return what is wrong with a credit code, the right last character if only that is."""
    if len(code) != LENGTH:
        return f"It has {len(code)} characters; a unified social credit code has {LENGTH}."
    if strange := "".join(dict.fromkeys(one for one in code if one not in ALPHABET)):
        return f"No code holds {strange}: digits and capital letters without I, O, S, V, Z do."
    right = check_character(code[:-1])
    return (
        f"The check character is wrong: after the first seventeen it would be {right}. "
        "Compare all eighteen with the licence."
    )
