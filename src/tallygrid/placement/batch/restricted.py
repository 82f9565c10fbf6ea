"""Linear and integer programmes over some of the pairs of jobs and pools, solved by HiGHS."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import highspy
import numpy as np
from numpy.typing import NDArray

from tallygrid.placement.batch.deadline import Deadline
from tallygrid.placement.batch.lowered import Lowered
from tallygrid.placement.batch.relaxation import Floats, Relaxation

_COST_SCALE: Final = 100.0
"""What an average job costs in the solver's own unit, in which its tolerances are small."""

_ERROR: Final = 1e-7
"""The solver's tolerance for the sign of a reduced cost."""
_ABSOLUTE: Final = 1e-6
"""A gap, in its own unit, at which it stops,"""
_PART_OF_A_FEN: Final = 0.9
"""and one in fen: values are whole fen, so nothing better lies between."""


@dataclass(frozen=True)
class Pairs:
    """Which jobs may go to which pools in a programme, ordered by job."""

    jobs: NDArray[np.int64]
    pools: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.jobs)


@dataclass(frozen=True)
class Solved:
    """What the solver found."""

    share: Floats
    """Of every pair, from 0 to 1; empty if it found nothing."""
    prices: Floats
    """Dual prices of pools and budgets; meaningless for an integer programme."""
    bound: float
    """What no solution of the programme goes below, less the solver's tolerances."""
    is_done: bool
    """Whether it came to its end in time."""


def solve_linear(relaxation: Relaxation, pairs: Pairs, deadline: Deadline) -> Solved:
    """Solve the linear programme over some pairs; a job may be placed in parts."""
    model = _model(relaxation, pairs, is_integer=False)
    return _run(model, relaxation, pairs, deadline)


def solve_integer(
    relaxation: Relaxation,
    pairs: Pairs,
    deadline: Deadline,
    *,
    start: NDArray[np.int64],
    gap: float,
    nodes: int | None = None,
) -> Solved:
    """Solve the programme over some pairs; no job may be divided.

    Args:
        relaxation: Costs and limits.
        pairs: What is allowed.
        deadline: When to stop at the latest.
        start: The pool of every job in a known assignment.
        gap: Stop when value and bound are so near, in fen.
        nodes: Stop after so many nodes of the tree.
    """
    lowered = Lowered.of(relaxation)
    model = _model(lowered.relaxation, pairs, is_integer=True)
    solver = model.solver
    gap = max(gap * lowered.lower / lowered.step, _PART_OF_A_FEN)
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", max(gap / model.unit, _ABSOLUTE))
    if nodes is not None:
        solver.setOptionValue("mip_max_nodes", nodes)
    known = highspy.HighsSolution()
    begun = (start[pairs.jobs] == pairs.pools).astype(np.float64)
    known.col_value = begun.tolist()
    known.value_valid = True
    solver.setSolution(known)
    solved = _run(model, lowered.relaxation, pairs, deadline)
    return replace(solved, bound=lowered.raised(solved.bound))


def allowed_pairs(relaxation: Relaxation) -> Pairs:
    """Return every pair that the rules allow."""
    return Pairs(*np.nonzero(np.isfinite(relaxation.cost)))


def solve_plain(
    relaxation: Relaxation,
    pairs: Pairs,
    deadline: Deadline,
    *,
    hear: Callable[[Solved], None],
    is_stopped: Callable[[], bool],
) -> Solved:
    """Solve the integer programme over some pairs from nothing, as one that can be stopped.

    First it is given as anybody would give it, in fen and card-hours and with the solver's own
    tolerance, so that it finds what it would find alone; then until nothing can be a fen better.

    Args:
        relaxation: Costs and limits.
        pairs: What is allowed.
        deadline: When to stop at the latest.
        hear: Is told of every better assignment, and of the bound now and then.
        is_stopped: Whether to stop, asked now and then.
    """
    model = _plain_model(relaxation, pairs)

    def improved(event: Any) -> None:  # noqa: ANN401  # the solver's own
        out = event.data_out
        bound = model.fen(relaxation, out.mip_dual_bound)
        share = np.array(out.mip_solution)
        hear(Solved(share, np.zeros(len(model.scale)), bound, is_done=False))

    def asked(event: Any) -> None:  # noqa: ANN401  # the solver's own
        bound = model.fen(relaxation, event.data_out.mip_dual_bound)
        hear(Solved(np.empty(0), np.empty(0), bound, is_done=False))
        if is_stopped():
            event.interrupt()

    model.solver.cbMipImprovingSolution += improved
    model.solver.cbMipInterrupt += asked
    solved = _run(model, relaxation, pairs, deadline)
    if not solved.is_done or is_stopped():
        return replace(solved, is_done=False)
    hear(replace(solved, is_done=False))
    model.solver.setOptionValue("mip_rel_gap", 0.0)
    model.solver.setOptionValue("mip_abs_gap", _PART_OF_A_FEN)
    return _run(model, relaxation, pairs, deadline)


def _plain_model(relaxation: Relaxation, pairs: Pairs) -> "_Model":
    """Return a solver with the whole programme, a row per job, then the limits, nothing scaled."""
    jobs, count = pairs.jobs, len(relaxation.work)
    ones = np.ones(len(relaxation.limits))
    every = np.ones(count, dtype=bool)
    columns = _pair_columns(relaxation, pairs, ones, every)
    # The limits come first there, and the jobs here.
    rows = columns.rows
    moved = np.where(rows < len(ones), rows + count, rows - len(ones))
    order = np.lexsort((moved, np.repeat(np.arange(len(jobs)), np.diff(columns.starts))))
    columns = _Columns(columns.starts, moved[order], columns.values[order])
    upper = np.concatenate([np.ones(count), relaxation.limits])
    cost = relaxation.cost[jobs, pairs.pools] - relaxation.unplaced[jobs]
    solver = _loaded(columns, cost, upper, np.ones(len(jobs), dtype=np.int32))
    # Its tolerance is a share of the whole value.
    solver.changeObjectiveOffset(float(relaxation.unplaced.sum()))
    return _Model(solver, 1.0, ones, is_integer=True, is_offset=True)


def proved(relaxation: Relaxation, value: int) -> float:
    """Return the bound if the solver says that nothing is better, whichever pairs it had."""
    unit = _unit(relaxation)
    spread = _ERROR * (len(relaxation.limits) + 2 * len(relaxation.work)) + _ABSOLUTE
    return value - spread * unit


@dataclass(frozen=True)
class _Model:
    solver: "highspy.Highs"
    unit: float
    """What the solver counts costs in, in fen."""
    scale: Floats
    """What it counts each limit in."""
    is_integer: bool
    is_offset: bool = False
    """Whether what leaving all out costs is in its objective."""

    def fen(self, relaxation: Relaxation, bound: float) -> float:
        """Return a bound of the solver in fen, less its tolerances."""
        spread = _ERROR * (self.solver.getNumRow() + len(relaxation.work))
        out = 0.0 if self.is_offset else float(relaxation.unplaced.sum())
        return float(out + (bound - spread) * self.unit)


def _run(model: _Model, relaxation: Relaxation, pairs: Pairs, deadline: Deadline) -> Solved:
    solver, unit, scale = model.solver, model.unit, model.scale
    solver.setOptionValue("time_limit", max(deadline.left, 0.01))
    solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    found = solver.getSolution()
    value = info.mip_dual_bound if model.is_integer else info.objective_function_value
    prices = -np.array(found.row_dual[: len(scale)]) * unit / scale if found.dual_valid else None
    return Solved(
        share=np.array(found.col_value[: len(pairs)]) if found.value_valid else np.empty(0),
        prices=np.zeros(len(scale)) if prices is None else np.maximum(prices, 0.0),
        bound=model.fen(relaxation, value),
        is_done=status == highspy.HighsModelStatus.kOptimal,
    )


def _model(relaxation: Relaxation, pairs: Pairs, *, is_integer: bool) -> _Model:
    """Return a solver with the programme.

    A pair costs what placing there adds to leaving out, so leaving out needs no column; a
    job with one pair needs no row.
    """
    limits, jobs = relaxation.limits, pairs.jobs
    unit = _unit(relaxation)
    scale = _scale(relaxation, unit)
    is_several = np.bincount(jobs, minlength=len(relaxation.work)) > 1
    columns = _pair_columns(relaxation, pairs, scale, is_several)
    cost = (relaxation.cost[jobs, pairs.pools] - relaxation.unplaced[jobs]) / unit
    integrality = np.full(len(cost), is_integer, dtype=np.int32)
    rows = np.concatenate([limits / scale, np.ones(int(is_several.sum()))])
    return _Model(_loaded(columns, cost, rows, integrality), unit, scale, is_integer)


@dataclass(frozen=True)
class _Columns:
    """A sparse matrix, column by column."""

    starts: NDArray[np.int64]
    """Where each column begins, and where the last one ends."""
    rows: NDArray[np.int64]
    values: Floats


def _pair_columns(
    relaxation: Relaxation, pairs: Pairs, scale: Floats, is_several: NDArray[np.bool_]
) -> _Columns:
    """Return a column per pair: what it uses of its pool and its budget, and of its job."""
    jobs, pools = pairs.jobs, pairs.pools
    row = np.cumsum(is_several) - 1 + len(relaxation.limits)
    programme = relaxation.programme[jobs]
    budget = relaxation.pools + np.where(programme >= 0, programme, -1)
    used = (
        relaxation.work[jobs] / scale[pools],
        relaxation.subsidy[jobs, pools] / scale[budget],
        np.ones(len(jobs)),
    )
    # Three entries each, of which those that do not apply are dropped.
    kept = np.stack([np.ones(len(jobs), bool), programme >= 0, is_several[jobs]], axis=1)
    return _Columns(
        starts=np.concatenate([[0], np.cumsum(kept.sum(axis=1))]),
        rows=np.stack([pools, budget, row[jobs]], axis=1)[kept],
        values=np.stack(used, axis=1)[kept],
    )


def _loaded(
    columns: _Columns, cost: Floats, rows: Floats, integrality: NDArray[np.int32]
) -> "highspy.Highs":
    """Return a silent solver on one thread, so that its steps repeat, with a programme."""
    solver = highspy.Highs()  # type: ignore[no-untyped-call]  # its types are partial
    solver.setOptionValue("output_flag", False)  # noqa: FBT003  # the solver's own signature
    solver.setOptionValue("threads", 1)
    solver.passModel(
        len(cost),
        len(rows),
        len(columns.rows),
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMinimize),
        0.0,
        cost,
        np.zeros(len(cost)),
        np.ones(len(cost)),
        np.full(len(rows), -np.inf),
        rows,
        columns.starts[:-1].astype(np.int32),
        columns.rows.astype(np.int32),
        columns.values,
        integrality,
    )
    return solver


def _unit(relaxation: Relaxation) -> float:
    """Return in what costs are counted, in fen."""
    return max(float(relaxation.unplaced.mean()), 1.0) / _COST_SCALE


def _scale(relaxation: Relaxation, unit: float) -> Floats:
    """Return in what each limit is counted, so that the solver's numbers are near 1."""
    work = float(np.median(relaxation.work)) if len(relaxation.work) else 1.0
    # A budget may be small beside costs, and the solver takes what is below 1e-9 for nothing.
    paid = np.clip(relaxation.limits[relaxation.pools :], 1.0, max(unit, 1.0))
    return np.concatenate([np.full(relaxation.pools, work), paid])
