"""A statement as PDF, with the font in it: it looks the same wherever it is opened."""

from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTLibError
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TextEmphasis
from fpdf.fonts import FontFace

from tallygrid.core.statement import COLUMNS, Movement, Statement, Sums
from tallygrid.files.mistake import FileError, Mistake
from tallygrid.settings import Language
from tallygrid.text import day, instant, money, render

_FONT: Final = "statement"
_WIDTH: Final = 277
"""Of the sheet inside its margins, in millimetres."""
_AMOUNT_WIDTH: Final = 29
_WORD_SHARES: Final = (20, 52, 28, 46, 50)
"""How the columns of words share what the columns of amounts leave."""
_SHOWN: Final = ("payable", "in_payment", "paid")
"""Columns that every statement shows; the others only where something stands in them."""
_MAGIC: Final = frozenset({b"\x00\x01\x00\x00", b"OTTO", b"true", b"ttcf"})
"""With what the files of fonts begin: those that fpdf reads."""
_INK: Final = (28, 36, 48)
_FAINT: Final = (91, 102, 117)
_RULE: Final = (200, 206, 214)


class GlyphError(Exception):
    """The font has no picture of some characters."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = tuple(missing)
        super().__init__(self.sentence("en"))

    def sentence(self, language: Language) -> str:
        """Return which characters, and what to do."""
        shown = ", ".join(f"{one} (U+{ord(one):04X})" for one in self.missing)
        return render("statement.no_glyph", language, characters=shown)


def write_sheet(
    statement: Statement, path: Path, language: Language, *, font: Path | None = None
) -> None:
    """Write a statement as PDF.

    Args:
        statement: The statement.
        path: Where to.
        language: Of its words; names and numbers are as they are.
        font: Another font than the packaged one, which knows the characters of GB 2312.

    Raises:
        GlyphError: The font lacks characters that the statement needs.
    """
    with as_file(files("tallygrid.report").joinpath("fonts", "statement.otf")) as packaged:
        sheet = _Sheet(statement, language, font or packaged)
        sheet.fill()
        path.write_bytes(bytes(sheet.output()))


class _Sheet(FPDF):
    """The pages of one statement."""

    def __init__(self, statement: Statement, language: Language, font: Path) -> None:
        super().__init__(orientation="landscape", format="A4")
        self._statement, self._language = statement, language
        self._add(font)
        self._require_glyphs()
        self.set_creation_date(statement.drawn_at)
        self.set_title(self._say("title"))
        self.set_lang("zh-CN" if language == "zh" else "en-GB")
        self.set_margin(10)
        self.set_auto_page_break(auto=True, margin=16)

    def _add(self, font: Path) -> None:
        try:
            with font.open("rb") as file:
                if file.read(4) not in _MAGIC:
                    raise ValueError("it begins like none")  # noqa: TRY301  # told as the others
            self.add_font(_FONT, fname=font)
        except (TTLibError, ValueError, KeyError) as error:
            problem = f"The file is no font that can be used: {error}."
            remedy = "Name a TrueType or OpenType file."
            raise FileError([Mistake(str(font), 1, 1, problem, remedy)]) from None

    def fill(self) -> None:
        """Draw everything."""
        self.set_font(_FONT, size=8)
        self.add_page()
        self._head()
        self._table()
        self._foot()

    def footer(self) -> None:
        """Number every page."""
        self.set_y(-12)
        self.set_font(_FONT, size=8)
        self.set_text_color(*_FAINT)
        self.cell(w=0, text=self._say("page", page=self.page_no()), align="R")

    def _head(self) -> None:
        of = self._statement
        self.set_text_color(*_INK)
        self.set_font(_FONT, size=16)
        self.cell(text=self._say("title"), new_x="LMARGIN", new_y="NEXT", h=10)
        self.set_font(_FONT, size=10)
        for line in (f"{of.name}  {of.party}", self._say("period", month=str(of.month))):
            self.cell(text=line, new_x="LMARGIN", new_y="NEXT", h=6)
        self.ln(3)

    def _table(self) -> None:
        self.set_font(_FONT, size=8)
        self.set_draw_color(*_RULE)
        columns = self._columns()
        headings = FontFace(fill_color=(238, 241, 245), emphasis=TextEmphasis.NONE)
        with self.table(
            align="LEFT",
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=_widths(len(columns)),
            headings_style=headings,
            line_height=5,
            text_align=("LEFT",) * len(_WORD_SHARES) + ("RIGHT",) * len(columns),
            width=_WIDTH,
        ) as table:
            for row in self._rows(columns):
                table.row(row)

    def _columns(self) -> tuple[int, ...]:
        """Return the columns to show, by their place."""
        of = self._statement
        touched = (of.opening, of.closing, *(one.change for one in of.movements))
        return tuple(
            n
            for n, name in enumerate(COLUMNS)
            if name in _SHOWN or any(one.all[n] for one in touched)
        )

    def _rows(self, columns: Sequence[int]) -> Iterator[tuple[str, ...]]:
        of = self._statement
        names = ("date", "programme", "event", "voucher", "reason")
        heads = (self._say(f"column.{COLUMNS[n]}") for n in columns)
        yield (*(self._say(f"column.{name}") for name in names), *heads)
        yield self._sums("opening", of.opening, columns)
        for one in of.movements:
            yield self._movement(one, columns)
        yield self._sums("turnover", of.turnover, columns)
        yield self._sums("closing", of.closing, columns)

    def _sums(self, row: str, sums: Sums, columns: Sequence[int]) -> tuple[str, ...]:
        amounts = (money(sums.all[n], self._language) for n in columns)
        return (self._say(f"row.{row}"), "", "", "", "", *amounts)

    def _movement(self, one: Movement, columns: Sequence[int]) -> tuple[str, ...]:
        amounts = (one.change.all[n] for n in columns)
        return (
            one.at.date().isoformat(),
            f"{one.programme} {one.year} {one.funder}".strip(),
            self._say(f"event.{one.event}"),
            one.voucher,
            one.reason,
            *(money(fen, self._language) if fen else "" for fen in amounts),
        )

    def _foot(self) -> None:
        of = self._statement
        self.ln(4)
        self.set_text_color(*_FAINT)
        drawn = instant(of.drawn_at, self._language)
        self.multi_cell(w=0, text=self._say("drawn", at=drawn), new_x="LMARGIN", new_y="NEXT")
        for programme, seq in of.heads:
            text = self._say("head", programme=programme, seq=seq)
            self.multi_cell(w=0, text=text, new_x="LMARGIN", new_y="NEXT")

    def _require_glyphs(self) -> None:
        of = self._statement
        words = [one for row in self._rows(tuple(range(len(COLUMNS)))) for one in row]
        words += [of.name, of.party, self._say("title"), day(of.month.first, self._language)]
        known = self.fonts[_FONT].cmap  # type: ignore[union-attr]  # a font from a file has one
        missing = {one for word in words for one in word if ord(one) not in known and one != "\n"}
        if missing:
            self.fonts[_FONT].ttfont.close()  # type: ignore[union-attr]  # the same
            raise GlyphError(sorted(missing))

    def _say(self, code: str, **values: object) -> str:
        return render(f"statement.{code}", self._language, **values)


def _widths(amounts: int) -> tuple[float, ...]:
    """Return the widths of the columns where so many hold amounts."""
    left = _WIDTH - amounts * _AMOUNT_WIDTH
    words = (left * part / sum(_WORD_SHARES) for part in _WORD_SHARES)
    return (*words, *[_AMOUNT_WIDTH] * amounts)
