"""Allocating: a batch is closed, the money shared out by the rule of the text, vouchers issued.

Who gets how much is written down first, for all at once; then each award goes its own way to
its voucher, as one on application does. Killed in between, the same batch asked for again
goes on from what was written (docs/adr/0005).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from tallygrid.core.allocation import Award, Claim, Money
from tallygrid.core.allocation import allocate as shared
from tallygrid.core.amount import UNITS_FEN
from tallygrid.core.application import ApplicationAct, ApplicationState, application_after
from tallygrid.core.arithmetic import Used
from tallygrid.core.decision import Decision, decide, from_json
from tallygrid.core.key import key_of
from tallygrid.core.money import split
from tallygrid.core.programme import Programme
from tallygrid.core.window import is_open, may_grow
from tallygrid.service.applying import Way, awarded, barred
from tallygrid.service.contract import KINDS
from tallygrid.service.intent import (
    PendingError,
    attempts,
    carry_out,
    given,
    refusals,
    resume,
    settle_first,
)
from tallygrid.service.issuing import Issue, Request
from tallygrid.service.office import Office
from tallygrid.service.plain import facts_of
from tallygrid.service.publishing import Scheme, latest, versions
from tallygrid.service.told import ToldError
from tallygrid.service.wish import Posting, Refused, Wish

_SHARED_AT_CLOSE: Final = frozenset({"pro_rata", "ranked", "lottery"})
"""Rules under which what one gets depends on everybody who may still apply."""


_HASH_SHOWN: Final = 8
"""So much of a version's hash is in the name of its batch."""


@dataclass(frozen=True)
class Closing:
    """What an officer closes, under a name of its own: the same name is the same batch."""

    name: str
    seed: str = ""
    groups: Mapping[str, int] = field(default_factory=dict)
    """What is left of what is kept for groups, where it is not what the programme says."""


@dataclass(frozen=True)
class Allotted:
    """What one application got in a batch, and what became of it."""

    application: str
    asked_fen: int
    amount_fen: int
    result: str
    place: int
    factor: str
    state: str
    """Awarded; in notice; waiting, for money or because the books said no; or refused."""
    voucher: str | None
    refused: Refused | None = None
    """What the books said, where it waits for all that it got in spite of it."""

    @property
    def is_barred(self) -> bool:
        """Whether it waits because another voucher on its contract stands in its way."""
        return self.is_unserved and self.refused is None

    @property
    def is_unserved(self) -> bool:
        """Whether it got something and has nothing."""
        return self.state == "waiting" and self.amount_fen > 0


class OpenRuleError(ToldError):
    """Nothing can be shared out while the text leaves open how."""


class WindowError(ToldError):
    """A batch is to be shared out, and in every window with applications others may still apply."""


class ScoreError(ToldError):
    """Applications cannot be ranked for want of the fact that the programme ranks by."""


def allocate(
    office: Office, scheme: Scheme, closing: Closing, *, at: datetime
) -> tuple[Allotted, ...]:
    """Close a batch: share the money out among all that are approved or wait, and issue.

    Under `first_come` this takes those who wait in their turn, once money has come.

    Raises:
        ConflictError: The batch was closed before, with another seed or other groups.
        OpenRuleError: The text leaves the rule open.
        WindowError: Applications are still taken, and none waits from a window that has shut.
        ScoreError: Something that is ranked has no score.
        OverspentError: Amounts that people decided exceed the money.
        KeptError: More is kept for groups than there is.
        SeedError: A lottery has no seed.
    """
    _require_rule(scheme)
    wish = Wish(
        key=key_of("allocate", scheme.id, closing.name),
        kind="allocate",
        body={
            "programme": scheme.id,
            "hash": scheme.programme.hash,
            "batch": closing.name,
            "seed": closing.seed,
            "groups": dict(closing.groups),
        },
    )
    while True:
        resume(office, "apply", "allot", programme=scheme.id)
        _carry_on(office, scheme)
        try:
            carry_out(office, wish, lambda connection: _shared_out(connection, scheme, closing, at))
            break
        except PendingError:
            continue  # an application or an earlier batch is on its way; it is counted first
    _carry_on(office, scheme, again=closing.name)
    return office.transact("web", lambda connection: _told(connection, scheme.id, closing.name))


def close(
    office: Office, scheme: Scheme, closing: Closing, *, at: datetime
) -> tuple[Allotted, ...]:
    """Close a batch under every version of a programme under which somebody still waits.

    Whoever applied under an earlier version is awarded by it, and first. See `allocate`.
    """
    each = office.transact("web", lambda connection: [*_closings(connection, scheme, closing)])
    return tuple(one for version, own in each for one in allocate(office, version, own, at=at))


def _closings(
    connection: Connection, scheme: Scheme, closing: Closing
) -> Iterator[tuple[Scheme, Closing]]:
    """Yield what to close, the oldest first; a batch of an earlier version has its own name."""
    rows = connection.execute(
        "SELECT id, hash FROM service.batch WHERE programme = %s", (scheme.id,)
    ).fetchall()
    closed: dict[str, str] = dict(rows)
    waiting = connection.execute(
        """
        SELECT DISTINCT hash FROM service.application
        WHERE programme = %s AND state IN ('approved', 'waiting')
        """,
        (scheme.id,),
    ).fetchall()
    owner = closed.get(closing.name, scheme.programme.hash)
    for version in versions(connection, scheme.id):
        one = version.programme.hash
        own = f"{closing.name}@{one.partition(':')[2][:_HASH_SHOWN]}"
        if one == owner:
            yield version, closing
        elif own in closed or ((one,) in waiting and owner == scheme.programme.hash):
            yield version, Closing(own, closing.seed)


def _told(connection: Connection, programme: str, batch: str) -> tuple[Allotted, ...]:
    """Let those wait whom the books refused, and return what became of everybody."""
    connection.execute(
        """
        UPDATE service.application SET state = 'waiting'
        FROM service.allotment
        WHERE allotment.programme = %s AND allotment.batch = %s
          AND application.id = allotment.application AND application.state = 'approved'
        """,
        (programme, batch),
    )
    return of_batch(connection, programme, batch)


def of_batch(connection: Connection, programme: str, batch: str) -> tuple[Allotted, ...]:
    """Return what the applications of a batch got, those first who have something."""
    with connection.cursor(row_factory=class_row(Allotted)) as cursor:
        found = tuple(
            cursor.execute(
                """
                SELECT allotment.application, asked_fen, amount_fen, result, place, factor,
                  application.state, voucher.id AS voucher
                FROM service.allotment
                JOIN service.application ON application.id = allotment.application
                LEFT JOIN service.voucher ON voucher.application = application.id
                WHERE allotment.programme = %s AND allotment.batch = %s
                ORDER BY result = 'below_score', place, allotment.application
                """,
                (programme, batch),
            ).fetchall()
        )
    keys = {one.application: _key(programme, batch, one.application) for one in found}
    said = refusals(connection, [keys[one.application] for one in found if one.is_unserved])
    return tuple(replace(one, refused=said.get(keys[one.application])) for one in found)


def _key(programme: str, batch: str, application: str) -> UUID:
    """Return the key under which what a batch gives an application is issued."""
    return key_of("allot", programme, batch, application)


def _require_rule(scheme: Scheme) -> None:
    rule = scheme.applied.allocation
    if rule.value is None or (rule.last is not None and rule.last.value is None):
        raise OpenRuleError("open_rule", programme=scheme.id)


@dataclass(frozen=True)
class _Candidate:
    """An application that may be awarded something, as it stands when the batch is closed."""

    request: Request
    submitted_at: datetime
    decision: Decision
    asked_fen: int

    def claim(self, rank_by: str | None) -> Claim:
        """Return what it asks of the money."""
        score = self.request.facts.get(rank_by) if rank_by else None
        return Claim(
            id=self.request.id,
            asked_fen=self.asked_fen,
            submitted_at=self.submitted_at,
            score=score if isinstance(score, int) else None,
            group=self.decision.group,
        )


def _shared_out(
    connection: Connection, scheme: Scheme, closing: Closing, at: datetime
) -> tuple[Posting, ...]:
    """Write down who gets how much; nothing is posted yet."""
    settle_first(connection, f"batch {scheme.id}", "apply", "allot", programme=scheme.id)
    if any(not attempts(connection, one.key) for one in _granted(connection, scheme)):
        raise PendingError
    programme = scheme.applied
    rule, found = programme.allocation, list(_candidates(connection, scheme, at))
    if rule.value == "ranked":
        _require_scores(str(rule.rank_by), found)
    claims = [one.claim(rule.rank_by) for one in found]
    money, awards = _bearable(connection, scheme, closing, claims, at)
    _write(connection, scheme, closing, money, at)
    decisions = {one.request.id: one.decision for one in found}
    for award in awards:
        _write_award(connection, scheme, closing, award, decisions[award.claim.id])
    return ()


def _bearable(
    connection: Connection, scheme: Scheme, closing: Closing, claims: Sequence[Claim], at: datetime
) -> tuple[Money, tuple[Award, ...]]:
    """Share out what every funder can bear: the odd fen of each award falls on one of them."""
    programme, money = scheme.applied, _money(connection, scheme, closing, at)
    nobody = _nobody(connection, scheme, at)
    purses = {name: nobody.purse(name) for name in ("", *money.groups)}
    left = {purse: nobody.available(purse) for purse in purses.values()}
    while True:
        awards = shared(
            claims,
            programme.allocation,
            money,
            seed=closing.seed,
            unit_fen=UNITS_FEN[programme.rounding.unit],
        )
        short_fen = _short_fen(programme, awards, purses, left)
        if not short_fen:
            return money, awards
        for short, fen in short_fen.items():
            money = money.less(fen, [name for name, purse in purses.items() if purse == short])


def _short_fen(
    programme: Programme,
    awards: Sequence[Award],
    purses: Mapping[str, str],
    left: Mapping[str, Mapping[str, int]],
) -> Mapping[str, int]:
    """Return what the funder that lacks most lacks for the awards, of each purse that is short."""
    due_fen: Counter[tuple[str, str]] = Counter()
    for award in awards:
        parts = split(award.amount_fen, tuple(weight for _, weight in programme.funders))
        for (funder, _), fen in zip(programme.funders, parts, strict=True):
            due_fen[purses[award.claim.group], funder] += fen
    short_fen: Counter[str] = Counter()
    for (purse, funder), fen in due_fen.items():
        short_fen[purse] = max(short_fen[purse], fen - left[purse].get(funder, 0))
    return +short_fen


def _require_scores(name: str, found: Sequence[_Candidate]) -> None:
    without = [one.request.id for one in found if one.claim(name).score is None]
    if without:
        raise ScoreError("no_score", fact=name, names=", ".join(without))


def _candidates(connection: Connection, scheme: Scheme, at: datetime) -> Iterator[_Candidate]:
    """Yield those who can still be awarded something, each decided on what is drawn by now.

    Several applications under one cap are counted in the order in which they came, so that
    together they ask no more than the cap leaves.
    """
    asked: Counter[tuple[str, str]] = Counter()
    for request, submitted_at in _applications(connection, scheme, at):
        issue = Issue(connection, scheme, request, at)
        caps = scheme.applied.caps.limits
        before = {cap.id: asked[cap.id, issue.holder(cap)] for cap in caps if cap.per != "group"}
        drawn = {name: fen + before.get(name, 0) for name, fen in issue.drawn().items()}
        decision = decide(
            scheme.programme,
            issue.facts(),
            at=submitted_at,
            assumptions=scheme.assumptions,
            used=Used(by_id=drawn),
        )
        if not decision.issuable or barred(issue):
            continue
        asked_fen = min(decision.amount_fen or 0, issue.free_fen())
        if asked_fen > 0:
            asked.update(
                {(cap.id, issue.holder(cap)): asked_fen for cap in issue.counted(decision)}
            )
            yield _Candidate(request, submitted_at, decision, asked_fen)


def _applications(
    connection: Connection, scheme: Scheme, at: datetime
) -> Iterator[tuple[Request, datetime]]:
    rows = connection.execute(
        """
        SELECT id, applicant, contract, facts, submitted_at FROM service.application
        WHERE programme = %s AND hash = %s AND submitted_at <= %s
          AND state IN ('approved', 'waiting')
        ORDER BY submitted_at, id
        """,
        (scheme.id, scheme.programme.hash, at),
    ).fetchall()
    if _is_counted_at_close(connection, scheme):
        rows = [row for row in rows if not may_grow(scheme.applied, row[-1], at)]
        if not rows and scheme.applied.windows and is_open(scheme.applied, at):
            raise WindowError("window_open", programme=scheme.id, at=f"{at:%Y-%m-%d %H:%M}")
    for name, applicant, contract, facts, submitted_at in rows:
        yield Request(name, applicant, contract, facts_of(facts)), submitted_at


def _is_counted_at_close(connection: Connection, scheme: Scheme) -> bool:
    """Tell whether the share depends on all of a window; under an earlier text nobody applies."""
    in_force, _ = latest(connection, scheme.id)
    rule = scheme.applied.allocation.value
    return rule in _SHARED_AT_CLOSE and in_force == scheme.programme.hash


def _money(connection: Connection, scheme: Scheme, closing: Closing, at: datetime) -> Money:
    """Return what is left for all, with what each group may draw of it or of its own money."""
    nobody = _nobody(connection, scheme, at)
    kept = {group.id: nobody.kept_fen(group) for group in scheme.applied.budget.groups}
    left = {name: max(0, kept_fen - used_fen) for name, (kept_fen, used_fen) in kept.items()}
    own = {name: nobody.available_fen(name) or 0 for name in kept if nobody.purse(name)}
    groups = {**left, **{name: min(fen, left[name]) for name, fen in own.items()}, **closing.groups}
    own_fen = sum(min(fen, groups[name]) for name, fen in own.items())
    return Money((nobody.available_fen("") or 0) + own_fen, groups)


def _nobody(connection: Connection, scheme: Scheme, at: datetime) -> Issue:
    """Return an issue to nobody, to read in the books what concerns everybody."""
    return Issue(connection, scheme, Request("", "", "", {}), at)


def _write(
    connection: Connection, scheme: Scheme, closing: Closing, money: Money, at: datetime
) -> None:
    plain = {"whole_fen": money.whole_fen, "groups": dict(money.groups)}
    connection.execute(
        "INSERT INTO service.batch VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            scheme.id,
            closing.name,
            scheme.programme.hash,
            scheme.applied.allocation.value,
            closing.seed,
            Jsonb(plain),
            at,
        ),
    )


def _write_award(
    connection: Connection, scheme: Scheme, closing: Closing, award: Award, decision: Decision
) -> None:
    connection.execute(
        "INSERT INTO service.allotment VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            scheme.id,
            closing.name,
            award.claim.id,
            Jsonb(decision.as_json()),
            award.claim.asked_fen,
            award.amount_fen,
            award.result,
            award.place,
            str(award.factor or ""),
        ),
    )
    if not award.amount_fen:
        _let_wait(connection, award.claim.id, refused=award.result == "below_score")


def _let_wait(connection: Connection, application: str, *, refused: bool = False) -> None:
    """Let an approved application wait for money; one that scored too low is refused."""
    state = application_after(ApplicationState.APPROVED, ApplicationAct.WAIT)
    if refused:
        state = application_after(state, ApplicationAct.REFUSE)
    connection.execute(
        """
        UPDATE service.application SET state = %s
        WHERE id = %s AND state IN ('approved', 'waiting')
        """,
        (state, application),
    )


def _carry_on(office: Office, scheme: Scheme, *, again: str = "") -> None:
    """Issue what was allotted and has had no answer yet, or a refusal in the batch asked again."""
    for allotment in office.transact("web", lambda connection: _granted(connection, scheme)):
        answer = given(office, allotment.key)
        if answer is None or (allotment.batch == again and not answer.final):
            _issue(office, scheme, allotment)


@dataclass(frozen=True)
class _Granted:
    """An award as it was written down when its batch was closed."""

    programme: str
    batch: str
    application: str
    applicant: str
    contract: str
    facts: dict[str, Any]
    decision: dict[str, Any]
    amount_fen: int
    closed_at: datetime
    way: Way

    @property
    def key(self) -> UUID:
        """The key of its issue."""
        return _key(self.programme, self.batch, self.application)


def _granted(connection: Connection, scheme: Scheme) -> tuple[_Granted, ...]:
    with connection.cursor(row_factory=class_row(_Granted)) as cursor:
        return tuple(
            cursor.execute(
                """
                SELECT allotment.programme, allotment.batch, application.id AS application,
                  application.applicant, application.contract, application.facts,
                  allotment.decision, allotment.amount_fen, batch.closed_at,
                  application.way
                FROM service.allotment
                JOIN service.batch ON batch.programme = allotment.programme
                  AND batch.id = allotment.batch
                JOIN service.application ON application.id = allotment.application
                WHERE batch.programme = %s AND batch.hash = %s AND allotment.amount_fen > 0
                  AND application.state IN ('approved', 'waiting')
                ORDER BY batch.closed_at, application.submitted_at, application.id
                """,
                (scheme.id, scheme.programme.hash),
            ).fetchall()
        )


def _issue(office: Office, scheme: Scheme, allotment: _Granted) -> None:
    """Award what was asked for: a voucher, as a rule; where the books say no, it waits."""
    contract = allotment.contract
    wish = Wish(
        key=allotment.key,
        kind="allot",
        body={
            "programme": scheme.id,
            "batch": allotment.batch,
            "application": allotment.application,
            "contract": contract,
            "amount_fen": allotment.amount_fen,
        },
    )
    while True:
        resume(office, *KINDS, contract=contract)
        try:
            carry_out(office, wish, lambda connection: _postings(connection, scheme, allotment))
            break
        except PendingError:
            continue  # something else was asked for the same contract; its answer comes first


def _postings(connection: Connection, scheme: Scheme, one: _Granted) -> tuple[Posting, ...]:
    settle_first(connection, f"contract {one.contract}", *KINDS, contract=one.contract)
    request = Request(one.application, one.applicant, one.contract, facts_of(one.facts))
    issue = Issue(connection, scheme, request, one.closed_at, batch=one.batch)
    if barred(issue):
        return ()
    decision = from_json(one.decision)
    terms = issue.voucher(decision, face_fen=one.amount_fen)
    return awarded(issue, terms, decision, one.way)
