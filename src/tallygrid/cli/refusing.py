"""Telling what the books have refused, and leaving with the exit code of a refusal."""

import sys
from typing import NoReturn

from tallygrid.cli.common import REFUSED, Desk
from tallygrid.core.books import REGISTRY
from tallygrid.service.wish import Refused
from tallygrid.text import catalogue, render


def leave_refused(desk: Desk, refused: Refused | None) -> NoReturn:
    """Tell a refusal, if the books made one, and leave."""
    if refused is not None:
        tell_refused(desk, refused)
    sys.exit(REFUSED)


def tell_refused(desk: Desk, refused: Refused) -> None:
    """Tell why the books said no."""
    desk.log.print(why_refused(desk, refused), markup=False)


def why_refused(desk: Desk, refused: Refused) -> str:
    """Return why the books said no; the registry's own conflict is about a contract."""
    code = f"ledger.outcome.{refused.code}"
    known = code if code in catalogue() else "cli.refused"
    if (refused.programme, refused.code) == (REGISTRY, "conflict"):
        known = "cli.refused_contract"
    return render(known, desk.language, refusal=refused.code, **values_of(refused))


def values_of(refused: Refused) -> dict[str, object]:
    """Return the values of a refusal's sentence."""
    return {"programme": refused.programme, "attempt": 1, **refused.detail}
