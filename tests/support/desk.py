"""What the tests of the service share: a desk with a database, a site and short ways to ask."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fcntl import LOCK_EX, flock
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection

from tallygrid import ledger
from tallygrid.core.books import (
    REVERSED_BY,
    Account,
    Balance,
    Leg,
    Problem,
    reversal_of,
)
from tallygrid.core.programme import Scalar
from tallygrid.core.rating import Stacking
from tallygrid.database import Server
from tallygrid.database.again import Sessions
from tallygrid.files.assumptions import packaged_assumptions
from tallygrid.files.catalogue import read_catalogue
from tallygrid.files.programme import read_programmes
from tallygrid.service import applying, auditing, budgeting, buying, lines, parties, publishing
from tallygrid.service.applying import Applied
from tallygrid.service.budgeting import Tranche
from tallygrid.service.buying import Wanted
from tallygrid.service.install import install
from tallygrid.service.issuing import Request
from tallygrid.service.lines import Accepted
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.service.purchase import Purchase
from tallygrid.service.wish import Answer
from tallygrid.sites.local import LocalSite

AT: Final = datetime(2026, 5, 11, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
PROVINCE: Final = "henan-compute-issued"
"""20 % of the fee, deducted; the province and the city fund it one to one."""
CITY: Final = "zhengzhou-compute-issued"
"""20 % of the same contract, deducted, from the city alone."""
REIMBURSED: Final = "shanghai-compute-issued"
"""Paid back to the applicant."""
SERVER: Final = "zhongwei.h100-server"
"""A server of eight cards at 75,000 yuan a month."""
CARD: Final = "zhangjiakou.h100"
"""A card at 80,000 yuan for 5,760 hours."""

CATALOGUE: Final = read_catalogue()
PROGRAMMES: Final = {one.id: one for one in read_programmes()}
ASSUMPTIONS: Final = packaged_assumptions("demonstration", tuple(PROGRAMMES.values()))

FIRM: Final = "91410105MA0000001X"
OTHER_FIRM: Final = "91410105MA0000002X"
FACTS: Final[Mapping[str, Scalar]] = {
    "applicant_class": "enterprise",
    "independent_legal_person": True,
    "registered_in": "410105",
    "founded_on": date(2025, 9, 1),
    "sector": "software_information",
    "sme_class": "small",
    "sound_finance": True,
    "dishonesty_record": False,
    "in_ai_direction": True,
    "related_party": False,
    "own_facility": False,
    "double_funding": False,
    "contract_claimed": False,
    "applicant_is_admitted_provider": False,
    "other_fiscal_fen": 0,
    "purpose": "training",
    "spend_year_fen": 60_000_000,
    "provider_kind": "ai_computing_centre",
    "provider_pflops": 400,
    "contract_signed_on": AT.date(),
    "contract_term_months": 12,
}

_Found = TypeVar("_Found")


class DiedError(Exception):
    """The process of a test was killed, as far as the database can tell."""


@dataclass(frozen=True)
class DyingOffice(Office):
    """An office whose process dies after so many transactions; a broken one leaves no trace."""

    lifetime: list[int] = field(default_factory=lambda: [0])

    def transact(self, role: str, work: Callable[[Connection], _Found]) -> _Found:
        """Run work, or die before it."""
        if not self.lifetime[0]:
            raise DiedError
        self.lifetime[0] -= 1
        return super().transact(role, work)


@dataclass(frozen=True)
class OvertakenOffice(Office):
    """An office that is overtaken by somebody else after so many transactions."""

    meanwhile: Callable[[], None] = lambda: None
    left: list[int] = field(default_factory=lambda: [0])

    def transact(self, role: str, work: Callable[[Connection], _Found]) -> _Found:
        """Run work; if it is time, let the other thing happen first."""
        self.left[0] -= 1
        if self.left[0] == -1:
            self.meanwhile()
        return super().transact(role, work)


@dataclass
class Desk:
    """A service at work on a database of its own."""

    server: Server
    directory: Path
    office: Office

    def dying(self, transactions: int) -> DyingOffice:
        """Return the same office, killed after so many transactions."""
        return DyingOffice(
            self.office.sessions,
            self.office.catalogue,
            self.office.site,
            lifetime=[transactions],
        )

    def overtaken(self, transactions: int, meanwhile: Callable[[], None]) -> OvertakenOffice:
        """Return the same office, overtaken by something else after so many transactions."""
        base = self.office
        return OvertakenOffice(
            base.sessions, base.catalogue, base.site, meanwhile=meanwhile, left=[transactions]
        )

    def fund(self, programme: str, amount_fen: int, *, name: str = "first") -> Answer:
        """Publish a programme and give it money for the year."""
        publishing.publish(self.office, scheme(programme), at=AT)
        return self.appropriate(programme, amount_fen, name=name)

    def appropriate(self, programme: str, amount_fen: int, *, name: str) -> Answer:
        """Give a programme a tranche for the year, divided by its funders' weights."""
        parts = budgeting.divided(scheme(programme), amount_fen)
        tranche = Tranche(AT.year, name, parts)
        return budgeting.appropriate(self.office, scheme(programme), tranche, at=AT)

    def apply(self, programme: str, name: str, **facts: Scalar) -> Applied:
        """Apply for a contract named like the application, unless another is given."""
        return applying.apply(self.office, scheme(programme), request(name, **facts), at=AT)

    def voucher(self, programme: str, name: str, contract_fen: int, **facts: Scalar) -> str:
        """Return a voucher for a contract of some value."""
        asked = {"contract_fen": contract_fen, **facts}
        applied = self.apply(programme, name, **asked)
        assert applied.voucher is not None, applied
        return applied.voucher

    def buy(self, wanted_: Wanted, *, at: datetime = AT) -> Purchase:
        """Buy, and return the purchase."""
        answer = buying.buy(self.office, wanted_, at=at)
        assert answer.accepted, answer
        return self.purchase(wanted_.id)

    def purchase(self, name: str) -> Purchase:
        """Return a purchase as its row says now."""
        return buying.found(self.office, name)

    def deliver(
        self, purchase: Purchase, n: int, quantity: Fraction, *, final: bool = False
    ) -> Answer:
        """Accept what was used, a week after the use before."""
        return lines.capture(self.office, purchase, used(n, quantity, final=final))

    def balance(self, programme: str, code: str) -> Balance:
        """Return the balance of an account of this year."""
        where = Account.of(code if "@" in code else f"{code}@{AT.year}")
        return self.office.transact("web", lambda it: ledger.balance(it, programme, where))

    def held_fen(self, programme: str) -> int:
        """Return all that is held in a programme's books."""
        found = self.office.transact("web", lambda it: ledger.balances(it, programme))
        return sum(balance.held_fen for balance in found.values())

    def problems(self) -> tuple[Problem, ...]:
        """Verify all books as the auditor does."""
        with self.server.connect("auditor") as auditor:
            return (*ledger.verify(auditor), *auditing.verify(auditor))

    def undo(self, programme: str, key: UUID) -> None:
        """Post the exact mirror of an entry, which the books allow whoever may post the entry."""
        rows = self.rows(
            f"""
            SELECT event.kind, source.code, target.code, leg.amount_fen
            FROM books.event
            JOIN books.leg USING (programme, seq)
            JOIN books.account AS source ON source.id = leg.source
            JOIN books.account AS target ON target.id = leg.target
            WHERE event.key = '{key}' ORDER BY leg.no
            """  # noqa: S608  # a test's
        )
        kind = rows[0][0]
        legs = [Leg(Account.of(source), Account.of(target), fen) for _, source, target, fen in rows]
        role = REVERSED_BY[kind].replace("reverse_", "")
        event = reversal_of(key, kind, legs, at=AT, reason="a slip")
        (outcome,) = self.office.post(
            {"budget": "web", "use": "worker", "payment": "payer"}[role], programme, [event]
        )
        assert outcome.accepted, outcome

    def rows(self, query: str) -> list[Any]:
        """Return the rows that a query finds."""
        return self.office.transact("web", lambda it: it.execute(query.encode()).fetchall())

    def administer(self, statement: str) -> None:
        """Change what only an administrator can."""
        with self.server.administer(self.server.database) as administrator:
            administrator.execute(statement.encode())

    def snapshot(self) -> dict[str, Any]:
        """Return everything that the service and the books know, but not since when."""
        found: dict[str, Any] = {
            table: self.rows(f"TABLE service.{table} ORDER BY 1, 2")
            for table in (
                "application",
                "voucher",
                "purchase",
                "reservation",
                "line",
                "payment",
                "clawback",
            )
        }
        found["intent"] = self.rows(
            "SELECT key, kind, outcome -> 'refused' FROM service.intent"
            " WHERE settled_at IS NOT NULL ORDER BY key"
        )
        found["books"] = self.rows(
            """
            SELECT programme.code, account.code, in_fen, out_fen, held_fen
            FROM books.account JOIN books.programme ON programme.id = account.programme
            WHERE (in_fen, out_fen, held_fen) <> (0, 0, 0) ORDER BY programme.code, account.code
            """
        )
        return found


def scheme(programme: str) -> Scheme:
    """Return a packaged programme under the demonstration's assumptions."""
    return Scheme(PROGRAMMES[programme], ASSUMPTIONS)


def request(name: str, **facts: Scalar) -> Request:
    """Return a request of a firm that qualifies.

    `applicant` and `contract` may be among the facts; else the firm asks, for a contract that
    is named like the request.
    """
    applicant = str(facts.pop("applicant", FIRM))
    contract = str(facts.pop("contract", name))
    seen = {**FACTS, **facts}
    contract_fen = seen.get("contract_fen")
    if isinstance(contract_fen, int):
        seen.setdefault("contract_tax_fen", contract_fen * 6 // 106)
    return Request(id=name, applicant=applicant, contract=contract, facts=seen)


def wanted(
    name: str,
    *vouchers: str,
    offer: str = SERVER,
    quantity: Fraction | int = 1,
    contract: str = "C-1",
    stacking: Stacking = "parallel",
    **more: Any,  # noqa: ANN401  # Wanted's own fields
) -> Wanted:
    """Return a wish of the firm to buy something."""
    return Wanted(
        id=name,
        applicant=more.pop("applicant", FIRM),
        contract=contract,
        offer=offer,
        quantity=Fraction(quantity),
        vouchers=vouchers,
        stacking=stacking,
        **more,
    )


def used(n: int, quantity: Fraction, *, final: bool = False) -> Accepted:
    """Return what was used, a week after the use before; unlike a delivery, more than ordered."""
    return Accepted(
        n=n,
        quantity=quantity,
        used_at=(AT + timedelta(days=7 * n)).astimezone(UTC),
        evidence={"describes": f"use {n}"},
        document=sha256(f"use {n}".encode()).hexdigest(),
        final=final,
    )


@contextmanager
def opened(server: Server) -> Iterator[Desk]:
    """Open a desk on a database."""
    with tempfile.TemporaryDirectory(prefix="tallygrid-site-") as directory:
        site = LocalSite(Path(directory), slots=2, grace_s=1)
        with Sessions(server, print) as sessions:
            yield Desk(server, Path(directory), Office(sessions, CATALOGUE, site))
        _let_rest(site, Path(directory))


def _let_rest(site: LocalSite, directory: Path) -> None:
    """Wait until no wrapper is at work: it would write into a folder that is being removed."""
    for job in (*(directory / "queued").iterdir(), *(directory / "jobs").iterdir()):
        site.cancel(UUID(job.name[-36:]))
    for slot in (directory / "slots").iterdir():
        with slot.open("a") as held:
            flock(held, LOCK_EX)


def furnish(server: Server) -> None:
    """Install the service in an empty database and enter everybody the tests speak of."""
    install(server)
    with opened(server) as desk:
        for provider in CATALOGUE.providers.values():
            name = {"en": provider.name.en, "zh": provider.name.zh}
            parties.register(desk.office, provider.credit_code, name=name, facts={})
        for firm in (FIRM, OTHER_FIRM):
            parties.register(desk.office, firm, name={"en": firm, "zh": firm}, facts=FACTS)
