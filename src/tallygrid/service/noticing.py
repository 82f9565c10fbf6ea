"""Public notice (公示): an award is held until its voucher is issued, or withdrawn.

`applying.apply` reserves the money. Whoever objects, or gives up, does so before anything is
issued: then what was reserved goes back, with its caps and its claim on the contract.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection

from tallygrid.core.application import ApplicationState
from tallygrid.core.books import REGISTRY, Account, Event, Leg
from tallygrid.core.decision import Decision, from_json
from tallygrid.core.key import key_of
from tallygrid.core.validity import valid_until
from tallygrid.core.window import day_of
from tallygrid.service.applying import barred
from tallygrid.service.buying import UnknownError
from tallygrid.service.contract import KINDS
from tallygrid.service.ending import counted
from tallygrid.service.intent import PendingError, carry_out, resume, settle_first
from tallygrid.service.issuing import Issue, Request, committed
from tallygrid.service.office import Office
from tallygrid.service.plain import facts_of
from tallygrid.service.publishing import versions
from tallygrid.service.told import ToldError
from tallygrid.service.told import state as named
from tallygrid.service.voucher import Voucher
from tallygrid.service.wish import Answer, Posting, Step, Wish, postings


class NoticeError(ToldError):
    """An award in notice cannot become a voucher."""


@dataclass(frozen=True)
class Award:
    """An award in notice, and what is reserved for it, funder by funder."""

    issue: Issue
    decision: Decision
    year: int
    """The fiscal year in which the money is: a later one, if it was carried."""
    group: str
    """The class whose own money it is; empty where the money is for all."""
    parts_fen: Mapping[str, int]


def issue(office: Office, application: str, *, at: datetime) -> Answer:
    """Issue the voucher of an award whose notice is over; its validity begins now.

    Raises:
        NoticeError: The application is not in notice, another voucher on the contract bars
            this one now, nothing is reserved any more, or the day is before the award's.
        UnknownError: There is no such application.
    """

    def compose(award: Award) -> tuple[Posting, ...]:
        _require_begun(award, at)
        bar = barred(award.issue)
        if bar:
            raise NoticeError("notice_barred", application=application, bar=bar.partition(" ")[2])
        if not award.parts_fen:
            raise NoticeError("notice_empty", application=application)
        voucher = _voucher(award, at)
        event = Event(
            key=award.issue.key("issue"),
            kind="issue",
            legs=tuple(committed(voucher, application, award.parts_fen.items())),
            occurred_at=at,
            reason=f"voucher {voucher.id}",
        )
        steps = [
            *award.issue.limits(voucher, award.decision),
            Step(voucher.programme, "web", event),
            Step(REGISTRY, "worker", award.issue.claimed(voucher)),
        ]
        return postings(steps, outbox={"does": "voucher_issued", **voucher.as_json()})

    body = {"application": application, "contract": _contract(office, application)}
    wish = Wish(key_of("issue noticed", application), "notice", body)
    return _carried_out(office, wish, compose)


def withdraw(
    office: Office, application: str, *, at: datetime, why: str, document: str = ""
) -> Answer:
    """Withdraw an award that is in notice: what was reserved goes back.

    Raises:
        NoticeError: The application is not in notice.
        UnknownError: There is no such application.
    """

    def compose(award: Award) -> tuple[Posting, ...]:
        programme, zone = award.issue.scheme.id, award.issue.programme.place.zone
        target = "available" if day_of(at, zone).year == award.year else "lapsed"
        money = (
            Leg(
                Account("reserved", award.year, application, funder, award.group),
                Account(target, award.year, funder=funder, group=award.group),
                fen,
            )
            for funder, fen in award.parts_fen.items()
        )
        caps = (
            Leg(Account.of(used), Account.of(room), fen)
            for room, used, fen in counted(
                award.issue.connection, programme, ("award",), application
            )
        )
        reason = f"application {application} withdrawn: {why}"
        back = Event(
            award.issue.key("withdraw"), "withdraw", (*money, *caps), at,
            reason=reason, document=document,
        )  # fmt: skip
        unclaim = Event(
            award.issue.key("unclaim"), "release", (), at,
            hold=award.issue.key("claim"), reason=reason,
        )  # fmt: skip
        steps = [Step(programme, "web", back)] if back.legs else []
        steps.append(Step(REGISTRY, "worker", unclaim))
        return postings(steps, outbox={"does": "award_withdrawn", "application": application})

    contract = _contract(office, application)
    body = {"application": application, "contract": contract, "withdrawn": document or why}
    wish = Wish(key_of("withdraw noticed", application), "notice", body)
    return _carried_out(office, wish, compose)


@dataclass(frozen=True)
class Noticed:
    """One award in notice, for the list that is published."""

    application: str
    programme: str
    applicant: str
    contract: str
    amount_fen: int


def in_notice(connection: Connection) -> tuple[Noticed, ...]:
    """Return the awards that are in notice, in the order of their applications."""
    rows = connection.execute(
        """
        SELECT application.id, application.programme, applicant, contract,
          coalesce(sum(account.in_fen - account.out_fen), 0)::bigint
        FROM service.application
        JOIN books.programme ON programme.code = application.programme
        LEFT JOIN books.account ON account.programme = programme.id
          AND (account.kind, account.holder) = ('reserved', application.id)
        WHERE application.state = 'in_notice'
        GROUP BY application.id ORDER BY application.id
        """
    ).fetchall()
    return tuple(Noticed(*row) for row in rows)


def _carried_out(
    office: Office, wish: Wish, compose: Callable[[Award], tuple[Posting, ...]]
) -> Answer:
    def of_contract(connection: Connection) -> tuple[Posting, ...]:
        contract = wish.body["contract"]
        settle_first(connection, f"contract {contract}", *KINDS, contract=contract)
        return compose(_award(connection, wish.body["application"]))

    while True:
        resume(office, *KINDS, contract=wish.body["contract"])
        try:
            return carry_out(office, wish, of_contract, anew=True)
        except PendingError:
            continue  # something else was asked for the same contract; its answer comes first


def _require_begun(award: Award, at: datetime) -> None:
    """See that a voucher is not issued, and valid, before the day of its award."""
    zone, name = award.issue.programme.place.zone, award.issue.request.id
    begun, day = day_of(award.issue.at, zone), day_of(at, zone)
    if day < begun:
        raise NoticeError("notice_before", application=name, begun=begun, asked=day)


def _contract(office: Office, name: str) -> str:
    """Return the contract of an application.

    Raises:
        UnknownError: There is no such application.
    """
    row = office.transact(
        "web",
        lambda connection: connection.execute(
            "SELECT contract FROM service.application WHERE id = %s", (name,)
        ).fetchone(),
    )
    if row is None:
        raise UnknownError("application", name)
    return str(row[0])


def _award(connection: Connection, name: str) -> Award:
    """Return an award in notice.

    Raises:
        NoticeError: It is not in notice.
    """
    row = connection.execute(
        """
        SELECT programme, hash, applicant, contract, facts, decision, state, decided_at
        FROM service.application WHERE id = %s
        """,
        (name,),
    ).fetchone()
    assert row is not None, "its contract was looked up"
    programme, version, applicant, contract, facts, decision, state, at = row
    if state != ApplicationState.IN_NOTICE:
        raise NoticeError("not_in_notice", application=name, state=named(state))
    (scheme,) = (one for one in versions(connection, programme) if one.programme.hash == version)
    request = Request(name, applicant, contract, facts_of(facts))
    reserved = connection.execute(
        """
        SELECT account.year, account.budget_group, account.funder,
          account.in_fen - account.out_fen
        FROM books.account JOIN books.programme ON programme.id = account.programme
        WHERE programme.code = %s AND (account.kind, account.holder) = ('reserved', %s)
          AND account.in_fen > account.out_fen
        """,
        (programme, name),
    ).fetchall()
    year, group = max(((year, group) for year, group, *_ in reserved), default=(at.year, ""))
    return Award(
        *_answer(Issue(connection, scheme, request, at), decision),
        year,
        group,
        {funder: fen for of, _, funder, fen in reserved if of == year},
    )


def _answer(own: Issue, decision: Mapping[str, Any]) -> tuple[Issue, Decision]:
    """Return by which answer an application was awarded: its own, or that of a batch."""
    answers = own.connection.execute(
        """
        SELECT allotment.batch, batch.closed_at, allotment.decision
        FROM service.allotment
        JOIN service.batch ON (batch.programme, batch.id) = (allotment.programme, allotment.batch)
        WHERE allotment.application = %s
        """,
        (own.request.id,),
    ).fetchall()
    found = {
        issue.key("award"): (issue, from_json(answer))
        for batch, at, answer in [("", own.at, decision), *answers]
        for issue in [replace(own, batch=batch, at=at)]
    }
    row = own.connection.execute(
        """
        SELECT event.key FROM books.event JOIN books.programme ON programme.id = event.programme
        WHERE programme.code = %s AND event.key = ANY (%s)
        """,
        (own.scheme.id, list(found)),
    ).fetchone()
    assert row is not None, "what is in notice was awarded"
    return found[row[0]]


def _voucher(award: Award, at: datetime) -> Voucher:
    """Return the voucher of an award, valid from now on and for what is reserved."""
    programme = award.issue.programme
    face_fen = sum(award.parts_fen.values())
    day = day_of(at, programme.place.zone)
    assert programme.validity.value is not None, programme.id
    return replace(
        award.issue.voucher(award.decision, face_fen=face_fen),
        fiscal_year=award.year,
        budget_group=award.group,
        valid_from=day,
        valid_until=valid_until(programme.validity.value, issued_on=day),
    )
