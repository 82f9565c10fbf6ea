"""`tallygrid clawback`: money that was paid is asked back."""

from collections.abc import Callable

import click

from tallygrid.cli.common import (
    Desk,
    at_option,
    because_option,
    evidence_option,
    instant,
    json_option,
    not_blank,
    write_json,
)
from tallygrid.cli.refusing import leave_refused
from tallygrid.cli.treasury import yuan_of
from tallygrid.service import recovering
from tallygrid.service.plain import dump
from tallygrid.service.recovering import Clawback, Demand
from tallygrid.service.wish import Answer
from tallygrid.text import render


@click.group()
def clawback() -> None:
    """Ask back what was paid wrongly, and book what became of it."""


@clawback.command()
@click.argument("name", metavar="NAME", callback=not_blank)
@click.option("--payment", required=True, metavar="ID", help="The payment that brought the money.")
@click.option("--yuan", required=True, metavar="N", help="How much is asked back.")
@because_option
@evidence_option
@at_option
@click.pass_obj
def demand(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    *,
    name: str,
    payment: str,
    yuan: str,
    why: str,
    document: str,
    at: str | None,
) -> None:
    """Ask back a part or the whole of a payment, under a NAME of your own."""
    asked = Demand(name, payment, yuan_of(desk, yuan, "--yuan"), why, document)
    with desk.office() as office:
        answer = recovering.demand(office, asked, at=instant(at))
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    words = render("money.done.demanded", desk.language, clawback=name, amount=asked.amount_fen)
    click.echo(words)


def _act(name: str, act: Callable[..., Answer], about: str) -> None:
    """Add the command of an act of which a demand's name and the day say all."""

    @clawback.command(name, help=about)
    @click.argument("name", metavar="NAME")
    @at_option
    @click.pass_obj
    def command(desk: Desk, name: str, at: str | None) -> None:
        with desk.office() as office:
            answer = act(office, name, at=instant(at))
            _tell(desk, answer, name, recovering.clawbacks(office))


_act("contest", recovering.contest, "Note that the payee contests a demand.")
_act("uphold", recovering.uphold, "Uphold a contested demand.")
_act("waive", recovering.waive, "Drop a demand: the money was rightly paid.")
_act("write-off", recovering.write_off, "Give up what will not come back.")
_act(
    "reopen", recovering.reopen, "Demand again what was written off, as when money comes after all."
)


@clawback.command()
@click.argument("name", metavar="NAME")
@click.option("--yuan", required=True, metavar="N", help="How much came back.")
@click.option(
    "--receipt", required=True, metavar="NUMBER", callback=not_blank, help="Once per number."
)
@click.option(
    "--to-treasury", is_flag=True, help="It lapses; else it can be promised again this year."
)
@at_option
@click.pass_obj
def recover(
    desk: Desk, *, name: str, yuan: str, receipt: str, to_treasury: bool, at: str | None
) -> None:
    """Book money that has come back, in the year in which it came."""
    when = instant(at)
    with desk.office() as office:
        answer = recovering.recover(
            office,
            name,
            amount_fen=yuan_of(desk, yuan, "--yuan"),
            receipt=receipt,
            year=when.year,
            at=when,
            to="lapsed" if to_treasury else "available",
        )
        _tell(desk, answer, name, recovering.clawbacks(office))


@clawback.command("list")
@json_option
@click.pass_obj
def list_(desk: Desk, *, as_json: bool) -> None:
    """List every demand and how it stands."""
    with desk.office() as office:
        found = recovering.clawbacks(office)
    if as_json:
        write_json([dump(one) for one in found])
        return
    for one in found:
        click.echo(_words(desk, one))


def _tell(desk: Desk, answer: Answer, name: str, found: tuple[Clawback, ...]) -> None:
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    click.echo(_words(desk, next(one for one in found if one.id == name)))


def _words(desk: Desk, one: Clawback) -> str:
    return render(
        "money.done.clawback",
        desk.language,
        clawback=one.id,
        state=render(f"money.state.{one.state}", desk.language),
        recovered=one.recovered_fen,
        amount=one.amount_fen,
    )
