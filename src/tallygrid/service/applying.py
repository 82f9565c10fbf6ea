"""Applying: a case is decided, and if nothing is open and the money is there, a voucher issued."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

from psycopg import Connection
from psycopg.types.json import Jsonb

from tallygrid.core.application import ApplicationAct, ApplicationState, application_after
from tallygrid.core.arithmetic import Used
from tallygrid.core.decision import Decision, decide, from_json
from tallygrid.core.key import key_of
from tallygrid.core.stacking import relation
from tallygrid.service.contract import KINDS
from tallygrid.service.intent import ConflictError, PendingError, carry_out, resume, settle_first
from tallygrid.service.issuing import Issue, Request
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.publishing import Scheme, in_force
from tallygrid.service.voucher import Voucher
from tallygrid.service.wish import Answer, Posting, Refused, Wish, answer_of, postings

Way = Literal["voucher", "ex_post", "notice"]
"""What an award leads to."""


@dataclass(frozen=True)
class Applied:
    """The answer to an application."""

    application: str
    applicant: str
    state: str
    """`refused`, `approved`, `waiting` (the books said no), `in_notice`, `awarded`, `withdrawn`.

    What is approved waits for the close of its batch, or for an answer to what is open.
    """
    decision: Decision
    voucher: str | None
    refused: Refused | None
    """What the books refused last, where the application waits and they did."""
    barred: str = ""
    """`RELATION PROGRAMME` where a voucher of that programme on the contract bars this one."""

    @property
    def in_batch(self) -> bool:
        """Tell whether nothing is wrong, and it is awarded when its batch is closed."""
        return self.state == "approved" and self.decision.issuable


def apply(
    office: Office, scheme: Scheme, request: Request, *, at: datetime, way: Way = "voucher"
) -> Applied:
    """Decide an application and, where the decision allows it, award and issue the voucher.

    Args:
        office: Where to work.
        scheme: The programme that is asked.
        request: What is asked for.
        at: When.
        way: A voucher; or, where the work is done and paid, what is owed at once (`ex_post`,
            事后), without one; or an award that is held while it is in notice (`notice`, 公示).

    Raises:
        ConflictError: The application's id stands for something else.
    """
    wish = Wish(
        key=key_of("apply", request.id),
        kind="apply",
        body={
            **dump(request),
            "programme": scheme.id,
            "hash": scheme.programme.hash,
            "assumed": list(scheme.assumed),
            "at": at.isoformat(),
            **({} if way == "voucher" else {way: True}),
        },
    )
    while True:
        resume(office, *KINDS, contract=request.contract)
        try:
            answer = carry_out(
                office, wish, lambda it: _decided(Issue(it, scheme, request, at), way)
            )
            break
        except PendingError:
            continue  # somebody else applies for the same contract; their answer comes first
        except ConflictError:
            first = office.transact("web", partial(_as_first_read, wish=wish))
            if first == wish:
                raise
            wish = first  # another version is in force since then; what was answered stands
    return office.transact("web", lambda connection: _answered(connection, request.id, answer))


def _as_first_read(connection: Connection, wish: Wish) -> Wish:
    """Return a wish under the version and the readings under which it was first asked."""
    row = connection.execute(
        "SELECT body -> 'hash', body -> 'assumed' FROM service.intent WHERE key = %s", (wish.key,)
    ).fetchone()
    assert row is not None, "what is in conflict was written before"
    return replace(wish, body={**wish.body, "hash": row[0], "assumed": row[1]})


def asked_at(office: Office, application: str) -> datetime | None:
    """Return when an application came first: a repetition is the same, whenever it comes."""

    def load(connection: Connection) -> datetime | None:
        row = connection.execute(
            "SELECT (body ->> 'at')::timestamptz FROM service.intent WHERE key = %s",
            (key_of("apply", application),),
        ).fetchone()
        return None if row is None else row[0]

    return office.transact("web", load)


def of_contract(office: Office, applicant: str, contract: str) -> tuple[Applied, ...]:
    """Return what an applicant was answered for a contract of its own, in the order of the ids."""

    def load(connection: Connection) -> tuple[Applied, ...]:
        found = connection.execute(
            "SELECT id FROM service.application WHERE applicant = %s AND contract = %s ORDER BY id",
            (applicant, contract),
        ).fetchall()
        return tuple(_stored(connection, name) for (name,) in found)

    return office.transact("web", load)


def _decided(issue: Issue, way: Way) -> tuple[Posting, ...]:
    """Decide, write the application down, and work out the postings of its award."""
    contract = issue.request.contract
    settle_first(issue.connection, f"contract {contract}", *KINDS, contract=contract)
    decision, in_batches = _decision(issue), issue.programme.allocation.in_batches
    bar = barred(issue)
    _write(issue, decision, bar, way)
    if bar or in_batches or not (decision.issuable and decision.amount_fen):
        return ()
    return awarded(issue, issue.voucher(decision), decision, way)


def awarded(issue: Issue, terms: Voucher, decision: Decision, way: Way) -> tuple[Posting, ...]:
    """Return the postings of an award, and what the rows say of it then."""
    if way == "notice":
        reserved = {"does": "award_reserved", "application": issue.request.id}
        return postings(issue.steps_of_notice(terms, decision), outbox=reserved)
    if way == "ex_post":
        owed = {"does": "awarded_ex_post", "application": issue.request.id}
        return postings(issue.steps_ex_post(terms, decision), outbox=owed)
    issued = {"does": "voucher_issued", **terms.as_json()}
    return postings(issue.steps(terms, decision), outbox=issued)


def _decision(issue: Issue) -> Decision:
    """Decide on what was drawn and is left; in a batch, what is left is shared out at its close."""
    rule = issue.programme.allocation
    alone = _decide(issue, Used(by_id=issue.drawn()))
    if rule.in_batches:
        return alone
    used = issue.used(alone.group) if alone.group else issue.used_of_nobodys()
    decision = _decide(issue, used)
    in_part = rule.last is not None and rule.last.value == "part"
    is_short = not in_part and (decision.amount_fen or 0) < (alone.amount_fen or 0)
    if rule.value == "first_come" and (is_short or _is_waited_for(issue, alone.group)):
        return _decide(issue, replace(used, budget_fen=0))  # whole, and in turn, or not yet
    return decision


def _decide(issue: Issue, used: Used) -> Decision:
    return decide(
        issue.scheme.programme,
        issue.facts(),
        at=issue.at,
        assumptions=issue.scheme.assumptions,
        used=used,
    )


def _is_waited_for(issue: Issue, group: str) -> bool:
    """Tell whether others came before and wait for the same money."""
    row = issue.connection.execute(
        """
        SELECT EXISTS (
            SELECT FROM service.application
            WHERE programme = %s AND hash = %s AND state = 'waiting'
              AND decision ->> 'group' = %s
              AND decision @? '$.findings[*] ? (@.status == "failed" && @.kind == "amount")'
        )
        """,
        (issue.scheme.id, issue.scheme.programme.hash, group),
    ).fetchone()
    assert row is not None, "EXISTS has an answer"
    return bool(row[0])


def barred(issue: Issue) -> str:
    """Return which programme's voucher on the same contract bars this one, and why.

    Two programmes go together only where a text allows it and none forbids it.
    """
    rows = issue.connection.execute(
        """
        SELECT DISTINCT programme FROM service.voucher
        WHERE applicant = %s AND contract = %s AND programme <> %s
          AND state NOT IN ('expired', 'revoked')
        ORDER BY programme
        """,
        (issue.request.applicant, issue.request.contract, issue.scheme.id),
    ).fetchall()
    if not rows:
        return ""
    schemes = in_force(issue.connection)
    stands = {name: relation(issue.programme, schemes[name].applied) for (name,) in rows}
    return next((f"{how} {name}" for name, how in stands.items() if how != "allowed"), "")


def _write(issue: Issue, decision: Decision, bar: str, way: Way) -> None:
    issue.connection.execute(
        """
        INSERT INTO service.application
        SELECT application.*
        FROM jsonb_populate_record(NULL::service.application, %s) AS application
        ON CONFLICT (id) DO NOTHING
        """,
        (Jsonb(_row(issue, decision, bar, way)),),
    )


def _row(issue: Issue, decision: Decision, bar: str, way: Way) -> Mapping[str, Any]:
    return {
        "id": issue.request.id,
        "programme": issue.scheme.id,
        "hash": decision.version,
        "applicant": issue.request.applicant,
        "contract": issue.request.contract,
        "facts": dump(dict(issue.request.facts)),
        "decision": decision.as_json(),
        "barred": bar,
        "state": "refused" if bar else _state(decision),
        "submitted_at": issue.at.isoformat(),
        "decided_at": issue.at.isoformat(),
        "way": way,
    }


def _state(decision: Decision) -> str:
    """Return where an application stands once it is decided; only for want of money it waits."""
    failed = {(one.kind, one.id) for one in decision.failed}
    only_budget = failed in ({("amount", "budget")}, {("amount", decision.group)})
    if decision.outcome == "refused" and not only_budget:
        return application_after(ApplicationState.SUBMITTED, ApplicationAct.REFUSE)
    if decision.outcome == "undecided":
        return ApplicationState.SUBMITTED
    approved = application_after(ApplicationState.SUBMITTED, ApplicationAct.APPROVE)
    return application_after(approved, ApplicationAct.WAIT) if only_budget else approved


def _answered(connection: Connection, application: str, answer: Answer) -> Applied:
    if answer.refused is not None:
        connection.execute(
            "UPDATE service.application SET state = 'waiting' WHERE id = %s AND state = 'approved'",
            (application,),
        )
    return _stored(connection, application)


def _stored(connection: Connection, name: str) -> Applied:
    row = connection.execute(
        """
        SELECT application.programme, application.applicant, application.state,
          application.decision, voucher.id, application.barred
        FROM service.application
        LEFT JOIN service.voucher ON voucher.application = application.id
        WHERE application.id = %s
        """,
        (name,),
    ).fetchone()
    assert row is not None, "an application is written before it is answered"
    programme, applicant, state, decision, voucher, bar = row
    refused = _refused(connection, programme, name) if state == "waiting" else None
    return Applied(name, applicant, state, from_json(decision), voucher, refused, bar)


def _refused(connection: Connection, programme: str, name: str) -> Refused | None:
    """Return what the books said last to an application that waits, if they said no."""
    batches = connection.execute(
        "SELECT batch FROM service.allotment WHERE application = %s", (name,)
    ).fetchall()
    keys = [key_of("apply", name), *(key_of("allot", programme, it, name) for (it,) in batches)]
    row = connection.execute(
        """
        SELECT key, outcome FROM service.intent WHERE key = ANY (%s) AND settled_at IS NOT NULL
        ORDER BY settled_at DESC LIMIT 1
        """,
        (keys,),
    ).fetchone()
    return None if row is None else answer_of(*row).refused
