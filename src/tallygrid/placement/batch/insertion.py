"""Jobs placed one by one where they cost least and fit: a kernel compiled by numba."""

from tallygrid.placement.batch.knapsack import Floats, Numbers, compiled


@compiled
def insert(
    order: Numbers,
    cost: Floats,
    subsidy: Floats,
    work: Floats,
    unplaced: Floats,
    programme: Numbers,
    prices: Floats,
    work_units: Numbers,
    subsidy_fen: Numbers,
    room: Numbers,
    money: Numbers,
    choice: Numbers,
) -> None:
    """Place jobs in order, each where it costs least at dual prices and fits exactly.

    Args:
        order: The jobs, all of them left out so far.
        cost: Of each job in each pool, infinite where it may not go.
        subsidy: Of each job in each pool.
        work: Of each job, in card-hours.
        unplaced: What leaving a job out costs.
        programme: Of each job, -1 without one.
        prices: Of pools, then of budgets.
        work_units: The work of each job in exact units.
        subsidy_fen: Of each job in each pool, exact.
        room: What is left of each pool, in exact units; is changed.
        money: What is left of each budget, and last what is left without one; is changed.
        choice: The pool of each job; is changed.
    """
    pools = cost.shape[1]
    for job in order:
        budget = programme[job]
        share = prices[pools + budget] if budget >= 0 else 0.0
        lowest, where = unplaced[job], -1
        for pool in range(pools):
            if work_units[job] > room[pool] or subsidy_fen[job, pool] > money[budget]:
                continue
            paid = cost[job, pool] + work[job] * prices[pool] + subsidy[job, pool] * share
            if paid < lowest:
                lowest, where = paid, pool
        if where >= 0:
            choice[job] = where
            room[where] -= work_units[job]
            if budget >= 0:
                money[budget] -= subsidy_fen[job, where]
