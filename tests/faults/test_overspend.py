"""Sixty-four callers in four processes against room for a few: exactly so many, never more."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import caller
import pytest
from bookkeeping import books_in
from caller import AMOUNT_FEN, CALLERS, DELIVERIES, ORDERS, PROCESSES, orders

_PATIENCE_S: Final = 300


@pytest.mark.parametrize("seed", [1, 2])
def test_exactly_as_many_are_served_as_there_is_room_for(own_home: Path, seed: int) -> None:
    _attack(own_home, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 21))
def test_the_same_for_twenty_seeds(own_home: Path, seed: int) -> None:
    _attack(own_home, seed)


def _attack(home: Path, seed: int) -> None:
    room = 20 + seed
    assert PROCESSES * CALLERS == 64
    assert room < ORDERS
    with books_in(home, f"{caller.PROGRAMME}-{seed}") as books:
        books.fund(room * AMOUNT_FEN + AMOUNT_FEN - 1)

        answers = _answers(home, seed, books.programme)

        posted = [key for key, code in answers if code == "posted"]
        served = {key for key, code in answers if code in {"posted", "exists"}}
        assert {code for _, code in answers} == {"posted", "exists", "insufficient"}
        assert len(answers) >= ORDERS * DELIVERIES
        assert len(posted) == len(set(posted)) == room
        assert served == set(posted)
        assert served <= {str(one.key) for one in orders(seed)}
        assert books.balance("committed:V-1") == (AMOUNT_FEN - 1, room * AMOUNT_FEN)
        assert books.problems() == ()


def _answers(home: Path, seed: int, programme: str) -> list[tuple[str, str]]:
    """Let four processes attack at once, and return every answer that anybody got."""
    running = [
        subprocess.Popen(
            [
                *(sys.executable, str(Path(caller.__file__))),
                *("attack", str(home), str(seed), str(number), programme),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    try:
        told = [process.communicate(timeout=_PATIENCE_S)[0] for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert [process.returncode for process in running] == [0] * PROCESSES
    return [tuple(json.loads(line)) for out in told for line in out.splitlines()]
