"""One run: what is asked, by whom, with which vouchers, and what becomes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tallygrid.core.placement import Request
from tallygrid.files.catalogue import read_catalogue
from tallygrid.lab.network import kernel, rows
from tallygrid.lab.network.kernel import Table
from tallygrid.lab.network.world import World
from tallygrid.lab.replay.site import sum_of

_ACCOUNTS_MAX: Final = 60_000_000


class TooGreatError(Exception):
    """A run needs more room than there is."""

    def __init__(self, rows_: int, offers: int) -> None:
        super().__init__(
            f"{rows_:,} contracts × {offers:,} offers are more running totals than the "
            f"{_ACCOUNTS_MAX:,} that are kept. Ask for fewer firms, or fewer sites."
        )


def compile_kernel() -> None:
    """Compile the kernel, unless an earlier run has: its processes then load what is kept."""
    jobs = np.ones((1, rows.JOB_COLUMNS), dtype=np.int64)
    jobs[0, [rows.FIRM, rows.KIND]] = 0
    firms = np.full((1, rows.FIRM_COLUMNS), rows.NOBODY, dtype=np.int64)
    catalogue = read_catalogue()
    Run(World(catalogue), jobs, firms, [Request(1, 1, min(catalogue.places))]).play()


@dataclass(eq=False)
class Run:
    """The tables of one run, and how far it has come."""

    world: World
    jobs: Table
    firms: Table
    requests: Sequence[Request]
    """What each kind of job asks."""
    programmes: Sequence[str] = ()
    vouchers_max: int = 0
    tables: Mapping[str, Any] = field(init=False)
    fates: Table = field(init=False)
    vouchers: Table = field(init=False)
    budgets: Table = field(init=False)
    admitted: Table = field(init=False)
    issued: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        offers, jobs = len(self.world.shelf.entries), self.jobs
        fate = np.zeros(rows.FATE_COLUMNS, dtype=np.int64)
        fate[[rows.OFFER, rows.START, rows.FIRST_VOUCHER, rows.SECOND_VOUCHER]] = rows.NOBODY
        self.fates = np.tile(fate, (len(jobs), 1))
        self.vouchers = np.zeros((self.vouchers_max, rows.VOUCHER_COLUMNS), dtype=np.int64)
        self.budgets = np.zeros((max(1, len(self.programmes)), rows.BUDGET_COLUMNS), dtype=np.int64)
        self.admitted = np.zeros((0, offers), dtype=np.int64)
        contracts = 2 * len(self.firms) + self.vouchers_max
        if contracts * offers > _ACCOUNTS_MAX:
            raise TooGreatError(contracts, offers)
        last = int(jobs[-1, rows.ARRIVAL]) if len(jobs) else 0
        self._rules = self.world.rules(jobs=len(jobs), longest_s=last + sum_of(jobs[:, rows.RUN]))
        is_suited, ways = self.world.kinds(self.requests)
        self.tables = {
            "offers": self.world.offers,
            "rates": self.world.rates(),
            "is_suited": is_suited,
            "ways": ways,
            "gangs": np.ascontiguousarray(jobs[:, rows.GANG]).reshape(1, -1),
            **self.world.pool_tables(),
            "accounts": np.zeros((contracts, offers, 3), dtype=np.int64),
        }

    def play(self, until: int = rows.NEVER) -> None:
        """Let everything happen that happens before an instant."""
        kernel.play(
            until, self._rules, self.jobs, self.fates, self.firms, self.vouchers, self.budgets,
            self.admitted, **self.tables,
        )  # fmt: skip
        self.end_vouchers(until)

    def end_vouchers(self, now: int) -> None:
        """Take what is left of the vouchers that are over."""
        kernel.end_vouchers(now, self.vouchers, self.budgets, self.issued)

    def admit(self, offers: Sequence[bool]) -> int:
        """Return the row that says where a voucher may be redeemed, made once for equals."""
        row = np.array(offers, dtype=np.int64)
        for known in np.flatnonzero((self.admitted == row).all(axis=1)):
            return int(known)
        self.admitted = np.vstack([self.admitted, row])
        return len(self.admitted) - 1

    def issue(self, columns: Mapping[int, int]) -> int:
        """Enter a voucher and let its holder use it; return its row.

        The money comes from what is available; there must be enough.
        """
        voucher = self.issued
        assert voucher < len(self.vouchers), "there is room for every application"
        for column, value in columns.items():
            self.vouchers[voucher, column] = value
        face, programme = columns[rows.FACE_FEN], columns[rows.PROGRAMME]
        self.vouchers[voucher, rows.FREE_FEN] = face
        assert 0 < face <= self.budgets[programme, rows.AVAILABLE], (face, programme)
        self.budgets[programme, rows.AVAILABLE] -= face
        self.budgets[programme, rows.COMMITTED] += face
        self.issued += 1
        self._rank(columns[rows.HOLDER])
        return voucher

    def _rank(self, firm: int) -> None:
        """Let the two vouchers of a firm count that are not over and have the highest rates."""
        held = self.vouchers[: self.issued]
        own = np.flatnonzero((held[:, rows.HOLDER] == firm) & (held[:, rows.IS_OVER] == 0))
        ranked = sorted(own.tolist(), key=lambda v: (-int(held[v, rows.RATE_BP]), v))[:2]
        before = self.firms[firm, rows.VOUCHERS : rows.VOUCHERS + 2].tolist()
        after = [*ranked, *[rows.NOBODY] * (2 - len(ranked))]
        self.firms[firm, rows.VOUCHERS : rows.VOUCHERS + 2] = after
        if rows.NOBODY not in after and before != after:  # another pair is another account
            self.tables["accounts"][len(self.firms) + len(self.vouchers) + firm] = 0
