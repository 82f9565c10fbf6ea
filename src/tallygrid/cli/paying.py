"""`tallygrid pay` and `confirm`: the treasury's list, and its receipts."""

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tallygrid.cli.common import REFUSED, Desk, at_option, instant, require_published
from tallygrid.cli.refusing import leave_refused
from tallygrid.core.money import yuan
from tallygrid.files.receipts import read_receipts
from tallygrid.service import paying, publishing
from tallygrid.service.paying import Payment, Receipt
from tallygrid.service.wish import Answer
from tallygrid.text import render


@click.command()
@click.option("--programme", required=True, metavar="ID")
@click.option("--batch", help="A name for the batch: the same name pays once.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Where the list goes.",
)
@click.option("--again", is_flag=True, help="Send what of the batch has come back once more.")
@at_option
@click.pass_obj
def pay(
    desk: Desk,
    *,
    programme: str,
    batch: str | None,
    out: Path | None,
    again: bool,
    at: str | None,
) -> None:
    """Send all that a programme owes to the treasury, as a payment list in CSV."""
    when = instant(at)
    name = batch or f"P-{programme}-{when:%Y%m%dT%H%M%S}"
    file = out or Path(f"{name}.csv")
    _require_folder(file)
    with desk.office() as office:
        require_published(programme, publishing.published(office))
        prepared = paying.prepare(office, programme=programme, batch=name, at=when)
        if again:
            _send_again(desk, paying.again(office, batch=name, at=when))
            prepared = paying.payments(office, batch=name)
    sent = tuple(one for one in prepared if one.state == "sent")
    if not sent:
        click.echo(render("cli.nothing_owed", desk.language))
        return
    _write_list(file, sent)
    total_fen = sum(one.amount_fen for one in sent)
    words = render(
        "cli.batch", desk.language, batch=name, count=len(sent), amount=total_fen, file=file
    )
    click.echo(words)


@click.command()
@click.argument("receipts", type=click.Path(path_type=Path))
@at_option
@click.pass_obj
def confirm(desk: Desk, receipts: Path, at: str | None) -> None:
    """Book the treasury's RECEIPTS: a CSV of payment, receipt, amount_yuan, paid (yes or no)."""
    rows = read_receipts(receipts)
    with desk.office() as office:
        answers = paying.confirm(office, [Receipt(*row) for row in rows], at=instant(at))
    click.echo(render("cli.confirmed", desk.language, count=len(answers)))
    if not all(answer.accepted for answer in answers):
        sys.exit(REFUSED)


def _send_again(desk: Desk, answers: Sequence[Answer]) -> None:
    """Tell how many payments were sent once more; leave if one was refused."""
    count = sum(1 for answer in answers if answer.accepted)
    click.echo(render("money.done.again", desk.language, count=count))
    for answer in answers:
        if not answer.accepted:
            leave_refused(desk, answer.refused)


def _require_folder(file: Path) -> None:
    """Refuse a list that could not be written, before anything is sent."""
    if not os.access(file.parent, os.W_OK | os.X_OK):
        message = f"{file} cannot be written: check the folder {file.parent}."
        raise click.BadParameter(message, param_hint="--out")


def _write_list(file: Path, sent: tuple[Payment, ...]) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(("payment", "programme", "year", "funder", "payee", "amount_yuan"))
        for one in sent:
            table.writerow(
                (
                    one.id,
                    one.programme,
                    one.fiscal_year,
                    one.funder,
                    one.payee,
                    yuan(one.amount_fen),
                )
            )
