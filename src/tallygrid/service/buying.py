"""Buying: money is held for a purchase, the applicant's own part is paid in, work may begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from psycopg import Connection

from tallygrid.core.books import Account, Event, Leg
from tallygrid.core.catalogue import Offer, OfferKind
from tallygrid.core.key import key_of
from tallygrid.core.rating import Grant, Stacking, Subsidy, Terms, rated
from tallygrid.service import lines
from tallygrid.service import purchase as purchases
from tallygrid.service import voucher as vouchers
from tallygrid.service.holding import held_fen, is_open, lacking
from tallygrid.service.intent import (
    PendingError,
    carry_out,
    followed,
    resume,
    settle_first,
)
from tallygrid.service.leasing import take
from tallygrid.service.office import Office
from tallygrid.service.plain import dump
from tallygrid.service.purchase import (
    HOLD_TTL_S,
    Cards,
    Purchase,
    Share,
    require_site,
    require_state,
)
from tallygrid.service.told import Said, ToldError, state
from tallygrid.service.voucher import Voucher
from tallygrid.service.wish import Answer, Posting, Step, Wish, postings


@dataclass(frozen=True)
class Wanted:
    """What an applicant has chosen to buy, and with which vouchers."""

    id: str
    applicant: str
    contract: str
    offer: str
    quantity: Fraction
    vouchers: tuple[str, ...] = ()
    stacking: Stacking = "parallel"
    first_stage: Fraction | None = None
    """Hold for so much of the quantity first, the rest stage by stage; None: all at once."""
    cards: Cards | None = None
    workload: Mapping[str, Any] | None = None
    placement: Mapping[str, Any] | None = None


class UnknownError(ToldError):
    """Something was named that is not there."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"unknown.{what}", name=name)


class VoucherError(ToldError):
    """A voucher cannot pay for a purchase."""

    def __init__(self, voucher: Voucher, wanted: Wanted, at: datetime) -> None:
        super().__init__(
            "voucher",
            voucher=voucher.id,
            state=state(voucher.state),
            kind=Said(f"programme.kind.{voucher.kind}"),
            holder=voucher.applicant,
            of_contract=voucher.contract,
            valid_from=voucher.valid_from,
            valid_until=voucher.valid_until,
            purchase=wanted.id,
            offer=wanted.offer,
            applicant=wanted.applicant,
            contract=wanted.contract,
            at=f"{at:%Y-%m-%d %H:%M %Z}",
        )


def buy(office: Office, wanted: Wanted, *, at: datetime) -> Answer:
    """Hold the vouchers' part and take in the applicant's part of a purchase, or neither.

    Raises:
        CardsError: The cards are not free any more.
        ConflictError: The purchase's id stands for something else.
        UnknownError: An offer or voucher is not there.
        VoucherError: A voucher is not valid then, or somebody else's, or for something else.
    """
    if wanted.offer not in office.catalogue.offers:
        raise UnknownError("offer", wanted.offer)
    wish = Wish(
        key=key_of("buy", wanted.id),
        kind="buy",
        body={**dump(wanted), "at": at.isoformat()},
    )
    return carry_out(office, wish, lambda connection: _bought(connection, office, wanted, at))


def begin(office: Office, purchase: Purchase, *, at: datetime) -> Answer:
    """Tell the books that work begins: from here on no hold of the purchase expires."""
    wish = Wish(key_of("begin", purchase.id), "begin", {"purchase": purchase.id})
    return carry_out(office, wish, lambda connection: _begun(connection, purchase, at))


def give_up(
    office: Office, purchase: Purchase, *, at: datetime, why: str, site: str | None = None
) -> Answer:
    """Give back everything that was held and paid in: the purchase did not happen.

    Asked again for another reason, the first stands.

    Args:
        office: Where to work.
        purchase: What was bought.
        at: When.
        why: For the books.
        site: The site that says so, where a job was run.

    Raises:
        StateError: Part of the purchase was delivered.
        ToldError: Another site runs the job now.
    """
    wish = Wish(key_of("give up", purchase.id), "give_up", {"purchase": purchase.id})
    while True:
        resume(office, "capture", purchase=purchase.id)
        try:
            return carry_out(
                office,
                wish,
                lambda connection: _given_up(connection, purchase, at=at, why=why, site=site),
            )
        except PendingError:
            continue  # a line was begun in between; it is finished first, and then stands


def extend(
    office: Office, purchase: Purchase, *, stage: int, quantity: Fraction, at: datetime
) -> Answer:
    """Hold for one more stage of a purchase before it begins.

    The answer is a refusal if a voucher has no room for it: then the stage must not begin.
    """
    wish = Wish(
        key=key_of("extend", purchase.id, stage),
        kind="extend",
        body={"purchase": purchase.id, "stage": stage, "quantity": str(quantity)},
    )
    return carry_out(
        office, wish, lambda connection: _stage(connection, purchase, stage, quantity, at)
    )


def set_aside_fen(office: Office, purchase: Purchase) -> int:
    """Return how much public money is held for a purchase now, all its vouchers together."""

    def load(connection: Connection) -> int:
        ways = [held_fen(connection, share) for share in purchase.shares]
        return sum(
            fen for way in ways for (source, _), fen in way.items() if source.family == "money"
        )

    return office.transact("web", load)


def terms_of(office: Office, offer: Offer, grants: Sequence[Grant], stacking: Stacking) -> Terms:
    """Return the terms on which an offer of the catalogue is bought with grants."""
    return Terms.of(offer, grants, office.catalogue.rules, stacking=stacking)


def _bought(
    connection: Connection, office: Office, wanted: Wanted, at: datetime
) -> tuple[Posting, ...]:
    offer = office.catalogue.offers[wanted.offer]
    nodes: tuple[int, ...] = ()
    if wanted.cards is not None:
        nodes = take(connection, office, wanted.id, wanted.cards, offer.site, at=at)
    kind = offer.kind
    names = dict.fromkeys(wanted.vouchers)
    valid = [_voucher(connection, name, wanted, kind, at) for name in names]
    left = [(voucher, vouchers.free_fen(connection, voucher)) for voucher in valid]
    used = [voucher for voucher, free in left if any(free.values())]
    free_fen = [free for _, free in left if any(free.values())]
    purchase = replace(
        _purchase(office, wanted, used, free_fen, at),
        job=key_of("job", _installation(connection), wanted.id),
    )
    first = wanted.first_stage or wanted.quantity
    held = rated(_with_room(purchase.terms, free_fen), first)
    steps = [
        Step(share.programme, "web", _hold(purchase, share, subsidy, free))
        for share, subsidy, free in zip(purchase.shares, held.subsidies, free_fen, strict=True)
    ]
    steps += _deposit(purchase, at)
    return followed(connection, steps, _row(purchase, nodes))


def _begun(connection: Connection, purchase: Purchase, at: datetime) -> tuple[Posting, ...]:
    require_state(connection, purchase, "held", "running")
    steps = [
        Step(share.programme, "worker", _about(share, "start", purchase, at))
        for share in purchase.shares
    ]
    return followed(connection, steps, {"does": "started", "purchase": purchase.id})


def _given_up(
    connection: Connection, purchase: Purchase, *, at: datetime, why: str, site: str | None
) -> tuple[Posting, ...]:
    """Release what is still held, for a hold may have expired, and return the deposit."""
    settle_first(connection, purchase.id, "capture", purchase=purchase.id)
    require_state(connection, purchase, "held", "running")
    if site is not None:
        require_site(connection, purchase.id, site)
    steps = [
        Step(share.programme, "worker", replace(_about(share, "release", purchase, at), reason=why))
        for share in purchase.shares
        if is_open(connection, share)
    ]
    steps += _deposit(purchase, at, give_back=True)
    payload = {"does": "given_back", "purchase": purchase.id, "state": "failed"}
    return followed(connection, steps, payload)


def _stage(
    connection: Connection, purchase: Purchase, stage: int, quantity: Fraction, at: datetime
) -> tuple[Posting, ...]:
    """Extend every hold by what it lacks for a stage; what the last one left over still counts."""
    bill = lines.stage_of(connection, purchase, quantity)
    steps = []
    for share, subsidy in zip(purchase.shares, bill.subsidies, strict=True):
        legs = lacking(share.legs(subsidy.funders), held_fen(connection, share))
        event = replace(
            _about(share, "extend", purchase, at), key=key_of("stage", share.hold, stage), legs=legs
        )
        if legs:
            steps.append(Step(share.programme, "worker", event))
    return postings(steps)


def _voucher(
    connection: Connection, name: str, wanted: Wanted, kind: OfferKind, at: datetime
) -> Voucher:
    found = vouchers.find(connection, name)
    if found is None:
        raise UnknownError("voucher", name)
    of_purchase = (wanted.applicant, wanted.contract, kind)
    if (found.applicant, found.contract, found.kind) != of_purchase or not found.is_valid(at):
        raise VoucherError(found, wanted, at)
    return found


def _installation(connection: Connection) -> str:
    """Return which books these are."""
    row = connection.execute(
        "SELECT value #>> '{}' FROM service.setting WHERE name = 'installation'"
    ).fetchone()
    assert row is not None, "the migrations name the books"
    return str(row[0])


def _purchase(
    office: Office,
    wanted: Wanted,
    used: Sequence[Voucher],
    free_fen: Sequence[Mapping[str, int]],
    at: datetime,
) -> Purchase:
    offer = office.catalogue.offers[wanted.offer]
    provider = office.catalogue.providers[offer.provider].credit_code
    terms = terms_of(office, offer, [one.grant_terms for one in used], wanted.stacking)
    return Purchase(
        id=wanted.id,
        kind=offer.kind,
        applicant=wanted.applicant,
        contract=wanted.contract,
        offer=offer.id,
        site=offer.site,
        provider=provider,
        unit=offer.unit,
        quantity=wanted.quantity,
        workload=wanted.workload or {},
        shares=tuple(one.share_of(wanted.id, provider=provider, year=at.year) for one in used),
        terms=terms,
        bill=rated(_with_room(terms, free_fen), wanted.quantity),
        placement=wanted.placement or {},
        state="held",
        placed_at=at,
        is_staged=wanted.first_stage is not None,
        reserved=wanted.cards,
    )


def _with_room(terms: Terms, free_fen: Sequence[Mapping[str, int]]) -> Terms:
    """Return the terms with what is free now as every voucher's room."""
    grants = tuple(
        replace(grant, room_fen=sum(free.values()))
        for grant, free in zip(terms.grants, free_fen, strict=True)
    )
    return replace(terms, grants=grants)


def _hold(purchase: Purchase, share: Share, subsidy: Subsidy, free: Mapping[str, int]) -> Event:
    """Hold a subsidy, and where there is room one fen more per funder.

    The line to come is the difference of two rounded totals, so it may ask for a fen more
    than the quantity alone would.
    """
    amounts = [
        (funder, min(amount_fen + 1, free.get(funder, 0))) for funder, amount_fen in subsidy.funders
    ]
    return Event(
        key=share.hold,
        kind="hold",
        legs=share.legs(amounts),
        occurred_at=purchase.placed_at,
        ttl_seconds=HOLD_TTL_S,
        reason=f"purchase {purchase.id}",
    )


def _about(share: Share, kind: str, purchase: Purchase, at: datetime) -> Event:
    return Event(
        key=key_of(kind, share.hold),
        kind=kind,
        legs=(),
        occurred_at=at,
        hold=share.hold,
        reason=f"purchase {purchase.id}",
    )


def _deposit(purchase: Purchase, at: datetime, *, give_back: bool = False) -> list[Step]:
    """Return the step that takes the applicant's part in, or gives it back."""
    if not purchase.deposit_fen:
        return []
    year = purchase.placed_at.year
    source = Account("copay_source", year)
    received = Account("copay_received", year, holder=purchase.applicant)
    way = (received, source) if give_back else (source, received)
    event = Event(
        key=key_of("deposit", purchase.id, give_back),
        kind="copay",
        legs=(Leg(*way, purchase.deposit_fen),),
        occurred_at=at,
        reason=f"purchase {purchase.id}",
    )
    return [Step(purchase.memo_programme, "worker", event)]


def _row(purchase: Purchase, nodes: tuple[int, ...]) -> dict[str, Any]:
    cards = purchase.reserved
    reservation = cards and {
        "purchase": purchase.id,
        "site": purchase.site,
        "model": cards.model,
        "cards": cards.cards,
        "starts_at": purchase.placed_at.isoformat(),
        "ends_at": (purchase.placed_at + timedelta(seconds=cards.seconds)).isoformat(),
        "nodes": list(nodes),
    }
    return {"does": "bought", "purchase": purchase.as_json(), "reservation": reservation}


def found(office: Office, purchase: str) -> Purchase:
    """Return a purchase by its id.

    Raises:
        UnknownError: There is none.
    """
    row = office.transact("web", lambda connection: purchases.find(connection, purchase))
    if row is None:
        raise UnknownError("purchase", purchase)
    return row
