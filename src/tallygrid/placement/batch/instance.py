"""A batch made ready: who may go where, and what it costs, in exact whole fen."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tallygrid.core.money import BASIS_POINTS, GREATEST_FEN
from tallygrid.placement.batch.exact import (
    Numbers,
    ceil_product,
    floor_product,
    product,
    reduced,
)
from tallygrid.placement.batch.tables import MILLION, NONE, Batch, Jobs, Pools

RULES: Final = ("card_model", "origin", "residency", "latency", "too_large", "too_long")
"""Why a job cannot go to a pool, in the order in which they are told."""


class TooDearError(Exception):
    """Jobs would cost more in some pool than amounts may be."""

    def __init__(self, jobs: tuple[int, ...]) -> None:
        self.jobs = jobs
        super().__init__(f"jobs {jobs}")


@dataclass(frozen=True)
class Instance:
    """Jobs are rows, pools are columns."""

    batch: Batch
    public_weight_bp: int
    work: Numbers
    """Card-hours of each job, in units of 1/`unit`."""
    capacity: Numbers
    """Card-hours of each pool, in the same units."""
    unit: int
    is_open: NDArray[np.bool_]
    """Whether a job may go to a pool at all."""
    cost_fen: Numbers
    """What a job adds to the objective in a pool; meaningless where it may not go."""
    subsidy_fen: Numbers
    """What its programme would pay there."""

    @classmethod
    def of(cls, batch: Batch, *, public_weight_bp: int = BASIS_POINTS) -> "Instance":
        """Make a batch ready.

        Raises:
            TooDearError: An amount would be too great to be right.
        """
        jobs, pools = batch.jobs, batch.pools
        work, capacity, unit = _work(jobs, pools)
        is_open = np.ones((len(jobs.ids), len(pools.ids)), dtype=bool)
        for rule in RULES:
            is_open &= allowed(batch, rule)
        parts = Parts.of(batch, work, unit)
        _require_sane(parts, is_open)
        return cls(
            batch=batch,
            public_weight_bp=public_weight_bp,
            work=work,
            capacity=capacity,
            unit=unit,
            is_open=is_open,
            cost_fen=parts.cost_fen(public_weight_bp),
            subsidy_fen=parts.subsidy_fen,
        )


@dataclass(frozen=True)
class Parts:
    """What the cost of a job in a pool is made of."""

    gross_fen: Numbers
    subsidy_fen: Numbers
    extra_fen: Numbers
    transfer_fen: Numbers

    @classmethod
    def of(cls, batch: Batch, work: Numbers, unit: int) -> "Parts":
        """Work the parts out for every job and pool."""
        jobs, pools = batch.jobs, batch.pools
        row = work[:, None]
        gross_fen = ceil_product(row, pools.price_fen[None, :], unit * MILLION)
        return cls(
            gross_fen=gross_fen,
            subsidy_fen=floor_product(gross_fen, _rates(batch)[:, None], BASIS_POINTS * MILLION),
            extra_fen=ceil_product(row, pools.extra_fen[None, :], unit * MILLION),
            transfer_fen=ceil_product(
                jobs.data_gb[:, None], batch.routes.fen_per_gb[jobs.region], MILLION * MILLION
            ),
        )

    def cost_fen(self, public_weight_bp: int) -> Numbers:
        """Return what each adds to the objective, a fen of public money weighed."""
        weight = np.array(public_weight_bp)
        return (
            self.gross_fen
            - self.subsidy_fen
            + floor_product(self.subsidy_fen, weight, BASIS_POINTS)
            + self.transfer_fen
            + self.extra_fen
        )


def allowed(batch: Batch, rule: str) -> NDArray[np.bool_]:
    """Tell for every job and pool whether one of the `RULES` lets them go together."""
    jobs, pools = batch.jobs, batch.pools
    match rule:
        case "card_model":
            return _accepts(jobs.model_sets, pools.models)[jobs.models]
        case "origin":
            return ~jobs.is_domestic[:, None] | pools.is_domestic[None, :]
        case "residency":
            return _accepts(jobs.site_sets, pools.sites)[jobs.sites]
        case "latency":
            limit = jobs.latency_ms_max[:, None]
            return np.asarray((limit == NONE) | (batch.routes.latency_ms[jobs.region] <= limit))
        case "too_large":
            return np.asarray(jobs.cards[:, None] <= pools.cards[None, :])
    assert rule == "too_long", rule
    return np.asarray(jobs.hours[:, None] <= pools.hours[None, :])


def _accepts(sets: tuple[frozenset[str], ...], names: tuple[str, ...]) -> NDArray[np.bool_]:
    found = [[not one or name in one for name in names] for one in sets]
    return np.array(found, dtype=bool).reshape(len(sets), len(names))


def _work(jobs: Jobs, pools: Pools) -> tuple[Numbers, Numbers, int]:
    """Return the card-hours of jobs and pools in the coarsest unit that is exact for both."""
    work = product(jobs.cards, jobs.hours)
    capacity = product(pools.cards, pools.hours)
    together, unit = reduced(np.concatenate([work, capacity]), MILLION * MILLION)
    return together[: len(work)], together[len(work) :], unit


def _rates(batch: Batch) -> Numbers:
    """Return the rate of every job's programme, 0 without one, in millionths of a basis point."""
    rates = np.append(batch.budgets.rate_bp, 0)
    return np.asarray(rates[batch.jobs.programme])


def _require_sane(parts: Parts, is_open: NDArray[np.bool_]) -> None:
    amounts = (parts.gross_fen, parts.extra_fen, parts.transfer_fen)
    too_dear = [(is_open & (one >= GREATEST_FEN)).any(axis=1) for one in amounts]
    jobs = np.flatnonzero(np.logical_or.reduce(too_dear))
    if len(jobs):
        raise TooDearError(tuple(jobs.tolist()))
