"""A table is read exactly, checked cell by cell, and decided or refused as a whole."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import as_row, differences, single

from tallygrid.core.arithmetic import Used
from tallygrid.core.condition import kind_of
from tallygrid.core.decision import Plan, decide
from tallygrid.core.expression import dtype_of
from tallygrid.core.facts import DERIVED_FROM, derived
from tallygrid.core.programme import Programme
from tallygrid.core.sql import ConditionError, condition
from tallygrid.core.table import decided
from tallygrid.core.trial import fact_column
from tallygrid.files.document import parse
from tallygrid.files.facts import facts_of
from tallygrid.files.mistake import FileError
from tallygrid.files.programme import known_facts, read_programmes
from tallygrid.files.table import Wish, read_table, write_table

PROGRAMMES = {programme.id: programme for programme in read_programmes()}
SCHEME = PROGRAMMES["shenzhen-compute-issued"]
OTHER = PROGRAMMES["shanghai-compute-issued"]
VOCABULARY = known_facts(tuple(PROGRAMMES.values()))
ON = date(2026, 5, 20)
FIRM = {"id": "A-1", "applicant_class": "enterprise", "registered_in": "440305"}


def _decided(path: Path, *programmes: Programme, keep: Sequence[str] = ()) -> pl.DataFrame:
    plans = [Plan.of(one, {}, ON, None) for one in programmes or (SCHEME,)]
    table = read_table(path, Wish(plans, VOCABULARY, keep))
    out = path.with_name("out.parquet")
    write_table(table, decided(table.frame, plans, table.given, table.kept), out, {"a": "b"})
    return pl.read_parquet(out)


def _told(
    path: Path, *, programmes: Sequence[Programme] = (), keep: Sequence[str] = ()
) -> list[str]:
    """Return what is told of a table that is refused; nothing is left behind."""
    before = set(path.parent.iterdir())
    with pytest.raises(FileError) as refused:
        _decided(path, *programmes, keep=keep)
    assert set(path.parent.iterdir()) == before
    return [str(one).removeprefix(f"{path}:") for one in refused.value.mistakes]


def _csv(folder: Path, *rows: Mapping[str, object]) -> Path:
    path = folder / "in.csv"
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names), *(",".join(str(row.get(n, "")) for n in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["parquet", "arrow", "feather", "csv"])
def test_every_form_of_a_table_is_decided_alike(tmp_path: Path, ending: str) -> None:
    facts = {"contract_fen": [123_456_789, None], "founded_on": [date(2025, 9, 30), None]}
    frame = pl.DataFrame(
        {"id": ["1", "2"], **facts, "related_party": [False, True], "purpose": ["training", None]}
    )
    path = tmp_path / f"in.{ending}"
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)

    found = _decided(path)

    for number, row in enumerate(found.drop("id").iter_rows(named=True)):
        known = {
            name: value for name, value in frame.drop("id").row(number, named=True).items()
            if value is not None
        }  # fmt: skip
        assert list(differences(single(SCHEME, known, at=ON, used=Used()), as_row(row))) == []


def test_the_callers_own_columns_are_kept(tmp_path: Path) -> None:
    path = _csv(tmp_path, {**FIRM, "desk": "east", "credit_code": "91440300MA5DA00011"})

    found = _decided(path, keep=["desk"])

    assert found.columns[:3] == ["id", "desk", "credit_code"]
    assert found.row(0)[:3] == ("A-1", "east", "91440300MA5DA00011")


def test_several_programmes_have_their_columns_side_by_side(tmp_path: Path) -> None:
    found = _decided(_csv(tmp_path, FIRM), SCHEME, OTHER)

    assert found["shenzhen-compute-issued.finding.registered-in-city"][0] == "passed"
    assert f"{OTHER.id}.outcome" in found.columns


@pytest.mark.parametrize(
    ("name", "cell", "told"),
    [
        ("contract_fen", "abc", "`contract_fen` is 'abc'. Write a whole number."),
        ("contract_fen", "-5", "`contract_fen` is -5. It is at least 0, and not immense."),
        ("contract_fen", "900000000000000", "is 900000000000000. It is at least 0, and not imm"),
        ("contract_fen", "9" * 40, "Write a whole number."),
        ("contract_fen", "1.5", "`contract_fen` is '1.5'. Write a whole number."),
        ("contract_yuan", "12.345", "is '12.345', which has a fraction of a fen."),
        ("contract_yuan", "-1", "`contract_yuan` is '-1'. Amounts are not negative, nor immense."),
        ("contract_yuan", "1e6", "`contract_yuan` is '1e6'. Write yuan with at most two decimals"),
        ("contract_yuan", "9000000000000", "Amounts are not negative, nor immense."),
        ("founded_on", "2026-02-30", "`founded_on` is '2026-02-30'. Write a date: 2026-03-01."),
        ("founded_on", "20260228", "`founded_on` is '20260228'. Write a date: 2026-03-01."),
        ("related_party", "maybe", "`related_party` is 'maybe'. Write true or false."),
        ("purpose", "trainin", "`purpose` is 'trainin'. Did you mean `training`?"),
        ("used_applicant_year_fen", "", "`used_applicant_year_fen` is empty. Write 0 if there is"),
    ],
)
def test_a_bad_cell_is_told_with_its_place(tmp_path: Path, name: str, cell: str, told: str) -> None:
    good = {"used_applicant_year_fen": "0"}.get(name, "")
    path = _csv(tmp_path, {**FIRM, name: good}, {**FIRM, name: cell})

    (said,) = _told(path)

    assert said.startswith("3:23: ")
    assert told in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contract_yuan", "１２"),  # what a Chinese keyboard may give
        ("contract_yuan", "٣"),
        ("contract_yuan", "1_000"),
        ("contract_yuan", " 12 "),
        ("contract_yuan", "1e3"),
        ("contract_yuan", "0.1" + "0" * 50 + "1"),
        ("founded_on", "20240229"),
        ("founded_on", "2024-W09-4"),
        ("registered_in", "９９０２０５"),  # the same
    ],
)
def test_a_facts_file_and_a_table_refuse_the_same(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(FileError) as of_file:
        facts_of(parse(json.dumps({name: value}), file="x"), VOCABULARY)
    with pytest.raises(FileError) as of_table:
        _decided(_csv(tmp_path, {"id": "A-1", name: value}))

    (one,), (other,) = of_file.value.mistakes, of_table.value.mistakes
    assert f"`{name}` is" in one.problem
    assert (one.problem, one.remedy) == (other.problem, other.remedy)


def test_of_very_many_unknown_columns_the_first_are_told_and_the_rest_counted(
    tmp_path: Path,
) -> None:
    told = _told(_csv(tmp_path, {"id": "A-1", **{f"zz{n}": "" for n in range(3_000)}}))

    assert len(told) == 21
    assert "2,980 more columns are no facts." in told[-1]


def test_more_tax_than_the_amount_it_is_contained_in_names_the_cell(tmp_path: Path) -> None:
    good = {**FIRM, "contract_yuan": "106", "contract_tax_fen": "600"}
    path = _csv(
        tmp_path, good, {**good, "contract_tax_fen": "10601"}, {**good, "contract_yuan": ""}
    )

    (said,) = _told(path)

    assert said.startswith("3:")
    assert "`contract_tax_fen` is '10601', and `contract_yuan`, in which it is contained" in said


def test_all_bad_cells_are_told_up_to_a_number_and_the_rest_counted(tmp_path: Path) -> None:
    rows = [{**FIRM, "contract_fen": "x" if n % 2 else "1"} for n in range(100)]

    told = _told(_csv(tmp_path, *rows))

    assert [line.split(":")[0] for line in told[:3]] == ["3", "5", "7"]
    assert len(told) == 21
    assert told[-1].endswith("30 more cells cannot be used. Mend these first.")


def test_the_line_of_a_bad_cell_counts_lines_inside_quotes(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('id,contract_fen\n"a\nb",1\n\n"c,d",x\n', encoding="utf-8")

    assert _told(path) == ["5:7: `contract_fen` is 'x'. Write a whole number."]


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("contract_fen", [1.5], "1:2: `contract_fen` is a column of floats (Float64). Write whole"),
        ("contract_yuan", [1.5], "1:2: `contract_yuan` is a column of floats (Float64). Write who"),
        ("employees", ["5"], "is a column of texts (String). Write whole numbers (Int64)."),
        ("related_party", [1], "1:2: `related_party` is a column of Int64. Write true and false"),
        ("founded_on", [5], "1:2: `founded_on` is a column of Int64. Write days (Date)"),
        ("purpose", [5], "1:2: `purpose` is a column of Int64. Write texts."),
        ("contract_fen", [-5], "1:2: `contract_fen` is -5. It is at least 0, and not immense."),
        ("contract_yuan", [Decimal("1.234")], "1:2: `contract_yuan` is "),
        ("employes", [5], "1:2: There is no fact `employes`. Did you mean `employees`? Or carry"),
    ],
)
def test_a_column_of_the_wrong_type_is_refused_with_the_remedy(
    tmp_path: Path, name: str, values: list[object], told: str
) -> None:
    path = tmp_path / "in.parquet"
    pl.DataFrame({"id": [1], name: values}).write_parquet(path)

    (said,) = _told(path, programmes=(ruled("employees > 5"),))

    assert told in said


def ruled(when: str) -> Programme:
    """Return a programme with one condition more."""
    cited = {"clause": "1", "sources": list(SCHEME.sources)[:1], "confidence": "high"}
    rule = {"id": "more", "when": when, "en": "more", "zh": "more", **cited}
    plain = SCHEME.model_dump()
    facts = {name: spec.model_dump() for name, spec in VOCABULARY.items()}
    conditions = [*plain["conditions"], rule]
    return Programme.model_validate({**plain, "conditions": conditions, "facts": facts})


def test_one_bad_cast_in_a_million_rows_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    row = pl.int_range(0, 1_000_000, eager=True)
    fen = pl.select(pl.when(row == 654_321).then(pl.lit("12O")).otherwise(pl.lit("120")))
    pl.DataFrame({"id": row, "contract_fen": fen.to_series()}).write_csv(path)

    assert _told(path) == ["654323:8: `contract_fen` is '12O'. Write a whole number."]


def test_an_unknown_fact_leaves_its_own_row_undecided(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": 1, "related_party": "true"},
        {"id": 2},
        {"id": 3, "related_party": "false"},
    ]

    found = _decided(_csv(tmp_path, *rows))

    assert found["finding.related-party"].to_list() == ["failed", "unknown", "passed"]
    assert ["related_party" in said for said in found["missing"]] == [False, True, False]
    assert found["outcome"].to_list() == ["refused", "undecided", "undecided"]


def test_a_product_beyond_64_bits_does_not_wrap(tmp_path: Path) -> None:
    most = 9 * 10**14 - 1
    path = _csv(tmp_path, {"id": 1, "spend_year_fen": most}, {"id": 2, "spend_year_fen": 0})

    found = _decided(path, ruled("spend_year_fen * 1000000000000 > yuan(1)"))

    assert found["finding.more"].to_list() == ["passed", "failed"]


@pytest.mark.parametrize(
    "when",
    [
        "contract_fen / employees > 100",
        "employees / 0 > 1",
        "pl.read_csv('/etc/passwd') = 1",
        "read_csv('/etc/passwd') = 1",
        "SUM(employees) > 1",
        "employees > LAG(employees) OVER ()",
        "founded_on < NOW()",
        "founded_on < CURRENT_DATE",
        "(WITH RECURSIVE t AS (SELECT 1) SELECT 1) = 1",
        "RANDOM() > 1",
    ],
)
def test_no_expression_leaves_its_row(when: str) -> None:
    with pytest.raises(ConditionError, match=r"not allowed|no function|cannot be read|no fact"):
        condition(when, VOCABULARY)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("in.csv", b"", "1:1: The table is empty."),
        ("in.csv", b"id;purpose\n1;training\n", "The cells are not separated by commas."),
        ("in.csv", b"id,id\n1,2\n", "1:1: `id` stands twice. Keep one of them."),
        ("in.csv", b"id,,\n1,2,3\n", "`` stands twice"),
        ("in.csv", "id,purpose\n1,训练\n".encode("gbk"), "The table is not UTF-8."),
        ("in.csv", "编号\n1\n".encode("gbk"), "The table is not UTF-8."),
        ("in.csv", b"id,purpose\n1,\n2,a,b\n", "3:1: The row has more cells than there are"),
        ("in.csv", b'id,purpose\n1,"a\n', "The table cannot be read: "),
        ("in.csv", b"id,contract_fen,contract_yuan\n1,1,1\n", "1:17: `contract_yuan` says the"),
        ("in.parquet", b"PAR1, or is it", "The table cannot be read: "),
        ("in.arrow", b"ARROW1 nothing", "Check that it is a whole .arrow file."),
        ("in.xlsx", b"", "A table is not kept in `in.xlsx`. Known are .parquet, .csv"),
    ],
)
def test_what_is_no_table_is_a_sentence(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    said = _told(path)

    assert told in said[0]


def test_a_table_without_rows_is_decided(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,contract_fen\n")

    assert _decided(path).height == 0


def test_a_table_of_which_nothing_is_asked_keeps_its_rows(tmp_path: Path) -> None:
    path = _csv(tmp_path, *({"employees": n} for n in range(3)))

    assert _decided(path)["outcome"].to_list() == ["undecided"] * 3


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_damaged_table_is_a_sentence(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"in.{ending}"
    frame = pl.DataFrame({"id": range(100), "purpose": ["training"] * 100})
    frame.write_parquet(path) if ending == "parquet" else frame.write_ipc(path)
    whole = path.read_bytes()
    for cut in range(1, len(whole), 97):
        path.write_bytes(whole[:cut])

        (said,) = _told(path)

        assert "The table cannot be read: " in said


def test_lines_that_end_as_on_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "IN.CSV"
    path.write_bytes(b"id,purpose\r\n1,training\r\n2,inference\r\n")

    assert _decided(path)["finding.purpose"].to_list() == ["passed", "unknown"]


@pytest.mark.parametrize("empty", ["", "\r", ","])
def test_an_empty_line_is_no_case(tmp_path: Path, empty: str) -> None:
    path = tmp_path / "in.csv"
    lines = ["id,contract_fen", "A-1,100", empty, "A-2,x", empty, ""]
    path.write_text("\n".join(lines).replace("x", "5"), encoding="utf-8", newline="")
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join(lines), encoding="utf-8", newline="")

    assert _decided(path)["id"].to_list() == ["A-1", "A-2"]
    assert _told(bad)[0].startswith("4:5: ")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("\ufeffid,contract_fen\n7,1\n", encoding="utf-8")

    assert _decided(path)["id"].to_list() == ["7"]


def test_a_kept_column_may_not_stand_where_a_result_does(tmp_path: Path) -> None:
    path = _csv(tmp_path, {"id": 1, "outcome": 5})

    assert "`outcome` is the name of a column of the result." in _told(path, keep=["outcome"])[0]
    assert "There is no column `x` to keep." in _told(path, keep=["x", "outcome"])[0]


def test_what_was_drawn_before_lowers_the_cap_of_its_own_row(tmp_path: Path) -> None:
    facts = {"id": 1, "contract_yuan": 50_000_000, "contract_tax_fen": 0, "other_fiscal_fen": 0}
    rows = [{**facts, "used_applicant_year_yuan": yuan} for yuan in ("0", "9999999", "10000000")]

    found = _decided(_csv(tmp_path, *rows))

    assert found["at_most_fen"].to_list() == [1_000_000_000, 100, 0]
    assert found["finding.year"].to_list() == [None, None, "failed"]


def test_under_several_programmes_what_was_drawn_names_its_programme(tmp_path: Path) -> None:
    path = _csv(tmp_path, {"id": 1, "used_applicant_year_fen": 0})

    said = _told(path, programmes=(SCHEME, OTHER))

    assert f"Did you mean `{OTHER.id}.used_applicant_year_fen`?" in said[0] or (
        f"Did you mean `{SCHEME.id}.used_applicant_year_fen`?" in said[0]
    )


_written = st.one_of(
    st.decimals(min_value=0, max_value=10**12, places=2).map(str),
    st.integers(0, 10**12).map(str),
    st.from_regex(r"\A[0-9]{1,4}\.[0-9]{1,4}\Z"),
)


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(_written, min_size=1, max_size=8))
def test_yuan_are_read_to_the_fen_as_in_a_facts_file(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("yuan")
    wished: dict[str, object] = {}
    for cell in cells:
        try:
            document = parse(json.dumps({"contract_yuan": cell}), file="facts.json")
            wished[cell] = facts_of(document, VOCABULARY)["contract_fen"]
        except FileError:
            wished[cell] = None
    path = _csv(folder, *({"id": 1, "contract_yuan": cell} for cell in cells))
    plans = [Plan.of(SCHEME, {}, ON, None)]
    table = read_table(path, Wish(plans, VOCABULARY))

    found = table.frame.collect()["fact.contract_fen"].to_list()

    assert found == [wished[cell] for cell in cells]
    assert table.wrong_count == found.count(None)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", DERIVED_FROM)
def test_whatever_follows_from_other_facts_follows_in_a_table_too(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """A derivation added to `core.facts` later is held to the same here."""
    source = DERIVED_FROM[name]
    sources = [source] if isinstance(source, str) else list(source)
    values = st.fixed_dictionaries({}, optional={n: _value(n) for n in (*sources, name)})
    rows = data.draw(st.lists(values, min_size=1, max_size=6))
    path = tmp_path_factory.mktemp("derived") / "in.parquet"
    kinds = {n: dtype_of(kind_of(VOCABULARY[n])) for n in (*sources, name)}
    pl.DataFrame(
        [{n: row.get(n) for n in kinds} for row in rows], schema=kinds, orient="row"
    ).write_parquet(path)
    plan = Plan.of(ruled(f"{name} IS NULL"), {}, ON, None)
    table = read_table(path, Wish([plan], VOCABULARY))

    found = table.frame.collect()[fact_column(name, ON)].to_list()

    assert found == [derived(row, on=ON).get(name) for row in rows]


def _value(name: str) -> st.SearchStrategy[Any]:
    spec = VOCABULARY[name]
    if spec.values:
        return st.sampled_from(sorted(spec.values))
    if spec.type == "date":
        return st.dates(date(2020, 1, 1), date(2027, 1, 1))
    if spec.type == "boolean":
        return st.booleans()
    return st.integers(0, 10**11) if spec.type == "integer" else st.from_regex(r"\A[0-9]{6}\Z")


def test_the_size_class_follows_in_a_table_as_in_a_facts_file(tmp_path: Path) -> None:
    scheme = PROGRAMMES["beijing-model-sme-issued"]
    firms: list[dict[str, object]] = [
        {"sector": "software_information", "employees": 40, "revenue_year_yuan": 9_000_000},
        {"sector": "software_information", "employees": 400, "revenue_year_yuan": 900_000_000},
        {"sector": "software_information", "employees": 400, "revenue_year_yuan": ""},
        {"sector": "construction", "employees": 5, "revenue_year_yuan": 1_000},
        {"sector": "", "employees": 5, "revenue_year_yuan": 1_000},
    ]
    alone = [_alone(scheme, {k: v for k, v in firm.items() if v != ""}) for firm in firms]

    found = _decided(_csv(tmp_path, *firms), scheme)

    assert found["finding.sme"].to_list() == alone
    assert {"passed", "failed", "unknown"} == set(alone)


def _alone(scheme: Programme, firm: Mapping[str, object]) -> str:
    facts = facts_of(parse(json.dumps(firm), file="facts"), VOCABULARY)
    (status,) = (f.status for f in decide(scheme, facts, at=ON).findings if f.id == "sme")
    return status


def test_programmes_in_different_zones_decide_on_their_own_day(tmp_path: Path) -> None:
    place = SCHEME.place.model_copy(update={"zone": "America/Los_Angeles"})
    away = Programme.model_validate({**SCHEME.model_dump(), "id": "away", "place": place})
    path = _csv(tmp_path, {"id": 1, "founded_on": "2025-06-05", "contract_yuan": 1_000_000})
    at = datetime(2026, 6, 5, 0, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
    plans = [Plan.of(one, {}, at, None) for one in (SCHEME, away)]
    table = read_table(path, Wish(plans, VOCABULARY))

    found = decided(table.frame, plans, table.given).collect()

    assert [found[f"{plan.programme.id}.tier"][0] for plan in plans] == [
        str(decide(p.programme, {"founded_on": date(2025, 6, 5)}, at=at).trace[1].values["tier"])
        for p in plans
    ]
    assert found[f"{SCHEME.id}.tier"][0] != found["away.tier"][0]
