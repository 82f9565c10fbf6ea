"""Statements as files: the sums of the table are those of the books, the PDF holds its font."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from tallygrid.core.statement import COLUMNS, Month, Movement, Statement, Sums
from tallygrid.files.mistake import FileError
from tallygrid.report.statement.sheet import GlyphError, write_sheet
from tallygrid.report.statement.table import write_table
from tallygrid.text import render

AT: Final = datetime(2026, 5, 20, 9, tzinfo=UTC)
PLAIN_FONT: Final = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def _movement(n: int, event: str, change: Sums, reason: str = "line 1") -> Movement:
    at = AT + timedelta(days=n % 10)
    return Movement(at, "henan-compute-issued", n, 2026, "province", event, "V-1", reason, change)


def _statement(*movements: Movement, name: str = "中卫云数据有限公司") -> Statement:
    opening = Sums(payable_fen=5, in_payment_fen=7)
    heads = (("henan-compute-issued", 41),)
    return Statement("91X", name, Month(2026, 5), AT, heads, opening, movements)


MANY: Final = [
    _movement(n, "capture", Sums(payable_fen=10**n), "采购 O-1 第1笔" if n % 2 else "line 1")
    for n in range(12)
]


def test_the_rows_of_the_table_add_up(tmp_path: Path) -> None:
    statement = _statement(*MANY, _movement(13, "pay", Sums(-7, 7)))
    write_table(statement, tmp_path / "s.csv")
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()))

    for name, fen in zip(COLUMNS, statement.closing.all, strict=True):
        of = {kind: [Decimal(row[f"{name}_yuan"]) for row in rows if row["row"] == kind]
              for kind in ("opening", "movement", "turnover", "closing")}  # fmt: skip
        assert sum(of["movement"]) == of["turnover"][0]
        assert of["opening"][0] + of["turnover"][0] == of["closing"][0] == Decimal(fen) / 100


def test_a_pdf_holds_its_font_and_is_the_same_each_time(tmp_path: Path) -> None:
    statement = _statement(*MANY)
    pages = []
    for name in ("a.pdf", "b.pdf"):
        write_sheet(statement, tmp_path / name, "zh")
        pages.append((tmp_path / name).read_bytes())

    assert pages[0] == pages[1]
    assert pages[0].startswith(b"%PDF-")
    assert b"/FontFile" in pages[0]
    assert b"/Type0" in pages[0]
    assert b"Helvetica" not in pages[0]
    assert len(pages[0]) < 200_000


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_event_that_may_stand_on_a_statement_has_a_word(language: str) -> None:
    from tallygrid.core.books import MONEY_TABLE  # noqa: PLC0415  # this test alone needs it

    kinds = {kind for kind, row in MONEY_TABLE.items()
             for move in row.moves if set(move) & set(COLUMNS)}  # fmt: skip

    for kind in kinds - {"hold", "extend"}:
        assert render(f"statement.event.{kind}", language)  # type: ignore[arg-type]  # both are


def test_a_character_that_the_font_lacks_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(GlyphError) as refused:
        write_sheet(_statement(name="𠮷野家"), tmp_path / "s.pdf", "zh")

    assert "𠮷 (U+20BB7)" in refused.value.sentence("en")
    assert "字体缺少字符𠮷" in refused.value.sentence("zh")
    assert not (tmp_path / "s.pdf").exists()


@pytest.mark.skipif(not PLAIN_FONT.exists(), reason="there is no other font on this machine")
def test_another_font_may_be_named_and_is_held_to_the_same(tmp_path: Path) -> None:
    with pytest.raises(GlyphError):
        write_sheet(_statement(), tmp_path / "s.pdf", "en", font=PLAIN_FONT)
    write_sheet(_statement(name="Zhongwei"), tmp_path / "s.pdf", "en", font=PLAIN_FONT)


def test_what_is_no_font_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ttf").write_text("no font", encoding="utf-8")

    with pytest.raises(FileError, match="no font"):
        write_sheet(_statement(), tmp_path / "s.pdf", "en", font=tmp_path / "x.ttf")


def test_a_statement_may_be_empty_or_very_long(tmp_path: Path) -> None:
    write_sheet(_statement(), tmp_path / "empty.pdf", "en")
    back = _statement(_movement(1, "claw_back", Sums(0, 0, -5, 3, 2)))
    write_sheet(back, tmp_path / "every-column.pdf", "zh")
    long = [_movement(n, "capture", Sums(1), "r" * 300 + " 说明" * 50) for n in range(60)]
    write_sheet(_statement(*long), tmp_path / "long.pdf", "en")

    assert (tmp_path / "long.pdf").read_bytes().count(b"/Type /Page\n") > 3
