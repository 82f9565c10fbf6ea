"""One furnished database; every test works on a copy of its own."""

import itertools
from collections.abc import Iterator

import desk as desks
import pytest
from desk import Desk

from tallygrid.database import Server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def furnished(server: Server) -> Iterator[Server]:
    created = server.create_database("furnished")
    desks.furnish(created)
    yield created
    created.drop_database()


@pytest.fixture
def desk(furnished: Server) -> Iterator[Desk]:
    """A service whose programmes have no money yet."""
    copy = furnished.create_database(f"desk_{next(_numbers)}", template=furnished.database)
    with desks.opened(copy) as opened:
        yield opened
    copy.drop_database()


@pytest.fixture
def funded(desk: Desk) -> Desk:
    """A service whose two stacking programmes have money for every test."""
    desk.fund(desks.PROVINCE, 10**9)
    desk.fund(desks.CITY, 10**9)
    return desk
