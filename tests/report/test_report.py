"""The report says what the figures say, in both languages, and loads nothing."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from tallygrid.report.charts import drawings
from tallygrid.report.figures import Figures
from tallygrid.report.page import page, write_report
from tallygrid.report.tables import tables
from tallygrid.report.terminal import print_report
from tallygrid.report.writer import Writer
from tallygrid.settings import Language
from tallygrid.text import catalogue, money

LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
VOID: Final = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Reads a page as a browser does, and remembers what it met."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a tag without contents."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag."""
        assert self.open.pop() == tag, f"{tag} closes what it did not open"

    def handle_data(self, data: str) -> None:
        """Remember a text."""
        self.said.append(data)

    def every(self, tag: str) -> Iterator[dict[str, str | None]]:
        """Return the attributes of every such tag."""
        return (attributes for name, attributes in self.tags if name == tag)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Pages once made; drawing them takes a second."""
    return {}


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    return chosen


@pytest.fixture
def html(figures: Figures, language: Language, pages: dict[str, str]) -> str:
    if language not in pages:
        pages[language] = page(figures, language, LANGUAGES)
    return pages[language]


def printed(figures: Figures, language: Language, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_report(console, figures, language)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def amounts_of(figures: Figures) -> set[int]:
    """Return every amount that the figures hold."""
    budgets = {
        fen for each in figures.budgets for fen in (each.received_fen, *each.amounts_fen.values())
    }
    purchases = {
        fen
        for each in figures.purchases
        for name, fen in vars(each).items()
        if name.endswith("_fen")
    }
    return budgets | purchases | {figures.jobs.subsidy_fen}


def test_every_tag_of_the_page_is_closed_by_its_own(html: str) -> None:
    reader = Reader(html)

    assert reader.open == []


def test_every_cell_of_every_table_is_on_the_page(
    html: str, figures: Figures, language: Language
) -> None:
    said = "".join(Reader(html).said)

    cells = {
        cell
        for table in tables(figures, Writer(language)).values()
        for row in table.rows
        for cell in row
    }
    assert len(cells) > 80
    assert [cell for cell in cells if cell not in said] == []


def test_every_amount_on_the_page_equals_its_figure(
    html: str, figures: Figures, language: Language
) -> None:
    said = "".join(Reader(html).said)

    missing = [fen for fen in amounts_of(figures) if money(fen, language) not in said]
    assert missing == []


def test_every_number_of_the_run_is_on_the_page(html: str, figures: Figures) -> None:
    said = "".join(Reader(html).said)

    numbers = ["2,718", "314", "512.345", "27,434.84", figures.run.version, f"{figures.run.seed}"]
    assert [number for number in numbers if number not in said] == []


def test_a_reader_who_never_goes_online_sees_everything(html: str) -> None:
    """Links may lead elsewhere; nothing on the page may be fetched."""
    reader = Reader(html)

    assert not [tag for tag, _ in reader.tags if tag in {"script", "img", "iframe", "object"}]
    assert not [
        (tag, name)
        for tag, attributes in reader.tags
        for name in attributes
        if name in {"src", "srcset", "xlink:href"} or name.startswith("on")
    ]
    assert [each["rel"] for each in reader.every("link")] == ["alternate"]
    assert not re.search(r"@import|url\((?!#)", html)
    outside = {each["href"] for each in reader.every("a")} - {None}
    assert {each for each in outside if each and ":" in each} == {"https://example.org/text"}


def test_every_chart_has_a_title_and_a_description_of_its_own(html: str) -> None:
    drawn = re.findall(r"<svg.*?</svg>", html)

    keys = set()
    for each in drawn:
        root = ET.fromstring(each)  # noqa: S314  # our own drawing
        title, description = root.find("title"), root.find("desc")
        assert title is not None
        assert title.text
        assert description is not None
        assert description.text
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == title.get("id")
        assert root.get("aria-describedby") == description.get("id")
        keys.add(title.get("id"))
    assert len(keys) == len(drawn) == 12


def test_no_two_elements_of_the_page_share_an_id(html: str) -> None:
    ids = [attributes["id"] for _, attributes in Reader(html).tags if "id" in attributes]

    assert len(ids) == len(set(ids))


def test_headings_descend_one_level_at_a_time(html: str) -> None:
    levels = [int(tag[1]) for tag, _ in Reader(html).tags if re.fullmatch(r"h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert set(levels[1:]) == {2}


def test_every_table_is_announced_and_every_heading_cell_has_its_scope(html: str) -> None:
    reader = Reader(html)

    assert len(list(reader.every("table"))) == len(list(reader.every("caption"))) == 12
    assert all(each.get("scope") in {"col", "row"} for each in reader.every("th"))
    assert all(each.get("aria-label") for each in reader.every("div") if "tabindex" in each)


def test_the_page_names_its_language_and_links_to_the_other(
    figures: Figures, tmp_path: Path
) -> None:
    paths = write_report(figures, tmp_path / "new" / "folder", LANGUAGES)

    assert [path.name for path in paths] == ["report.en.html", "report.zh.html"]
    english, chinese = (Reader(path.read_text(encoding="utf-8")) for path in paths)
    assert next(english.every("html"))["lang"] == "en-GB"
    assert next(chinese.every("html"))["lang"] == "zh-Hans"
    assert "report.zh.html" in {each["href"] for each in english.every("a")}
    assert "report.en.html" in {each["href"] for each in chinese.every("a")}


def test_what_is_made_up_is_said_at_the_top(html: str, language: Language) -> None:
    before_the_charts = html[: html.index("<nav")]

    assert {"en": "Firms (invented)", "zh": "企业（虚构）"}[language] in before_the_charts


def test_markup_in_a_figure_is_shown_and_not_obeyed(html: str) -> None:
    assert "& <more>" in "".join(Reader(html).said)
    assert "more" not in {tag for tag, _ in Reader(html).tags}


def test_a_report_of_nothing_is_still_a_report(nothing: Figures, language: Language) -> None:
    reader = Reader(page(nothing, language, (language,)))

    assert drawings(nothing, Writer(language)) == {}
    assert reader.open == []
    assert next(iter(reader.every("h1"))) == {}
    assert "0" in printed(nothing, language)


def test_books_that_do_not_balance_are_the_first_thing_said(
    figures: Figures, language: Language
) -> None:
    short = replace(figures.budgets[0], received_fen=figures.budgets[0].received_fen + 1)
    checks = replace(
        figures.checks, problems=("alpha-2026: batch 3, row 2",), journal_accepted=False
    )
    wrong = replace(figures, budgets=(short, *figures.budgets[1:]), checks=checks)

    first = printed(wrong, language).split("\n\n")[1]

    assert "✗" in first
    assert "batch 3, row 2" in first
    assert money(1, language) in first
    assert "bean-check" in first


def test_the_terminal_shows_the_budgets_in_a_hundred_columns_and_no_colour_in_a_pipe(
    figures: Figures, language: Language
) -> None:
    text = printed(figures, language, width=200)

    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    for budget in figures.budgets:
        assert money(budget.received_fen, language) in text
    assert "tallygrid books verify" in text


def test_a_narrow_terminal_still_names_the_sites(figures: Figures, language: Language) -> None:
    text = printed(figures, language)

    assert [use.site for use in figures.sites if use.name[language] not in text] == []


def test_every_sentence_of_the_report_is_used() -> None:
    """A sentence nobody can meet is a sentence nobody will correct."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (Path(__file__).parents[2] / "src" / "tallygrid" / "report").rglob("*")
        if path.suffix in {".py", ".html"}
    )
    by_name = re.compile(
        r"report\.(state|stage|job|side|kind|redeem|origin|summary|journal|way|class|fit"
        r"|trials\.(group|short|in)|lab\.(kind|province|edition|figure|unit))\.[\w.-]+"
    )
    # The laboratory says `lab.column.…`, `lab.….lead` and so on by the last word alone.
    last_word = re.compile(
        r"report\.(?:lab|trials)\.(?:column\.|setting\.|gain\.(?!lead))?([\w.]+?)(?:\.lead)?"
    )

    codes = [code for code in catalogue() if code.startswith("report.")]
    unused = [
        code
        for code in codes
        if not by_name.fullmatch(code)
        and not re.search(rf'["\'{{]{re.escape(code.removeprefix("report."))}["\'.]', source)
        and not code.endswith(".description")
        and not ((word := last_word.fullmatch(code)) and f'"{word[1]}"' in source)
        and not code.startswith(("report.duration.", "report.check."))
    ]
    assert unused == []
