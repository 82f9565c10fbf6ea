"""A funder's name is its programme's: what two programmes call by one id are two treasuries."""

import pytest

from tallygrid.core.quote import QuoteLine
from tallygrid.text.quote import sentence

NAMES = {"one": "One", "one/city": "treasury of One", "two/city": "treasury of Two"}


@pytest.mark.parametrize(
    ("programme", "said"), [("one", "treasury of One"), ("two", "treasury of Two"), ("x", "city")]
)
def test_a_funder_is_called_as_its_programme_calls_it(programme: str, said: str) -> None:
    line = QuoteLine("quote.funder", {"programme": programme, "funder": "city", "amount": 1})

    assert said in sentence(line, "en", NAMES)
