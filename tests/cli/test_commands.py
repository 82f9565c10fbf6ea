"""What every command has: help, one JSON document, and a sentence for every mistake."""

import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import click
import pytest
from psycopg.errors import DiskFull
from terminal import AT, FACTS, Terminal

import tallygrid as package
from tallygrid.cli import COMMANDS, tallygrid
from tallygrid.cli.common import Desk
from tallygrid.cli.telling import known, told
from tallygrid.database.error import DatabaseError
from tallygrid.files.payments.port import MissingAccountError
from tallygrid.ledger.queue import OverloadError
from tallygrid.service.intent import HungError
from tallygrid.service.leasing import CardsError
from tallygrid.service.purchase import Cards
from tallygrid.service.wish import Wish
from tallygrid.sites.port import OrderConflictError, SiteUnreachableError

LOADED = """
from tallygrid.cli import main
try:
    main()
except SystemExit:
    print(*__import__("sys").modules)
"""
HEAVY = ("polars", "psycopg", "pydantic", "sqlglot", "yaml")


def _commands() -> Iterator[tuple[str, ...]]:
    context = click.Context(tallygrid)
    for name in tallygrid.list_commands(context):
        yield (name,)
        command = tallygrid.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, inner) for inner in command.list_commands(context))


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.mark.parametrize("words", list(_commands()), ids=" ".join)
def test_every_command_says_what_it_does(terminal: Terminal, words: tuple[str, ...]) -> None:
    said = terminal.does(*words, "--help")

    assert re.search(r"^Usage: .*\n\n  \S", said, re.MULTILINE), said
    assert not terminal.home.exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_each_command_says_of_itself(name: str) -> None:
    command = tallygrid.get_command(click.Context(tallygrid), name)

    assert command is not None
    assert command.help is not None
    first = re.split(r"(?<=\.)\s", command.help, maxsplit=1)[0]
    assert first == COMMANDS[name].does


def test_help_answers_without_loading_what_the_commands_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "--help"], check=True, capture_output=True, text=True
    )

    assert "Commands:" in done.stdout
    assert not set(HEAVY) & set(done.stdout.split())


def test_matching_needs_no_database_driver(terminal: Terminal) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "match", "--facts", FACTS, *AT],
        check=True,
        capture_output=True,
        text=True,
    )

    assert "psycopg" not in done.stdout.split()
    assert not terminal.home.exists()


def test_every_error_of_ours_has_an_exit_code() -> None:
    """Whoever adds an error says how the command line ends with it."""
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(package.__path__, "tallygrid.")
    ]
    ours = {
        kind
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception)
        and kind.__module__.startswith("tallygrid.")
        and not name.startswith("_")
    }

    caught = {"ConditionError", "PendingError", "WrongValueError"}  # by files and use cases
    caught |= {"TaxError"}  # a wrong value of a file, told as one
    caught |= {"KeptError", "OverspentError", "SeedError"}  # said by `allocate` in full
    caught |= {"BundleError", "TooDearError"}  # by `audit check` and `place`, which know the file
    caught |= {
        "LostError",
        "WayError",
    }  # by a sweep, as what is left of it and as its file's mistake
    caught |= {"BusyError", "NoListError", "TokenError"}  # answered over HTTP
    assert {kind.__name__ for kind in ours - set(known())} <= caught


@pytest.mark.parametrize(
    "error",
    [
        CardsError("J-1", Cards("A100", 8, 60), "S", [3, 1]),
        DatabaseError("silent", seconds=9, log="log"),
        DiskFull("could not extend file"),
        HungError(Wish(UUID(int=1), "prepare", {"batch": "B-1"}), None),
        MissingAccountError(("city",)),
        OrderConflictError(UUID(int=1)),
        OverloadError("a-programme", waiting=4096, retry_after_s=3),
        SiteUnreachableError("local", "wrapper.log"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_anybody_may_meet_is_told_in_both_languages(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    for language, shape in (("en", r"[^一-龥]+"), ("zh", r".*[一-龥].*")):
        assert told(error, Desk.of(language)) is not None
        assert re.fullmatch(shape, capsys.readouterr().err.strip())


@pytest.mark.parametrize(
    "words",
    [
        ("match", "--facts", FACTS, *AT),
        ("decide", "--programme", "henan-compute-issued", "--facts", FACTS, *AT),
        ("programme", "list"),
        ("programme", "show", "henan-compute-issued"),
        ("doctor",),
    ],
    ids=lambda words: words[0],
)
def test_json_is_one_document_on_standard_output(
    terminal: Terminal, words: tuple[object, ...]
) -> None:
    result = terminal.types(*words, "--json")

    assert json.loads(result.stdout)
    assert "\x1b" not in result.output


_WRONG: dict[str, tuple[object, ...]] = {
    "Did you mean `henan-compute-issued`?": (
        *("decide", "--programme", "henan-compute-isued", "--facts", FACTS),
    ),
    "none.yaml:1:1: No such file.": ("decide", "--programme", "none.yaml", "--facts", FACTS),
    "'soon' is not a date. Write 2026-05-20": ("match", "--facts", FACTS, "--at", "soon"),
    "'2026-02-30' is not a date.": ("match", "--facts", FACTS, "--at", "2026-02-30"),
    "not in the years 2000 to 2199": ("match", "--facts", FACTS, "--at", "0202-05-20"),
    "There are no assumptions 'demo'.": ("match", "--facts", FACTS, "--assume", "demo"),
    "-5 is not in the range": ("programme", "publish", "x", "--budget", 2026, -5),
    "'1.5' is not a valid integer": ("programme", "publish", "x", "--budget", 2026, 1.5),
    "20 is not in the range": ("programme", "publish", "x", "--budget", 20, 5),
    "check the folder /nonexistent": ("pay", "--programme", "x", "--out", "/nonexistent/x.csv"),
    "0 is not in the range": ("demo", "--jobs", 0),
    "No such command 'nonsense'": ("nonsense",),
}


@pytest.mark.parametrize("told", _WRONG)
def test_wrong_words_are_told_before_anything_is_opened(terminal: Terminal, told: str) -> None:
    assert told in terminal.errs(*_WRONG[told])
    assert not terminal.home.exists()


def test_what_is_told_follows_the_language(terminal: Terminal) -> None:
    nowhere = Terminal(terminal.home, "postgresql://nobody@127.0.0.1:9/x")

    assert "没有应答" in nowhere.fails("--language", "zh", "books", "verify")


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:9/x", "nonsense"])
def test_a_database_that_is_not_there_is_a_sentence(terminal: Terminal, url: str) -> None:
    assert "TALLYGRID_DATABASE_URL" in Terminal(terminal.home, url).fails("books", "verify")


def test_a_home_that_cannot_be_written_is_a_sentence() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        home = Path(directory) / "home"
        home.write_text("a file")

        said = Terminal(home).fails("books", "verify")

    assert "cannot be written" in said
    assert "Set TALLYGRID_HOME" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("decide", "--programme", "henan", "--facts", FACTS), "没有政策'henan'"),
        (("match", "--facts", FACTS, "--at", "May"), "'May'不是日期"),
        (("match", "--facts", FACTS, "--at", "1026-05-20"), "请核对年份"),
        (("apply", FACTS, "--id", "a:b"), "不能用于账簿"),
        (("books", "verify", "--offline"), "请指明链首"),
        (("books", "export", "--format", "parquet"), "请指明文件"),
        (("audit", "bundle", "--out", "x"), "请填写其一"),
    ],
)
def test_a_slip_is_told_in_the_language_that_was_chosen(
    terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    assert said in "".join(terminal.errs("--language", "zh", *words).split())
