"""A site, and the jobs of a trace on it: who fits, and when each starts."""

from dataclasses import dataclass
from typing import Final

from tallygrid.lab.replay.kernel import replay
from tallygrid.lab.traces.jobs import Jobs, Whole

_BITS: Final = 63
_PIECE: Final = 65_536
"""What is summed up at a time, so that it stays in the cache."""


class NothingError(Exception):
    """No job of a trace can be replayed."""

    def __init__(self, file: str, cards: int) -> None:
        super().__init__(f"{file}: no job can be replayed on {cards:,} cards.")


class ImmenseError(Exception):
    """The times of a trace are too long to be counted in 63 bits."""

    def __init__(self, seconds: int, seconds_max: int) -> None:
        super().__init__(
            f"The last arrival and all run times together are {seconds:,} s; "
            f"at most {seconds_max:,} s can be counted with so many cards. "
            "Repeat the trace less often, or replay a part of it."
        )


@dataclass(frozen=True)
class Site:
    """Cards, in nodes or one pool, and who may overtake."""

    cards: int
    node_cards: int | None = None
    """Cards of a node, a divisor of `cards`; None if cards are interchangeable."""
    depth: int | None = None
    """EASY: how many behind the head may overtake it; None is FIFO."""


@dataclass(frozen=True, eq=False)
class Entry:
    """The jobs that a site takes, and those that it cannot."""

    jobs: Jobs
    too_large: Jobs
    refused: int
    """How many are too large or no jobs to replay, every copy counted."""


def entry(trace: Jobs, site: Site, *, copies: int = 1) -> Entry:
    """Divide the jobs of a trace, and repeat those that fit.

    Raises:
        NothingError: None fits.
        TooManyError: The copies are more than can be held.
    """
    fits = trace.gang <= site.cards * trace.parts
    too_large = trace.of(~fits)
    if not fits.any():
        raise NothingError(trace.file, site.cards)
    jobs = trace.of(fits).repeated(copies, period_s=trace.span_s + 1)
    return Entry(jobs, too_large, copies * (len(too_large) + len(trace.left_out)))


def compile_for(jobs: Jobs, site: Site) -> None:
    """Compile replay for a site, so that the next call is as fast as it can be."""
    starts(jobs.of(slice(1)), site)


def starts(jobs: Jobs, site: Site) -> Whole:
    """Return the second at which each job starts.

    Raises:
        ImmenseError: The times are too long to be counted.
    """
    cards, node_cards = site.cards * jobs.parts, (site.node_cards or 0) * jobs.parts
    last_s = jobs.span_s + sum_of(jobs.run_s)
    last_max = (1 << _BITS - cards.bit_length()) - 1
    if last_s > last_max:
        raise ImmenseError(last_s, last_max)
    return replay(jobs.arrival_s, jobs.gang, jobs.run_s, cards, node_cards, site.depth or 0)


def sum_of(values: Whole) -> int:
    """Return an exact sum, however great; piece by piece, as a copy of ten million takes time."""
    pieces = (values[first : first + _PIECE] for first in range(0, len(values), _PIECE))
    return sum((int((some >> 32).sum()) << 32) + int((some & 0xFFFFFFFF).sum()) for some in pieces)
