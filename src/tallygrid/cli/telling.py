"""Telling what went wrong: a sentence and an exit code for every mistake that we know."""

import errno
from importlib import import_module
from typing import Final

import click

from tallygrid.cli.common import REFUSED, WRONG_INPUT, Desk

_KNOWN: Final = {
    "psycopg.errors.DiskFull": REFUSED,
    "tallygrid.core.application.ApplicationActError": REFUSED,
    "tallygrid.core.clawback.ClawbackActError": REFUSED,
    "tallygrid.core.voucher.VoucherActError": REFUSED,
    "tallygrid.database.error.DatabaseError": REFUSED,
    "tallygrid.demo.marker.NotOursError": REFUSED,
    "tallygrid.files.mistake.FileError": WRONG_INPUT,
    "tallygrid.files.payments.port.MissingAccountError": WRONG_INPUT,
    "tallygrid.lab.cluster.ClusterError": REFUSED,
    "tallygrid.lab.demand.DemandError": WRONG_INPUT,
    "tallygrid.lab.network.run.TooGreatError": WRONG_INPUT,
    "tallygrid.lab.network.world.LastsError": WRONG_INPUT,
    "tallygrid.lab.claiming.OtherResultsError": REFUSED,
    "tallygrid.lab.parts.UnfinishedError": REFUSED,
    "tallygrid.lab.replay.site.ImmenseError": WRONG_INPUT,
    "tallygrid.lab.replay.site.NothingError": REFUSED,
    "tallygrid.lab.sweep.OtherSweepError": REFUSED,
    "tallygrid.lab.traces.jobs.TooManyError": WRONG_INPUT,
    "tallygrid.ledger.queue.OverloadError": REFUSED,
    "tallygrid.report.statement.sheet.GlyphError": REFUSED,
    "tallygrid.service.allocating.OpenRuleError": REFUSED,
    "tallygrid.service.allocating.ScoreError": REFUSED,
    "tallygrid.service.allocating.WindowError": REFUSED,
    "tallygrid.service.asking.NameTakenError": REFUSED,
    "tallygrid.service.asking.UnpublishedError": REFUSED,
    "tallygrid.service.buying.UnknownError": WRONG_INPUT,
    "tallygrid.service.buying.VoucherError": REFUSED,
    "tallygrid.service.delivering.DeliveryError": REFUSED,
    "tallygrid.service.evidence.HistoryError": REFUSED,
    "tallygrid.service.evidence.NoSubjectError": WRONG_INPUT,
    "tallygrid.service.intent.ConflictError": REFUSED,
    "tallygrid.service.intent.HungError": REFUSED,
    "tallygrid.service.leasing.CardsError": REFUSED,
    "tallygrid.service.lowering.LoweringError": REFUSED,
    "tallygrid.service.noticing.NoticeError": REFUSED,
    "tallygrid.service.paying.ReceiptError": WRONG_INPUT,
    "tallygrid.service.prospect.NoOfferError": REFUSED,
    "tallygrid.service.publishing.ReadingsError": REFUSED,
    "tallygrid.service.publishing.ReportedError": REFUSED,
    "tallygrid.service.publishing.SupersededError": REFUSED,
    "tallygrid.service.purchase.StateError": REFUSED,
    "tallygrid.service.budgeting.FunderError": WRONG_INPUT,
    "tallygrid.service.year.YearError": REFUSED,
    "tallygrid.service.copaying.OwnShareError": REFUSED,
    "tallygrid.service.contract.ContractError": REFUSED,
    "tallygrid.service.correcting.CorrectionError": REFUSED,
    "tallygrid.service.recovering.ActError": REFUSED,
    "tallygrid.service.recovering.ExcessiveError": REFUSED,
    "tallygrid.service.told.ToldError": REFUSED,
    "tallygrid.service.token.StrangerError": WRONG_INPUT,
    "tallygrid.service.statement.NoPartyError": WRONG_INPUT,
    "tallygrid.sites.port.OrderConflictError": REFUSED,
    "tallygrid.sites.port.SiteUnreachableError": REFUSED,
    "tallygrid.text.error.SentenceError": REFUSED,
}
"""Every mistake that carries its own sentence, by name: no module is loaded to ask."""


_OTHERS: Final = {"psycopg.errors.DiskFull": "database.disk_full"}
"""The sentence of what others raise, by name: it has none of its own."""


def told(error: Exception, desk: Desk | None) -> int | None:
    """Tell a mistake in a sentence and return its exit code; None if we do not know it."""
    if isinstance(error, (click.ClickException, click.exceptions.Exit, click.Abort)):
        return None
    for kind in type(error).__mro__:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in _KNOWN:
            click.echo(_sentence(error, name, desk), err=True)
            return _KNOWN[name]
    if isinstance(error, OSError) and error.filename and error.errno != errno.EPIPE:
        click.echo(f"{error.filename}: {error.strerror}.", err=True)
        return REFUSED
    return None


def known() -> dict[type, int]:
    """Return every known mistake's class with its exit code."""
    return {_loaded(name): code for name, code in _KNOWN.items()}


def _loaded(name: str) -> type:
    module, _, kind = name.rpartition(".")
    found: type = getattr(import_module(module), kind)
    return found


def _sentence(error: Exception, name: str, desk: Desk | None) -> str:
    """Return what an error says, in the desk's language where it can."""
    from tallygrid.text import render

    language = desk.language if desk else "en"
    if name in _OTHERS:
        return render(_OTHERS[name], language, why=" ".join(str(error).split()))
    in_language = getattr(error, "sentence", None)
    return in_language(language) if in_language else str(error)
