"""A network run once more: told as it is meant, in lists and fractions, nothing done to be fast.

It imports nothing of the laboratory. Bills are those of `core.rating`, choices those of
`oracle.placement`; sites, queues and vouchers are worked out anew at every instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from tests.oracle.placement import choice

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Pool, Request, Weights
from tallygrid.core.rating import Bill, Grant, Terms, rated

Key = tuple[str, str]


@dataclass
class Voucher:
    """A voucher, and what is left of it."""

    firm: int
    grant: Grant
    providers: frozenset[str]
    valid_from: int
    valid_until: int
    lapses: bool
    free_fen: int = 0
    held_fen: int = 0
    paid_fen: int = 0
    lapsed_fen: int = 0
    is_over: bool = False

    def __post_init__(self) -> None:
        self.free_fen = self.grant.room_fen


@dataclass(frozen=True)
class Job:
    """What a firm asks."""

    arrival_s: int
    firm: int
    request: Request
    worth_fen: int


@dataclass
class Fate:
    """What became of a job."""

    state: str = ""
    offer: str | None = None
    start_s: int = -1
    billed_fen: int = 0
    paid_fen: tuple[int, ...] = ()
    vouchers: tuple[int, ...] = ()
    held_fen: tuple[int, ...] = ()


@dataclass
class _Site:
    """The cards of one model at one site: node by node, or all in one."""

    sizes: list[int]
    depth: int
    free: list[int] = field(init=False)
    waiting: list[int] = field(default_factory=list)
    running: dict[int, tuple[int, dict[int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.free = list(self.sizes)

    def room(self, gang: int) -> dict[int, int] | None:
        """Return what a gang would take of each node; None if it does not fit."""
        size = self.sizes[0]
        whole = [n for n, free in enumerate(self.free) if free == size][: gang // size]
        if len(whole) < gang // size:
            return None
        taken, part = dict.fromkeys(whole, size), gang % size
        if part:
            able = [
                (free, n) for n, free in enumerate(self.free) if free >= part and n not in taken
            ]
            if not able:
                return None
            taken[min(able)[1]] = part
        return taken


@dataclass
class Network:
    """A network at work."""

    catalogue: Catalogue
    jobs: Sequence[Job]
    vouchers: list[Voucher]
    cash_fen: int
    refund_bp: int
    nodes: bool
    depth: int
    fates: list[Fate] = field(init=False)
    sites: dict[Key, _Site] = field(init=False)
    used: dict[tuple[object, ...], tuple[Fraction, tuple[int, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fates = [Fate() for _ in self.jobs]
        self.sites = {
            (site.id, model): _Site([8] * (cards // 8) if self.nodes else [cards], self.depth)
            for site in self.catalogue.sites.values()
            for model, cards in site.cards.items()
        }

    def play(self) -> None:
        """Let everything happen, instant by instant."""
        instants = {job.arrival_s for job in self.jobs}
        while instants:
            now = min(instants)
            instants.remove(now)
            for voucher in self.vouchers:
                self._end(voucher, now)
            touched = {key for key in sorted(self.sites) if self._ends(key, now)}
            for key in sorted(touched):
                self._heads(key, now)
            for n, job in enumerate(self.jobs):
                if job.arrival_s == now and self._buy(n, now):
                    key = self._key(n)
                    self.sites[key].waiting.append(n)
                    touched.add(key)
                    self._heads(key, now)
            for key in sorted(touched):
                self._overtake(key, now)
            instants |= {end for site in self.sites.values() for end, _ in site.running.values()}
        for voucher in self.vouchers:
            self._end(voucher, 2**63)

    def _key(self, n: int) -> Key:
        offer = self.catalogue.offers[str(self.fates[n].offer)]
        return offer.site, offer.model

    def _end(self, voucher: Voucher, now: int) -> None:
        """Take what is left once a voucher is over; the kernel may do so later, unseen."""
        if not voucher.is_over and voucher.valid_until <= now:
            voucher.is_over = True
            voucher.lapsed_fen += voucher.free_fen
            voucher.free_fen = 0

    def _ends(self, key: Key, now: int) -> bool:
        site = self.sites[key]
        ended = sorted(n for n, (end, _) in site.running.items() if end == now)
        for n in ended:
            _, taken = site.running.pop(n)
            for node, cards in taken.items():
                site.free[node] += cards
            self._settle(n)
        return bool(ended)

    def _heads(self, key: Key, now: int) -> None:
        site = self.sites[key]
        while site.waiting and self._begun(key, site.waiting[0], now):
            site.waiting.pop(0)

    def _begun(self, key: Key, n: int, now: int) -> bool:
        site, request = self.sites[key], self.jobs[n].request
        taken = site.room(request.cards)
        if taken is None:
            return False
        for node, cards in taken.items():
            site.free[node] -= cards
        site.running[n] = now + request.seconds, taken
        self.fates[n].start_s = now
        return True

    def _overtake(self, key: Key, now: int) -> None:
        site = self.sites[key]
        if not site.waiting or not site.depth:
            return
        head = self.jobs[site.waiting[0]].request.cards
        candidates = site.waiting[1 : 1 + site.depth]
        shadow, spare = self._reservation(site, head, now)
        for n in candidates:
            request = self.jobs[n].request
            in_time = now + request.seconds <= shadow
            if (in_time or request.cards <= spare) and self._begun(key, n, now):
                site.waiting.remove(n)
                spare -= 0 if in_time else request.cards

    def _reservation(self, site: _Site, gang: int, now: int) -> tuple[int, int]:
        for at in [now, *sorted(end for end, _ in site.running.values())]:
            ended = sum(sum(t.values()) for end, t in site.running.values() if end <= at)
            if sum(site.free) + ended >= gang:
                return at, sum(site.free) + ended - gang
        raise AssertionError("a gang fits the empty site")

    def _state(self, now: int, gang: int) -> dict[Key, Pool]:
        return {key: self._pool(key, now, gang) for key in self.sites}

    def _pool(self, key: Key, now: int, gang: int) -> Pool:
        """Return a pool as the choice sees it; behind a queue nothing fits."""
        site, (site_id, _) = self.sites[key], key
        cards, free = sum(site.sizes), sum(site.free)
        base = self.catalogue.sites[site_id].utilisation_bp
        work = sum((end - now) * sum(t.values()) for end, t in site.running.values())
        work += sum(self.jobs[n].request.cards * self.jobs[n].request.seconds for n in site.waiting)
        fits = not site.waiting and site.room(gang) is not None
        return Pool(
            cards=cards,
            whole_nodes=10**9 if fits else -1,
            largest_part=0,
            utilisation_bp=base + (10_000 - base) * (cards - free) // cards,
            wait_seconds=max(work // cards, 1),
        )

    def _buy(self, n: int, now: int) -> bool:  # noqa: PLR0915  # told from top to bottom
        """Choose an offer with as many vouchers as one provider takes, and hold for it."""
        job, fate = self.jobs[n], self.fates[n]
        live = [
            v for v, one in enumerate(self.vouchers)
            if one.firm == job.firm and one.valid_from <= now < one.valid_until and one.free_fen > 0
        ]  # fmt: skip
        ranked = sorted(live, key=lambda v: (-self.vouchers[v].grant.rate_bp, v))
        tries = [tuple(ranked)] if len(ranked) > 1 else []
        chosen, used = None, tuple[int, ...]()
        for used in [*tries, *((v,) for v in ranked), ()]:
            admitted = [self.vouchers[v].providers for v in used]
            providers = frozenset.intersection(*admitted) if admitted else None
            request = replace(job.request, providers=providers)
            chosen, _ = choice(request, self._state(now, request.cards), Weights(), self.catalogue)
            if chosen is not None:
                break
        if chosen is None:
            fate.state = "no_offer"
            return False
        bill = self._bill(chosen, used, n, [self.vouchers[v].free_fen for v in used], Fraction(0))
        cash = bill.co_payment_fen + sum(
            s.subsidy_fen for s in bill.subsidies if s.redeem == "reimburse"
        )
        price = bill.billed_fen - sum(
            s.subsidy_fen if s.redeem == "deduct" else s.subsidy_fen * self.refund_bp // 10_000
            for s in bill.subsidies
        )
        # What is paid back is worth less, rounded against the firm.
        if price > job.worth_fen or cash > self.cash_fen:
            fate.state = "too_dear" if price > job.worth_fen else "no_cash"
            return False
        fate.state, fate.offer, fate.vouchers = "ended", chosen, used
        held = []
        for v, part in zip(used, bill.subsidies, strict=True):
            one = self.vouchers[v]
            amount = min(part.subsidy_fen + len(one.grant.funders), one.free_fen)
            one.free_fen -= amount
            one.held_fen += amount
            held.append(amount)
        fate.held_fen = tuple(held)
        return True

    def _bill(
        self, offer: str, used: tuple[int, ...], n: int, rooms: Sequence[int], before: Fraction
    ) -> Bill:
        sold, request = self.catalogue.offers[offer], self.jobs[n].request
        grants = [
            replace(self.vouchers[v].grant, room_fen=room)
            for v, room in zip(used, rooms, strict=True)
        ]
        terms = Terms.of(sold, grants, self.catalogue.rules)
        quantity = sold.price.quantity_of(request.cards * request.seconds * 1000)
        return rated(terms, before + quantity)

    def _settle(self, n: int) -> None:
        """Rate a job with all that went before on the same terms, and capture the difference."""
        fate, request = self.fates[n], self.jobs[n].request
        used, offer = fate.vouchers, str(fate.offer)
        key = (self.jobs[n].firm, used, offer)
        before, paid = self.used.get(key, (Fraction(0), (0,) * len(used)))
        rooms = [
            min(self.vouchers[v].grant.room_fen, p + h + self.vouchers[v].free_fen)
            for v, p, h in zip(used, paid, fate.held_fen, strict=True)
        ]
        total = self._bill(offer, used, n, rooms, before)
        earlier = self._bill(offer, used, n, rooms, before - self._quantity(offer, request))
        fate.billed_fen = total.billed_fen - earlier.billed_fen
        due = tuple(max(0, s.subsidy_fen - p) for s, p in zip(total.subsidies, paid, strict=True))
        fate.paid_fen = due
        after = tuple(p + d for p, d in zip(paid, due, strict=True))
        self.used[key] = before + self._quantity(offer, request), after
        for v, held, amount in zip(used, fate.held_fen, due, strict=True):
            one, rest = self.vouchers[v], held - amount
            one.held_fen -= held
            one.paid_fen += amount
            if rest > 0 and one.is_over:
                one.lapsed_fen += rest
            else:
                one.free_fen += rest

    def _quantity(self, offer: str, request: Request) -> Fraction:
        price = self.catalogue.offers[offer].price
        return price.quantity_of(request.cards * request.seconds * 1000)
