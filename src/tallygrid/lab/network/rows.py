"""What stands where in the kernel's tables; all of them hold 64-bit whole numbers.

A table has one row per job, firm, voucher and so on, so that all of one thing lies together
in memory. Times are seconds from the scenario's first midnight, money is fen.
"""

from typing import Final

NEVER: Final = 2**62
NOBODY: Final = -1

# `jobs`, in the order of arrival.
ARRIVAL: Final = 0
FIRM: Final = 1
GANG: Final = 2
RUN: Final = 3
KIND: Final = 4
DATA_GB: Final = 5
WORTH_FEN: Final = 6
"""The most that the firm would pay for the job in the end."""
WAIT_MAX: Final = 7
SEED: Final = 8
JOB_COLUMNS: Final = 9

# `fates`, one per job: what became of it.
STATE: Final = 0
OFFER: Final = 1
START: Final = 2
BILLED_FEN: Final = 3
DISCOUNT_FEN: Final = 4
FIRST_VOUCHER: Final = 5
FIRST_PAID_FEN: Final = 6
FIRST_HELD_FEN: Final = 7
SECOND_VOUCHER: Final = 8
SECOND_PAID_FEN: Final = 9
SECOND_HELD_FEN: Final = 10
BEHIND: Final = 11
"""The job behind this one in its queue."""
SLOT: Final = 12
"""Where its cards are noted while it runs."""
FATE_COLUMNS: Final = 13

# The states of a job.
TO_COME: Final = 0
NO_OFFER: Final = 1
TOO_DEAR: Final = 2
NO_CASH: Final = 3
WAITING: Final = 4
RUNNING: Final = 5
ENDED: Final = 6
STATES: Final = ("to_come", "no_offer", "too_dear", "no_cash", "waiting", "running", "ended")

# `firms`.
CASH_FEN: Final = 0
"""The most that it can pay for one job before anything is paid back."""
REFUND_BP: Final = 1
"""What a fen that is paid back later is worth to it today."""
VOUCHERS: Final = 2
"""The first of its vouchers that may count; the second stands behind it."""
FIRM_COLUMNS: Final = 4

# `vouchers`.
PROGRAMME: Final = 0
HOLDER: Final = 1
RATE_BP: Final = 2
FACE_FEN: Final = 3
FREE_FEN: Final = 4
"""Neither held nor paid."""
HELD_FEN: Final = 5
PAID_FEN: Final = 6
VALID_FROM: Final = 7
VALID_UNTIL: Final = 8
IS_DEDUCTED: Final = 9
UNIT_FEN: Final = 10
IS_NET: Final = 11
"""Whether the base leaves the tax out."""
ADMITS: Final = 12
"""The row of `admitted` that says where it may be redeemed."""
FUNDERS: Final = 13
LAPSES: Final = 14
"""Whether what is left at its end lapses, rather than goes back to the budget."""
LAPSED_FEN: Final = 15
IS_OVER: Final = 16
VOUCHER_COLUMNS: Final = 17

# `budgets`, one per programme: every fen stands in one of these.
AVAILABLE: Final = 0
COMMITTED: Final = 1
"""On vouchers, neither held nor paid."""
HELD: Final = 2
PAYABLE: Final = 3
LAPSED: Final = 4
BUDGET_COLUMNS: Final = 5

# `offers`: the rows of `placement.kernel`, turned, and what a bill needs beside them.
POOL: Final = 0
PRICE_NUM: Final = 1
PRICE_DEN: Final = 2
DISCOUNT_BP: Final = 3
ENERGY_NUM: Final = 4
ENERGY_DEN: Final = 5
CARBON_NUM: Final = 6
CARBON_DEN: Final = 7
PROVIDER_KEY: Final = 8
OFFER_KEY: Final = 9
REFERENCE_NUM: Final = 10
"""The reference price of a card-second; the denominator is 0 where there is none."""
REFERENCE_DEN: Final = 11
OFFER_COLUMNS: Final = 12

# `pools`.
CARDS: Final = 0
NODE_CARDS: Final = 1
"""0 where the cards are one pool."""
BASE_BP: Final = 2
"""Card time that others use."""
USED_BP: Final = 3
HEAD: Final = 4
TAIL: Final = 5
QUEUED: Final = 6
TESTED: Final = 7
"""How many behind the head were asked whether they may overtake, and may not."""
LAST_TESTED: Final = 8
SHADOW: Final = 9
SPARE: Final = 10
RUNNING_WORK: Final = 11
"""Card-seconds from second 0 to the ends of those who run."""
QUEUED_WORK: Final = 12
IS_TOUCHED: Final = 13
POOL_COLUMNS: Final = 14

# `rules`: one number each.
LATENCY_WEIGHT: Final = 0
WAIT_WEIGHT: Final = 1
PRESSURE_WEIGHT: Final = 2
VAT_BP: Final = 3
DEPTH: Final = 4
SHIFT: Final = 5
NEXT_JOB: Final = 6
RULES: Final = 7
