"""The glossary has every word that the books and vouchers use."""

from typing import Final

import pytest
from walk import ROOT

from tallygrid.core.books import ACCOUNT_KINDS, MONEY_TABLE
from tallygrid.core.voucher import VoucherState

PAGE: Final = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*ACCOUNT_KINDS, *MONEY_TABLE, *VoucherState])
def test_the_glossary_explains_every_account_event_and_state(word: str) -> None:
    assert f"| `{word}` |" in PAGE


def test_every_term_has_a_chinese_word() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    terms = [row for row in rows if not row.startswith(("| ---", "| English", "| code"))]

    without = [row for row in terms if not any("\u4e00" <= sign <= "\u9fff" for sign in row)]

    assert without == []
