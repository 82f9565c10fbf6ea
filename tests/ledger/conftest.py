"""One database for all tests of the books; each test keeps the books of its own programme."""

from collections.abc import Iterator

import pytest
from bookkeeping import Books

from tallygrid import database, ledger
from tallygrid.database import Server


@pytest.fixture(scope="session")
def books_server(server: Server) -> Iterator[Server]:
    created = server.create_database("books")
    database.migrate(created, [("ledger", ledger.MIGRATIONS)])
    yield created
    created.drop_database()


@pytest.fixture
def books(books_server: Server) -> Iterator[Books]:
    opened = Books(books_server)
    yield opened
    opened.close()
