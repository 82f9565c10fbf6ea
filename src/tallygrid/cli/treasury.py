"""`tallygrid books` for whoever keeps a budget: appropriate, move, close, and put right."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import click

from tallygrid.cli.common import (
    Desk,
    at_option,
    because_option,
    instant,
    not_blank,
    require_published,
)
from tallygrid.cli.naming import name_for_the_books
from tallygrid.cli.refusing import leave_refused
from tallygrid.files.receipts import fen_of
from tallygrid.service import budgeting, closing, correcting, publishing
from tallygrid.service import contract as contracts
from tallygrid.service.budgeting import Tranche
from tallygrid.service.closing import Close
from tallygrid.service.contract import Amendment
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.text import money, render
from tallygrid.text.facts import listed

_ORDERS_SHOWN = 20
_YEAR = click.IntRange(2000, 2199)
_programme = click.option("--programme", "name", required=True, metavar="ID")
_year = click.option("--year", required=True, type=_YEAR, help="The fiscal year.")
_document = click.option(
    "--document",
    required=True,
    metavar="NUMBER",
    callback=not_blank,
    help="The treasury's paper: once per number.",
)


def _sum(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how much, of which year, and by which paper."""
    yuan = click.option("--yuan", metavar="N", help="Divided by the funders' weights.")
    funder = click.option(
        "--funder", multiple=True, nargs=2, metavar="NAME YUAN", help="This funder's part."
    )
    return _year(yuan(funder(_document(command))))


_group = click.option(
    "--group", default="", metavar="NAME", help="For this class of applicants alone."
)


@click.command()
@_programme
@_sum
@_group
@at_option
@click.pass_obj
def appropriate(desk: Desk, /, *, name: str, at: str | None, **given: Any) -> None:  # noqa: ANN401  # the options of a sum
    """Book a tranche of an appropriation."""
    with desk.office() as office:
        scheme = _scheme(office, name)
        tranche = _tranche(desk, scheme, **given)
        answer = budgeting.appropriate(office, scheme, tranche, at=instant(at))
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    _tell(desk, "appropriated", scheme, tranche)


@click.command()
@_programme
@_sum
@_group
@at_option
@click.pass_obj
def reduce(desk: Desk, /, *, name: str, at: str | None, **given: Any) -> None:  # noqa: ANN401  # the options of a sum
    """Take back what of an appropriation is promised to nobody."""
    with desk.office() as office:
        scheme = _scheme(office, name)
        tranche = _tranche(desk, scheme, **given)
        answer = budgeting.reduce(office, scheme, tranche, at=instant(at))
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    _tell(desk, "reduced", scheme, tranche)


@click.command()
@_programme
@click.option("--to", "taking", required=True, metavar="ID", help="The programme that takes it.")
@_sum
@at_option
@click.pass_obj
def transfer(desk: Desk, /, *, name: str, taking: str, at: str | None, **given: Any) -> None:  # noqa: ANN401  # the options of a sum
    """Move free money from one programme to another."""
    with desk.office() as office:
        one, other = _scheme(office, name), _scheme(office, taking)
        tranche = _tranche(desk, one, **given)
        answer = budgeting.transfer(office, one, other, tranche, at=instant(at))
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    _tell(desk, "transferred", one, tranche, to=taking)


@click.command("close-year")
@_programme
@_year
@click.option("--carry/--release", required=True, help="Into the next year; or all lapses.")
@_document
@at_option
@click.pass_obj
def close_year(
    desk: Desk, *, name: str, year: int, carry: bool, document: str, at: str | None
) -> None:
    """Close a fiscal year: what was not used is carried forward, or lapses."""
    with desk.office() as office:
        scheme = _scheme(office, name)
        closed = closing.close(office, scheme, Close(year, document, carry), at=instant(at))
        kept = closing.kept(office, name, year)
    words = render(
        f"money.done.{'carried' if carry else 'lapsed'}",
        desk.language,
        programme=name,
        year=year,
        budget=closed.budget_fen,
        vouchers=closed.on_vouchers_fen,
        count=closed.vouchers,
        given_up=closed.given_up,
    )
    click.echo(words)
    if closed.refused:
        click.echo(render("money.done.close_again", desk.language), err=True)
        leave_refused(desk, closed.refused[0])
    if kept:
        more = ["…"] if len(kept.orders) > _ORDERS_SHOWN else []
        orders = listed([*kept.orders[:_ORDERS_SHOWN], *more], desk.language)
        about = {"year": year, "amount": kept.fen, "orders": orders}
        desk.say(render("money.done.kept", desk.language, **about))


@click.command()
@_programme
@click.argument("keys", nargs=-1, required=True, metavar="KEY…")
@because_option
@at_option
@click.pass_obj
def reverse(desk: Desk, *, name: str, keys: tuple[str, ...], why: str, at: str | None) -> None:
    """Undo entries by their exact mirrors, all of them or none."""
    wanted = [_key(desk, written) for written in dict.fromkeys(keys)]
    with desk.office() as office:
        _scheme(office, name)
        answer = correcting.reverse(office, name, wanted, at=instant(at), why=why)
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    click.echo(render("money.done.reversed", desk.language, programme=name, count=len(wanted)))


@click.command()
@click.option("--applicant", required=True, metavar="CODE", help="Whose contract.")
@click.option(
    "--contract",
    required=True,
    callback=name_for_the_books,
    help="Its number, as the applicant gave it.",
)
@click.option("--yuan", metavar="N", help="What it comes to now.")
@click.option("--signed-on", metavar="DATE", help="The day on which it was signed.")
@click.option(
    "--document",
    required=True,
    metavar="NUMBER",
    callback=not_blank,
    help="The paper: once per number.",
)
@at_option
@click.pass_obj
def amend(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    *,
    applicant: str,
    contract: str,
    yuan: str | None,
    signed_on: str | None,
    document: str,
    at: str | None,
) -> None:
    """Let another amount of a contract hold, or another day on which it was signed."""
    if yuan is None and signed_on is None:
        raise click.UsageError(render("money.amends_what", desk.language))
    fen = None if yuan is None else yuan_of(desk, yuan, "--yuan")
    day = None if signed_on is None else instant(signed_on, "--signed-on").date()
    with desk.office() as office:
        asked = Amendment(applicant, contract, document, fen, day)
        answer = contracts.amend(office, asked, at=instant(at))
    if not answer.accepted:
        leave_refused(desk, answer.refused)
    about = {"contract": contract, "applicant": applicant}
    if fen is not None:
        click.echo(render("money.done.amended", desk.language, amount=fen, **about))
    if day is not None:
        click.echo(render("money.done.signed", desk.language, day=day, **about))


COMMANDS = (appropriate, reduce, transfer, close_year, amend, reverse)


def yuan_of(desk: Desk, written: str, option: str) -> int:
    """Return an amount in yuan as fen.

    Raises:
        click.BadParameter: It is not one, or zero.
    """
    try:
        fen = fen_of(written)
    except ValueError:
        fen = 0
    if not fen:
        message = render("money.not_yuan", desk.language, written=written)
        raise click.BadParameter(message, param_hint=option)
    return fen


def _scheme(office: Office, name: str) -> Scheme:
    schemes = publishing.published(office)
    require_published(name, schemes)
    return schemes[name]


def _tranche(  # noqa: PLR0913  # the options of a sum
    desk: Desk,
    scheme: Scheme,
    *,
    year: int,
    document: str,
    yuan: str | None,
    funder: Sequence[tuple[str, str]],
    group: str = "",
) -> Tranche:
    if (yuan is None) == (not funder) or len({name for name, _ in funder}) < len(funder):
        raise click.UsageError(render("money.one_way", desk.language))
    if yuan is not None:
        parts = budgeting.divided(scheme, yuan_of(desk, yuan, "--yuan"))
        return Tranche(year, document, parts, group)
    parts = {name: yuan_of(desk, written, "--funder") for name, written in funder}
    return Tranche(year, document, parts, group)


def _tell(desk: Desk, code: str, scheme: Scheme, tranche: Tranche, **more: str) -> None:
    between = "，" if desk.language == "zh" else ", "
    parts = between.join(
        f"{name} {money(fen, desk.language)}" for name, fen in tranche.parts_fen.items()
    )
    words = render(
        f"money.done.{code}",
        desk.language,
        programme=scheme.id,
        year=tranche.year,
        amount=tranche.total_fen,
        parts=parts,
        **more,
    )
    click.echo(words)


def _key(desk: Desk, written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError:
        message = render("money.not_a_key", desk.language, written=written)
        raise click.BadParameter(message, param_hint="KEY") from None
