"""`tallygrid programme`: the published schemes."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallygrid.cli.common import (
    REFUSED,
    WRONG_INPUT,
    Desk,
    assumptions,
    at_option,
    beside_packaged,
    instant,
    json_option,
    not_blank,
    own_programmes,
    programme_of,
    programmes,
    write_json,
)
from tallygrid.core.money import FEN_PER_YUAN, GREATEST_FEN
from tallygrid.core.programme import Programme
from tallygrid.files.programme import Checked, json_schema
from tallygrid.files.programme import check as check_files
from tallygrid.settings import Language
from tallygrid.text import render
from tallygrid.text.programme import programme_line, programme_lines
from tallygrid.text.scenario import difference_said

if TYPE_CHECKING:
    from tallygrid.core.difference import Change
    from tallygrid.files.scenario import Difference, Scenario
    from tallygrid.service.office import Office
    from tallygrid.service.publishing import Scheme
    from tallygrid.service.wish import Answer

    _Tried = Sequence[tuple[Scenario, Sequence[Difference]]]


@click.group()
def programme() -> None:
    """Read, check, compare and publish programmes."""


@programme.command("list")
@json_option
@click.pass_obj
def list_(desk: Desk, *, as_json: bool) -> None:
    """List every programme that is known, as issued and as reported."""
    found = programmes()
    if as_json:
        write_json([_summary(one) for one in found])
        return
    for one in found:
        desk.out.print(programme_line(one, desk.language), markup=False, soft_wrap=True)


@programme.command()
@click.argument("name", metavar="ID_OR_FILE")
@json_option
@click.pass_obj
def show(desk: Desk, name: str, *, as_json: bool) -> None:
    """Show one programme with all its figures and where they stand."""
    found = programme_of(name)
    if as_json:
        write_json({**found.model_dump(mode="json", exclude_defaults=True), "hash": found.hash})
        return
    for line in programme_lines(found, desk.language):
        desk.out.print(line, markup=False, soft_wrap=True)


@programme.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def check(desk: Desk, files: tuple[Path, ...], *, as_json: bool) -> None:
    """Report every mistake in programme files, each with line and remedy.

    Warnings are told too, but do not count: a report may well contradict itself.
    """
    found = check_files(files)
    if as_json:
        write_json(
            {
                "mistakes": [vars(one) for one in found.mistakes],
                "warnings": [vars(one) for one in found.warnings],
            }
        )
    else:
        for line in _told(found, desk.language):
            click.echo(line)
    if found.mistakes:
        sys.exit(WRONG_INPUT)


def _told(found: Checked, language: Language) -> Iterator[str]:
    """Yield what a check found in the order of the files, as editors and compilers write it."""
    doubts = {*found.warnings}
    for one in sorted({*found.mistakes, *doubts}):
        marked = f"warning: {one.problem}" if one in doubts else one.problem
        yield str(replace(one, problem=marked))
    counts = {"count": len(found.programmes), "warnings": len(doubts)}
    if not found.mistakes:
        yield render("cli.checked", language, **counts)


@programme.command("try")
@click.argument(
    "files", nargs=-1, required=True, metavar="SCENARIOS.yaml...", type=click.Path(path_type=Path)
)
@json_option
@click.pass_obj
def try_(desk: Desk, files: tuple[Path, ...], *, as_json: bool) -> None:
    """Decide the cases of scenario files, and say where a decision is not the expected one.

    Cases may be of the packaged programmes and of those whose files are named too. The exit
    code is 0 if every case is as expected, 1 if one is not, 2 if a file is wrong.
    """
    cases = _cases(desk, files)
    tried = [(case, case.differences()) for case in cases]
    if as_json:
        write_json([_tried(case, differences) for case, differences in tried])
    else:
        for line in _trial(tried, desk.language):
            click.echo(line)
    if any(differences for _, differences in tried):
        sys.exit(REFUSED)


def _cases(desk: Desk, files: Sequence[Path]) -> "list[Scenario]":
    """Return the cases of those files that hold cases; all others are programmes."""
    from tallygrid.files.scenario import holds_scenarios, read_scenarios

    given = [(file, holds_scenarios(file)) for file in files]
    if not any(is_cases for _, is_cases in given):
        raise click.UsageError(render("scenario.none", desk.language))
    known = beside_packaged(own_programmes([file for file, is_cases in given if not is_cases]))
    return [case for file, is_cases in given if is_cases for case in read_scenarios(file, known)]


def _trial(tried: "_Tried", language: Language) -> Iterator[str]:
    """Yield every case with how it came out, under its file and programme."""
    for (file, name), group in groupby(tried, key=lambda one: (one[0].file, one[0].programme.id)):
        yield render("scenario.heading", language, file=file, programme=name)
        for case, differences in group:
            code = "differs" if differences else "passed"
            yield "  " + render(f"scenario.{code}", language, name=case.name)
            for one in differences:
                said = difference_said(one.field, one.expected, one.decided, language)
                yield "      " + said
    passed = sum(not differences for _, differences in tried)
    yield render("scenario.count", language, count=len(tried), passed=passed)


def _tried(case: "Scenario", differences: "Sequence[Difference]") -> dict[str, object]:
    return {
        "file": case.file,
        "programme": case.programme.id,
        "name": case.name,
        "passed": not differences,
        "differences": [
            {
                "field": one.field,
                "expected": _plain(one.expected),
                "decided": _plain(one.decided),
            }
            for one in differences
        ],
    }


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, set | tuple) else value


@programme.command()
@click.argument("word", default="")
@json_option
@click.pass_obj
def facts(desk: Desk, word: str, *, as_json: bool) -> None:
    """List the facts that conditions may name, or those that a WORD occurs in."""
    from tallygrid.core.sql import nearest
    from tallygrid.files.facts import packaged_vocabulary
    from tallygrid.text.vocabulary import naming, vocabulary_lines

    vocabulary = packaged_vocabulary()
    found = naming(vocabulary, word)
    if not found:
        message = f"No fact is called, means or may be {word!r}. {nearest(word, vocabulary)}"
        raise click.BadParameter(message, param_hint="WORD")
    if as_json:
        plain = (spec.model_dump(mode="json", exclude_defaults=True) for spec in found.values())
        write_json([{"name": name, **spec} for name, spec in zip(found, plain, strict=True)])
        return
    for line in vocabulary_lines(found, desk.language):
        click.echo(line)


@programme.command()
def schema() -> None:
    """Print the JSON Schema of programme files, for editors."""
    write_json(json_schema())


@programme.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@json_option
@click.pass_obj
def diff(desk: Desk, before: str, after: str, *, as_json: bool) -> None:
    """Say what changes from programme A to programme B, each by its id or its file.

    What moves money comes first; places where only words differ are counted. As with other
    programmes of this name, the exit code is 0 if nothing differs, and 1 if something does.
    """
    from tallygrid.core.difference import difference
    from tallygrid.text.difference import difference_lines

    one, other = programme_of(before), programme_of(after)
    changes = difference(one, other)
    if as_json:
        write_json([_change(change) for change in changes])
    else:
        for line in difference_lines(one, other, desk.language):
            desk.out.print(line, markup=False, soft_wrap=True)
    if changes:
        sys.exit(REFUSED)


def _change(change: "Change") -> dict[str, object]:
    return {
        "field": ".".join(change.path),
        "before": change.before,
        "after": change.after,
        "wording": change.wording,
    }


@programme.command()
@click.argument("name", metavar="ID_OR_FILE")
@click.option("--assume", metavar="NAME_OR_FILE", help="Assumptions that fill its open items.")
@click.option(
    "--budget",
    nargs=2,
    type=(click.IntRange(2000, 2199), click.IntRange(1, GREATEST_FEN // FEN_PER_YUAN - 1)),
    metavar="YEAR YUAN",
    help="Also appropriate this many whole yuan for a year.",
)
@click.option("--document", callback=not_blank, help="The number of the treasury's document.")
@at_option
@click.pass_obj
def publish(  # one argument per option
    desk: Desk,
    name: str,
    assume: str | None,
    budget: tuple[int, int] | None,
    document: str | None,
    at: str | None,
) -> None:
    """Publish a version of a programme, and open its books. Reported editions are refused."""
    from tallygrid.cli.refusing import leave_refused
    from tallygrid.service import publishing
    from tallygrid.service.publishing import Scheme

    found = programme_of(name)
    scheme = Scheme(found, assumptions(assume, found))
    when = instant(at)
    with desk.office() as office:
        publishing.publish(office, scheme, at=when)
        answer = _appropriate(office, scheme, budget, document, when) if budget else None
    click.echo(render("cli.published", desk.language, id=scheme.id, hash=scheme.programme.hash))
    for item in scheme.applied.open:
        if not scheme.assumptions or item.id not in scheme.assumptions.of(scheme.id):
            question = item.question.zh if desk.language == "zh" else item.question.en
            click.echo(render("cli.still_open", desk.language, item=item.id, question=question))
    if answer is not None and not answer.accepted:
        leave_refused(desk, answer.refused)


def _appropriate(
    office: "Office",
    scheme: "Scheme",
    budget: tuple[int, int],
    document: str | None,
    at: datetime,
) -> "Answer":
    from tallygrid.service import budgeting
    from tallygrid.service.budgeting import Tranche

    year, yuan = budget
    parts = budgeting.divided(scheme, yuan * FEN_PER_YUAN)
    tranche = Tranche(year, document or f"{scheme.id}/{year}", parts)
    return budgeting.appropriate(office, scheme, tranche, at=at)


def _summary(one: Programme) -> dict[str, object]:
    return {
        "id": one.id,
        "edition": one.edition,
        "kind": one.kind,
        "place": one.place.code,
        "name": one.name.model_dump(),
        "hash": one.hash,
        "open": [item.id for item in one.open],
    }
