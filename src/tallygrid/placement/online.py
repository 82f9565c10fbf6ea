"""The online choice: hold every offer against the request, and take the cheapest in all.

The objective counts the whole price, not the user's share of it: public money is money. To
it come transfer, electricity, carbon, distance, waiting, the pressure on the pool, and what
pool and budgets are worth to the work that comes later. See docs/algorithms/placement.md.
"""

from collections.abc import Callable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.placement import (
    Cost,
    Placement,
    Pool,
    PoolState,
    Request,
    Verdict,
    Weights,
)
from tallygrid.placement import kernel
from tallygrid.placement.shelf import PoolKey, Shelf, words_of

if TYPE_CHECKING:
    import numpy as np

_SILENT: Final = Pool(
    cards=0, whole_nodes=0, largest_part=0, utilisation_bp=BASIS_POINTS, wait_seconds=None
)


def place(
    request: Request, shelf: Shelf, state: PoolState, weights: Weights | None = None
) -> Placement:
    """Choose the offer that costs least in all, once; keep a `Router` to choose often.

    Ties go to the least used pool, then to one drawn by the request's seed.
    """
    router = Router(shelf, weights or Weights())
    return router.choose(request, router.board(state)).placement()


@dataclass(frozen=True)
class Router:
    """A shelf and weights made ready for the kernel.

    As it stands it runs the plain source, which needs nothing loaded; `compiled`, it chooses
    among a hundred offers in some microseconds.
    """

    shelf: Shelf
    weights: Weights
    compiled: bool = False
    _rows: Any = field(init=False, repr=False, compare=False)
    _weights: Any = field(init=False, repr=False, compare=False)
    _routes: dict[str, tuple[Any, Any]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    _weigh: Callable[..., int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weigh: Callable[..., int] = kernel.weigh
        if self.compiled:
            from tallygrid.placement.compiled import weigh
        rows = self.shelf.rows(self.weights) or [[] for _ in range(kernel.OFFER_ROWS)]
        by = self.weights
        ours = [
            by.latency_fen_per_ms_hour,
            by.wait_fen_per_card_hour,
            by.pressure_fen_per_card_hour,
        ]
        object.__setattr__(self, "_weigh", weigh)
        object.__setattr__(self, "_rows", self._held(rows))
        object.__setattr__(self, "_weights", self._held(ours))

    def board(self, state: PoolState) -> "Board":
        """Return the pools as they stand, in the kernel's rows; it may be kept and changed."""
        shadow_bp = self.weights.shadow_bp
        columns = [
            _column(state, key, self.shelf.cards[key], shadow_bp) for key in self.shelf.pools
        ]
        rows = [list(row) for row in zip(*columns, strict=True)]
        return Board(self._held(rows or [[] for _ in range(kernel.POOL_ROWS)]))

    def choose(self, request: Request, board: "Board") -> "Choice":
        """Choose the offer that costs least in all; words are made when they are read."""
        count = len(self.shelf.entries)
        latency_ms, transfer_fen = self._routes_from(request.place)
        reasons, parts = self._empty(count)
        best = self._weigh(
            request.cards,
            request.seconds,
            request.data_gb,
            request.wait_seconds_max,
            request.budget_bp,
            request.seed,
            self._masks(self.shelf.barred(request)),
            self._rows,
            latency_ms,
            transfer_fen,
            board.rows,
            self._weights,
            reasons,
            parts,
        )
        return Choice(request, self.shelf, int(best), reasons, parts)

    def _routes_from(self, place: str) -> tuple[Any, Any]:
        if place not in self._routes:
            latency_ms, transfer_fen = self.shelf.routes(place)
            self._routes[place] = (self._held(latency_ms), self._held(transfer_fen))
        return self._routes[place]

    def _masks(self, sets: Sequence[int]) -> "Sequence[int] | np.ndarray[Any, Any]":
        words = words_of(sets, self.shelf.words)
        if self.compiled:
            import numpy as np

            return np.frombuffer(words, dtype=np.int64)
        return memoryview(words).cast("q")

    def _held(self, rows: Sequence[Any]) -> Any:  # noqa: ANN401  # lists, or an array of them
        """Return rows in the form that this router's kernel takes."""
        if self.compiled:
            import numpy as np

            return np.array(rows, dtype=np.int64)
        return rows

    def _empty(self, count: int) -> tuple[Any, Any]:
        if self.compiled:
            import numpy as np

            return np.empty(count, np.int64), np.empty((kernel.PART_ROWS, count), np.int64)
        return [0] * count, [[0] * count for _ in range(kernel.PART_ROWS)]


@dataclass(frozen=True)
class Board:
    """The pools as they stand: `kernel.POOL_ROWS` rows, in the order of `Shelf.pools`."""

    rows: Any


@dataclass(frozen=True)
class Choice:
    """What the kernel found, in its own rows."""

    request: Request
    shelf: Shelf
    best: int
    reasons: MutableSequence[int]
    parts: Sequence[Sequence[int]]

    @property
    def offer(self) -> str | None:
        """Return the id of the offer chosen; None if none is eligible."""
        return None if self.best == kernel.NOBODY else self.shelf.entries[self.best].offer

    def placement(self) -> Placement:
        """Return the choice with the verdict on every offer."""
        verdicts = tuple(self._verdict(n) for n in range(len(self.shelf.entries)))
        return Placement(request=self.request, chosen=self.offer, verdicts=verdicts)

    def _verdict(self, n: int) -> Verdict:
        entry, parts = self.shelf.entries[n], self.parts
        reasons = int(self.reasons[n])
        wait_s = int(parts[kernel.SEEN_WAIT_S][n])
        costs = None if reasons else Cost(*(int(parts[part][n]) for part in range(kernel.PARTS)))
        return Verdict(
            offer=entry.offer,
            site=entry.site,
            model=entry.model,
            reasons=reasons,
            cost=costs,
            wait_seconds=None if wait_s == kernel.NEVER else wait_s,
            used_bp=int(parts[kernel.SEEN_USED_BP][n]),
        )


def _column(
    state: Mapping[PoolKey, Pool], key: PoolKey, cards: int, shadow_bp: int
) -> tuple[int, ...]:
    pool = state.get(key, _SILENT)
    fresh = kernel.STALE if pool.is_stale else kernel.FRESH
    return (
        cards,
        pool.whole_nodes,
        pool.largest_part,
        kernel.NEVER if pool.wait_seconds is None else pool.wait_seconds,
        pool.utilisation_bp,
        pool.shadow_fen_per_card_hour * shadow_bp // BASIS_POINTS,
        kernel.SILENT if pool is _SILENT else fresh,
    )
