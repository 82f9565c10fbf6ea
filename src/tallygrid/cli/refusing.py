"""Telling what the books have refused, and leaving with the exit code of a refusal."""

import sys
from typing import NoReturn

from tallygrid.cli.common import REFUSED, Desk
from tallygrid.service.wish import Refused
from tallygrid.text import catalogue, render


def leave_refused(desk: Desk, refused: Refused | None) -> NoReturn:
    """Tell a refusal, if the books made one, and leave."""
    if refused is not None:
        code = f"ledger.outcome.{refused.code}"
        known = code if code in catalogue() else "cli.refused"
        words = render(known, desk.language, refusal=refused.code, **values_of(refused))
        desk.log.print(words, markup=False)
    sys.exit(REFUSED)


def values_of(refused: Refused) -> dict[str, object]:
    """Return the values of a refusal's sentence."""
    return {"programme": refused.programme, "attempt": 1, **refused.detail}
