"""PostgreSQL and its callers are killed at random under load: nothing promised is lost."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import caller
import pytest
from bookkeeping import Books, books_in
from caller import PROGRAMME, sent_and_acknowledged
from patience import until

from tallygrid.database import embedded, resolve
from tallygrid.database.voice import Voice
from tallygrid.settings import Settings

_CALLERS: Final = 2
_FUNDS_FEN: Final = 10**12
_TOGETHER: Final = 400  # calls of one or two events


def test_what_was_acknowledged_survives_two_kills(server_home: Path, tmp_path: Path) -> None:
    _cycles(server_home, tmp_path, seed=1, victims=("both", "database"))


@pytest.mark.soak
@pytest.mark.parametrize("seed", [2, 3])
def test_what_was_acknowledged_survives_ten_kills(
    server_home: Path, tmp_path: Path, seed: int
) -> None:
    chance = Random(f"{seed}/victims")  # noqa: S311  # it must repeat
    victims = tuple(chance.choices(("both", "database", "callers"), k=10))
    _cycles(server_home, tmp_path, seed=seed, victims=victims)


def _cycles(home: Path, folder: Path, *, seed: int, victims: tuple[str, ...]) -> None:
    chance = Random(f"{seed}/instants")  # noqa: S311  # it must repeat
    with books_in(home, PROGRAMME) as books:
        books.fund(_FUNDS_FEN)
    for cycle, victim in enumerate(victims):
        journals = [folder / f"{cycle}-{n}" for n in range(_CALLERS)]
        running = [_started(home, seed * 100 + cycle, n, journals[n]) for n in range(_CALLERS)]
        try:
            _wait_until_busy(journals)
            time.sleep(chance.uniform(0.1, 1.0))
            if victim != "callers":
                _kill_database(home)
            if victim == "database":
                time.sleep(chance.uniform(0.5, 2.0))  # they bring it up, and go on
        finally:
            for process in running:
                process.kill()
                process.wait()
        resolve(Settings(home=home), print)
    with books_in(home, PROGRAMME) as books:
        _nothing_is_lost_or_twice(books, sorted(folder.iterdir()))


def _nothing_is_lost_or_twice(books: Books, journals: list[Path]) -> None:
    sent, promised = sent_and_acknowledged(journals)
    assert len(promised) > 10
    assert promised <= _keys(books)

    for start in range(0, len(sent), _TOGETHER):
        calls = sent[start : start + _TOGETHER]
        again = [
            replace(event, chain=n if event.chain else 0)
            for n, call in enumerate(calls, start=1)
            for event in call
        ]
        assert {outcome.code for outcome in books.post("migrator", *again)} <= {"posted", "exists"}

    everything = {event.key for call in sent for event in call}
    assert everything <= _keys(books)
    pairs = sum(1 for call in sent if len(call) > 1)
    assert books.balance("committed:V-1") == (_FUNDS_FEN - pairs, 0)
    assert books.balance("payable:P") == (pairs, 0)
    assert books.balance("available") == (len(sent) - pairs, 0)
    assert books.problems() == ()


def _keys(books: Books) -> set[UUID]:
    found = books.connect("auditor").execute(
        "SELECT key FROM books.event JOIN books.programme ON programme.id = programme"
        " WHERE code = %s",
        [books.programme],
    )
    return {key for (key,) in found}


def _started(home: Path, seed: int, number: int, journal: Path) -> subprocess.Popen[bytes]:
    script = str(Path(caller.__file__))
    words = ("load", str(home), str(seed), str(number), PROGRAMME, str(journal))
    return subprocess.Popen([sys.executable, script, *words], stderr=subprocess.DEVNULL)


def _wait_until_busy(journals: list[Path]) -> None:
    """Wait until every process has been promised a few things."""
    until(
        lambda: all(one.exists() and one.read_text().count("acknowledged") > 5 for one in journals)
    )


def _kill_database(home: Path) -> None:
    postmaster = embedded.at_home(home, Voice(print)).postmaster()
    assert postmaster is not None
    with suppress(ProcessLookupError):
        os.kill(postmaster, signal.SIGKILL)
