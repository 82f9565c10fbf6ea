"""The report of the laboratory as PDF, with the font in it: it looks the same everywhere."""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from typing import Final
from unicodedata import normalize

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextEmphasis
from fpdf.fonts import FontFace
from fpdf.table import Table as Grid

from tallygrid.report.laboratory.content import Content, Section
from tallygrid.report.shapes import WIDTHS
from tallygrid.report.svg import png
from tallygrid.report.tables import Table
from tallygrid.settings import Language
from tallygrid.text import render

_FONT: Final = "report"
_INK: Final = (28, 36, 48)
_FAINT: Final = (91, 102, 117)
_RULE: Final = (200, 206, 214)
_CAUTION: Final = (255, 247, 230)
_HEAD: Final = FontFace(fill_color=(238, 241, 245), emphasis=TextEmphasis.NONE)
_WIDTH: Final = 186
"""Of the sheet inside its margins, in millimetres."""
_LAST: Final = "settings"
"""From this section on stand assumptions and sources, on pages of their own."""
_TABLE_MM: Final = 30
"""Room for a caption, heads and two rows."""
_SECTION_MM: Final = _TABLE_MM + 26
"""Room for a heading and three lines besides, so that no heading stands alone."""
_WORD_MM_MAX: Final = 62
_CHINESE: Final = re.compile("[\u2e80-\uffff]")
_STRAIGHT: Final = str.maketrans("“”‘’", "\"\"''")
_BREAK: Final = re.compile(
    r"(?<= )"  # after a space, but for one that holds an interval together
    r"|(?<=[/_?&=])(?=\w)|(?<=[.-])(?=[^\W\d])"  # inside an address or the way to a figure
    r"|(?<=[\u2e80-\uffff”])(?<![（「《])(?![，。；：、）」》”\s])"  # around a Chinese character
    r"|(?<![（「《“\s])(?=[\u2e80-\uffff“])(?![，。；：、）」》”])"
)
_UNKNOWN: Final = "〓"
"""What stands in print for a character that the font has not."""


def write_sheet(told: Content, path: Path, language: Language) -> None:
    """Write the report as PDF."""
    with as_file(files("tallygrid.report").joinpath("fonts", "statement.otf")) as font:
        sheet = _Sheet(told, language, font)
        sheet.fill()
        path.write_bytes(bytes(sheet.output()))


def pieces_of(text: str) -> list[str]:
    """Return a text in pieces between which a line may be broken.

    >>> pieces_of("预算（券）：¥20,000.00")
    ['预', '算', '（券）：', '¥20,000.00']
    >>> pieces_of("behaviour.paperwork_hours, fine-tuning")
    ['behaviour.', 'paperwork_', 'hours, ', 'fine-', 'tuning']
    """
    return [piece for piece in _BREAK.split(text) if piece]


class _Sheet(FPDF):
    """The pages of one report."""

    def __init__(self, told: Content, language: Language, font: Path) -> None:
        super().__init__(format="A4")
        self._told, self._language = told, language
        self.add_font(_FONT, fname=font)
        self.set_title(told.title)
        self.set_lang("zh-CN" if language == "zh" else "en-GB")
        self.set_margin(12)
        self.set_auto_page_break(auto=True, margin=16)

    def fill(self) -> None:
        """Draw everything."""
        self.add_page()
        self._head()
        for section in self._told.sections:
            if section.name == _LAST:
                self.add_page()
            self._section(section)
        self._write(self._told.made_by, 8, _FAINT)

    def footer(self) -> None:
        """Number every page."""
        self.set_y(-12)
        self.set_font(_FONT, size=8)
        self.set_text_color(*_FAINT)
        page = render("statement.page", self._language, page=self.page_no())
        self.cell(w=0, text=page, align="R")

    def _head(self) -> None:
        told = self._told
        self._write(told.title, 19, _INK)
        self._write(told.subtitle, 10, _FAINT)
        if told.about:
            self._write(told.about, 10, _INK)
        for caution in told.cautions:
            self.set_fill_color(*_CAUTION)
            self.ln(1)
            self._write(caution, 9, _INK, fill=True)
        self.set_fill_color(255)
        self.ln(3)
        self.set_font(_FONT, size=9)
        self.set_draw_color(*_RULE)
        with self._grid((84, 36, 66), ("LEFT", "RIGHT", "RIGHT"), heads=False) as grid:
            for tile in told.tiles:
                grid.row(tuple(map(self._known, (tile.label, tile.value, tile.detail))))

    def _section(self, section: Section) -> None:
        self.set_text_color(*_INK)
        picture = section.picture(WIDTHS["wide"])
        drawn = png(picture) if picture is not None else None
        if self._left() < _SECTION_MM or (drawn and self._height(drawn) > self._left() - 30):
            self.add_page()
        self.ln(5)
        self.start_section(self._known(section.title))
        self._write(section.title, 14, _INK)
        for sentence in section.sentences:
            self._write(sentence, 9, _FAINT)
        if drawn:
            self.ln(2)
            height = min(self._height(drawn), self._left() - 4)
            self.image(
                BytesIO(drawn), w=_WIDTH, h=height, keep_aspect_ratio=True,
                alt_text=section.description, title=section.title,
            )  # fmt: skip
        if not section.tables:
            self._write(render("report.nothing", self._language), 9, _FAINT)
        for table in section.tables:
            self._table(table)

    def _left(self) -> float:
        """Return how many millimetres are left on the page."""
        return float(self.h - 16 - self.get_y())

    def _height(self, drawn: bytes) -> float:
        """Return how high a picture is when it is as wide as the sheet."""
        width, height = (int.from_bytes(drawn[n : n + 4], "big") for n in (16, 20))
        return _WIDTH * height / width

    def _table(self, table: Table) -> None:
        if self._left() < _TABLE_MM:
            self.add_page()
        self.ln(3)
        self._write(table.caption, 9, _INK)
        rows = [tuple(column.title for column in table.columns), *table.rows]
        told = [tuple(map(self._known, row)) for row in rows]
        self.set_font(_FONT, size=7.5 if len(table.columns) <= 5 else 6.5)  # noqa: PLR2004  # as fits the page
        self.set_draw_color(*_RULE)
        align = tuple("RIGHT" if one.is_number else "LEFT" for one in table.columns)
        widths = self._widths(told)
        with self._grid(widths, align, heads=True) as grid:
            for row in told:
                grid.row(tuple(map(self._folded, row, widths)))

    def _grid(
        self, widths: tuple[float, ...], align: tuple[str, ...], *, heads: bool
    ) -> AbstractContextManager[Grid]:
        return self.table(
            align="LEFT",
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=widths,
            first_row_as_headings=heads,
            headings_style=_HEAD,
            line_height=4.4,
            text_align=align,
            width=_WIDTH,
        )

    def _widths(self, rows: list[tuple[str, ...]]) -> tuple[float, ...]:
        """Return how wide each column is: as its longest cell asks, and no piece is broken."""
        columns = list(zip(*rows, strict=True))
        whole = [self._widest(column) for column in columns]
        if sum(whole) <= _WIDTH:
            return tuple(_WIDTH * one / sum(whole) for one in whole)
        wanted = [min(_WORD_MM_MAX, one) for one in whole]
        pieces = [[piece for cell in column for piece in pieces_of(cell)] for column in columns]
        least = [min(one, self._widest(some)) for one, some in zip(wanted, pieces, strict=True)]
        spare, asked = _WIDTH - sum(least), sum(wanted) - sum(least)
        if sum(wanted) <= _WIDTH or spare <= 0 or not asked:
            return tuple(_WIDTH * one / sum(wanted) for one in wanted)
        return tuple(
            few + spare * (many - few) / asked for few, many in zip(least, wanted, strict=True)
        )

    def _widest(self, words: Iterable[str]) -> float:
        """Return the room that the longest of some words takes in a table."""
        return max((self.get_string_width(one.rstrip(" ")) for one in words), default=0) + 3

    def _folded(self, text: str, width: float) -> str:
        """Break a text into lines that fit a width, where a reader expects a break."""
        lines = [""]
        room = width - 2 * self.c_margin - 0.2
        for piece in pieces_of(text):
            if lines[-1] and self.get_string_width((lines[-1] + piece).rstrip(" ")) > room:
                lines.append("")
            lines[-1] += piece
        return "\n".join(line.rstrip(" ") for line in lines)

    def _write(
        self, text: str, size: float, ink: tuple[int, int, int], *, fill: bool = False
    ) -> None:
        self.set_font(_FONT, size=size)
        self.set_text_color(*ink)
        told = self._folded(self._known(text), self.epw)
        self.multi_cell(
            w=0, h=size * 0.5, text=told, fill=fill, align="LEFT",
            new_x="LMARGIN", new_y="NEXT",
        )  # fmt: skip
        self.set_text_color(*_INK)

    def _known(self, text: str) -> str:
        """Return a text in characters that the font has: a small 2 becomes a plain one.

        Its curved quotes are as wide as a Chinese character, so other texts get straight ones.
        """
        if not _CHINESE.search(text):
            text = text.translate(_STRAIGHT)
        return "".join(self._letter(one) for one in text)

    def _letter(self, one: str) -> str:
        known = self.fonts[_FONT].cmap  # type: ignore[union-attr]  # a font from a file has one
        if ord(one) in known:
            return one
        plain = normalize("NFKC", one)
        return plain if all(ord(each) in known for each in plain) else _UNKNOWN
