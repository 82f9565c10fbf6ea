"""What was drawn before, as `decide --used NAME=YUAN` says it."""

from collections.abc import Sequence
from typing import Final, NoReturn

import click

from tallygrid.cli.common import Desk
from tallygrid.core.arithmetic import Used
from tallygrid.core.programme import Programme
from tallygrid.files.nearest import nearest
from tallygrid.files.receipts import fen_of
from tallygrid.text import render

_KINDS: Final = ("contract", "applicant_year", "applicant_total", "group", "budget")
"""What counts together under caps, and what is left of the budget; see `Used`."""


def used_of(desk: Desk, programme: Programme, given: Sequence[str]) -> Used:
    """Return what was drawn before, each amount under a kind of cap or under the id of one.

    A name that is both is the kind: it counts under the cap of that id all the same.

    Raises:
        click.BadParameter: A name is not known or given twice, or an amount is none.
    """
    ids = {cap.id for cap in programme.caps.limits} | {one.id for one in programme.budget.groups}
    kinds: dict[str, int] = {}
    by_id: dict[str, int] = {}
    for written in given:
        name, equals, amount = written.partition("=")
        if not equals:
            _refuse(desk, "no_amount", written=written)
        if name not in (known := ids.union(_KINDS)):
            remedy = nearest(name, known)
            _refuse(desk, "unknown", programme=programme.id, name=name, remedy=remedy)
        if name in kinds or name in by_id:
            _refuse(desk, "twice", name=name)
        (kinds if name in _KINDS else by_id)[name] = _fen(desk, amount)
    return Used(**{f"{kind}_fen": fen for kind, fen in kinds.items()}, by_id=by_id)


def _fen(desk: Desk, written: str) -> int:
    try:
        return fen_of(written)
    except ValueError:
        message = render("allocation.not_yuan", desk.language, written=written)
        raise click.BadParameter(message, param_hint="--used") from None


def _refuse(desk: Desk, code: str, **values: object) -> NoReturn:
    message = render(f"cli.used.{code}", desk.language, **values)
    raise click.BadParameter(message, param_hint="--used")
