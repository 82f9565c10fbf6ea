"""Slips of the hand in a programme file end in a sentence that says what to type."""

from pathlib import Path

import pytest

from tallygrid.files.programme import check

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
NAME = "henan-compute-issued.yaml"
GOOD = (PROGRAMMES / NAME).read_text(encoding="utf-8")


def _told(tmp_path: Path, content: bytes) -> list[str]:
    path = tmp_path / NAME
    path.write_bytes(content)
    return [str(one).removeprefix(f"{path}:") for one in check([path]).mistakes]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  period", "\tperiod", "begins with a tab: indent with spaces."),
        ("  period", "\u3000period", "begins with the blank U+3000: use plain spaces."),
        ("  period", "\u00a0\u00a0period", "begins with the blank U+00A0: use plain spaces."),
        ("  period", "   period", "Begin the line right under the one that it belongs beside."),
        ("id: henan", "id：henan", "Line 1 has the full-width `：`: write `:`"),
        ("kind: compute", "kind：compute", "Line 3 has the full-width `：`: write `:`"),
        ("sources: [", "sources: 【", "Write a list"),
        ('410000", level', '410000"， level', "has the full-width `，`: write `,`"),
        ("  clause: ", "  clause: note: ", "Put a text that holds `: ` in quotes"),
        ("rate: 20%", "rate: 20", "`rate.tiers.all.rate` is 20. Write 20%."),
        ("rate: 20%", "rate: 0.2", "Write a percentage of at most two decimals"),
        ("rate: 20%", "rate: true", "Write a percentage of at most two decimals"),
        ("amount_yuan: 50000000", "amount_yuan: 5.0e7", "Write whole yuan as digits alone"),
        ("amount_yuan: 50000000", "amount_yuan: ５０００００００", "that is 50000000."),
        ("first_day: 2023-07-28", "first_day: 2023年7月28日", "Write a day as 2026-03-01"),
        ("first_day: 2023-07-28", "first_day: 2023-07-28 00:00:00", "Write a day as 2026-03-01"),
        ("first_day: 2023-07-28", "first_day: 2023-06-31", "is not possible"),
        ("kind: compute", "kind: compute\u200b", "'compute\\u200b'"),
    ],
)  # fmt: skip
def test_a_slip_is_answered_with_what_to_type(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in GOOD

    mistakes = _told(tmp_path, GOOD.replace(old, new, 1).encode())

    assert any(told in one for one in mistakes), mistakes


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        GOOD.replace("sources: [", "sources: &same [", 1).encode(),
    ],
    ids=["byte order mark", "Windows", "old Macintosh", "an anchor"],
)
def test_what_other_machines_write_is_read(tmp_path: Path, content: bytes) -> None:
    assert _told(tmp_path, content) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (GOOD.encode("gb18030"), "is not UTF-8. Save the file as UTF-8."),
        (GOOD.encode("utf-16"), "is not UTF-8. Save the file as UTF-8."),
        (b"", "The file is empty."),
        (b"# nothing\n", "The file is empty."),
        (b"- 1\n", "This is not a programme. Begin with `id:`"),
        (b"hello\n", "This is not a programme."),
        (b"facts: {a: 1}\n", "This is not a programme."),
        (GOOD.encode() + b"---\n" + GOOD.encode(), "A second document begins here."),
        (GOOD.encode() + b"#" + b"y" * 10_000_000, "longer than 1 MB"),
        (GOOD.encode() + b"more: " + b"[" * 200 + b"]" * 200, "nested more than 100 deep"),
        ((b"id: x\nsources: [a]\nwindows: {a: 1}\nconditions: 5\nrate: {tiers: {a: b}}\n"
         b"open: x\ncaps: []\nbudget: 7\nin_force: 3\nfacts: [1]\ndefines: {a: 1}\n"),
         "`budget` is 7."),
        (b"id: x\nedition: reported\ncontradicts: [1]\nclaim: 5\n", "`contradicts` is [1]."),
        (b"id: x\n1: 2\n~: 3\ntrue: 4\n", "`1` is not known here."),
    ],
)  # fmt: skip
def test_what_is_no_programme_is_a_sentence(tmp_path: Path, content: bytes, told: str) -> None:
    mistakes = _told(tmp_path, content)

    assert any(told in one for one in mistakes), mistakes
    assert all(len(one) < 500 for one in mistakes)
