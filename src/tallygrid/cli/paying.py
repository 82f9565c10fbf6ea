"""`tallygrid pay` and `confirm`: the list for the treasury or bank, and its receipts."""

import os
import sys
from collections.abc import Collection
from pathlib import Path

import click

from tallygrid.cli.common import REFUSED, ZONE, Desk, at_option, instant, require_published
from tallygrid.cli.naming import name_for_a_file
from tallygrid.cli.refusing import tell_refused
from tallygrid.core.payment import list_of
from tallygrid.files.payments import FORMATS, PaymentBatch, PaymentFormat, format_of
from tallygrid.files.payments.accounts import read_accounts
from tallygrid.files.whole import whole
from tallygrid.service import paying, publishing
from tallygrid.text import render


@click.command()
@click.option("--programme", required=True, metavar="ID")
@click.option(
    "--batch", callback=name_for_a_file, help="A name for the batch: the same name pays once."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="csv",
    show_default=True,
    help="The treasury's CSV, or a pain.001 for a bank.",
)
@click.option(
    "--accounts",
    type=click.Path(path_type=Path),
    help="For a bank: a CSV of party, account, bank, with every funder and payee.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Where the list goes.",
)
@click.option("--again", is_flag=True, help="Send what of the batch has come back once more.")
@at_option
@click.pass_obj
def pay(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    *,
    programme: str,
    batch: str | None,
    form: str,
    accounts: Path | None,
    out: Path | None,
    again: bool,
    at: str | None,
) -> None:
    """Send all that a programme owes to the treasury or a bank, as a payment list."""
    when = instant(at)
    name = batch or f"P-{programme}-{when:%Y%m%dT%H%M%S}"
    known = read_accounts(accounts) if accounts else {}
    _require_folder(desk, out or Path(name))
    with desk.office() as office:
        require_published(programme, publishing.published(office))
        if FORMATS[form].needs_accounts:
            _require_accounts(desk, paying.parties_owed(office, programme, batch=name), known)
        paying.prepare(office, programme=programme, batch=name, at=when)
        answer = paying.again(office, batch=name, at=when) if again else None
        refused = answer.refused if answer else paying.refused(office, batch=name)
        attempt, sent = paying.last_list(office, name)
        orders = paying.orders(office, sent)
        owed_fen = paying.owed_fen(office, programme)
    if again:
        _tell_again(desk, len(sent) if attempt > 1 else 0)
    if refused is not None:
        tell_refused(desk, refused)
    if sent:
        listed = PaymentBatch(
            list_of(name, attempt), sent[0].sent_at.astimezone(ZONE), orders, known
        )
        _hand_out(desk, FORMATS[form], listed, out)
    _tell_owed(desk, name, owed_fen, is_all=not sent)
    if answer is not None and not answer.accepted:
        sys.exit(REFUSED)


def _tell_again(desk: Desk, count: int) -> None:
    click.echo(render("money.done.again", desk.language, count=count))


def _tell_owed(desk: Desk, batch: str, owed_fen: int, *, is_all: bool) -> None:
    """Tell what is owed and on no list; leave if there is no list although something is owed."""
    if owed_fen:
        desk.log.print(
            render("paying.owed_besides", desk.language, batch=batch, amount=owed_fen),
            markup=False,
        )
        if is_all:
            sys.exit(REFUSED)
    elif is_all:
        click.echo(render("cli.nothing_owed", desk.language))


def _hand_out(desk: Desk, form: PaymentFormat, batch: PaymentBatch, out: Path | None) -> None:
    """Write a list of payments, and tell what is in it."""
    file = out or Path(f"{batch.name}{form.suffix}")
    with whole(file) as beside:
        beside.write_text(form.write(batch), encoding="utf-8", newline="")
    total_fen = sum(one.amount_fen for one in batch.orders)
    values = {"batch": batch.name, "count": len(batch.orders), "amount": total_fen, "file": file}
    click.echo(render("cli.batch", desk.language, **values))


@click.command()
@click.argument("receipts", type=click.Path(path_type=Path))
@click.option(
    "--late", is_flag=True, help="Let payments that were confirmed come back: they are owed again."
)
@at_option
@click.pass_obj
def confirm(desk: Desk, receipts: Path, *, late: bool, at: str | None) -> None:
    """Book RECEIPTS: the treasury's CSV, or a bank's statement, a camt.053 in an `.xml` file."""
    statement = format_of(receipts).read(receipts)
    with desk.office() as office:
        found, doubts = paying.told_apart(office, statement(paying.references(office)))
        for doubt in doubts:
            desk.log.print(render(doubt.code, desk.language, **doubt.values), markup=False)
        answers = paying.confirm(office, found, at=instant(at), late=late)
        waiting = paying.unanswered(office, found)
    refusals = [answer.refused for answer in answers if answer.refused is not None]
    booked = len(answers) - len(refusals)
    click.echo(render("cli.confirmed", desk.language, count=booked))
    for one in waiting:
        values = {"payment": one.id, "amount": one.amount_fen}
        click.echo(render("paying.unanswered", desk.language, **values))
    for refused in refusals:
        tell_refused(desk, refused)
    if refusals or doubts:
        sys.exit(REFUSED)


def _require_folder(desk: Desk, file: Path) -> None:
    """Refuse a list that could not be written, before anything is sent."""
    if not os.access(file.parent, os.W_OK | os.X_OK):
        message = render("cli.no_folder", desk.language, file=file, folder=file.parent)
        raise click.BadParameter(message, param_hint="--out")


def _require_accounts(desk: Desk, wanted: Collection[str], known: Collection[str]) -> None:
    """Refuse to prepare what no bank could pay, before anything is sent."""
    if missing := sorted(set(wanted) - set(known)):
        message = render("paying.no_account", desk.language, names=", ".join(missing))
        raise click.BadParameter(message, param_hint="--accounts")
