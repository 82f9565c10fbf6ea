"""Issuing: what an application finds in the books, and the events that make it a voucher.

Caps and claims are memoranda under the same locks as the money (docs/algorithms/ledger.md).
The registry keeps, per contract, how much public money it has had, and one unit for every
claim that may be made on it once only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection

from tallygrid.core.arithmetic import OTHER_AWARD_FACT, Used, on_day
from tallygrid.core.books import REGISTRY, Account, Event, Leg
from tallygrid.core.canonical import sha256_of
from tallygrid.core.condition import Facts
from tallygrid.core.decision import Decision
from tallygrid.core.granting import grant_of
from tallygrid.core.key import key_of
from tallygrid.core.money import FEN_PER_YUAN, split
from tallygrid.core.programme import BudgetGroup, Cap, Programme
from tallygrid.core.stacking import matches
from tallygrid.core.validity import valid_until
from tallygrid.service import contract as contracts
from tallygrid.service.contract import ALL_YEARS
from tallygrid.service.plain import dump
from tallygrid.service.publishing import Scheme, in_force
from tallygrid.service.voucher import Voucher
from tallygrid.service.wish import Step

REGISTRY_TTL_S: Final = 10 * 365 * 24 * 3_600
"""How long the registry keeps a claim open while the programme's own books answer.

Every intent is carried to its end, so a claim need not expire by itself; if it did, a system
that was down for longer would find money awarded and the claim gone.
"""


@dataclass(frozen=True)
class _Cap:
    """How a cap stands in the books."""

    opened_fen: int
    """All that was ever opened of it."""
    closed_fen: int
    """All that was closed again."""
    free_fen: int
    """What is open, and neither used nor held."""


@dataclass(frozen=True)
class Request:
    """What an applicant asks a programme for."""

    id: str
    applicant: str
    contract: str
    """The number of the contract that the voucher shall help to pay."""
    facts: Facts


def answered(request: Request, programme: str, decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return an application with its answer, as the books know it by its hash."""
    return {
        "id": request.id,
        "programme": programme,
        "applicant": request.applicant,
        "contract": request.contract,
        "facts": dump(dict(request.facts)),
        "decision": dict(decision),
    }


@dataclass(frozen=True)
class Issue:
    """One application on its way to a voucher."""

    connection: Connection
    scheme: Scheme
    request: Request
    at: datetime
    batch: str = ""
    """The batch that it is awarded in; empty where it is awarded on application."""

    @cached_property
    def programme(self) -> Programme:
        """The programme with its open items filled."""
        return self.scheme.applied

    @cached_property
    def day(self) -> date:
        """The day of the application where the programme is run."""
        return self.at.astimezone(ZoneInfo(self.programme.place.zone)).date()

    def facts(self) -> Facts:
        """Return the facts of the case, with the public money this network knows it has had."""
        facts = {**self.request.facts, **self._matched()}
        known_fen = self._balance(REGISTRY, contracts.used(self._contract))
        other = facts.get("other_fiscal_fen")
        if not isinstance(other, int) or not known_fen:
            return facts
        return {**facts, "other_fiscal_fen": other + known_fen}

    def _matched(self) -> Facts:
        """Return the award that this one matches, where its vouchers are known here."""
        if self.programme.base.value != "other_award":
            return {}
        rows = self.connection.execute(
            """
            SELECT programme, (grant_terms ->> 'room_fen')::bigint FROM service.voucher
            WHERE contract = %s AND applicant = %s AND state NOT IN ('expired', 'revoked')
            """,
            (self.request.contract, self.request.applicant),
        ).fetchall()
        schemes = in_force(self.connection) if rows else {}
        found = [fen for name, fen in rows if matches(self.programme, schemes[name].applied)]
        return {OTHER_AWARD_FACT: sum(found)} if found else {}

    def used(self, group: str = "") -> Used:
        """Return what was drawn under the caps, and what is left of the budget for a class."""
        groups = {group.id: self.kept_fen(group)[1] for group in self.programme.budget.groups}
        budget_fen = self.available_fen(self.purse(group))
        return Used(budget_fen=budget_fen, by_id={**self.drawn(), **groups})

    def purse(self, group: str) -> str:
        """Return the class if money was appropriated to it alone; else nothing: it is for all."""
        return group if group and self._appropriated_fen(group) else ""

    def used_of_nobodys(self) -> Used:
        """Return the same for whoever is in no group: what is kept for groups is not left."""
        used = self.used()
        groups = self.programme.budget.groups
        kept = (self.kept_fen(group) for group in groups if not self.purse(group.id))
        kept_fen = sum(max(0, whole_fen - drawn_fen) for whole_fen, drawn_fen in kept)
        if used.budget_fen is None or not kept_fen:
            return used
        return replace(used, budget_fen=max(0, used.budget_fen - kept_fen))

    def drawn(self) -> dict[str, int]:
        """Return what was drawn under each cap that would count this voucher."""
        return {cap.id: self._used(cap) for cap in self.programme.caps.limits}

    def kept_fen(self, group: BudgetGroup) -> tuple[int, int]:
        """Return what is kept for a group of the budget, and what it has drawn of that."""
        kept_yuan = on_day(group.amount_yuan, self.day) or 0
        account = Account("cap_used", self._budget_year, f"group.{group.id}")
        return kept_yuan * FEN_PER_YUAN, self._balance(self.scheme.id, account)

    def free_fen(self) -> int:
        """Return how much public money the contract can still bear; 0 if it has had its claim."""
        used = [self._balance(REGISTRY, contracts.used(holder)) for holder in self._once()]
        known_fen = self._balance(REGISTRY, contracts.used(self._contract))
        return 0 if any(used) else self._contract_fen() - known_fen

    def steps(self, voucher: Voucher, decision: Decision) -> list[Step]:
        """Return everything that has to happen for the voucher to come into being."""
        return [
            *(Step(REGISTRY, "web", event) for event in self._claims(voucher)),
            *self.limits(voucher, decision),
            Step(self.scheme.id, "web", self._award(voucher, decision)),
            Step(self.scheme.id, "web", self._issue(voucher, decision)),
            Step(REGISTRY, "worker", self.claimed(voucher)),
        ]

    def steps_of_notice(self, voucher: Voucher, decision: Decision) -> list[Step]:
        """Return everything that has to happen for an award to be held while it is in notice.

        Its caps are counted and its claim on the contract is held, so that the voucher, if
        nobody objects, is sure.
        """
        counted = self._counted(voucher, decision, self.counted(decision))
        return [
            *(Step(REGISTRY, "web", event) for event in self._claims(voucher)),
            *self.limits(voucher, decision),
            Step(self.scheme.id, "web", self._award(voucher, decision, *counted)),
        ]

    def limits(self, voucher: Voucher, decision: Decision) -> list[Step]:
        """Return what opens the room of every cap that holds here."""
        return [Step(self.scheme.id, "web", one) for one in self._limits(voucher, decision)]

    def steps_ex_post(self, terms: Voucher, decision: Decision) -> list[Step]:
        """Return everything that has to happen for an award without a voucher to be owed.

        It counts under the same caps, and takes the same claim on its contract. Its terms are
        never issued: what the voucher would be, the award is at once.
        """
        return [
            *(Step(REGISTRY, "web", event) for event in self._claims(terms)),
            *self.limits(terms, decision),
            Step(self.scheme.id, "worker", self._award_ex_post(terms, decision)),
            Step(REGISTRY, "worker", self.claimed(terms)),
        ]

    def voucher(self, decision: Decision, *, face_fen: int | None = None) -> Voucher:
        """Return the voucher that a decision grants, for less if the money did not suffice."""
        programme = self.programme
        grant = grant_of(programme, decision, voucher=f"V-{self.request.id}")
        assert programme.paid_to.value is not None, programme.id
        assert programme.validity.value is not None, programme.id
        return Voucher(
            id=f"V-{self.request.id}",
            programme=programme.id,
            kind=programme.kind,
            application=self.request.id,
            applicant=self.request.applicant,
            contract=self.request.contract,
            fiscal_year=self.day.year,
            grant_terms=grant if face_fen is None else replace(grant, room_fen=face_fen),
            cap=self._cap_of_redemption(decision),
            paid_to=programme.paid_to.value,
            assumptions=self.scheme.assumed,
            zone=programme.place.zone,
            valid_from=self.day,
            valid_until=valid_until(programme.validity.value, issued_on=self.day),
            state="issued",
            budget_group=self.purse(decision.group),
        )

    def _claims(self, voucher: Voucher) -> Iterator[Event]:
        """Open the contract's memoranda in the registry, and hold this voucher's part of them.

        Public money never exceeds the contract. A claim that may be made once only has room
        for one unit.
        """
        taken = {self._contract: voucher.face_fen, **dict.fromkeys(self._once(), 1)}
        known = contracts.find(self.connection, self._contract)
        opened_at = known.first_signed_at if known else self._signed_at()
        yield from self._contract_opened(known)
        yield from (self._opening(holder, 1, opened_at) for holder in self._once())
        yield Event(
            key=self.key("claim"),
            kind="hold",
            legs=tuple(
                Leg(contracts.room(holder), contracts.used(holder), amount_fen)
                for holder, amount_fen in taken.items()
            ),
            occurred_at=self.at,
            ttl_seconds=REGISTRY_TTL_S,
            reason=f"application {self.request.id}",
        )

    def _contract_opened(self, known: contracts.Contract | None) -> Iterator[Event]:
        """Open the contract; one that is open has to be what the facts say, as it holds now.

        The books refuse to open it a second time with anything else. Where it was amended the
        facts that opened it are something else too.
        """
        opening = self._opening(self._contract, self._contract_fen(), self._signed_at())
        if known is None or not known.is_amended:
            yield opening
        elif (known.limit_fen, known.signed_at) != (self._contract_fen(), self._signed_at()):
            yield replace(opening, reason=f"{opening.reason}, not as amended")

    def _opening(self, holder: str, room_fen: int, at: datetime) -> Event:
        return Event(
            key=key_of("ceiling", holder),
            kind="limit",
            legs=(Leg(contracts.SOURCE, contracts.room(holder), room_fen),),
            occurred_at=at,
            reason=f"contract {self.request.contract}",
        )

    def key(self, does: str) -> UUID:
        """Return the key of a step: an application that waited is awarded under new ones."""
        return key_of(does, self.request.id, *([self.batch] if self.batch else []))

    def claimed(self, voucher: Voucher) -> Event:
        """Return what turns the claim on the contract that was held into one that was made."""
        *_, hold = self._claims(voucher)
        return Event(
            key=self.key("claimed"),
            kind="capture",
            legs=hold.legs,
            occurred_at=self.at,
            hold=hold.key,
            final=True,
            reason=hold.reason,
        )

    def _once(self) -> Iterator[str]:
        """Yield the names of the claims on the contract that may be made once only."""
        yield f"{self.scheme.id}.{self._contract}"
        rule = self.programme.stacking.one_contract_one_claim
        if rule is not None and rule.value:
            scopes = {"programme": self.scheme.id, "place": self.programme.place.code, "all": "all"}
            if rule.scope != "programme":
                yield f"{scopes[rule.scope]}.{self._contract}"

    def _limits(self, voucher: Voucher, decision: Decision) -> Iterator[Event]:
        """Set every cap that holds here, for each year the voucher touches, as its text says."""
        for cap in self._caps(decision):
            amount_yuan = on_day(cap.amount_yuan, self.day)
            assert amount_yuan is not None, cap.id
            for year in self._years(cap, voucher):
                room = Account("cap_room", year, self.holder(cap))
                yield from self._set(room, amount_yuan * FEN_PER_YUAN, f"cap {cap.id}")
        for group in self.programme.budget.groups:
            if group.id == decision.group:
                room = Account("cap_room", self._budget_year, f"group.{group.id}")
                kept_fen, _ = self.kept_fen(group)
                yield from self._set(room, kept_fen, f"group {group.id}")

    def _set(self, room: Account, limit_fen: int, reason: str) -> Iterator[Event]:
        """Open or close the room of a cap until it is what the text says; what is used stays so.

        Everybody who finds the cap as it stands now makes the same event, so it is set once; and
        a cap that is set back has an event of its own each time. From one standing it is opened
        once: whoever meanwhile found another text is refused, else both openings would add up.
        """
        stands = self._cap(room)
        more_fen = limit_fen - (stands.opened_fen - stands.closed_fen)
        less_fen = min(-more_fen, stands.free_fen)
        source = Account("cap_source", room.year)
        standing: tuple[int, ...] = (stands.opened_fen,)
        if more_fen > 0:
            kind, leg = "limit", Leg(source, room, more_fen)
        elif less_fen > 0:
            kind, leg = "lower_limit", Leg(room, source, less_fen)
            standing += (stands.closed_fen, less_fen)
        else:
            return
        yield Event(
            key=key_of(kind, self.scheme.id, room.code, *standing),
            kind=kind,
            legs=(leg,),
            occurred_at=_opened(room.year),
            reason=reason,
        )

    def _award(self, voucher: Voucher, decision: Decision, *more: Leg) -> Event:
        """Reserve the money for the award; it holds the hash of what was asked and answered."""
        group = voucher.budget_group
        return Event(
            key=self.key("award"),
            kind="award",
            legs=(
                *(
                    Leg(
                        Account("available", voucher.fiscal_year, "", funder, group),
                        Account("reserved", voucher.fiscal_year, self.request.id, funder, group),
                        part_fen,
                    )
                    for funder, part_fen in self._funded(voucher)
                ),
                *more,
            ),
            occurred_at=self.at,
            reason=f"application {self.request.id}",
            document=sha256_of(answered(self.request, self.scheme.id, decision.as_json())),
        )

    def _issue(self, voucher: Voucher, decision: Decision) -> Event:
        """Commit what is reserved to the voucher, counting the caps."""
        return Event(
            key=self.key("issue"),
            kind="issue",
            legs=(
                *committed(voucher, self.request.id, self._funded(voucher)),
                *self._counted(voucher, decision, self.counted(decision)),
            ),
            occurred_at=self.at,
            reason=f"voucher {voucher.id}",
        )

    def _award_ex_post(self, terms: Voucher, decision: Decision) -> Event:
        """Make the award payable to the applicant, who has paid for the work already."""
        year = terms.fiscal_year
        return Event(
            key=self.key("award ex post"),
            kind="award_ex_post",
            legs=(
                *(
                    Leg(
                        Account("available", year, funder=funder, group=terms.budget_group),
                        Account("payable", year, self.request.applicant, funder),
                        part_fen,
                    )
                    for funder, part_fen in self._funded(terms)
                ),
                *self._counted(terms, decision, self._caps(decision)),
            ),
            occurred_at=self.at,
            reason=f"application {self.request.id}",
            document=sha256_of(answered(self.request, self.scheme.id, decision.as_json())),
        )

    def _funded(self, voucher: Voucher) -> list[tuple[str, int]]:
        """Return what each funder gives of a voucher's face."""
        parts = split(voucher.face_fen, tuple(weight for _, weight in self.programme.funders))
        return [
            (funder, part_fen)
            for (funder, _), part_fen in zip(self.programme.funders, parts, strict=True)
            if part_fen
        ]

    def _counted(self, voucher: Voucher, decision: Decision, caps: Iterable[Cap]) -> Iterator[Leg]:
        for cap in caps:
            year, *_ = self._years(cap, voucher)
            yield Leg(
                Account("cap_room", year, self.holder(cap)),
                Account("cap_used", year, self.holder(cap)),
                voucher.face_fen,
            )
        if decision.group:
            holder = f"group.{decision.group}"
            yield Leg(
                Account("cap_room", self._budget_year, holder),
                Account("cap_used", self._budget_year, holder),
                voucher.face_fen,
            )

    def counted(self, decision: Decision) -> Iterator[Cap]:
        """Yield the caps that issue counts under; a yearly cap may count redemption instead."""
        for cap in self._caps(decision):
            if cap.per != "applicant_year" or not self._counts_redemption:
                yield cap

    def _caps(self, decision: Decision) -> Iterator[Cap]:
        """Yield the caps that hold in this case; one that is in principle only is no limit."""
        applied = {line.values["id"] for line in decision.trace if line.code == "cap"}
        for cap in self.programme.caps.limits:
            if cap.id in applied and cap.strength == "at_most":
                yield cap

    def _cap_of_redemption(self, decision: Decision) -> str:
        yearly = [cap for cap in self._caps(decision) if cap.per == "applicant_year"]
        return self.holder(yearly[0]) if yearly and self._counts_redemption else ""

    @property
    def _budget_year(self) -> int:
        """The year in which a group's money counts: this one, or all of a total budget."""
        return self.day.year if self.programme.budget.period == "annual" else ALL_YEARS

    @property
    def _counts_redemption(self) -> bool:
        return self.programme.caps.year_of.value == "redemption"

    def _years(self, cap: Cap, voucher: Voucher) -> tuple[int, ...]:
        if cap.per != "applicant_year":
            return (ALL_YEARS,)
        if self._counts_redemption:
            return tuple(range(voucher.valid_from.year, voucher.valid_until.year + 1))
        return (self._cap_year,)

    @property
    def _cap_year(self) -> int:
        """The year in which a yearly cap counts this voucher."""
        signed = self.request.facts.get("contract_signed_on")
        by_contract = self.programme.caps.year_of.value == "contract_date"
        return signed.year if by_contract and isinstance(signed, date) else self.day.year

    def _used(self, cap: Cap) -> int:
        year = self._cap_year if cap.per == "applicant_year" else ALL_YEARS
        return self._balance(self.scheme.id, Account("cap_used", year, self.holder(cap)))

    def holder(self, cap: Cap) -> str:
        """Return under which name a cap counts this application."""
        whose = {
            "applicant_year": self.request.applicant,
            "applicant_total": self.request.applicant,
            "contract": self._contract,
            "group": "group",
        }
        return f"{cap.id}.{whose[cap.per]}"

    @property
    def _contract(self) -> str:
        """What the books call the contract."""
        return contracts.named(self.request.applicant, self.request.contract)

    def _contract_fen(self) -> int:
        amount = self.request.facts.get("contract_fen")
        assert isinstance(amount, int), "a decision that can be issued knows the contract's value"
        return amount

    def _signed_at(self) -> datetime:
        """Return an instant that depends on the contract alone, so that its events repeat."""
        signed = self.request.facts.get("contract_signed_on")
        day = signed if isinstance(signed, date) else date(self.day.year, 1, 1)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    def available_fen(self, group: str | None = None) -> int | None:
        """Return what is left of the year's budget; None where none was ever appropriated."""
        left = self.available(group)
        return sum(left.values()) if left else None

    def available(self, group: str | None = None) -> Mapping[str, int]:
        """Return what is left of the year's budget, funder by funder.

        Args:
            group: The class whose own money it shall be; "" for what is for all, None for both.
        """
        rows = self.connection.execute(
            """
            SELECT account.funder, sum(account.in_fen - account.out_fen - account.held_fen)::bigint
            FROM books.account
            JOIN books.programme ON programme.id = account.programme
            WHERE programme.code = %(programme)s AND account.kind = 'available'
              AND account.year = %(year)s
              AND (account.budget_group = %(group)s OR %(group)s::text IS NULL)
            GROUP BY account.funder
            """,
            {"programme": self.scheme.id, "year": self.day.year, "group": group},
        ).fetchall()
        return dict(rows)

    def _appropriated_fen(self, group: str) -> int:
        """Return what came in for a class alone this year, less what went back or on."""
        row = self.connection.execute(
            """
            SELECT coalesce(sum(account.out_fen - account.in_fen), 0)::bigint
            FROM books.account JOIN books.programme ON programme.id = account.programme
            WHERE programme.code = %s AND account.year = %s AND account.budget_group = %s
              AND account.kind IN (
                'appropriation', 'carried_in', 'transferred_in', 'carried_out', 'transferred_out')
            """,
            (self.scheme.id, self.day.year, group),
        ).fetchone()
        assert row is not None, "an aggregate has one row"
        return int(row[0])

    def _balance(self, programme: str, account: Account) -> int:
        row = self._row(programme, account)
        return row[0] - row[1] if row else 0

    def _cap(self, room: Account) -> _Cap:
        """Return how a cap stands: what is left of it and what was used, read at once."""
        row = self.connection.execute(
            """
            SELECT
              coalesce(sum(CASE kind WHEN 'cap_room' THEN in_fen ELSE -out_fen END), 0)::bigint,
              coalesce(sum(CASE kind WHEN 'cap_room' THEN out_fen ELSE -in_fen END), 0)::bigint,
              coalesce(sum(in_fen - out_fen - held_fen) FILTER (WHERE kind = 'cap_room'), 0)::bigint
            FROM books.account
            JOIN books.programme ON programme.id = account.programme
            WHERE programme.code = %s AND account.code = ANY (%s)
            """,
            (self.scheme.id, [room.code, replace(room, kind="cap_used").code]),
        ).fetchone()
        assert row is not None, "an aggregate has one row"
        return _Cap(*row)

    def _row(self, programme: str, account: Account) -> tuple[int, int] | None:
        row = self.connection.execute(
            """
            SELECT account.in_fen, account.out_fen
            FROM books.account
            JOIN books.programme ON programme.id = account.programme
            WHERE programme.code = %s AND account.code = %s
            """,
            (programme, account.code),
        ).fetchone()
        return None if row is None else (row[0], row[1])


def committed(
    voucher: Voucher, application: str, parts: Iterable[tuple[str, int]]
) -> Iterator[Leg]:
    """Yield the way from what is reserved for an application to its voucher, funder by funder."""
    for funder, part_fen in parts:
        year, group = voucher.fiscal_year, voucher.budget_group
        reserved = Account("reserved", year, application, funder, group)
        yield Leg(reserved, Account("committed", year, voucher.id, funder, group), part_fen)


def _opened(year: int) -> datetime:
    """Return an instant that depends on the cap's year alone, so that its events repeat."""
    return datetime(2000 if year == ALL_YEARS else year, 1, 1, tzinfo=UTC)
