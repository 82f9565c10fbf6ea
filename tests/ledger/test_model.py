"""The books against a model of a hundred lines: random batches, the same answers and balances."""

import pytest
from books_machine import books_of, run

from tallygrid.database import Server


def test_the_books_answer_as_the_model_does(server: Server) -> None:
    with books_of(server, "model") as created:
        run(created, examples=60)


@pytest.mark.soak
def test_the_books_answer_as_the_model_does_for_long(server: Server) -> None:
    with books_of(server, "model_soak") as created:
        run(created, examples=400, steps=25)
