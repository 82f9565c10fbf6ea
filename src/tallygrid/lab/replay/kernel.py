"""The kernel of replay: whole numbers in flat arrays, compiled by numba.

The rules are told in docs/algorithms/replay.md, and told again, slowly, in `lab/oracle.py`.
Every function is plain Python over whole numbers. All stand in one file because numba asks
only the file of the outermost function whether what it kept of an earlier run still holds.
"""

from collections.abc import Callable
from typing import Final, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Table = NDArray[np.int64]
"""The same in two dimensions."""
_Function = TypeVar("_Function", bound=Callable[..., object])

_NEVER: Final = 2**63 - 1
_NOBODY: Final = -1
_FREE, _RUNNING, _VACANT = 0, 1, 2  # in `tally`: cards, jobs, slots
_LEFT, _NEXT = 0, 1  # in `nodes`: free cards; the next node that the same job holds whole
_GANG, _WHOLE, _PART, _STACK = 0, 1, 2, 3  # in `held`, by slot of a running job
_COUNT, _LOWEST, _WORDS = 0, 1, 2  # in `sets`, by free cards: the nodes that have so many
_BITS: Final = 32  # of a set in one word

# The powers of two below 2**32 all leave different rests by 37.
_PLACE_OF_REST = np.zeros(37, dtype=np.int64)
for _place in range(_BITS):
    _PLACE_OF_REST[2**_place % 37] = _place


def inlined(function: _Function) -> _Function:
    """Compile a function into those that call it, which is a fifth faster for the outer ones."""
    return cast("_Function", njit(inline="always")(function))


def compiled(function: _Function) -> _Function:
    """Compile a function, and keep the result for the next run where a folder allows it."""
    try:
        made = njit(cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        made = njit(function)
    return cast("_Function", made)


def replay(
    arrival: Whole, gang: Whole, run: Whole, cards: int, node_cards: int, depth: int
) -> Whole:
    """Return the second at which each job starts.

    Jobs stand in the order of arrival, and each fits the empty site. `node_cards` 0 makes the
    cards one pool; `depth` 0 lets nobody overtake. The last arrival and all run times together
    must fit in the bits that `cards` leaves of 63.
    """
    sets = empty_sets(cards, node_cards) if node_cards else None
    return _replay(arrival, gang, run, cards, node_cards, depth, sets)


@compiled
def _replay(
    arrival: Whole,
    gang: Whole,
    run: Whole,
    cards: int,
    node_cards: int,
    depth: int,
    sets: Table | None,
) -> Whole:
    """Return the starts; compiled once for a pool, where `sets` is None, and once for nodes."""
    jobs = len(arrival)
    slots = min(cards, jobs)
    # A heap of running jobs by `end << shift | holder`: on a pool the holder is the gang itself,
    # on nodes a slot. A second heap serves to look ahead.
    shift = bits(cards)
    ends = np.empty(slots + 1, dtype=np.int64)
    ahead = np.empty(slots + 1, dtype=np.int64)
    nodes = empty_nodes(cards, node_cards)
    held = empty_slots(slots if node_cards else 0)
    tally = np.array([cards, 0, slots])
    start = np.empty(jobs, dtype=np.int64)
    # Of those who wait, the head and the `depth` behind it stand in the queue; the rest are the
    # jobs from `came` on that have arrived, and need no list.
    queue = np.empty(jobs, dtype=np.int64)
    head, tail, tested, came, due = 0, 0, 0, 0, 0
    now, shadow, spare = 0, _NEVER, 0
    while came < jobs or head < tail:
        if head == tail:
            head, tail, tested = 0, 0, 0  # its memory is used again: a page touched first costs
            now = arrival[came]
        elif tail - head > depth:  # who arrives now is too far behind to start
            now = ends[0] >> shift
        else:
            due = _first_after(arrival, max(due, came), now)
            now = ends[0] >> shift if due == jobs else min(ends[0] >> shift, arrival[due])
        if _release(now, ends, shift, node_cards, nodes, sets, held, tally):
            tested = head
        came, tail = _arrive(now, arrival, queue, came, tail, head + depth + 1)
        while head < tail and fits(gang[queue[head]], tally[_FREE], node_cards, sets):
            job = queue[head]
            start[job] = now
            _begin(gang[job], run[job], now, ends, shift, node_cards, nodes, sets, held, tally)
            head += 1
            tested, shadow = head, _NEVER
            came, tail = _arrive(now, arrival, queue, came, tail, head + depth + 1)
        # What was tested since the last end and the last new head need not be tested again: its
        # chance has not grown, and the reservation stands. The oracle tests it all the same.
        if tested < tail and tail - head > 1:
            wanted = gang[queue[head]]
            if wanted <= tally[_FREE]:  # on nodes: enough cards, but not together
                shadow, spare = now, tally[_FREE] - wanted
            elif shadow == _NEVER:
                shadow, spare = reservation(wanted, ends, ahead, shift, node_cards, held, tally)
            kept = max(tested, head + 1)
            for n in range(kept, tail):
                job = queue[n]
                in_time = now + run[job] <= shadow
                if (in_time or gang[job] <= spare) and fits(
                    gang[job], tally[_FREE], node_cards, sets
                ):
                    start[job] = now
                    spare -= 0 if in_time else gang[job]
                    _begin(
                        gang[job], run[job], now, ends, shift, node_cards, nodes, sets, held, tally
                    )
                else:
                    queue[kept] = job
                    kept += 1
            tail = kept
        tested = tail
    return start


@inlined
def _first_after(arrival: Whole, first: int, now: int) -> int:
    """Return the first job from `first` on that has not arrived."""
    while first < len(arrival) and arrival[first] <= now:
        first += 1
    return first


@inlined
def _arrive(
    now: int, arrival: Whole, queue: Whole, came: int, tail: int, tail_max: int
) -> tuple[int, int]:
    """Let those who have arrived into the queue while it has room."""
    while came < len(arrival) and arrival[came] <= now and tail < tail_max:
        queue[tail] = came
        tail += 1
        came += 1
    return came, tail


@compiled
def reservation(
    wanted: int, ends: Whole, ahead: Whole, shift: int, node_cards: int, held: Table, tally: Whole
) -> tuple[int, int]:
    """Return when enough jobs will have ended for a gang, and the cards spare then."""
    mask = (1 << shift) - 1
    cards = tally[_FREE]
    shadow = _NEVER
    ahead[0] = ends[0] & ~mask
    size = 1
    while size > 0 and (cards < wanted or ahead[0] >> shift == shadow):
        shadow = ahead[0] >> shift
        place = ahead[0] & mask
        holder = ends[place] & mask
        cards += held[_GANG, holder] if node_cards else holder
        size = pop(ahead, size)
        for below in range(2 * place + 1, min(2 * place + 3, tally[_RUNNING])):
            size = push(ahead, size, (ends[below] & ~mask) | below)
    return shadow, cards - wanted


@inlined
def _release(
    now: int,
    ends: Whole,
    shift: int,
    node_cards: int,
    nodes: Table,
    sets: Table | None,
    held: Table,
    tally: Whole,
) -> bool:
    """Take back the cards of every job that has ended; tell whether there is one."""
    mask = (1 << shift) - 1
    before = tally[_RUNNING]
    while tally[_RUNNING] > 0 and ends[0] >> shift <= now:
        holder = ends[0] & mask
        tally[_RUNNING] = pop(ends, tally[_RUNNING])
        if sets is not None:
            holder = give(holder, node_cards, nodes, sets, held, tally)
        tally[_FREE] += holder
    return bool(tally[_RUNNING] < before)


@inlined
def _begin(
    gang: int,
    run: int,
    now: int,
    ends: Whole,
    shift: int,
    node_cards: int,
    nodes: Table,
    sets: Table | None,
    held: Table,
    tally: Whole,
) -> None:
    """Let a job that fits hold its cards until its end; one of no length holds nothing."""
    if run > 0:
        tally[_FREE] -= gang
        holder = gang
        if sets is not None:
            holder = take(gang, node_cards, nodes, sets, held, tally)
        tally[_RUNNING] = push(ends, tally[_RUNNING], ((now + run) << shift) | holder)


@inlined
def fits(gang: int, free: int, node_cards: int, sets: Table | None) -> bool:
    """Tell whether a gang can start now."""
    if gang > free:
        return False
    if sets is None:
        return True
    whole, part = gang // node_cards, gang % node_cards
    spare = sets[node_cards, _COUNT] - whole
    return spare > 0 or (spare == 0 and (part == 0 or _best(sets, part, node_cards) < node_cards))


@compiled
def _best(sets: Table, part: int, node_cards: int) -> int:
    """Return the fewest free cards that some node has and that suffice, or those of a node."""
    while part < node_cards and sets[part, _COUNT] == 0:
        part += 1
    return part


@compiled
def take(gang: int, node_cards: int, nodes: Table, sets: Table, held: Table, tally: Whole) -> int:
    """Give nodes to a gang that fits, whole ones first; return its slot."""
    tally[_VACANT] -= 1
    slot = int(held[_STACK, tally[_VACANT]])
    held[_GANG, slot] = gang
    held[_WHOLE, slot] = _NOBODY
    for _ in range(gang // node_cards):
        node = _first(sets, node_cards)
        _move(node, 0, nodes, sets)
        nodes[_NEXT, node] = held[_WHOLE, slot]
        held[_WHOLE, slot] = node
    part = gang % node_cards
    if part > 0:
        best = _best(sets, part, node_cards)
        node = _first(sets, best)
        _move(node, best - part, nodes, sets)
        held[_PART, slot] = node
    return slot


@compiled
def give(slot: int, node_cards: int, nodes: Table, sets: Table, held: Table, tally: Whole) -> int:
    """Take the nodes of a slot back; return how many cards they are."""
    gang = int(held[_GANG, slot])
    node = held[_WHOLE, slot]
    while node != _NOBODY:
        _move(node, node_cards, nodes, sets)
        node = nodes[_NEXT, node]
    part = gang % node_cards
    if part > 0:
        node = held[_PART, slot]
        _move(node, nodes[_LEFT, node] + part, nodes, sets)
    held[_STACK, tally[_VACANT]] = slot
    tally[_VACANT] += 1
    return gang


@compiled
def _first(sets: Table, left: int) -> int:
    """Return the node of the lowest number with so many cards left; there is one."""
    word = int(sets[left, _LOWEST])
    while sets[left, _WORDS + word] == 0:
        word += 1
    sets[left, _LOWEST] = word
    bits = sets[left, _WORDS + word]
    # The powers of two below 2**32 all leave different rests by 37.
    return word * _BITS + int(_PLACE_OF_REST[(bits & -bits) % 37])


@compiled
def _move(node: int, left: int, nodes: Table, sets: Table) -> None:
    """Set the cards that a node has left."""
    before = nodes[_LEFT, node]
    nodes[_LEFT, node] = left
    word, bit = node // _BITS, 1 << node % _BITS
    sets[before, _COUNT] -= 1
    sets[before, _WORDS + word] ^= bit
    sets[left, _COUNT] += 1
    sets[left, _WORDS + word] ^= bit
    sets[left, _LOWEST] = min(sets[left, _LOWEST], word)


@compiled
def push(heap: Whole, size: int, key: int) -> int:
    """Put a key into a heap; return its new size."""
    place = size
    while place > 0:
        above = (place - 1) >> 1
        if heap[above] <= key:
            break
        heap[place] = heap[above]
        place = above
    heap[place] = key
    return size + 1


@compiled
def pop(heap: Whole, size: int) -> int:
    """Remove the least key of a heap; return its new size."""
    size -= 1
    key = heap[size]
    place = 0
    below = 1
    while below < size:
        if below + 1 < size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= key:
            break
        heap[place] = heap[below]
        place = below
        below = 2 * place + 1
    heap[place] = key
    return size


@compiled
def empty_nodes(cards: int, node_cards: int) -> Table:
    """Return nodes that are wholly free; none where cards are one pool."""
    count = cards // node_cards if node_cards else 0
    nodes = np.empty((2, count), dtype=np.int64)
    nodes[_LEFT] = node_cards
    return nodes


@compiled
def empty_sets(cards: int, node_cards: int) -> Table:
    """Return the sets of nodes by the cards they have left, all nodes in the last."""
    count = cards // node_cards if node_cards else 0
    sets = np.zeros((node_cards + 1, _WORDS + count // _BITS + 1), dtype=np.int64)
    for node in range(count):
        sets[node_cards, _COUNT] += 1
        sets[node_cards, _WORDS + node // _BITS] |= 1 << node % _BITS
    return sets


@compiled
def empty_slots(slots: int) -> Table:
    """Return slots that are all vacant."""
    held = np.empty((4, slots), dtype=np.int64)
    held[_STACK] = np.arange(slots)
    return held


@compiled
def bits(value: int) -> int:
    """Return how many bits a number has."""
    bits = 0
    while value >> bits > 0:
        bits += 1
    return bits
