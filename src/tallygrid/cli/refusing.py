"""Telling what the books have refused, and leaving with the exit code of a refusal."""

import sys
from typing import NoReturn

from tallygrid.cli.common import REFUSED, Desk
from tallygrid.core.books import REGISTRY, Account
from tallygrid.core.credit_code import is_well_formed
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
    """Return why the books said no; what the registry says is about a contract."""
    code = f"ledger.outcome.{refused.code}"
    known = code if code in catalogue() else "cli.refused"
    if refused.programme == REGISTRY:
        known = _of_contract(refused) or known
    return render(known, desk.language, refusal=refused.code, **values_of(refused))


def _of_contract(refused: Refused) -> str | None:
    """Return what the registry's refusal says of a contract: its facts, its claim or its ceiling.

    The name of a ceiling begins with its applicant, that of a claim with a scope.
    """
    if refused.code == "conflict":
        return "cli.refused_contract"
    if refused.code != "insufficient":
        return None
    whose, *_ = Account.of(str(refused.detail["account"])).holder.split(".")
    return "cli.refused_ceiling" if is_well_formed(whose) else "cli.refused_claimed"


def values_of(refused: Refused) -> dict[str, object]:
    """Return the values of a refusal's sentence."""
    return {"programme": refused.programme, "attempt": 1, **refused.detail}
