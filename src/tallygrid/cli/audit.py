"""`tallygrid audit`: evidence for one voucher or payment, and its check without the books."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tallygrid import clock
from tallygrid.cli.common import REFUSED, Desk, json_option, told_of, visible, write_json
from tallygrid.core.books import Problem
from tallygrid.core.seal import BundleError
from tallygrid.files.evidence import check_bundle, read_bundle
from tallygrid.files.keys import KEYS_FILE, published_folder, read_keys, signing_key
from tallygrid.files.whole import whole
from tallygrid.text import render

if TYPE_CHECKING:
    from tallygrid.service.evidence import Seal


_SHOWN_MAX: Final = 300


@click.group()
def audit() -> None:
    """Hand out evidence for a voucher or a payment, and check it anywhere."""


@audit.command()
@click.option("--voucher", metavar="ID", help="The voucher that it is about.")
@click.option("--payment", metavar="ID", help="The payment that it is about.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Write to this file.")
@click.pass_obj
def bundle(desk: Desk, *, voucher: str | None, payment: str | None, out: Path) -> None:
    """Write all that led to one voucher or payment into one sealed file."""
    from psycopg import IsolationLevel  # noqa: PLC0415  # `check` needs no database

    from tallygrid.service import evidence  # noqa: PLC0415  # the same

    if (voucher is None) == (payment is None):
        raise click.UsageError(render("cli.one_subject", desk.language))
    with desk.server().connect("auditor") as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        kind: evidence.Kind = "voucher" if voucher else "payment"
        name = voucher or payment or ""
        text = evidence.bundle(connection, kind, name, _seal(desk), at=clock.now())
    with whole(out) as beside:
        beside.write_text(text, encoding="utf-8")
    click.echo(render("evidence.written", desk.language, file=out))


@audit.command()
@click.argument("file", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    help="The public keys that you trust; without it the first in the bundle.",
)
@json_option
@click.pass_obj
def check(desk: Desk, *, file: Path, keys: Path | None, as_json: bool) -> None:
    """Check BUNDLE from what is in it alone: no database is asked."""
    try:
        found = read_bundle(file)
        problems = tuple(check_bundle(found, read_keys(keys) if keys else None))
    except BundleError as error:
        problems = (Problem(error.code, {"file": str(file), **error.values}),)
    problems = tuple(map(_brief, problems))
    if as_json:
        write_json([{"code": one.code, **one.values} for one in problems])
    else:
        for one in problems:
            click.echo(told_of(one, desk.language))
    if problems:
        sys.exit(REFUSED)
    if not as_json:
        click.echo(_told(desk, found, is_pinned=keys is not None))


def _brief(problem: Problem) -> Problem:
    """Return a problem whose values a screen can show: a file may say anything at any length."""
    texts = {name: visible(str(value)) for name, value in problem.values.items()}
    shown = {
        name: text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
        for name, text in texts.items()
    }
    return Problem(problem.code, shown)


def _seal(desk: Desk) -> "Seal":
    from tallygrid.service.evidence import Seal  # noqa: PLC0415  # `check` needs no database

    home = desk.settings.home
    key = signing_key(home, at=clock.now())
    folder = published_folder(home)
    return Seal(key, read_keys(folder / KEYS_FILE), folder)


def _told(desk: Desk, found: dict[str, Any], *, is_pinned: bool) -> str:
    """Return what a sound bundle shows, and whose word it is."""
    parts = found["parts"]
    words = [
        render(
            f"evidence.sound_{parts['subject']['kind']}",
            desk.language,
            name=parts["subject"]["id"],
            events=sum(len(events) for events in parts["events"].values()),
            lines=len(parts["lines"]),
        )
    ]
    if not is_pinned:
        words.append(render("evidence.not_pinned", desk.language, key=parts["keys"][0]["id"]))
    return "\n".join(map(visible, words))
