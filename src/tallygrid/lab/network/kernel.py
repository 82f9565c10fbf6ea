"""The kernel of network runs: jobs are placed, held for, run and settled, in whole numbers.

Queues follow docs/algorithms/replay.md to the letter, site by site, and use the same pieces.
The choice is that of `placement.kernel.weigh`, found sooner: what every offer costs at least
is worked out in floats, and only those that may be the cheapest are weighed to the fen. Bills
are those of `core.rating`, budgets move as in `core.books`. Each of these claims has a
property test.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.lab.network import bill, rows
from tallygrid.lab.network.bill import base_fen, subsidy_parts, whole_units
from tallygrid.lab.network.compiling import compiled_with
from tallygrid.lab.network.rows import (
    ADMITS,
    ARRIVAL,
    AVAILABLE,
    BASE_BP,
    BEHIND,
    BILLED_FEN,
    CARBON_DEN,
    CARBON_NUM,
    CARDS,
    CASH_FEN,
    COMMITTED,
    DATA_GB,
    DEPTH,
    DISCOUNT_BP,
    DISCOUNT_FEN,
    ENDED,
    ENERGY_DEN,
    ENERGY_NUM,
    FACE_FEN,
    FIRM,
    FIRST_HELD_FEN,
    FIRST_VOUCHER,
    FREE_FEN,
    FUNDERS,
    GANG,
    HEAD,
    HELD,
    HELD_FEN,
    IS_DEDUCTED,
    IS_NET,
    IS_OVER,
    IS_TOUCHED,
    KIND,
    LAPSED,
    LAPSED_FEN,
    LAPSES,
    LAST_TESTED,
    LATENCY_WEIGHT,
    NEVER,
    NEXT_JOB,
    NO_CASH,
    NO_OFFER,
    NOBODY,
    NODE_CARDS,
    OFFER,
    OFFER_KEY,
    PAID_FEN,
    PAYABLE,
    POOL,
    PRESSURE_WEIGHT,
    PRICE_DEN,
    PRICE_NUM,
    PROGRAMME,
    PROVIDER_KEY,
    QUEUED,
    QUEUED_WORK,
    RATE_BP,
    REFERENCE_DEN,
    REFERENCE_NUM,
    REFUND_BP,
    RUN,
    RUNNING,
    RUNNING_WORK,
    SECOND_VOUCHER,
    SEED,
    SHADOW,
    SHIFT,
    SLOT,
    SPARE,
    START,
    STATE,
    TAIL,
    TESTED,
    TOO_DEAR,
    UNIT_FEN,
    USED_BP,
    VALID_FROM,
    VALID_UNTIL,
    VAT_BP,
    VOUCHERS,
    WAIT_MAX,
    WAIT_WEIGHT,
    WAITING,
    WORTH_FEN,
)
from tallygrid.lab.replay import kernel as replay
from tallygrid.lab.replay.kernel import fits, give, pop, push, reservation, take
from tallygrid.lab.replay.kernel import inlined as _within
from tallygrid.placement import compiled as _compiled
from tallygrid.placement import kernel as placement
from tallygrid.placement.kernel import HOUR_S, ceil_product, wins_tie

assert _compiled, "it tells numba how the pieces of `placement.kernel` are compiled"

Table = NDArray[np.int64]
Cube = NDArray[np.int64]
Real = NDArray[np.float64]
Whole = NDArray[np.int64]

_FREE, _RUNNING, _VACANT = 0, 1, 2  # in `tally`, by pool; as in `replay.kernel`
_GANG, _STACK = 0, 3  # in `held`, by slot of a running job
# In `crowds`, by pool, all in floats: fen that pressure adds to a card-second; the work of all
# who run, counted from second 0, and of all who wait; busy cards; one over all cards; cards; and
# free cards, none of them once somebody waits.
_PRESSED, _WORK, _BUSY, _PER_CARD, _CARDS, _ROOM = 0, 1, 2, 3, 4, 5
# In `bounds`: what each offer costs at least; what a pool adds to that.
_LEAST, _ADDED = 0, 1
_LATENCY_MS, _FEE = 0, 1  # in `ways`: of the way to an offer; fen per GB
_BP: Final = 10_000
_PER_HOUR: Final = 1.0 / HOUR_S
_NEVER: Final = float(NEVER)
_SLIGHTLY_LESS: Final = 1.0 - 2.0**-50
"""What a sum of floats loses is less than what this takes off it."""

_made = compiled_with(replay, placement, _compiled, bill, rows)


@_made
def play(
    until: int,
    rules: Table,
    jobs: Table,
    fates: Table,
    firms: Table,
    vouchers: Table,
    budgets: Table,
    admitted: Table,
    offers: Table,
    rates: Real,
    is_suited: Table,
    ways: Cube,
    pools: Table,
    crowds: Real,
    next_ends: Whole,
    ends: Table,
    ahead: Table,
    gangs: Table,
    held: Cube,
    tally: Table,
    nodes: Cube,
    sets: Cube,
    accounts: Cube,
) -> None:
    """Let everything happen that happens before an instant.

    Args:
        until: The instant; jobs that arrive then, or end then, are for the next call.
        rules: What holds everywhere, and how far the run has come.
        jobs: What is asked.
        fates: What became of it.
        firms: Who asks.
        vouchers: Theirs; the rest of the table is room for more.
        budgets: Where each programme's money is.
        admitted: By row of admission and offer, 1 where a voucher may be redeemed.
        offers: What is sold.
        rates: By offer, the least that a card-second costs there without pressure, in fen.
        is_suited: By kind of job and offer, 1 where it suits.
        ways: By kind of job, for all offers: latency, and the price of a GB.
        pools: The cards of one model at one site each, with their queue.
        crowds: What of them the choice needs, in floats, row by row.
        next_ends: By pool, the first of the ends.
        ends: By pool, a heap of the ends of those who run.
        ahead: Room to look ahead.
        gangs: One row with the cards of every job.
        held: By pool and slot, who runs there on what.
        tally: By pool, free cards, running jobs, vacant slots.
        nodes: See `replay.kernel`.
        sets: See `replay.kernel`.
        accounts: By row of vouchers, and by offer: the card-seconds rated together so far, and
            what the first and the second voucher have paid of them.
    """
    n = rules[NEXT_JOB]
    depth = rules[DEPTH]
    bounds = np.empty((2, max(len(offers), len(pools))))
    is_over = False
    while not is_over:
        is_over = n == len(jobs) or jobs[n, ARRIVAL] >= until
        now = until - 1 if is_over else jobs[n, ARRIVAL]
        _advance(
            now, rules, jobs, fates, vouchers, budgets, offers, pools, crowds, next_ends, ends,
            ahead, gangs, held, tally, nodes, sets, accounts, firms,
        )  # fmt: skip
        while not is_over and n < len(jobs) and jobs[n, ARRIVAL] == now:
            offer = _buy(
                n, now, rules, jobs, fates, firms, vouchers, budgets, admitted, offers, rates,
                is_suited, ways, pools, crowds, tally, sets, bounds,
            )  # fmt: skip
            if offer != NOBODY:
                pool = offers[offer, POOL]
                _join(n, pool, fates, jobs, pools)
                _start_heads(
                    now, pool, rules, jobs, fates, pools, crowds, next_ends, ends, held, tally,
                    nodes, sets,
                )  # fmt: skip
                pools[pool, IS_TOUCHED] = 1
            n += 1
        for pool in range(len(pools)):
            if depth > 0 and pools[pool, IS_TOUCHED]:
                _overtake(
                    now, pool, rules, jobs, fates, pools, crowds, next_ends, ends, ahead, gangs,
                    held, tally, nodes, sets,
                )  # fmt: skip
    rules[NEXT_JOB] = n


@_within
def _advance(
    now: int,
    rules: Table,
    jobs: Table,
    fates: Table,
    vouchers: Table,
    budgets: Table,
    offers: Table,
    pools: Table,
    crowds: Real,
    next_ends: Whole,
    ends: Table,
    ahead: Table,
    gangs: Table,
    held: Cube,
    tally: Table,
    nodes: Cube,
    sets: Cube,
    accounts: Cube,
    firms: Table,
) -> None:
    """Let all ends happen up to an instant, whichever comes first; of equals the lowest pool."""
    shift = rules[SHIFT]
    mask = (1 << shift) - 1
    while True:
        at = NEVER
        for one in range(len(next_ends)):
            at = min(at, next_ends[one])
        if at > now or at == NEVER:
            return
        pool = 0
        while next_ends[pool] > at:
            pool += 1
        node_cards = pools[pool, NODE_CARDS]
        while tally[pool, _RUNNING] > 0 and ends[pool, 0] >> shift == at:
            job = ends[pool, 0] & mask
            tally[pool, _RUNNING] = pop(ends[pool], tally[pool, _RUNNING])
            slot, gang = fates[job, SLOT], jobs[job, GANG]
            if node_cards > 0:
                give(slot, node_cards, nodes[pool], sets[pool], held[pool], tally[pool])
            else:
                held[pool, _STACK, tally[pool, _VACANT]] = slot
                tally[pool, _VACANT] += 1
            tally[pool, _FREE] += gang
            pools[pool, RUNNING_WORK] -= gang * at
            _settle(job, at, rules, jobs, fates, vouchers, budgets, offers, accounts, firms)
        pools[pool, TESTED] = 0
        next_ends[pool] = ends[pool, 0] >> shift if tally[pool, _RUNNING] > 0 else NEVER
        _start_heads(
            at, pool, rules, jobs, fates, pools, crowds, next_ends, ends, held, tally, nodes, sets
        )
        if rules[DEPTH] > 0:
            if at < now:
                _overtake(
                    at,
                    pool,
                    rules,
                    jobs,
                    fates,
                    pools,
                    crowds,
                    next_ends,
                    ends,
                    ahead,
                    gangs,
                    held,
                    tally,
                    nodes,
                    sets,
                )
            else:
                pools[pool, IS_TOUCHED] = 1


@_within
def _press(pool: int, rules: Table, pools: Table, crowds: Real, tally: Table) -> None:
    """Note how much of a pool is in use, and what that adds to its price."""
    cards, base, free = pools[pool, CARDS], pools[pool, BASE_BP], tally[pool, _FREE]
    used = base + (_BP - base) * (cards - free) // cards
    pools[pool, USED_BP] = used
    crowds[_PRESSED, pool] = float(rules[PRESSURE_WEIGHT] * used // _BP) * _PER_HOUR
    crowds[_WORK, pool] = float(pools[pool, RUNNING_WORK] + pools[pool, QUEUED_WORK])
    crowds[_BUSY, pool] = float(cards - free)
    crowds[_ROOM, pool] = float(free) if pools[pool, QUEUED] == 0 else -1.0


@_within
def _join(job: int, pool: int, fates: Table, jobs: Table, pools: Table) -> None:
    """Put a job at the end of a queue."""
    fates[job, BEHIND] = NOBODY
    if pools[pool, QUEUED] == 0:
        pools[pool, HEAD] = job
        pools[pool, TESTED] = 0
        pools[pool, SHADOW] = NEVER
    else:
        fates[pools[pool, TAIL], BEHIND] = job
    pools[pool, TAIL] = job
    pools[pool, QUEUED] += 1
    pools[pool, QUEUED_WORK] += jobs[job, GANG] * jobs[job, RUN]


@_within
def _start_heads(
    now: int,
    pool: int,
    rules: Table,
    jobs: Table,
    fates: Table,
    pools: Table,
    crowds: Real,
    next_ends: Whole,
    ends: Table,
    held: Cube,
    tally: Table,
    nodes: Cube,
    sets: Cube,
) -> None:
    """Start the head of a queue, and the next, until one does not fit."""
    while pools[pool, QUEUED] > 0:
        job = pools[pool, HEAD]
        if not _has_room(jobs[job, GANG], pool, pools, tally, sets):
            break
        pools[pool, HEAD] = fates[job, BEHIND]
        pools[pool, TESTED] = 0
        pools[pool, SHADOW] = NEVER
        _start(
            job,
            now,
            pool,
            rules,
            jobs,
            fates,
            pools,
            next_ends,
            ends,
            held,
            tally,
            nodes,
            sets,
        )
    _press(pool, rules, pools, crowds, tally)


@_within
def _has_room(gang: int, pool: int, pools: Table, tally: Table, sets: Cube) -> bool:
    """Tell whether a gang can start now."""
    node_cards = pools[pool, NODE_CARDS]
    if node_cards > 0:
        return bool(fits(gang, tally[pool, _FREE], node_cards, sets[pool]))
    return bool(gang <= tally[pool, _FREE])


@_within
def _start(
    job: int,
    now: int,
    pool: int,
    rules: Table,
    jobs: Table,
    fates: Table,
    pools: Table,
    next_ends: Whole,
    ends: Table,
    held: Cube,
    tally: Table,
    nodes: Cube,
    sets: Cube,
) -> None:
    """Start a job that fits and is out of its queue; it holds its cards until its end."""
    gang, end = jobs[job, GANG], now + jobs[job, RUN]
    fates[job, START] = now
    fates[job, STATE] = RUNNING
    pools[pool, QUEUED] -= 1
    pools[pool, QUEUED_WORK] -= gang * jobs[job, RUN]
    pools[pool, RUNNING_WORK] += gang * end
    tally[pool, _FREE] -= gang
    node_cards = pools[pool, NODE_CARDS]
    if node_cards > 0:
        slot = take(gang, node_cards, nodes[pool], sets[pool], held[pool], tally[pool])
    else:
        tally[pool, _VACANT] -= 1
        slot = held[pool, _STACK, tally[pool, _VACANT]]
        held[pool, _GANG, slot] = gang
    fates[job, SLOT] = slot
    tally[pool, _RUNNING] = push(ends[pool], tally[pool, _RUNNING], (end << rules[SHIFT]) | job)
    next_ends[pool] = min(next_ends[pool], end)


@_made
def _overtake(
    now: int,
    pool: int,
    rules: Table,
    jobs: Table,
    fates: Table,
    pools: Table,
    crowds: Real,
    next_ends: Whole,
    ends: Table,
    ahead: Table,
    gangs: Table,
    held: Cube,
    tally: Table,
    nodes: Cube,
    sets: Cube,
) -> None:
    """Start those behind the head that do not make it wait longer.

    Who was asked and found wanting is asked again only after an end or under a new head.
    """
    pools[pool, IS_TOUCHED] = 0
    last = min(pools[pool, QUEUED] - 1, rules[DEPTH])
    tested = pools[pool, TESTED]
    if tested >= last:
        return
    head = pools[pool, HEAD]
    wanted, free = jobs[head, GANG], tally[pool, _FREE]
    if wanted <= free:  # on nodes: enough cards, but not together
        shadow, spare = now, free - wanted
    else:
        if pools[pool, SHADOW] == NEVER:
            at, left = reservation(
                wanted, ends[pool], ahead[pool], rules[SHIFT], 1, gangs, tally[pool]
            )
            pools[pool, SHADOW], pools[pool, SPARE] = at, left
        shadow, spare = pools[pool, SHADOW], pools[pool, SPARE]
    before = head if tested == 0 else pools[pool, LAST_TESTED]
    job = fates[before, BEHIND]
    for _ in range(tested, last):
        gang = jobs[job, GANG]
        behind = fates[job, BEHIND]
        in_time = now + jobs[job, RUN] <= shadow
        if (in_time or gang <= spare) and _has_room(gang, pool, pools, tally, sets):
            spare -= 0 if in_time else gang
            fates[before, BEHIND] = behind
            if pools[pool, TAIL] == job:
                pools[pool, TAIL] = before
            _start(
                job,
                now,
                pool,
                rules,
                jobs,
                fates,
                pools,
                next_ends,
                ends,
                held,
                tally,
                nodes,
                sets,
            )
        else:
            before = job
            tested += 1
        job = behind
    pools[pool, TESTED], pools[pool, LAST_TESTED] = tested, before
    pools[pool, SPARE] = spare
    _press(pool, rules, pools, crowds, tally)


@_within
def _buy(
    job: int,
    now: int,
    rules: Table,
    jobs: Table,
    fates: Table,
    firms: Table,
    vouchers: Table,
    budgets: Table,
    admitted: Table,
    offers: Table,
    rates: Real,
    is_suited: Table,
    ways: Cube,
    pools: Table,
    crowds: Real,
    tally: Table,
    sets: Cube,
    bounds: Real,
) -> int:
    """Place a job and hold its subsidy; return the offer, or nobody where it is not bought."""
    firm = jobs[job, FIRM]
    first = _usable(firms[firm, VOUCHERS], now, vouchers)
    second = _usable(firms[firm, VOUCHERS + 1], now, vouchers)
    one, two, offer = first, second, NOBODY
    for turn in range(4):  # both, then each alone, then none
        if turn == 0 and min(one, two) == NOBODY:
            continue
        if (turn == 1 and one == NOBODY) or (turn == 2 and two == NOBODY):  # noqa: PLR2004
            continue
        first = one if turn <= 1 else NOBODY
        second = two if turn == 0 else NOBODY
        if turn == 2:  # noqa: PLR2004  # the second alone
            first = two
        offer = _choose(
            job, first, second, rules, jobs, vouchers, admitted, offers, rates, is_suited, ways,
            pools, crowds, tally, sets, bounds,
        )  # fmt: skip
        if offer != NOBODY:
            break
    if offer == NOBODY:
        fates[job, STATE] = NO_OFFER
        return NOBODY
    card_seconds = jobs[job, GANG] * jobs[job, RUN]
    gross = ceil_product(card_seconds, offers[offer, PRICE_NUM], offers[offer, PRICE_DEN])
    billed = gross - gross * offers[offer, DISCOUNT_BP] // _BP
    left, cash, price = billed * _BP, billed, billed
    paid_one, paid_two = 0, 0
    if first != NOBODY:
        parts = _parts(first, card_seconds, billed, vouchers[first, FREE_FEN], left, offer, rules,
                       vouchers, offers)  # fmt: skip
        left -= parts
        paid_one = whole_units(parts, vouchers[first, UNIT_FEN])
        if vouchers[first, IS_DEDUCTED]:
            cash -= paid_one
            price -= paid_one
        else:
            price -= paid_one * firms[firm, REFUND_BP] // _BP
    if second != NOBODY:
        parts = _parts(second, card_seconds, billed, vouchers[second, FREE_FEN], left, offer, rules,
                       vouchers, offers)  # fmt: skip
        paid_two = whole_units(parts, vouchers[second, UNIT_FEN])
        if vouchers[second, IS_DEDUCTED]:
            cash -= paid_two
            price -= paid_two
        else:
            price -= paid_two * firms[firm, REFUND_BP] // _BP
    if price > jobs[job, WORTH_FEN]:
        fates[job, STATE] = TOO_DEAR
        return NOBODY
    if cash > firms[firm, CASH_FEN]:
        fates[job, STATE] = NO_CASH
        return NOBODY
    fates[job, STATE] = WAITING
    fates[job, OFFER] = offer
    fates[job, FIRST_VOUCHER] = first
    fates[job, SECOND_VOUCHER] = second
    if first != NOBODY:
        fates[job, FIRST_HELD_FEN] = _hold(first, paid_one, vouchers, budgets)
    if second != NOBODY:
        fates[job, FIRST_HELD_FEN + 3] = _hold(second, paid_two, vouchers, budgets)
    return offer


@_within
def _usable(voucher: int, now: int, vouchers: Table) -> int:
    """Return a voucher if it is valid now and has something left."""
    if voucher == NOBODY or vouchers[voucher, FREE_FEN] <= 0:
        return NOBODY
    if vouchers[voucher, VALID_FROM] <= now < vouchers[voucher, VALID_UNTIL]:
        return voucher
    return NOBODY


@_within
def _parts(
    voucher: int,
    card_seconds: int,
    billed: int,
    room_fen: int,
    left: int,
    offer: int,
    rules: Table,
    vouchers: Table,
    offers: Table,
) -> int:
    """Return what a voucher pays of a bill, in ten-thousandths of a fen."""
    base = base_fen(
        card_seconds, billed, vouchers[voucher, RATE_BP], vouchers[voucher, IS_NET],
        rules[VAT_BP], offers[offer, REFERENCE_NUM], offers[offer, REFERENCE_DEN],
    )  # fmt: skip
    return int(subsidy_parts(base, vouchers[voucher, RATE_BP], room_fen, left))


@_within
def _hold(voucher: int, subsidy_fen: int, vouchers: Table, budgets: Table) -> int:
    """Hold a subsidy, and where there is room a fen more per funder; return how much."""
    amount = min(subsidy_fen + vouchers[voucher, FUNDERS], vouchers[voucher, FREE_FEN])
    vouchers[voucher, FREE_FEN] -= amount
    vouchers[voucher, HELD_FEN] += amount
    budgets[vouchers[voucher, PROGRAMME], COMMITTED] -= amount
    budgets[vouchers[voucher, PROGRAMME], HELD] += amount
    return int(amount)


@_within
def _choose(
    job: int,
    first: int,
    second: int,
    rules: Table,
    jobs: Table,
    vouchers: Table,
    admitted: Table,
    offers: Table,
    rates: Real,
    is_suited: Table,
    ways: Cube,
    pools: Table,
    crowds: Real,
    tally: Table,
    sets: Cube,
    bounds: Real,
) -> int:
    """Return the offer that costs least in all, as `placement.kernel.weigh` would.

    The one that may cost least is weighed first; then all whose least cost does not exceed
    what the best so far costs. In which order makes no difference: no two are equal in all.
    """
    gang, run = jobs[job, GANG], jobs[job, RUN]
    card_seconds = gang * run
    likely = _bound(
        job, first, second, rules, jobs, vouchers, admitted, offers, rates, is_suited, ways, pools,
        crowds, bounds,
    )  # fmt: skip
    kind, seed = jobs[job, KIND], jobs[job, SEED]
    best, best_fen, best_used, best_about = NOBODY, NEVER, 0, _NEVER
    for place in range(-1, len(offers)):
        offer = likely if place < 0 else place
        if bounds[_LEAST, offer] >= best_about or place == likely:
            continue
        pool = offers[offer, POOL]
        wait = 0
        if pools[pool, QUEUED] > 0 or not _has_room(gang, pool, pools, tally, sets):
            wait = _wait(jobs[job, ARRIVAL], pool, pools, tally)
            if wait > jobs[job, WAIT_MAX]:
                continue
        used = pools[pool, USED_BP]
        pressed = rules[PRESSURE_WEIGHT] * used // _BP
        price = ceil_product(card_seconds, offers[offer, PRICE_NUM], offers[offer, PRICE_DEN])
        total = price - price * offers[offer, DISCOUNT_BP] // _BP
        total += ceil_product(jobs[job, DATA_GB], ways[kind, _FEE, offer], 1)
        total += ceil_product(card_seconds, offers[offer, ENERGY_NUM], offers[offer, ENERGY_DEN])
        total += ceil_product(card_seconds, offers[offer, CARBON_NUM], offers[offer, CARBON_DEN])
        total += ceil_product(ways[kind, _LATENCY_MS, offer], run * rules[LATENCY_WEIGHT], HOUR_S)
        total += ceil_product(wait, gang * rules[WAIT_WEIGHT], HOUR_S)
        total += ceil_product(card_seconds, pressed, HOUR_S)
        if total < best_fen or (total == best_fen and wins_tie(
            used, offers[offer, PROVIDER_KEY], offers[offer, OFFER_KEY],
            best_used, offers[best, PROVIDER_KEY], offers[best, OFFER_KEY], seed,
        )):  # fmt: skip
            best, best_fen, best_used = offer, total, used
            best_about = float(total) + 2.0
    return best


@_within
def _bound(
    job: int,
    first: int,
    second: int,
    rules: Table,
    jobs: Table,
    vouchers: Table,
    admitted: Table,
    offers: Table,
    rates: Real,
    is_suited: Table,
    ways: Cube,
    pools: Table,
    crowds: Real,
    bounds: Real,
) -> int:
    """Work out what every offer costs at least, never for those barred; return the least.

    Roundings are left out, and a wait counts where it is certain. All in floats and without
    branches, so that several pools are worked out at once.
    """
    kind, gang, run = jobs[job, KIND], float(jobs[job, GANG]), float(jobs[job, RUN])
    now, wait_max = float(jobs[job, ARRIVAL]), float(jobs[job, WAIT_MAX])
    card_seconds, data_gb = gang * run, float(jobs[job, DATA_GB])
    wait_fen = gang * float(rules[WAIT_WEIGHT]) * _PER_HOUR
    latency_fen = run * float(rules[LATENCY_WEIGHT]) * _PER_HOUR
    for pool in range(len(pools)):
        ahead = crowds[_WORK, pool] * _SLIGHTLY_LESS - crowds[_BUSY, pool] * now
        wait = max(ahead * crowds[_PER_CARD, pool] - 2.0, 1.0)
        wait = wait if gang > crowds[_ROOM, pool] else 0.0
        added = card_seconds * crowds[_PRESSED, pool] + wait * wait_fen
        is_barred = (wait > wait_max) | (gang > crowds[_CARDS, pool])
        bounds[_ADDED, pool] = _NEVER if is_barred else added
    for offer in range(len(offers)):
        least = card_seconds * rates[offer] + bounds[_ADDED, offers[offer, POOL]]
        least += latency_fen * float(ways[kind, _LATENCY_MS, offer])
        least += data_gb * float(ways[kind, _FEE, offer])
        bounds[_LEAST, offer] = least if is_suited[kind, offer] else _NEVER
    if first != NOBODY:
        row = vouchers[first, ADMITS]
        for offer in range(len(offers)):
            if not admitted[row, offer]:
                bounds[_LEAST, offer] = _NEVER
    if second != NOBODY:
        row = vouchers[second, ADMITS]
        for offer in range(len(offers)):
            if not admitted[row, offer]:
                bounds[_LEAST, offer] = _NEVER
    likely, least = 0, bounds[_LEAST, 0]
    for offer in range(1, len(offers)):
        if bounds[_LEAST, offer] < least:
            likely, least = offer, bounds[_LEAST, offer]
    return likely


@_within
def _wait(now: int, pool: int, pools: Table, tally: Table) -> int:
    """Return about how long a queue is: all the work ahead, divided among the cards."""
    cards = pools[pool, CARDS]
    busy = cards - tally[pool, _FREE]
    ahead = pools[pool, RUNNING_WORK] - busy * now + pools[pool, QUEUED_WORK]
    return int(max(ahead // cards, 1))


@_within
def _settle(
    job: int,
    at: int,
    rules: Table,
    jobs: Table,
    fates: Table,
    vouchers: Table,
    budgets: Table,
    offers: Table,
    accounts: Cube,
    firms: Table,
) -> None:
    """Rate a job that has ended with all that its contract rated before, and capture it."""
    offer, first, second = fates[job, OFFER], fates[job, FIRST_VOUCHER], fates[job, SECOND_VOUCHER]
    row = jobs[job, FIRM]
    if second != NOBODY:
        row = len(firms) + len(vouchers) + jobs[job, FIRM]
    elif first != NOBODY:
        row = len(firms) + first
    before = accounts[row, offer, 0]
    after = before + jobs[job, GANG] * jobs[job, RUN]
    num, den, bp = offers[offer, PRICE_NUM], offers[offer, PRICE_DEN], offers[offer, DISCOUNT_BP]
    gross_before, gross = ceil_product(before, num, den), ceil_product(after, num, den)
    discount = gross * bp // _BP
    billed = gross - discount
    accounts[row, offer, 0] = after
    fates[job, STATE] = ENDED
    fates[job, DISCOUNT_FEN] = discount - gross_before * bp // _BP
    fates[job, BILLED_FEN] = gross - gross_before - fates[job, DISCOUNT_FEN]
    left = billed * _BP
    for place in range(2):
        voucher = first if place == 0 else second
        if voucher == NOBODY:
            continue
        if vouchers[voucher, VALID_UNTIL] <= at:
            _end(voucher, vouchers, budgets)
        column = FIRST_VOUCHER + 3 * place
        held, paid = fates[job, column + 2], accounts[row, offer, 1 + place]
        room = min(vouchers[voucher, FACE_FEN], paid + held + vouchers[voucher, FREE_FEN])
        parts = _parts(voucher, after, billed, room, left, offer, rules, vouchers, offers)
        left -= parts
        due = max(0, whole_units(parts, vouchers[voucher, UNIT_FEN]) - paid)
        accounts[row, offer, 1 + place] = paid + due
        fates[job, column + 1] = due
        _capture(voucher, held, due, vouchers, budgets)


@_within
def _capture(voucher: int, held: int, due: int, vouchers: Table, budgets: Table) -> None:
    """Owe what is due of a hold, and free its rest; once the voucher is over the rest goes back."""
    programme = vouchers[voucher, PROGRAMME]
    vouchers[voucher, HELD_FEN] -= held
    vouchers[voucher, PAID_FEN] += due
    budgets[programme, HELD] -= held
    budgets[programme, PAYABLE] += due
    rest = held - due  # below zero where the running total asks for more than was held
    if rest > 0 and vouchers[voucher, IS_OVER]:
        vouchers[voucher, LAPSED_FEN] += rest
        budgets[programme, LAPSED if vouchers[voucher, LAPSES] else AVAILABLE] += rest
    else:
        vouchers[voucher, FREE_FEN] += rest
        budgets[programme, COMMITTED] += rest


@_made
def end_vouchers(now: int, vouchers: Table, budgets: Table, count: int) -> None:
    """Take what is left of every voucher whose validity is over."""
    for voucher in range(count):
        if vouchers[voucher, VALID_UNTIL] <= now:
            _end(voucher, vouchers, budgets)


@_made
def _end(voucher: int, vouchers: Table, budgets: Table) -> None:
    """Take what is left of a voucher, once."""
    if vouchers[voucher, IS_OVER]:
        return
    vouchers[voucher, IS_OVER] = 1
    free, programme = vouchers[voucher, FREE_FEN], vouchers[voucher, PROGRAMME]
    vouchers[voucher, FREE_FEN] = 0
    vouchers[voucher, LAPSED_FEN] += free
    budgets[programme, COMMITTED] -= free
    budgets[programme, LAPSED if vouchers[voucher, LAPSES] else AVAILABLE] += free
