"""The pages name every command, option and variable; their links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from walk import ROOT

from tallygrid import settings
from tallygrid.cli import tallygrid

PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS: Final = (ROOT / "docs" / "howto" / "command-line.md").read_text(encoding="utf-8")
_LINK: Final = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE: Final = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it, by what a user types."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None, below
            yield from _commands(found, f"{name} {below}")


ALL: Final = dict(_commands(tallygrid, "tallygrid"))


@pytest.mark.parametrize(
    "name", [name for name, one in ALL.items() if not isinstance(one, click.Group)]
)
def test_every_command_has_its_own_section_with_every_option_and_an_example(name: str) -> None:
    section = _section(name)
    options = [
        written
        for one in ALL[name].params
        if isinstance(one, click.Option)
        for written in one.opts
        if written.startswith("--")
    ]

    missing = [written for written in options if f"`{written}" not in section]

    assert not missing, f"{name}: {missing}"
    assert re.search(rf"^{name}\b", section, re.MULTILINE), f"{name}: no example"


def test_the_options_of_all_commands_are_told_once() -> None:
    options = [written for one in tallygrid.params for written in one.opts]

    assert [written for written in options if f"`{written}" not in COMMANDS] == []


def test_no_section_tells_of_a_command_that_is_not_there() -> None:
    assert set(re.findall(r"^### `(tallygrid [a-z ]+)`", COMMANDS, re.MULTILINE)) <= set(ALL)


def test_every_variable_that_is_read_is_told() -> None:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    names = set(re.findall(r"\b(?:TALLYGRID_[A-Z_]+|XDG_[A-Z_]+|LANG)\b", source))

    assert {name for name in names if f"`{name}`" not in COMMANDS} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))

    broken = [
        target for target in _LINK.findall(text) if "://" not in target and not _leads(page, target)
    ]

    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_the_folder_that_it_was_written_in(page: Path) -> None:
    assert f"{ROOT}/" not in page.read_text(encoding="utf-8")


def _section(name: str) -> str:
    found = re.search(rf"^### `{name}`.*?(?=^##|\Z)", COMMANDS, re.MULTILINE | re.DOTALL)
    assert found is not None, f"{name} has no section"
    return found[0]


def _leads(page: Path, target: str) -> bool:
    """Tell whether a file, and the heading in it that is named after `#`, are there."""
    name, _, heading = target.partition("#")
    file = page.parent / name if name else page
    if not file.exists():
        return False
    return not heading or heading in _headings(file.read_text(encoding="utf-8"))


def _headings(text: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    titles = re.findall(
        r"^#+ (.*)$", _CODE.sub(lambda code: code[0].strip("`"), text), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
