"""The firms' shares are data, checked before anything is drawn from them."""

from datetime import date
from importlib.resources import files

import pytest
import yaml

from tallygrid.files.document import FileError, parse
from tallygrid.lab.profile import Profile, invented, read_profile
from tallygrid.lab.table import Fitted, read_fitted

SMALL = """
label: small
name: {en: "Firm {number}", zh: "企业{number}"}
attributes:
- {fact: size, label: assumed, because: test, draw: {choices: [{value: s, weight: 1}]}}
- {fact: staff, label: assumed, because: test, given: size, cases: {s: {quantiles: [10, 10]}}}
- {fact: since, label: assumed, because: test, draw: {quantiles: [2020-01-01, 2020-12-31]}}
- {fact: aid, label: assumed, because: test, draw: {choices: [{value: null, weight: 1}]}}
purchases: []
"""


def profile(text: str) -> Profile:
    return parse(text, file="firms.yaml").parsed(Profile)


def test_facts_follow_their_cases_and_an_unknown_stays_away() -> None:
    (firm,) = invented(profile(SMALL), seed=1, firms=1)

    assert firm.facts["size"] == "s"
    assert firm.facts["staff"] == 10
    assert str(firm.facts["since"]).startswith("2020-")
    assert "aid" not in firm.facts
    assert firm.name == {"en": "Firm 1", "zh": "企业1"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{fact: size,", "{fact: staff,", "`size` must stand before it"),
        ("given: size", "given: height", "`height` must stand before it"),
        ("[10, 10]", "[10]", "at least two quantiles"),
        ("value: s, weight: 1", "value: s, weight: 0", "more than 0"),
        (
            "label: assumed, because: test, draw: {q",
            "label: real, because: test, draw: {q",
            "assum",
        ),
        ("given: size,", "", "give either `draw`, or `given`"),
    ],
)
def test_a_broken_profile_is_refused_with_its_remedy(old: str, new: str, said: str) -> None:
    assert old in SMALL

    with pytest.raises(FileError, match=r"firms\.yaml:") as caught:
        profile(SMALL.replace(old, new))

    assert said in str(caught.value)


def test_facts_are_those_that_programmes_ask_for() -> None:
    file = files("tallygrid.programmes").joinpath("vocabulary.yaml")
    vocabulary = yaml.safe_load(file.read_text(encoding="utf-8"))
    types = {"text": str, "boolean": bool, "integer": int, "date": date}

    for firm in invented(read_profile(), seed=1, firms=200):
        for name, fact in firm.facts.items():
            entry = vocabulary[name]
            assert type(fact) is types[entry["type"]], name
            assert fact in entry.get("values", [fact]), name


def test_every_share_of_the_shipped_profile_says_why() -> None:
    shipped = read_profile()

    assert all(attribute.because.count(" ") >= 2 for attribute in shipped.attributes)
    assert {purchase.kind for purchase in shipped.purchases} == {"model", "corpus"}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("points_bp", [0, 1], "a value for each of 2 points_bp"),
        ("gangs", [{"cards": 65, "jobs": 1}], "no durations are given for a gang of 65"),
        ("clusters", [-1], "more than 0"),
        ("surprise", 1, "not known here"),
    ],
)
def test_a_broken_table_is_refused(key: str, value: object, said: str) -> None:
    broken = {**read_fitted().model_dump(mode="json"), key: value}

    with pytest.raises(FileError, match=r"table\.yaml:") as caught:
        parse(yaml.safe_dump(broken), file="table.yaml").parsed(Fitted)

    assert said in str(caught.value)
