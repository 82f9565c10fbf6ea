"""A bound above the linear one: the great jobs are packed whole.

The linear optimum may give a great job to several pools in parts, and so fills every pool to
the brim. Here each pool packs for itself the whole jobs that gain it most. In return a job
may be taken by several pools, so that it pays a fee to be taken; fees rise for what many
take, and fall for what nobody takes. The small jobs, nearly divisible, still choose for
themselves at the prices of pools and budgets. Whatever keeps all rules is among what is
allowed here at any fees and prices, so that every value of `at` is a bound.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.placement.batch.columns import possible
from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.knapsack import choose, pack_pools
from tallygrid.placement.batch.relaxation import Floats, Relaxation

Rows = NDArray[np.int64]

_NEAR: Final = 2e-5
"""What all pools together may be packed worse than best, as a share of the value."""
_NODES: Final = 20_000
_ERROR: Final = 1e-9
"""More than floats err in these sums, as a share of what is summed."""
_IDLE: Final = 20
"""Steps without gain after which the steps become shorter."""


@dataclass(frozen=True)
class Packing:
    """Great jobs in pairs with pools, pool by pool, and the small ones beside them."""

    jobs: Rows
    """Which rows of the instance are great."""
    great: Relaxation
    small: Relaxation
    limits: Floats
    job: Rows
    """Of each pair, which of the great."""
    pool: Rows
    gain: Floats
    """Of each pair, over leaving the job out."""
    subsidy: Floats

    @classmethod
    def of(cls, relaxation: Relaxation, jobs: Rows, prices: Floats, apart: float) -> "Packing":
        """Return the packing of an instance.

        Args:
            relaxation: The instance.
            jobs: The great ones.
            prices: Dual prices.
            apart: How far their bound is below a known value; see `possible`.
        """
        great, others = relaxation.part(jobs), np.ones(len(relaxation.work), dtype=bool)
        others[jobs] = False
        # Each contiguous, lest the kernels are compiled for other arrays too.
        pool, job = map(np.ascontiguousarray, np.nonzero(possible(great, prices, apart).T))
        return cls(
            jobs=jobs,
            great=great,
            small=relaxation.part(np.flatnonzero(others)),
            limits=relaxation.limits,
            job=job,
            pool=pool,
            gain=great.unplaced[job] - great.cost[job, pool],
            subsidy=great.subsidy[job, pool],
        )

    def start(self, prices: Floats) -> Floats:
        """Return fees and prices that prove what the prices alone prove."""
        priced = self.great.priced(prices, slice(None)).min(axis=1)
        fees = self.great.unplaced - np.minimum(priced, self.great.unplaced)
        return np.concatenate([fees, prices])

    def only(self, pairs: NDArray[np.bool_], limits: Floats) -> "Packing":
        """Return some of the pairs alone, with other limits."""
        return replace(
            self,
            limits=limits,
            job=self.job[pairs],
            pool=self.pool[pairs],
            gain=self.gain[pairs],
            subsidy=self.subsidy[pairs],
        )

    def at(self, asked: Floats, near: float) -> "Packed":
        """Return what the pools pack at fees and prices, and the bound that this proves.

        Args:
            asked: The fees of the great jobs, then the prices of pools and budgets.
            near: How much worse than best a pool may be packed, in fen.
        """
        great, small, pools = self.great, self.small, self.great.pools
        fees, prices = asked[: len(self.jobs)], asked[len(self.jobs) :]
        taken, used = np.zeros(len(self.jobs)), np.zeros(len(self.limits))
        chosen = np.zeros(len(self.job), dtype=bool)
        paid = choose(
            small.cost, small.subsidy, small.work, small.unplaced, small.programme, prices, used
        )
        gained = pack_pools(
            np.searchsorted(self.pool, np.arange(pools + 1)),
            self.job,
            self.gain,
            self.subsidy,
            great.work,
            great.programme,
            # A little more room than there is, lest what fits exactly is missed in floats.
            self.limits[:pools] * (1 + _ERROR),
            prices,
            fees,
            near,
            _NODES,
            taken,
            used,
            chosen,
        )
        sold = float(prices @ self.limits)
        whole = great.unplaced.sum()
        error = _ERROR * (whole + small.unplaced.sum() + sold + fees.sum())
        value = paid + float(whole - fees.sum()) - gained - sold - float(error)
        return Packed(value, np.concatenate([taken - 1, used - self.limits]), chosen)

    def losses(self, asked: Floats, choice: Rows) -> Floats:
        """Return what each pool would gain by its own best packing over what a choice packs.

        Args:
            asked: The fees of the great jobs, then the prices of pools and budgets.
            choice: A pool for each great job.
        """
        great, prices = self.great, asked[len(self.jobs) :]
        budget = np.append(prices[great.pools :], 0.0)[great.programme[self.job]]
        gain = self.gain - asked[self.job] - prices[self.pool] * great.work[self.job]
        gain -= budget * self.subsidy
        best = self.at(asked, 0.0).chosen
        change = gain * (best.astype(np.float64) - (choice[self.job] == self.pool))
        return np.maximum(np.bincount(self.pool, change, minlength=great.pools), 0.0)


@dataclass(frozen=True)
class Packed:
    """What the pools pack at some fees and prices."""

    value: float
    excess: Floats
    """How often more than once each great job is taken, then what is used above each limit."""
    chosen: NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """Good fees and prices."""

    asked: Floats
    value: float
    share: Floats
    """Of every pair, how often it was chosen lately: near the optimum in parts."""


def search(  # noqa: PLR0913  # where to begin, how far to go, and when to stop
    packing: Packing,
    start: Floats,
    deadline: Deadline,
    *,
    value_max: float,
    steps: int,
    pace: float,
    share: Floats | None = None,
) -> Found:
    """Return better fees and prices, by the volume algorithm, in a fixed number of steps.

    Args:
        packing: What is packed.
        start: Fees and prices to begin with.
        deadline: When to stop at the latest.
        value_max: The value of a known assignment.
        steps: How many at most.
        pace: How long the first steps are.
        share: What is known of how often each pair is chosen.
    """
    near = _NEAR * value_max / packing.great.pools
    scale = _scale(packing)
    first = packing.at(start, near)
    best, place, idle = first.value, start / scale, 0
    share = first.chosen.astype(np.float64) if share is None else share
    mean = _Mean(first.excess * scale, share)
    for step in range(1, steps + 1):
        ahead = np.where((place <= 0) & (mean.excess < 0), 0.0, mean.excess)
        length = float(ahead @ ahead)
        if deadline.is_over or not length:
            break
        stride = pace * max(value_max - best, 1e-3 * value_max) / length
        tried = np.maximum(0.0, place + stride * ahead)
        packed = packing.at(tried * scale, near)
        mean = mean.nearer(
            packed.excess * scale, packed.chosen, max(0.1 / 2 ** (step // 100), 0.02)
        )
        if packed.value > best:
            pace = min(2.0, pace * 1.1) if (packed.excess * scale) @ ahead >= 0 else pace
            best, place, idle = packed.value, tried, 0
        else:
            idle += 1
        if idle == _IDLE:
            pace, idle = max(pace * 0.7, 1e-5), 0
    return Found(place * scale, best, mean.share)


@dataclass(frozen=True)
class _Mean:
    """What was answered lately, on average."""

    excess: Floats
    share: Floats

    def nearer(self, excess: Floats, chosen: NDArray[np.bool_], most: float) -> "_Mean":
        """Return the average with an answer more, weighed so that its excess is least."""
        change = excess - self.excess
        length = float(change @ change)
        best = -float(self.excess @ change) / length if length else most
        part = min(max(best, most / 10), most)
        return _Mean(self.excess + part * change, self.share + part * (chosen - self.share))


def _scale(packing: Packing) -> Floats:
    """Return what a step of 1 means: for fees what the job is worth, for prices what is usual."""
    great, small = packing.great, packing.small
    worth = great.unplaced.sum() + small.unplaced.sum()
    usual = worth / max(great.work.sum() + small.work.sum(), 1e-9)
    budgets = len(packing.limits) - great.pools
    return np.concatenate(
        [np.maximum(great.unplaced, 1.0), np.full(great.pools, usual), np.ones(budgets)]
    )
