"""One furnished database; every test works on a copy of its own."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

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


@pytest.fixture(scope="session")
def with_money(furnished: Server) -> Iterator[Server]:
    created = furnished.create_database("with_money", template=furnished.database)
    with desks.opened(created) as opened:
        opened.fund(desks.PROVINCE, 10**9)
        opened.fund(desks.CITY, 10**9)
    yield created
    created.drop_database()


@pytest.fixture
def desk(furnished: Server) -> Iterator[Desk]:
    """A service whose programmes have no money yet."""
    with _copy(furnished) as opened:
        yield opened


@pytest.fixture
def funded(with_money: Server) -> Iterator[Desk]:
    """A service whose two stacking programmes have money for every test."""
    with _copy(with_money) as opened:
        yield opened


@contextmanager
def _copy(template: Server) -> Iterator[Desk]:
    copy = template.create_database(f"desk_{next(_numbers)}", template=template.database)
    try:
        with desks.opened(copy) as opened:
            yield opened
    finally:
        copy.drop_database()
