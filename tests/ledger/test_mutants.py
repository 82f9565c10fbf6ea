"""Would the tests notice? Mistakes are planted in the SQL, one at a time; each must be caught."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import as_file
from pathlib import Path
from shutil import copytree
from typing import Final

import psycopg
import pytest
from bookkeeping import Books, event
from books_machine import books_of, run

from tallygrid import ledger
from tallygrid.database import Server


@dataclass(frozen=True)
class Mutant:
    """A mistake: a text that stands once in one file, and what replaces it."""

    file: str
    text: str
    replacement: str

    def plant(self, directory: Path) -> None:
        """Write the migrations with the mistake into a directory."""
        with as_file(ledger.MIGRATIONS) as sound:
            copytree(sound, directory, dirs_exist_ok=True)
        file = directory / "functions" / self.file
        sql = file.read_text(encoding="utf-8")
        assert sql.count(self.text) == 1, f"{self.file}: {self.text}"
        file.write_text(sql.replace(self.text, self.replacement), encoding="utf-8")


MUTANTS: Final[Mapping[str, Mutant]] = {
    "late work accepted": Mutant(
        "2_deciding.sql", "AND state = 'open' AND deadline <= ledger_time", "AND false"
    ),
    "money of a broken chain leaks": Mutant(
        "2_deciding.sql", "      available := available_before;\n", ""
    ),
    "holds of a broken chain leak": Mutant(
        "2_deciding.sql", "      states := states_before;\n", ""
    ),
    "captures of a broken chain leak": Mutant("2_deciding.sql", "      rest := rest_before;\n", ""),
    "captured twice in one batch": Mutant(
        "2_deciding.sql",
        "rest[leg.slot_no] := rest[leg.slot_no] - leg.amount_fen;",
        "NULL;",
    ),
    "captured beyond the hold": Mutant("2_deciding.sql", " OR rest[leg.slot_no] < 0 THEN", " THEN"),
    "holds not reserved": Mutant(
        "3_writing.sql", "WHEN sets_aside THEN amount_fen WHEN captures", "WHEN captures"
    ),
    "a key posted twice in one batch": Mutant(
        "2_deciding.sql", "ELSIF verdicts[earlier] = 'posted' THEN", "ELSIF false THEN"
    ),
    "another body taken for the same": Mutant(
        "2_deciding.sql", "event.known_body = event.body", "true"
    ),
    "released remainder lost": Mutant(
        "2_deciding.sql", "given_back[n] := coalesce(rest[n], 0);", "given_back[n] := 0;"
    ),
    "released remainder unusable in the batch": Mutant(
        "2_deciding.sql", "] + coalesce(rest[n], 0);", "];"
    ),
    "a first capture starts nothing": Mutant(
        "2_deciding.sql",
        "event.phase = 'start' OR event.phase = 'capture'",
        "event.phase = 'start'",
    ),
    "capture not recorded in the hold": Mutant(
        "3_writing.sql", "captured_fen + captured.amount_fen", "captured_fen"
    ),
    "third leg dropped": Mutant(
        "3_writing.sql",
        "  WHERE seqs[leg.position] IS NOT NULL\n  ORDER BY leg.position, leg.no;",
        "  WHERE seqs[leg.position] IS NOT NULL AND leg.no < 3\n  ORDER BY leg.position, leg.no;",
    ),
    "funder swapped": Mutant("1_reading.sql", " OR source.funder <> target.funder", ""),
    "year off by one": Mutant(
        "1_reading.sql", "source.year <> target.year", "abs(source.year - target.year) > 1"
    ),
    "another's payment": Mutant(
        "1_reading.sql",
        "source.holder_of = target.holder_of AND source.holder <> target.holder",
        "false",
    ),
    "role not checked": Mutant("1_reading.sql", "WHEN NOT e.is_permitted", "WHEN false"),
    "application not told of holds": Mutant(
        "3_writing.sql",
        "AND e.outbox IS NOT NULL",
        "AND e.outbox IS NOT NULL AND e.hold IS NULL",
    ),
    "nothing swept": Mutant(
        "4_posting.sql", "programme_code, batch, 100);", "programme_code, batch, 0);"
    ),
}
EVERY_TIME: Final = ("money of a broken chain leaks", "late work accepted")


@pytest.mark.parametrize("name", EVERY_TIME)
def test_a_planted_mistake_is_caught(server: Server, tmp_path: Path, name: str) -> None:
    assert is_caught(server, tmp_path, name)


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(MUTANTS.keys() - set(EVERY_TIME)))
def test_every_planted_mistake_is_caught(server: Server, tmp_path: Path, name: str) -> None:
    assert is_caught(server, tmp_path, name)


def is_caught(server: Server, directory: Path, name: str) -> bool:
    """Plant a mistake and tell whether the machine, or else the late hold, notices."""
    MUTANTS[name].plant(directory)
    with books_of(server, f"mutant_{sorted(MUTANTS).index(name)}", directory) as created:
        try:
            accept_late_work(created)
            run(created, examples=60)
        except (AssertionError, psycopg.Error):
            return True
    return False


def accept_late_work(server: Server) -> None:
    """Leave a hundred-and-first overdue hold unswept; its work must still be refused.

    The machine cannot see this: so few holds are swept before anything looks at them.
    """
    with closing(Books(server)) as books:
        books.fund(101)
        holds = [
            event("hold", {"committed:V-1 > payable:P": 1}, ttl_seconds=60) for _ in range(101)
        ]
        books.post("web", *holds)
        for hold in holds:
            books.make_overdue(hold.key)

        assert books.codes("worker", event("start", hold=holds[-1].key)) == ["hold_expired"]
