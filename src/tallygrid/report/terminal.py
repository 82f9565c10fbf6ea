"""The report in a terminal: the same figures in a hundred columns, without colour in a pipe."""

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table as Lines
from rich.text import Text

from tallygrid.report import prose
from tallygrid.report.figures import Figures
from tallygrid.report.tables import Column, Table, tables
from tallygrid.report.writer import Writer
from tallygrid.settings import Language

_WIDTH_MAX: Final = 100
_BAR_WIDTH: Final = 20
_ON_THE_PAGE_ONLY: Final = frozenset({"routes", "heads", "assumptions"})
"""What a terminal has no room for: a matrix by site, the hashes, every assumed reading."""


def print_report(console: Console, figures: Figures, language: Language) -> None:
    """Print the report in a language."""
    writer = Writer(language)
    _print_head(console, figures, writer)
    bars = {
        "stages": _lengths([stage.count for stage in figures.stages]),
        "refusals": _lengths(sorted((each.count for each in figures.refusals), reverse=True)),
    }
    for name, table in tables(figures, writer).items():
        if table.rows and name not in _ON_THE_PAGE_ONLY:
            _print_table(console, _beside(table.brief(), bars.get(name, [])))
    _print_tail(console, figures, writer)


def _print_head(console: Console, figures: Figures, writer: Writer) -> None:
    headline, detail = prose.verdict(figures, writer)
    found = prose.problems(figures, writer)
    _print(console, writer.say("title"), "bold")
    _print(console, writer.say("subtitle", at=figures.run.made_at))
    _print(console, f"\n{'✗' if found else '✓'} {headline}", "bold red" if found else "bold green")
    for line in (detail, *found, "", *prose.summary(figures, writer)):
        _print(console, line)
    if caution := prose.caution(figures, writer):
        _print(console, caution, "yellow")


def _print_tail(console: Console, figures: Figures, writer: Writer) -> None:
    _print(console, f"\n{writer.say('sources')}", "bold")
    for source in figures.sources:
        origin = writer.say(f"origin.{source.origin}")
        name, note = writer.pick(source.name), writer.pick(source.note)
        _print(console, f"  [{origin}] {name}{writer.say('colon')}{note}")
    _print(console, f"\n{writer.say('next')}", "bold")
    for command in figures.next:
        _print(console, f"  {command.line}", "cyan")
        _print(console, f"      {writer.pick(command.does)}")
    _print(console, f"\n{prose.made_by(figures, writer)}", "dim")


def _print(console: Console, text: str, style: str | None = None) -> None:
    """Print data as it is: brackets in it are not markup, numbers in it are not coloured."""
    width = min(console.width, _WIDTH_MAX)
    console.print(text, style=style, markup=False, highlight=False, emoji=False, width=width)


def _print_table(console: Console, table: Table) -> None:
    lines = Lines(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for index, column in enumerate(table.columns):
        lines.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            min_width=max(len(row[index]) for row in table.rows) if column.is_number else None,
            overflow="fold",
        )
    for row in table.rows:
        lines.add_row(*map(Text, row))  # as text, so that brackets in data are not markup
    _print(console, f"\n{table.caption}", "bold")
    console.print(lines, width=min(console.width, _WIDTH_MAX))


def _beside(table: Table, bars: Sequence[str]) -> Table:
    """Return a table with a bar at the end of every row, if there are bars."""
    if not bars:
        return table
    rows = tuple((*row, bar) for row, bar in zip(table.rows, bars, strict=True))
    return Table(table.caption, (*table.columns, Column("")), rows)


def _lengths(counts: Sequence[int]) -> list[str]:
    """Return a bar for each count; the greatest has the full width, and something is never nothing.

    >>> [len(bar) for bar in _lengths([40, 10, 1, 0])]
    [20, 5, 1, 0]
    """
    most = max(counts, default=0)
    return ["█" * -(-count * _BAR_WIDTH // most) if most else "" for count in counts]
