"""`tallygrid books`: verify, export, heads; what moves budgets stands in `treasury.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

import click

from tallygrid import ledger
from tallygrid.cli import treasury
from tallygrid.cli.common import REFUSED, Desk, json_option, require_published, write_json
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
    help="Heads saved outside the database (see `books heads`): a rewritten end shows too.",
)
@json_option
@click.pass_obj
def verify(desk: Desk, *, programme: str | None, heads: Path | None, as_json: bool) -> None:
    """Re-hash and re-sum everything; silent if the books are sound."""
    saved = ledger.read_heads(heads) if heads else None
    with desk.server().connect("auditor") as connection:
        require_published(programme, ledger.programmes(connection))
        problems = ledger.verify(connection, programme, saved)
    if as_json:
        write_json([{"code": one.code, **one.values} for one in problems])
    else:
        for one in problems:
            click.echo(render(one.code, desk.language, **one.values))
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
        raise click.UsageError("Parquet is not text: name a file, as in `--out books.parquet`.")
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
    """Add the present head of every programme to FILE; keep it outside this machine."""
    with desk.server().connect("auditor") as connection:
        found = ledger.heads(connection)
    ledger.write_heads(file, found)
    click.echo(render("cli.heads_saved", desk.language, count=len(found), file=file))
