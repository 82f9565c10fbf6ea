"""`tallygrid books`: verify, export, heads, statements; `treasury.py` moves budgets."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TextIO

import click

from tallygrid import clock, ledger
from tallygrid.cli import treasury
from tallygrid.cli.common import (
    REFUSED,
    ZONE,
    Desk,
    json_option,
    require_published,
    told_of,
    write_json,
)
from tallygrid.cli.trusting import trusted_beside
from tallygrid.core.heads import problems_of, signed
from tallygrid.core.statement import Month, Statement
from tallygrid.files.heads import read_heads, write_heads
from tallygrid.files.keys import KEYS_FILE, published_folder, signing_key
from tallygrid.files.keys import rotate as rotate_key
from tallygrid.files.whole import whole
from tallygrid.text import render

_FORMS: Final = ("beancount", "hledger", "csv", "parquet")


@click.group()
def books() -> None:
    """Keep budgets, prove the books, and hand them to others."""


for _command in treasury.COMMANDS:
    books.add_command(_command)


@books.command()
@click.option("--programme", metavar="ID", help="Only this programme's books.")
@click.option(
    "--heads",
    type=click.Path(path_type=Path),
    help="Heads saved outside the database, a file or a folder: a rewritten end shows too.",
)
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    help="The public keys that you trust; without it those beside the heads, or of this machine.",
)
@click.option("--offline", is_flag=True, help="Check the heads alone; no database is asked.")
@json_option
@click.pass_obj
def verify(  # each is an option of the command
    desk: Desk,
    *,
    programme: str | None,
    heads: Path | None,
    keys: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Re-hash and re-sum everything; silent if the books are sound."""
    if heads is None and (offline or keys):
        option = "--offline" if offline else "--keys"
        raise click.UsageError(render("cli.about_heads", desk.language, option=option))
    saved = read_heads(heads) if heads else ()
    problems = list(problems_of(saved, trusted_beside(desk, heads, keys))) if heads else []
    if not offline:
        from tallygrid.service import auditing  # noqa: PLC0415  # heads alone need no database

        with desk.server().connect("auditor") as connection:
            require_published(programme, ledger.programmes(connection))
            problems += ledger.verify(connection, programme, [one.head for one in saved])
            problems += auditing.verify(connection, programme)
            for one in auditing.behind(connection, programme):
                desk.say(render(one.code, desk.language, **one.values))
            if under_way := ", ".join(auditing.unsettled(connection, programme)):
                desk.say(render("auditing.unsettled", desk.language, vouchers=under_way))
    if as_json:
        write_json([{"code": one.code, **one.values} for one in problems])
    else:
        for one in problems:
            click.echo(told_of(one, desk.language))
    if problems:
        sys.exit(REFUSED)


@books.command()
@click.option("--format", "form", type=click.Choice(_FORMS), default="beancount", show_default=True)
@click.option("--programme", metavar="ID", help="Only this programme's books.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write to this file; Parquet needs one."
)
@click.pass_obj
def export(desk: Desk, *, form: str, programme: str | None, out: Path | None) -> None:
    """Write the journal, for other programs to recompute: to standard output, or to a file."""
    if form == "parquet" and out is None:
        raise click.UsageError(render("cli.parquet", desk.language))
    with desk.server().connect("auditor") as connection:
        require_published(programme, ledger.programmes(connection))
        journals = ledger.journals(connection, programme)
        if out is None:
            _write(form, journals, sys.stdout)
        else:
            with whole(out) as beside:
                _write_file(form, journals, beside)


def _write_file(form: str, journals: Iterator[ledger.Journal], path: Path) -> None:
    if form == "parquet":
        ledger.write_parquet(journals, path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        _write(form, journals, file)


def _write(form: str, journals: Iterator[ledger.Journal], file: TextIO) -> None:
    if form == "csv":
        ledger.write_csv(journals, file)
        return
    write = {"beancount": ledger.beancount, "hledger": ledger.hledger}[form]
    file.writelines(f"{line}\n" for line in write(journals))


@books.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def heads(desk: Desk, file: Path) -> None:
    """Add the present head of every programme, signed, to FILE; keep it outside this machine."""
    key, at = signing_key(desk.settings.home, at=clock.now()), clock.now()
    with desk.server().connect("auditor") as connection:
        found = [signed(head, key, at=at) for head in ledger.heads(connection)]
    write_heads(file, found)
    click.echo(render("cli.heads_saved", desk.language, count=len(found), file=file))


@books.command()
@click.option("--provider", required=True, metavar="ID", help="Of the catalogue, or a credit code.")
@click.option("--month", "written", required=True, metavar="YYYY-MM", help="The month.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Write to this file, a `.csv` or a `.pdf`.",
)
@click.option(
    "--font", type=click.Path(path_type=Path, exists=True), help="Another font for the PDF."
)
@click.pass_obj
def statement(desk: Desk, *, provider: str, written: str, out: Path, font: Path | None) -> None:
    """Write what was owed and paid to a provider in a month."""
    from psycopg import IsolationLevel  # noqa: PLC0415  # no other command needs these

    from tallygrid.files.catalogue import read_catalogue  # noqa: PLC0415
    from tallygrid.service import statement as drawing  # noqa: PLC0415

    write = _writer(desk, out, font)
    known = read_catalogue(desk.settings.catalogue).providers
    party = known[provider].credit_code if provider in known else provider
    with desk.server().connect("auditor") as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        month = _month(desk, written)
        found = drawing.statement(connection, party, month, ZONE, at=clock.now())
    with whole(out) as beside:
        write(found, beside)
    values = {"name": found.name, "month": str(month), "amount": found.closing.payable_fen}
    click.echo(render("statement.written", desk.language, file=out, **values))


@books.command()
@click.pass_obj
def publish(desk: Desk) -> None:
    """Sign every head that is new, and add it to the folder that `serve` shows to everybody."""
    home = desk.settings.home
    key, folder = signing_key(home, at=clock.now()), published_folder(home)
    with desk.server().connect("auditor") as connection:
        new, problems = ledger.publish(connection, folder, key, at=clock.now())
    for one in problems:
        click.echo(told_of(one, desk.language), err=True)
    click.echo(render("cli.heads_published", desk.language, count=len(new), folder=folder))
    if problems:
        sys.exit(REFUSED)


@books.command()
@click.pass_obj
def rotate(desk: Desk) -> None:
    """Put a new signing key in the place of the old one, which gives its word for it."""
    key = rotate_key(desk.settings.home, at=clock.now())
    file = published_folder(desk.settings.home) / KEYS_FILE
    click.echo(render("cli.key_rotated", desk.language, key=key.id, file=file))


def _month(desk: Desk, written: str) -> Month:
    try:
        return Month.of(written)
    except ValueError:
        message = render("statement.no_month", desk.language, written=written)
        raise click.BadParameter(message, param_hint="--month") from None


def _writer(desk: Desk, out: Path, font: Path | None) -> Callable[[Statement, Path], None]:
    """Return what writes a statement into a file of this name."""
    if out.suffix.lower() == ".csv":
        from tallygrid.report.statement.table import write_table  # noqa: PLC0415  # see below

        return write_table
    if out.suffix.lower() != ".pdf":
        message = render("statement.no_form", desk.language, file=out)
        raise click.BadParameter(message, param_hint="--out")
    from tallygrid.report.statement.sheet import write_sheet  # noqa: PLC0415  # a second to load

    return partial(write_sheet, language=desk.language, font=font)
