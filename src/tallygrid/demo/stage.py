"""The stage: what every scene of the demonstration works with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tallygrid.core.catalogue import OfferKind
from tallygrid.core.demand import Demand, Firm
from tallygrid.core.key import key_of
from tallygrid.core.programme import Programme
from tallygrid.demo.cast import Contract
from tallygrid.demo.script import Script
from tallygrid.service import applying, buying, intent
from tallygrid.service.applying import Applied
from tallygrid.service.buying import Wanted
from tallygrid.service.issuing import Request
from tallygrid.service.matching import Match, eligible, match
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.service.purchase import Cards, Purchase
from tallygrid.service.quoting import Counter, Proposal, Purse
from tallygrid.service.wish import Wish

Watch = Callable[[str, int, int], None]
"""Is told the scene, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Stage:
    """One run: its demand, its script, and the office where its wishes are carried out."""

    office: Office
    counter: Counter
    demand: Demand
    script: Script
    seed: int
    watch: Watch

    @property
    def schemes(self) -> Mapping[str, Scheme]:
        """The programmes that are played, by id."""
        return self.counter.schemes

    @property
    def opened_at(self) -> datetime:
        """The first instant of the demonstration's own time."""
        return self.script.opened_at

    def firm(self, name: str) -> Firm:
        """Return a firm of the demand."""
        return next(firm for firm in self.demand.firms if firm.id == name)

    def each(self, scene: str, steps: Sequence[Callable[[], object]]) -> None:
        """Take the steps of a scene one after the other, and say how far it has come."""
        for n, step in enumerate(steps):
            self.watch(scene, n, len(steps))
            step()
        self.watch(scene, len(steps), len(steps))

    def apply(self, contract: Contract, kind: OfferKind, *, at: datetime) -> tuple[Applied, ...]:
        """Apply where something can be had, else where the firm is at home, and learn why not."""
        schemes = [one for one in self.schemes.values() if one.programme.kind == kind]
        found = match(self.office.catalogue, schemes, contract.facts, at=at)
        at_home = [one for one in found if _at_home(one.scheme.programme, contract)]
        chosen = eligible(found)[:1] or at_home
        return tuple(self.apply_for(one, contract, at=at) for one in chosen)

    def apply_for(self, one: Match, contract: Contract, *, at: datetime, name: str = "") -> Applied:
        """Apply for one programme."""
        request = Request(
            id=name or f"A-{contract.number}-{one.scheme.id}",
            applicant=contract.firm.credit_code,
            contract=contract.number,
            facts=one.facts,
        )
        return applying.apply(self.office, one.scheme, request, at=at)

    def purses(self, contract: Contract, kind: OfferKind, *, at: datetime) -> tuple[Purse, ...]:
        """Return the vouchers that a contract has."""
        code = contract.firm.credit_code
        held = self.counter.purses(code, contract.facts, kind=kind, at=at)
        return tuple(one for one in held if one.contract == contract.number)

    def buy(self, wanted: Wanted, *, at: datetime) -> Purchase | None:
        """Buy what is wanted; None if the books refuse."""
        answer = buying.buy(self.office, wanted, at=at)
        return buying.found(self.office, wanted.id) if answer.accepted else None

    def once(self, purchase: str, make: Callable[[], Purchase | None]) -> Purchase | None:
        """Make a purchase, or return what became of it in an earlier, interrupted run."""
        given = intent.given(self.office, key_of("buy", purchase))
        if given is None:
            return make()
        return buying.found(self.office, purchase) if given.accepted else None

    def note(self, kind: str, name: str, body: Mapping[str, object]) -> None:
        """Write down something that came to nothing, so that the report can say why."""
        intent.carry_out(self.office, Wish(key_of(kind, name), kind, body), lambda _: ())


def wanted(name: str, contract: Contract, proposal: Proposal, cards: Cards | None = None) -> Wanted:
    """Return a proposal as something to buy."""
    assert proposal.offer is not None, name
    assert proposal.quote is not None, name
    return Wanted(
        id=name,
        applicant=contract.firm.credit_code,
        contract=contract.number,
        offer=proposal.offer.id,
        quantity=proposal.quote.quantity,
        vouchers=proposal.vouchers,
        cards=cards,
    )


def _at_home(programme: Programme, contract: Contract) -> bool:
    """Tell whether a programme is of the place where a firm is registered, or of its province."""
    home, place = str(contract.facts["registered_in"]), programme.place
    digits = {"national": 0, "province": 2, "city": 4, "district": 6}[place.level]
    if place.code.endswith("0000"):  # a municipality of the rank of a province
        digits = min(digits, 2)
    return home[:digits] == place.code[:digits]
