"""What the checker finds in dates, caps, citations, conditions and stacking."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tallygrid.files.programme import check, programme_files

PROGRAMMES = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
NAME = "shenzhen-compute-issued.yaml"
EXAMPLE = (PROGRAMMES / NAME).read_text(encoding="utf-8")
WINDOW = """  - first_day: 2026-05-06
    last_day: 2026-06-05
    clause: 2026 guide, application period of the demand side
    sources: [sz_sql]
    confidence: medium
"""
YEARLY = """    - id: year
      per: applicant_year
      amount_yuan: 10000000
      strength: at_most
      clause: 训力券 clause, at most 10 million yuan a year cumulatively
      sources: [sz_text, sz_sql]
      confidence: high
"""
MINIMUM = "    when: spend_year_fen >= yuan(500000)\n"
RATE = "      rate: 60%\n"
RELATED = "    when: related_party\n"


def _found(tmp_path: Path, text: str, name: str = NAME) -> tuple[list[str], list[str]]:
    """Return mistakes and warnings, each without the name of the file."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = check([path])
    mistakes, warnings = (
        [str(one).removeprefix(f"{path}:") for one in some]
        for some in (found.mistakes, found.warnings)
    )
    return mistakes, warnings


def _changed(*changes: tuple[str, str]) -> str:
    text = EXAMPLE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def _has(told: str, sentences: Sequence[str]) -> bool:
    return any(told in sentence for sentence in sentences)


def _cap(name: str, per: str, yuan: int, strength: str = "at_most", more: str = "") -> str:
    return (
        f"    - {{id: {name}, per: {per}, amount_yuan: {yuan}, strength: {strength}, "
        f"clause: made up, sources: [sz_sql], confidence: low{more}}}\n"
    )


def _window(first: str, last: str, more: str = "") -> str:
    return (
        f"  - {{first_day: {first}, last_day: {last}, clause: made up, sources: [sz_sql], "
        f"confidence: low{more}}}\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        # dates
        (WINDOW, WINDOW + _window("2026-06-01", "2026-07-01"),
         "The windows 2026-05-06 to 2026-06-05 and 2026-06-01 to 2026-07-01 overlap."),
        (WINDOW, _window("2027-05-06", "2027-06-05"), "lies outside the days in force"),
        (WINDOW, WINDOW.replace("    last_day: 2026-06-05\n", '    closes_at: "17:00"\n'),
         "`closes_at` is the hour of a last day, and there is none."),
        (RATE, "      rate: [{from: 2025-06-01, value: 60%}]\n",
         "From 2024-12-18 until 2025-06-01 no value holds."),
        (RATE, "      rate: [{value: 60%}, {value: 50%}]\n", "no day from which it holds"),
        ("until 2026-12-17]", "until 2026-02-30]", "`until 2026-02-30` does not end in a day"),
        ("until 2026-12-17]", "until 2024-12-17]", "has expired before the first day, 2024-12-18"),
        # caps
        (YEARLY, _cap("usual", "applicant_year", 3) + _cap("other", "contract", 500000001),
         "`other` is 500000001 yuan, more than the budget"),
        (YEARLY, _cap("usual", "contract", 300, "in_principle") + _cap("utmost", "contract", 200),
         "`usual` is 300 yuan in principle, above the 200 of `utmost`."),
        # citations
        ("clause: 2026 guide, minimum rent", "clause: TODO", "The clause is 'TODO', which says"),
        ("clause: 2026 guide, minimum rent", 'clause: " "', "which says nothing"),
        ("clause: 2026 guide, minimum rent", "clause: 待补", "which says nothing"),
        # shapes and keys
        ("minimum-spend\n", "minimum-spend\n    confidense: high\n",
         "Did you mean `confidence`?"),
        ("kind: compute", "kind: compute\nwindow: []", "Did you mean `windows`?"),
        ("kind: compute", "kind: compute\n<<: {a: 1}", "nothing is merged from elsewhere"),
        ('code: "440300"', "code: 440300", 'digits alone go in quotes, such as "000000".'),
        ("readings: [true, false]", "readings: [yes, no]", "'yes' cannot stand"),
        ("sources: [sz_valid]", "sources: sz_valid", "Write a list"),
        # definitions
        ("when: company_age_months < 12", "when: startup", "`startup` is not defined yet."),
    ],
)  # fmt: skip
def test_it_is_a_mistake(tmp_path: Path, old: str, new: str, told: str) -> None:
    mistakes, _ = _found(tmp_path, _changed((old, new)))

    assert _has(told, mistakes), mistakes


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (WINDOW, _window("2026-05-06", "2027-06-05"), "partly outside the days in force"),
        (RATE, "      rate: [{value: 60%}, {from: 2027-06-01, value: 50%}]\n",
         "begins 2027-06-01, after the last day 2026-12-17. It never holds."),
        (RATE, "      rate: [{value: 60%}, {from: 2026-01-01, value: 60%}]\n",
         "The value from 2026-01-01 is the one before it."),
        (YEARLY, YEARLY + _cap("loose", "applicant_year", 20_000_000),
         "`loose` can never bind: `year` is at most 10000000 yuan."),
        (YEARLY, YEARLY + _cap("one", "contract", 20_000_000), "`one` can never bind: `year`"),
        (YEARLY, _cap("usual", "applicant_year", 3, "in_principle"),
         "Nothing bounds the exceptions from `usual`."),
        ("    extent: most of the extraction; the official pages were not opened",
         "    extent: not read", "`sz_sql` is cited, but of it was read: not read."),
        ("\n  sz_text:", "\n  more: {title: x, publisher: x, extent: x}\n  sz_text:",
         "No figure cites the source `more`."),
        (MINIMUM, "    when: employees < 10 AND employees > 20\n",
         "The condition `minimum-spend` can never be TRUE."),
        (MINIMUM, "    when: employees >= 0\n", "The condition `minimum-spend` is always TRUE."),
        (MINIMUM, "    when: purpose IN ('training') AND purpose = 'inference'\n",
         "`minimum-spend` can never be TRUE."),
        (MINIMUM, "    when: registered_city = '440100'\n",
         "Nobody can meet both `registered-in-city` and `minimum-spend`."),
        (MINIMUM, "    when: founded_on > '2026-01-01' AND founded_on < DATE '2025-12-31'\n",
         "`minimum-spend` can never be TRUE."),
        (MINIMUM, "    when: provider_admitted\n",
         "`minimum-spend` asks the same as `admitted-provider`."),
        (RELATED, "    when: provider_admitted\n",
         "Whoever meets `admitted-provider` is excluded by `related-party`."),
        (RELATED, "    when: NOT provider_admitted\n",
         "`related-party` excludes nobody who meets `admitted-provider`."),
    ],
)  # fmt: skip
def test_it_is_doubtful(tmp_path: Path, old: str, new: str, told: str) -> None:
    mistakes, warnings = _found(tmp_path, _changed((old, new)))

    assert mistakes == []
    assert _has(told, warnings), warnings


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (WINDOW, WINDOW + _window("2026-06-06", "2026-07-01")),
        (WINDOW, _window("2026-05-06", "2026-05-10", ', closes_at: "12:00"')
         + _window("2026-05-10", "2026-06-05")),
        (YEARLY, YEARLY + _cap("contract", "contract", 10_000_000)),
        (YEARLY, YEARLY + _cap("group", "group", 20_000_000)),
        (YEARLY, YEARLY + _cap("all", "applicant_total", 20_000_000)),
        (YEARLY, YEARLY + _cap("usual", "applicant_year", 5, "in_principle")),
        (MINIMUM, "    when: employees > 10 OR employees < 5\n"),
        (MINIMUM, "    when: employees IS NULL OR employees > 10\n"),
        (MINIMUM, "    when: contract_fen - contract_tax_fen > contract_tax_fen\n"),
        (RELATED, "    when: related_party AND provider_admitted\n"),
    ],
)  # fmt: skip
def test_what_can_be_meant_is_not_doubted(tmp_path: Path, old: str, new: str) -> None:
    assert _found(tmp_path, _changed((old, new))) == ([], [])


def test_a_bad_figure_does_not_hide_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    """The table, the caps and the zone are checked although other parts have no right shape."""
    mistakes, _ = _found(
        tmp_path,
        _changed(
            ("kind: compute", "kind: compute\ncolour: red"),
            ("      rate: 50%", "      rate: 50.123%"),
            ("when: {startup: [false]}", "when: {startup: [true]}"),
            ("amount_yuan: 10000000\n", "amount_yuan: 10000000000\n"),
            ("zone: Asia/Shanghai", "zone: Asia/Nowhere"),
            ("value: contract\n", "value: contrakt\n"),
        ),
    )

    for told in (
        "`colour` is not known here", "at most two decimals", "No row covers startup = false",
        "both cover startup = true", "more than the budget", "no time zone", "'contrakt'",
    ):  # fmt: skip
        assert _has(told, mistakes), (told, mistakes)


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("when: employes > 1", 0, 11),
        ("when: employees > 1 AND\n      revenu_year_fen > yuan(1)", 1, 7),
        ("when: >\n      employees > 1\n      AND revenu_year_fen > yuan(1)", 2, 11),
        ("when: |\n      employees > 1\n\n        AND revenu_year_fen > yuan(1)", 3, 13),
        ("when: 'origin = ''x'' AND employees > 1'", 0, 12),
        ('when: "employees > 1 AND\n      revenu_year_fen > yuan(1)"', 1, 7),
    ],
)
def test_a_mistake_in_a_condition_is_placed_in_it(
    tmp_path: Path, written: str, line: int, column: int
) -> None:
    text = _changed((MINIMUM, f"    {written}\n"))
    start = text[: text.index(written)].count("\n") + 1

    mistakes, _ = _found(tmp_path, text)

    assert [one.split(": ")[0] for one in mistakes] == [f"{start + line}:{column}"], mistakes


def _other(name: str, stacking: str, *changes: tuple[str, str]) -> str:
    """Return the example under another name, with other rules of stacking."""
    start, end = EXAMPLE.index("stacking:\n"), EXAMPLE.index("providers:\n")
    ceiling = EXAMPLE.index("  - id: ceiling\n"), EXAMPLE.index("  - id: cap-year\n")
    text = EXAMPLE[:start] + stacking + EXAMPLE[end : ceiling[0]] + EXAMPLE[ceiling[1] :]
    for old, new in (("id: shenzhen-compute-issued", f"id: {name}"), *changes):
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def _beside(names: str, mode: str = "sequential", more: str = "") -> str:
    return (
        f"stacking:\n{more}  stacks_with:\n    - {{programmes: [{names}], mode: {mode}, "
        "clause: made up, sources: [sz_sql], confidence: low}\n"
    )


def _together(tmp_path: Path, **texts: str) -> tuple[list[str], list[str]]:
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = check(programme_files(tmp_path))
    return [str(one) for one in found.mistakes], [str(one) for one in found.warnings]


ONE_CLAIM = (
    "  one_contract_one_claim: {value: true, scope: all, clause: made up, sources: [sz_sql], "
    "confidence: low}\n"
)


def test_programmes_that_each_come_after_the_next_go_in_a_circle(tmp_path: Path) -> None:
    mistakes, _ = _together(
        tmp_path,
        one=_other("one", _beside("two")),
        three=_other("three", _beside("one")),
        two=_other("two", _beside("three")),
    )

    assert len(mistakes) == 1
    assert "in a circle: one after two after three after one" in mistakes[0]


def test_programmes_that_each_add_to_the_others_award_go_in_a_circle(tmp_path: Path) -> None:
    def matching(name: str, other: str) -> str:
        base = f"base:\n  programmes: [{other}]\n  value: other_award\n"
        return _other(name, "", ("base:\n  value: contract\n", base))

    mistakes, _ = _together(tmp_path, one=matching("one", "two"), two=matching("two", "one"))

    assert len(mistakes) == 1
    assert "in a circle: one after two after one" in mistakes[0]
    assert "let the base of one of them not be the other's award" in mistakes[0]


def test_programmes_that_name_each_other_as_parallel_are_fine(tmp_path: Path) -> None:
    found = _together(
        tmp_path,
        one=_other("one", _beside("two", "parallel")),
        two=_other("two", _beside("one", "parallel"), ("zh: 深圳市训力券}", "zh: 另一训力券}")),
    )

    assert found == ([], [])


def test_a_permission_that_another_rule_takes_away_is_doubtful(tmp_path: Path) -> None:
    _, warnings = _together(
        tmp_path,
        one=_other("one", _beside("two", "parallel")),
        two=_other("two", _beside("one", "parallel", ONE_CLAIM)),
    )

    assert _has("It can never stack with `two`: a contract may serve one claim only.", warnings)


def test_texts_that_differ_about_the_order_are_doubtful(tmp_path: Path) -> None:
    _, warnings = _together(
        tmp_path,
        one=_other("one", _beside("two", "parallel")),
        two=_other("two", _beside("one", "sequential")),
    )

    assert _has("It stacks with `one` sequential, which says parallel of it.", warnings)


def test_a_programme_that_is_named_must_be_there(tmp_path: Path) -> None:
    mistakes, _ = _together(
        tmp_path, one=_other("one", _beside("one, henan-compute-isued, henan-compute-issued"))
    )

    assert _has("`one` is this programme.", mistakes)
    assert _has("There is no programme `henan-compute-isued`. Did you mean", mistakes)
    assert len(mistakes) == 2


def test_editions_of_one_scheme_that_overlap_are_doubtful(tmp_path: Path) -> None:
    begun = ("  first_day: 2024-12-18\n", "  first_day: 2026-01-01\n")
    renamed = ("zh: 深圳市训力券}", "zh: 深圳市训力券（2026年）}")

    _, warnings = _together(tmp_path, one=_other("one", ""), two=_other("two", "", begun, renamed))

    assert _has("`one`, an edition of the same name, is in force until 2026-12-17 too.", warnings)
    assert len(warnings) == 1


def test_a_report_cannot_contradict_a_report(tmp_path: Path) -> None:
    report = (PROGRAMMES / "shenzhen-compute-budget-reported.yaml").read_text(encoding="utf-8")
    circle = report.replace("contradicts: shenzhen-compute-issued", "contradicts: report")

    mistakes, _ = _together(tmp_path, report=circle)

    assert _has("report.yaml is not an issued edition.", mistakes)


@pytest.mark.parametrize("field", ["tax.value", "validity.value"])
def test_what_stands_on_every_voucher_cannot_be_open_without_blocking(
    tmp_path: Path, field: str
) -> None:
    told = _changed((f"    field: {field}\n", f"    field: {field}\n    blocks: nothing\n"))

    mistakes, _ = _found(tmp_path, told)

    assert len(mistakes) == 1
    assert f"No voucher can be issued while `{field}` is open. Write `blocks: issue`" in mistakes[0]
