"""Would the tests notice? Mistakes are planted in the SQL, one at a time; each must be caught.

Each is a patch in `tests/mutants`, whose first line says what goes wrong.
"""

from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import pytest
from bookkeeping import Books, event
from books_machine import books_of, run
from mutants import names, plant, write_sound

from tallygrid.database import Server

EVERY_TIME: Final = ("chain-leak-money", "late-capture")
EXAMPLES: Final = 60


@pytest.mark.parametrize("name", EVERY_TIME)
def test_a_planted_mistake_is_caught(server: Server, tmp_path: Path, name: str) -> None:
    plant(name, tmp_path)
    assert is_caught(server, tmp_path, name)


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(set(names()) - set(EVERY_TIME)))
def test_every_planted_mistake_is_caught(server: Server, tmp_path: Path, name: str) -> None:
    plant(name, tmp_path)
    assert is_caught(server, tmp_path, name)


@pytest.mark.soak
def test_books_without_a_mistake_are_not_accused(server: Server, tmp_path: Path) -> None:
    """By the very procedure that catches the mutants."""
    write_sound(tmp_path)
    assert not is_caught(server, tmp_path, "none")


@pytest.mark.parametrize("name", names())
def test_every_patch_still_applies(tmp_path: Path, name: str) -> None:
    plant(name, tmp_path)


def test_a_patch_that_no_longer_applies_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = "A mistake.\n\n--- a/functions/2_deciding.sql\n+++ b/functions/2_deciding.sql\n"
    (tmp_path / "stale.patch").write_text(
        f"{stale}@@ -1,1 +1,1 @@\n-gone\n+here\n", encoding="utf-8"
    )
    monkeypatch.setattr("mutants.DIRECTORY", tmp_path)

    with pytest.raises(AssertionError, match=r"stale\.patch no longer applies"):
        plant("stale", tmp_path / "sql")


def is_caught(server: Server, directory: Path, name: str) -> bool:
    """Tell whether the machine, or else the late hold, notices that something is wrong."""
    with books_of(server, f"mutant_{name.replace('-', '_')}", directory) as created:
        try:
            accept_late_work(created)
            run(created, examples=EXAMPLES)
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
