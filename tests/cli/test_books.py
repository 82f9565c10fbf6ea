"""The books from the terminal: silent while they are sound, and exact about what is not."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from terminal import Terminal

from tallygrid.core.evidence import PARTS
from tallygrid.core.seal import sealed
from tallygrid.core.signature import SigningKey
from tallygrid.database import Server, locate
from tallygrid.files.keys import signing_key
from tallygrid.settings import Settings

JOBS = 12
# ruff: noqa: S608  # the names in our statements are our own


@pytest.fixture(scope="module")
def played(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    terminal = Terminal(own_home)
    out = tmp_path_factory.mktemp("out")
    result = terminal.types("demo", "--jobs", JOBS, "--out", out)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output, "no colours and no progress where nobody looks"
    assert (out / "report.en.html").exists()
    yield terminal
    terminal.does("stop")


@pytest.fixture
def administrator(played: Terminal) -> Server:
    return locate(Settings(home=played.home), print)


def _edit(server: Server, *statements: str) -> None:
    """Edit the books as an administrator who first switches every guard off."""
    with server.administer(server.database) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


def test_sound_books_are_silent(played: Terminal) -> None:
    assert played.does("books", "verify") == ""
    assert played.reads("books", "verify") == []


def test_an_independent_program_accepts_the_journal(played: Terminal, tmp_path: Path) -> None:
    journal = tmp_path / "journal.beancount"
    journal.write_text(played.does("books", "export"), encoding="utf-8")
    program = shutil.which("bean-check", path=Path(sys.executable).parent)
    assert program is not None

    done = subprocess.run([program, journal], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(journal.read_text(encoding="utf-8")) > 10_000


@pytest.mark.parametrize("form", ["beancount", "hledger", "csv", "parquet"])
def test_every_form_of_the_journal_is_written_to_a_file_whole(
    played: Terminal, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"books.{form}"

    assert played.does("books", "export", "--format", form, "--out", file) == ""

    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    if form != "parquet":
        assert file.read_text(encoding="utf-8") == played.does("books", "export", "--format", form)


def test_a_journal_that_cannot_be_written_leaves_nothing(played: Terminal, tmp_path: Path) -> None:
    assert "--out" in played.errs("books", "export", "--format", "parquet")
    told = played.errs("books", "export", "--format", "csv", "--out", tmp_path / "none" / "a.csv")
    assert "none" in told
    assert list(tmp_path.iterdir()) == []


LONGEST = "(SELECT id FROM books.programme ORDER BY last_batch DESC, id LIMIT 1)"
SWAP = tuple(
    f"UPDATE books.{table} SET seq = {there} WHERE programme = {LONGEST} AND seq {here}"
    for table in ("event", "leg")
    for there, here in (("seq + 1000000", "IN (5, 6)"), ("1000011 - seq", "> 1000000"))
)
AMOUNT = (
    "UPDATE books.leg SET amount_fen = amount_fen {} 1 WHERE seq = 5 AND programme = " + LONGEST
)
BALANCE = (
    "UPDATE books.account SET in_fen = in_fen {} 1 WHERE id ="
    f" (SELECT min(id) FROM books.account WHERE in_fen > 0 AND programme = {LONGEST})"
)
EDITS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "an amount": ((AMOUNT.format("+"),), (AMOUNT.format("-"),), r"batch \d+, event 5 "),
    "a balance": (
        (BALANCE.format("+"),),
        (BALANCE.format("-"),),
        r"account .* batch \d+, event \d+",
    ),
    "the order": (SWAP, SWAP, r"batch \d+, event 5 "),
}


@pytest.mark.parametrize("edited", EDITS)
def test_what_a_superuser_edits_is_named_with_its_batch_and_row(
    played: Terminal, administrator: Server, edited: str
) -> None:
    edit, mend, named = EDITS[edited]
    _edit(administrator, *edit)

    told = played.types("books", "verify")

    _edit(administrator, *mend)
    assert told.exit_code == 1
    assert re.search(named, told.stdout.splitlines()[0]), told.stdout
    assert played.does("books", "verify") == ""


def test_heads_are_checked_without_a_database(played: Terminal, tmp_path: Path) -> None:
    """The books are elsewhere: a home that never had any."""
    played.does("books", "publish")
    assert ": 0." in played.does("books", "publish"), "what is not new is not published again"
    folder = shutil.copytree(played.home / "heads", tmp_path / "saved")
    away = Terminal(tmp_path / "away")
    check = ("books", "verify", "--offline", "--heads", folder)

    assert away.does(*check) == ""
    assert away.does(*check, "--keys", folder / "keys.jsonl") == ""
    assert not (tmp_path / "away").exists()

    lines = (folder / "heads.jsonl").read_text(encoding="utf-8")
    (folder / "heads.jsonl").write_text(
        re.sub(r'"hash": "[0-9a-f]', '"hash": "x', lines), encoding="utf-8"
    )
    assert len(away.errs(*check).splitlines()) == len(lines.splitlines())
    changed = re.sub(r'"seq": (\d+)', r'"seq": 1\1', lines, count=1)
    (folder / "heads.jsonl").write_text(changed, encoding="utf-8")
    told = away.types(*check)
    assert (told.exit_code, len(told.stdout.splitlines())) == (1, 1)
    assert "is not what the key" in told.stdout
    assert "不符" in away.types("--language", "zh", *check).stdout


def test_a_stranger_s_key_is_not_believed(played: Terminal, tmp_path: Path) -> None:
    played.does("books", "publish")
    stranger = Terminal(tmp_path / "stranger")
    signing_key(stranger.home, at=datetime(2026, 3, 1, tzinfo=UTC))
    keys = stranger.home / "heads" / "keys.jsonl"

    told = stranger.types(
        "books", "verify", "--offline", "--heads", played.home / "heads", "--keys", keys
    )

    assert told.exit_code == 1
    assert "which you do not trust" in told.stdout


def test_a_rotated_key_signs_on_and_is_believed(played: Terminal, tmp_path: Path) -> None:
    pinned = shutil.copy(played.home / "heads" / "keys.jsonl", tmp_path / "pinned.jsonl")
    played.does("books", "rotate")
    heads = tmp_path / "heads.jsonl"
    played.does("books", "heads", heads)
    folder = played.home / "heads"
    shutil.copy(folder / "keys.jsonl", tmp_path / "keys.jsonl")

    assert played.does("books", "verify", "--heads", heads, "--keys", pinned) == ""


def test_options_about_heads_need_heads(played: Terminal) -> None:
    assert "--heads" in played.errs("books", "verify", "--offline")
    assert "--heads" in played.errs("books", "verify", "--keys", "none")


SUBJECTS = {
    "voucher": "SELECT id FROM service.voucher WHERE state = 'used_up' ORDER BY id LIMIT 1",
    "payment": "SELECT id FROM service.payment ORDER BY amount_fen DESC, id LIMIT 1",
}


@pytest.mark.parametrize("kind", SUBJECTS)
def test_evidence_is_checked_where_no_database_is(
    played: Terminal, administrator: Server, tmp_path: Path, kind: str
) -> None:
    with administrator.connect("auditor") as connection:
        row = connection.execute(SUBJECTS[kind].encode()).fetchone()
    assert row is not None
    file = tmp_path / "bundle.json"
    away = Terminal(tmp_path / "away")

    played.does("audit", "bundle", f"--{kind}", row[0], "--out", file)

    told = away.does("audit", "check", file)
    assert f"{row[0]}: sound" in told
    assert "Compare it" in told
    assert "核验无误" in away.does("--language", "zh", "audit", "check", file)
    assert away.reads("audit", "check", file) == []
    pinned = away.does("audit", "check", file, "--keys", played.home / "heads" / "keys.jsonl")
    assert "Compare it" not in pinned
    assert not (tmp_path / "away").exists()
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"rate_bp":', '"rate_bp":1', 1), encoding="utf-8")
    altered = away.types("audit", "check", file)
    assert altered.exit_code == 1
    assert "applications: altered" in altered.stdout
    assert (
        "applications：封存后被改动"
        in away.types("--language", "zh", "audit", "check", file).stdout
    )


def test_evidence_that_cannot_be_had_or_read_is_told(played: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    assert "X-9" in played.errs("audit", "bundle", "--voucher", "X-9", "--out", file)
    assert "X-9" in played.errs("audit", "bundle", "--payment", "X-9", "--out", file)
    assert "--voucher" in played.errs("audit", "bundle", "--out", file)
    assert not file.exists()
    assert "bundle.json" in played.errs("audit", "check", file)
    file.write_bytes(b"\xff\x00")
    assert played.types("audit", "check", file).exit_code == 1


def test_a_file_of_evidence_writes_on_the_screen_only_what_a_line_can_show(
    tmp_path: Path,
) -> None:
    """Else it could clear the screen and say of itself that it is sound, in a line of its own."""
    subject = {"kind": "payment", "id": "X\x1b[2J\nPayment P-1: sound.\u202e" + "9" * 10_000}
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    empty: dict[str, object] = {name: [] for name in PARTS}
    parts = empty | {"subject": subject, "events": {}, "chain": {}}
    file = tmp_path / "bundle.json"
    file.write_text(sealed(parts, key), encoding="utf-8")

    told = Terminal(tmp_path).types("audit", "check", file)

    assert told.exit_code == 1
    assert "X·[2J·Payment P-1: sound.·999" in told.stdout
    assert all(line.isprintable() for line in told.stdout.splitlines())
    assert len(told.stdout) < 1_000


ENDS_ALONE = """
(SELECT programme.id FROM books.programme
 JOIN books.batch ON batch.programme = programme.id AND batch.no = programme.last_batch
 WHERE batch.first_seq = batch.last_seq ORDER BY programme.id LIMIT 1)
"""
REWRITE = (
    f"""
    UPDATE books.event SET posted_at = posted_at + interval '1 us',
      leaf = books.leaf(programme.code, seq, batch, key, body, posted_at + interval '1 us',
        posted_by)
    FROM books.programme
    WHERE event.programme = programme.id AND programme.id = {ENDS_ALONE} AND seq = last_seq
    """,
    f"""
    UPDATE books.batch SET hash = books.link(previous, leaf), posted_at = event.posted_at
    FROM books.programme JOIN books.event ON event.programme = programme.id AND seq = last_seq
    WHERE batch.programme = programme.id AND no = last_batch AND programme.id = {ENDS_ALONE}
    """,
    f"""
    UPDATE books.programme SET head = hash, ledger_time = posted_at FROM books.batch
    WHERE batch.programme = programme.id AND no = last_batch AND programme.id = {ENDS_ALONE}
    """,
)


def test_a_rewritten_end_shows_against_heads_saved_outside(
    played: Terminal, administrator: Server, tmp_path: Path
) -> None:
    """Last in this file: these books stay rewritten."""
    heads = tmp_path / "heads.jsonl"
    played.does("books", "heads", heads)
    played.does("books", "publish")
    folder = shutil.copytree(played.home / "heads", tmp_path / "saved")
    assert played.does("books", "verify", "--heads", heads) == ""
    assert played.does("books", "verify", "--heads", folder) == ""

    _edit(administrator, *REWRITE)

    assert played.does("books", "verify") == ""
    told = played.types("books", "verify", "--heads", heads)
    assert told.exit_code == 1
    assert "batch" in told.stdout
    assert len(told.stdout.splitlines()) == 1
    assert len(played.types("books", "verify", "--heads", heads, "--json").stdout) > 10
    assert "batch" in played.fails("books", "publish"), "nothing is signed against what was"
    assert (played.home / "heads" / "heads.jsonl").read_bytes() == (
        folder / "heads.jsonl"
    ).read_bytes()
