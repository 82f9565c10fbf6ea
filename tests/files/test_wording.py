"""Figures are what the words say: in 万 and 亿, in two currencies, in two languages."""

from pathlib import Path

import pytest

from tallygrid.files.programme import check, programme_files

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
ISSUED = PROGRAMMES / "shenzhen-compute-issued.yaml"
REPORTED = PROGRAMMES / "shenzhen-compute-budget-reported.yaml"
BUDGET = "  amount_yuan: 500000000\n"
QUOTE = "  as_written: 5亿元\n"


def _told(tmp_path: Path, *changes: tuple[str, str]) -> tuple[str, str]:
    """Return what is wrong and what is doubtful in the example with changes."""
    text = ISSUED.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / ISSUED.name
    path.write_text(text, encoding="utf-8")
    found = check([path])
    return "\n".join(map(str, found.mistakes)), "\n".join(map(str, found.warnings))


@pytest.mark.parametrize(
    "quoted",
    [
        "5亿元", "每年最高5亿元", "50,000万元", "五亿元", "５亿元", "5億元", "500 million yuan",
        "RMB 500,000,000", "￥5亿", "0.5 billion yuan (about US$68M)", "4亿元, 另1亿元",
    ],
)  # fmt: skip
def test_a_figure_that_its_words_confirm_is_accepted(tmp_path: Path, quoted: str) -> None:
    mistakes, warnings = _told(tmp_path, (QUOTE, f'  as_written: "{quoted}"\n'))

    assert (mistakes, warnings) == ("", "")


@pytest.mark.parametrize(
    ("quoted", "told"),
    [
        ("5 billion yuan", "The text says 5000000000 yuan; `amount_yuan` is 500000000 yuan."),
        ("5 billion yuan", "That is 10 times too little."),
        ("5000万元", "That is 10 times too much."),
        ("5 billion yuan (≈ US$68M)", "is 73.53 yuan to the dollar"),
        ("US$ 6.8 billion", "500000000 yuan for US$ 6.8 billion is 0.07353 yuan to the dollar"),
        ("6亿元", "The text says 600000000 yuan"),
    ],
)
def test_a_figure_that_its_words_deny_is_a_mistake_at_its_place(
    tmp_path: Path, quoted: str, told: str
) -> None:
    mistakes, _ = _told(tmp_path, (QUOTE, f'  as_written: "{quoted}"\n'))

    assert told in mistakes


def test_the_first_brief_is_caught_by_the_same_rule_in_prose(tmp_path: Path) -> None:
    """A translator took 亿 for a billion; no rule knows of this text."""
    clause = "clause: up to 5 billion yuan a year (about US$68M)"
    mistakes, _ = _told(
        tmp_path,
        (BUDGET, "  amount_yuan: 5000000000\n"),
        ("  clause: 训力券 clause, at most 500 million yuan a year\n" + QUOTE, f"  {clause}\n"),
    )

    assert "5000000000 yuan for US$68M is 73.53 yuan to the dollar" in mistakes


def test_every_step_of_a_dated_figure_is_held_against_the_words(tmp_path: Path) -> None:
    steps = "[{from: 2024-12-18, value: 500000000}, {from: 2026-01-01, value: 60000000}]"
    mistakes, _ = _told(
        tmp_path, (BUDGET, f"  amount_yuan: {steps}\n"), (QUOTE, "  as_written: 5亿元, 后6亿元\n")
    )

    assert "`amount_yuan` is 60000000 yuan. That is 10 times too little." in mistakes


@pytest.mark.parametrize(
    ("quoted", "told"),
    [("最高50%", "The text says 50%; `rate` is 60%."), ("百分之六十", ""), ("60％、1000万元", "")],
)
def test_a_rate_is_held_against_its_words(tmp_path: Path, quoted: str, told: str) -> None:
    rate = "      rate: 60%\n"
    mistakes, _ = _told(tmp_path, (rate, f'{rate}      as_written: "{quoted}"\n'))

    assert told in mistakes
    assert bool(told) == bool(mistakes)


def test_the_amount_of_a_condition_is_held_against_its_words(tmp_path: Path) -> None:
    sentence = "    zh: 年度向非关联方租用智能算力的支出不低于50万元。\n"
    _, warnings = _told(tmp_path, (sentence, sentence.replace("50万", "500万")))

    assert "The English names 500000 yuan, the Chinese 5000000 yuan." in warnings
    assert "`zh` names 5000000 yuan, the condition 500000 yuan." in warnings


def test_a_clause_that_names_another_amount_is_doubtful(tmp_path: Path) -> None:
    _, warnings = _told(
        tmp_path, ("at most 10 million yuan a year", "at most 1 million yuan a year")
    )

    assert "The clause names 1000000 yuan; `amount_yuan` is 10000000 yuan." in warnings


def test_words_in_which_no_amount_can_be_read_are_doubtful(tmp_path: Path) -> None:
    _, warnings = _told(tmp_path, (QUOTE, "  as_written: 每年最高若干\n"))

    assert "No amount or rate can be read in the words quoted" in warnings


def test_only_the_report_that_contradicts_itself_is_doubted_of_what_is_shipped() -> None:
    warnings = check(programme_files(PROGRAMMES)).warnings

    assert {Path(one.file).name for one in warnings} == {REPORTED.name}
    assert all("73.53 yuan to the dollar" in one.problem for one in warnings)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("5亿元", "Write whole yuan as digits alone, that is 500000000."),
        ("5,000,000", "that is 5000000."),
        ("５００", "that is 500."),
        ("1e6", "such as 500000."),
        ("1_000_000", "such as 500000."),
        ("0500", "that is 500."),
        ("a lot", "such as 500000."),
    ],
)
def test_an_amount_in_words_is_answered_with_its_digits(
    tmp_path: Path, written: str, told: str
) -> None:
    mistakes, _ = _told(tmp_path, (BUDGET, f"  amount_yuan: {written}\n"))

    assert told in mistakes


@pytest.mark.parametrize(
    ("written", "told"),
    [("百分之六十", "Write 60%."), ("60％", "Write 60%."), ("0.6", "such as 50%")],
)
def test_a_rate_in_words_is_answered_with_its_digits(
    tmp_path: Path, written: str, told: str
) -> None:
    mistakes, _ = _told(tmp_path, ("      rate: 60%\n", f"      rate: {written}\n"))

    assert told in mistakes
