"""`tallygrid books`: verify, export, heads."""

import sys
from pathlib import Path

import click

from tallygrid import ledger
from tallygrid.cli.common import REFUSED, Desk, json_option, require_published, write_json
from tallygrid.text import render


@click.group()
def books() -> None:
    """Prove the books, and hand them to others."""


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
@click.option("--format", "as_format", type=click.Choice(["beancount"]), default="beancount")
@click.option("--programme", metavar="ID", help="Only this programme's books.")
@click.pass_obj
def export(desk: Desk, *, as_format: str, programme: str | None) -> None:  # noqa: ARG001  # one format so far
    """Write the journal on standard output, for `bean-check` to recompute."""
    with desk.server().connect("auditor") as connection:
        require_published(programme, ledger.programmes(connection))
        for text in ledger.export_beancount(connection, programme):
            click.echo(text)


@books.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def heads(desk: Desk, file: Path) -> None:
    """Add the present head of every programme to FILE; keep it outside this machine."""
    with desk.server().connect("auditor") as connection:
        found = ledger.heads(connection)
    ledger.write_heads(file, found)
    click.echo(render("cli.heads_saved", desk.language, count=len(found), file=file))
