"""A process that buys cards as fast as it can, beside others that want the same."""

from datetime import datetime
from fractions import Fraction
from multiprocessing.synchronize import Barrier

import desk as desks

from tallygrid.database import Server
from tallygrid.service import buying, leasing
from tallygrid.service.leasing import CardsError
from tallygrid.service.purchase import Cards


def race(
    server: Server, barrier: Barrier, runner: int, tries: int, cards: Cards, at: datetime
) -> None:
    """Buy cards again and again; every other time they are leased first."""
    with desks.opened(server) as opened:
        barrier.wait()
        for n in range(tries):
            name = f"R-{runner}-{n}"
            if n % 2 and not leasing.lease(opened.office, name, cards, "zhongwei", at=at):
                continue
            wanted = desks.wanted(name, quantity=Fraction(1), cards=cards)
            try:
                answer = buying.buy(opened.office, wanted, at=at)
            except CardsError:
                assert n % 2 == 0, "what was leased can be bought"
                continue
            assert answer.accepted
