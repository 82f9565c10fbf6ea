"""Allocation (分配): who gets how much when approved claims ask for more money than there is.

A pure function from a batch of claims and the money left to one award per claim, each with its
reason. Every group with money of its own is shared out by itself; claims without a group share
the rest. Called again for those who wait, with the money that has come back, it goes on in the
same order, so nobody is overtaken. See docs/algorithms/allocation.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from itertools import count, groupby
from math import floor
from typing import Any, Final, Literal

from tallygrid.core.programme import Allocation

Result = Literal["granted", "part", "scaled", "waiting", "below_score"]


@dataclass(frozen=True)
class Claim:
    """An approved claim: the amount is what its own decision gives, caps included."""

    id: str
    asked_fen: int
    submitted_at: datetime
    score: int | None = None
    """What the programme ranks by; needed only where it ranks."""
    group: str = ""
    """The part of the budget that it draws on; empty for what no group is kept from."""


@dataclass(frozen=True)
class Money:
    """What is left to award: in all, and of it what is kept for groups."""

    whole_fen: int
    groups: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert min([self.whole_fen, *self.groups.values()]) >= 0, self
        if self.of("") < 0:
            raise KeptError(self.whole_fen, sum(self.groups.values()))

    def of(self, group: str) -> int:
        """Return what a group has; the empty name has what is kept for nobody."""
        return self.groups[group] if group else self.whole_fen - sum(self.groups.values())

    def less(self, amount_fen: int, names: Iterable[str]) -> "Money":
        """Return so much less, taken from one after the other of these; "" is kept for nobody.

        >>> Money(100, {"young": 70, "old": 20}).less(20, ["", "young", "old"])
        Money(whole_fen=80, groups={'young': 60, 'old': 20})
        """
        lacking_fen, groups = amount_fen, dict(self.groups)
        for name in names:
            taken_fen = min(self.of(name), lacking_fen)
            lacking_fen -= taken_fen
            if name:
                groups[name] -= taken_fen
        return Money(self.whole_fen - amount_fen, groups)


@dataclass(frozen=True)
class Award:
    """What one claim gets, and why."""

    claim: Claim
    amount_fen: int
    result: Result
    place: int = 0
    """Where it stands among those of its group who wait, from 1; 0 if it does not wait."""
    factor: Fraction | None = None
    """By which its amount was scaled down, before rounding."""


class KeptError(Exception):
    """The groups are to have more than there is."""

    def __init__(self, whole_fen: int, kept_fen: int) -> None:
        self.whole_fen, self.kept_fen = whole_fen, kept_fen
        super().__init__(f"{kept_fen} fen are kept for groups, but only {whole_fen} fen are left.")


class OverspentError(Exception):
    """The amounts that were decided come to more than there is, and no rule says who waits."""

    def __init__(self, group: str, asked_fen: int, left_fen: int) -> None:
        self.group, self.asked_fen, self.left_fen = group, asked_fen, left_fen
        super().__init__(f"{asked_fen} fen were decided in group {group!r}; {left_fen} are left.")


class SeedError(Exception):
    """A lottery is drawn with a published seed, and there is none."""


def allocate(
    claims: Iterable[Claim], rule: Allocation, money: Money, *, seed: str = "", unit_fen: int = 1
) -> tuple[Award, ...]:
    """Return one award per claim, group by group, each in the order of its list.

    Args:
        claims: Each id once. In which order they come makes no difference.
        rule: The programme's rule, about which nothing is open.
        money: What is left to award.
        seed: What a lottery is drawn with, published after the last claim came in.
        unit_fen: Amounts that are not paid in full are rounded down to it; the rest stays.

    Raises:
        OverspentError: Amounts decided by people, or owed to everybody, exceed the money.
        SeedError: A lottery has no seed.
    """
    if rule.value == "lottery" and not seed:
        raise SeedError
    share = _SHARES[str(rule.value)]
    turns = sorted(claims, key=lambda claim: (claim.group, _turn(claim, rule, seed)))
    assert len({claim.id for claim in turns}) == len(turns), "a claim stands twice"
    return tuple(
        award
        for group, members in groupby(turns, key=lambda claim: claim.group)
        for award in _placed(share(_Pool(tuple(members), money.of(group), rule, unit_fen)))
    )


def ticket(seed: str, claim: str) -> str:
    r"""Return a claim's ticket in a lottery; the lowest is drawn first.

    Anybody can work it out again: `printf '%s\n%s' "$SEED" "$CLAIM" | sha256sum`.

    >>> ticket("2026-06-08 31 07 12", "A-1")[:12]
    '93f191eed6b8'
    """
    return sha256(f"{seed}\n{claim}".encode()).hexdigest()


@dataclass(frozen=True)
class _Pool:
    """The claims on one part of the money, in their turn; there is at least one."""

    claims: tuple[Claim, ...]
    left_fen: int
    rule: Allocation
    unit_fen: int

    @property
    def asked_fen(self) -> int:
        return _asked_fen(self.claims)


def _asked_fen(claims: Iterable[Claim]) -> int:
    return sum(claim.asked_fen for claim in claims)


def _placed(awards: Iterable[Award]) -> Iterator[Award]:
    """Number those who wait, in their turn."""
    places = count(1)
    for award in awards:
        yield replace(award, place=next(places)) if award.result == "waiting" else award


def _turn(claim: Claim, rule: Allocation, seed: str) -> tuple[Any, ...]:
    """Return what claims are ordered by; the id decides between equals."""
    if rule.value == "lottery":
        return (ticket(seed, claim.id), claim.id)
    if rule.value == "ranked":
        assert claim.score is not None, f"{claim.id} has no score"
        return (-claim.score, claim.submitted_at, claim.id)
    return (claim.submitted_at, claim.id)


def _in_turn(pool: _Pool) -> Iterator[Award]:
    yield from _queued(pool, ((claim,) for claim in pool.claims))


def _by_score(pool: _Pool) -> Iterator[Award]:
    """Award the best first; equals share what is left for them where the text says so."""
    least = pool.rule.score_min
    able = [c for c in pool.claims if least is None or (c.score is not None and c.score >= least)]
    if pool.rule.ties == "shared":
        steps = [tuple(equals) for _, equals in groupby(able, key=lambda claim: claim.score)]
    else:
        steps = [(claim,) for claim in able]
    yield from _queued(pool, steps)
    for claim in pool.claims[len(able) :]:
        yield Award(claim, 0, "below_score")


def _queued(pool: _Pool, steps: Iterable[tuple[Claim, ...]]) -> Iterator[Award]:
    """Award step by step; from the first that the money does not suffice for, all others wait."""
    left_fen, is_enough = pool.left_fen, True
    for step in steps:
        if is_enough and _asked_fen(step) <= left_fen:
            left_fen -= _asked_fen(step)
            yield from (Award(claim, claim.asked_fen, "granted") for claim in step)
        elif is_enough:
            is_enough = False
            yield from _last(pool, step, left_fen)
        else:
            yield from (Award(claim, 0, "waiting") for claim in step)


def _last(pool: _Pool, step: tuple[Claim, ...], left_fen: int) -> Iterator[Award]:
    """Award the last money: shared by equals, else to one claim in part, if the text says so."""
    if len(step) > 1:
        yield from _scaled(step, left_fen, pool.unit_fen)
        return
    in_part = pool.rule.last is not None and pool.rule.last.value == "part"
    amount_fen = _whole(left_fen, pool.unit_fen) if in_part else 0
    yield Award(step[0], amount_fen, "part" if amount_fen else "waiting")


def _pro_rata(pool: _Pool) -> Iterator[Award]:
    """Scale all claims by one factor; what rounding leaves over stays in the budget."""
    if pool.asked_fen <= pool.left_fen:
        yield from (Award(claim, claim.asked_fen, "granted") for claim in pool.claims)
    else:
        yield from _scaled(pool.claims, pool.left_fen, pool.unit_fen)


def _scaled(claims: Sequence[Claim], left_fen: int, unit_fen: int) -> Iterator[Award]:
    factor = Fraction(left_fen, _asked_fen(claims))
    for claim in claims:
        amount_fen = _whole(floor(claim.asked_fen * factor), unit_fen)
        yield Award(claim, amount_fen, "scaled" if amount_fen else "waiting", factor=factor)


def _whole(amount_fen: int, unit_fen: int) -> int:
    """Round an amount down to whole units."""
    return amount_fen - amount_fen % unit_fen


def _all(pool: _Pool) -> Iterator[Award]:
    """Award what was decided, or is owed to everybody alike: all of it, or no rule says whose."""
    if pool.asked_fen > pool.left_fen:
        raise OverspentError(pool.claims[0].group, pool.asked_fen, pool.left_fen)
    yield from (Award(claim, claim.asked_fen, "granted") for claim in pool.claims)


_SHARES: Final[Mapping[str, Callable[[_Pool], Iterator[Award]]]] = {
    "first_come": _in_turn,
    "lottery": _in_turn,
    "ranked": _by_score,
    "pro_rata": _pro_rata,
    "review": _all,
    "apply_free": _all,
}
