"""What holds of the size class, whatever is known of a firm."""

from hypothesis import given
from hypothesis import strategies as st

from tallygrid.core.sizes import size_class
from tallygrid.files.sizes import packaged_sizes

STANDARD = packaged_sizes()
ORDER = ("micro", "small", "medium", "large")

sectors = st.sampled_from([sector for row in STANDARD.rows for sector in row.sectors])
# the limits themselves and their neighbours, so that the edges are met
_limits = sorted({n for row in STANDARD.rows for f in row.floors.values() for n in f})
numbers = st.sampled_from([0, *_limits, *(n - 1 for n in _limits), 10**13])
firms = st.fixed_dictionaries(
    {"sector": sectors, "employees": numbers, "revenue_year_fen": numbers, "assets_fen": numbers}
)
INDICATORS = st.sets(st.sampled_from(["employees", "revenue_year_fen", "assets_fen"]))


@given(firm=firms, hidden=INDICATORS)
def test_what_is_certain_with_less_known_is_so_with_all_known(
    firm: dict[str, int | str], hidden: set[str]
) -> None:
    known = {name: value for name, value in firm.items() if name not in hidden}

    whole = size_class(STANDARD, firm)
    assert whole is not None
    assert size_class(STANDARD, known) in {None, whole}


@given(firm=firms, more=st.sampled_from(["employees", "revenue_year_fen", "assets_fen"]))
def test_a_firm_that_grows_never_falls_in_class(firm: dict[str, int | str], more: str) -> None:
    grown = {**firm, more: int(firm[more]) + 1}

    before, after = size_class(STANDARD, firm), size_class(STANDARD, grown)
    assert before is not None
    assert after is not None
    assert ORDER.index(after) >= ORDER.index(before)
