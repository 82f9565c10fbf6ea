"""Programmes that nobody published: random rules, tiers, caps, ceilings and open questions."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from tallygrid.core.programme import FactSpec, Programme

SPECS: Final[Mapping[str, FactSpec]] = {
    **{name: FactSpec(type="boolean", en=name, zh=name) for name in ("p", "q", "r", "claimed")},
    **{name: FactSpec(type="integer", en=name, zh=name) for name in ("a", "b")},
    "company_age_months": FactSpec(type="integer", unit="months", en="age", zh="月数"),
    "founded_on": FactSpec(type="date", en="founded", zh="成立"),
    "contract_claimed": FactSpec(type="boolean", en="claimed", zh="已用"),
    "higher_award": FactSpec(type="boolean", en="higher", zh="上级"),
    "purchase_kind": FactSpec(type="text", en="kind", zh="所购"),
    **{
        name: FactSpec(type="integer", unit="fen", en=name, zh=name)
        for name in (
            "contract_fen", "contract_tax_fen", "other_fiscal_fen", "settled_fen", "fee_fen",
            "settled_tax_fen", "fee_tax_fen",
        )
    },
}  # fmt: skip
_FEN: Final = st.one_of(st.integers(0, 5), st.integers(0, 400), st.just(9 * 10**14 - 1))
_VALUES: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "boolean": st.booleans(),
    "integer": st.integers(0, 3),
    "date": st.dates(date(2026, 1, 1), date(2026, 6, 1)),
    "text": st.sampled_from(["compute", "model"]),
}
facts: Final = st.fixed_dictionaries(
    {},
    optional={
        name: _FEN if spec.unit == "fen" else _VALUES[spec.type] for name, spec in SPECS.items()
    },
)

_CITED: Final = {"clause": "1", "sources": ["s"], "confidence": "high"}
_SAID: Final = {"en": "x", "zh": "x"}
_ON: Final = date(2026, 5, 20)
_number = st.one_of(
    st.sampled_from(["a", "b", "company_age_months"]),
    st.integers(0, 3).map(str),
    st.sampled_from(["(a + b)", "(a * b - 1)", "(a * 1000000000000 * 9)"]),
)
_simple = st.one_of(
    st.sampled_from(["p", "q", "r", "TRUE", "FALSE", "a IS NULL", "p IS NOT NULL"]),
    st.builds("{} {} {}".format, _number, st.sampled_from(["<", "<=", "=", "<>", ">"]), _number),
    st.builds("{} IN ({}, {})".format, _number, st.integers(0, 3), st.integers(0, 3)),
    st.builds("contract_fen >= yuan({})".format, st.integers(0, 3)),
    st.sampled_from(["founded_on < '2026-03-01'", "contract_fen > settled_fen"]),
)
conditions: Final = st.recursive(
    _simple,
    lambda inner: st.one_of(
        inner.map("(NOT ({}))".format),
        st.builds("(({}) {} ({}))".format, inner, st.sampled_from(["AND", "OR"]), inner),
    ),
    max_leaves=5,
)
_dated = st.one_of(
    st.none(),
    st.integers(0, 4),
    st.integers(0, 4).map(
        lambda yuan: [{"value": yuan}, {"from": _ON - timedelta(1), "value": yuan + 1}]
    ),
)
_rate = st.sampled_from([None, "0%", "33.33%", "50%", "100%"])
_name = st.sampled_from(["one", "two", "three", "year"])


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    """Return a programme of the right shape, with a few open questions and their readings."""
    rules = draw(st.lists(_name, unique=True, max_size=4))
    split = draw(st.integers(0, len(rules)))
    open_items: list[dict[str, Any]] = []

    def maybe_open(path: str, found: Any, readings: st.SearchStrategy[Any]) -> Any:  # noqa: ANN401  # plain data
        """Leave a figure open sometimes, with two readings."""
        if len(open_items) < 3 and draw(st.integers(0, 4)) == 0:
            choices = draw(st.lists(readings, min_size=1, max_size=2, unique=True))
            open_items.append(_question(path, choices))
            return None
        return found

    def rule(section: str, name: str) -> dict[str, Any]:
        when = maybe_open(f"{section}.{name}.when", draw(conditions), conditions)
        return {"id": name, "when": when, **_SAID, **_CITED}

    def cap(name: str) -> dict[str, Any]:
        amount = maybe_open(f"caps.limits.{name}.amount_yuan", draw(_dated), st.integers(0, 4))
        return {
            "id": name,
            "per": draw(st.sampled_from(["contract", "applicant_year", "group"])),
            "amount_yuan": amount,
            "strength": draw(st.sampled_from(["at_most", "in_principle"])),
            "when": draw(st.none() | conditions),
            **_CITED,
        }

    def ceiling(name: str) -> dict[str, Any]:
        includes = draw(st.sampled_from([None, True, False]))
        path = f"stacking.ceilings.{name}.includes_this"
        return {
            "id": name,
            "rate": draw(_rate),
            "includes_this": maybe_open(path, includes, st.booleans()),
            "of": draw(st.sampled_from([None, "contract", "settled"])),
            "tax": draw(st.sampled_from([None, "included", "excluded"])),
            **_CITED,
        }

    plain = _plain() | {
        "kind": draw(st.sampled_from(["compute", "model"])),
        "edition": draw(st.sampled_from(["issued", "reported"])),
        "in_force": draw(_period()),
        "windows": draw(st.lists(_period(), max_size=2)),
        "conditions": [rule("conditions", name) for name in rules[:split]],
        "exclusions": [rule("exclusions", name) for name in rules[split:]],
        "rate": {"tiers": [_tier(draw, n) for n in range(draw(st.integers(1, 3)))]},
        "caps": {
            "year_of": {"value": "issue", **_CITED},
            "limits": [cap(n) for n in draw(st.lists(_name, unique=True, max_size=2))],
        },
        "base": {
            "value": maybe_open(
                "base.value",
                draw(st.sampled_from(["contract", "settled", "fee", None])),
                st.sampled_from(["contract", "settled"]),
            ),
            **_CITED,
        },
        "tax": {
            "value": maybe_open(
                "tax.value",
                draw(st.sampled_from(["included", "excluded", None])),
                st.sampled_from(["included", "excluded"]),
            ),
            **_CITED,
        },
        "rounding": {"unit": draw(st.sampled_from(["fen", "yuan"]))},
        "stacking": {
            "ceilings": [ceiling(n) for n in draw(st.lists(st.just("fiscal"), max_size=1))],
        },
    }
    levels = draw(st.sampled_from([[], ["province"], ["district"]]))
    for name, more in (("one_contract_one_claim", {}), ("higher_only", {"levels": levels})):
        if (said := draw(st.sampled_from([None, True, False, "open"]))) is not None:
            path = f"stacking.{name}.value"
            value = maybe_open(path, None if said == "open" else said, st.booleans())
            plain["stacking"][name] = {"value": value, **more, **_CITED}
    plain["budget"]["groups"] = [
        {"id": name, "when": draw(conditions), "amount_yuan": 5, **_CITED}
        for name in draw(st.lists(_name, unique=True, max_size=2))
    ]
    if draw(st.booleans()):
        open_items += [{**_question("validity.value", []), "blocks": "nothing"}]
    return Programme.model_validate(plain | {"open": open_items})


def _question(path: str, readings: list[Any]) -> dict[str, Any]:
    return {
        "id": path.replace(".", "-").replace("_", "-"),
        "field": path,
        "question": _SAID,
        "readings": readings,
    }


def _tier(draw: st.DrawFn, number: int) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    if draw(st.booleans()):
        cells["p"] = [draw(st.booleans())]
    if draw(st.booleans()):
        cells["a"] = {"from": draw(st.integers(0, 2)), "below": draw(st.integers(1, 4))}
    return {"id": f"tier-{number}", "when": cells, "rate": draw(_rate), **_CITED}


def _period() -> st.SearchStrategy[dict[str, Any]]:
    edge = st.none() | st.sampled_from([_ON - timedelta(1), _ON, _ON + timedelta(1)])
    return st.builds(
        lambda first, last: {"first_day": first, "last_day": last, **_CITED}, edge, edge
    )


def _plain() -> dict[str, Any]:
    """Return what every programme has and no answer depends on."""
    nobody = {"value": None, **_CITED}
    return {
        "id": "random-scheme",
        "name": _SAID,
        "place": {"code": "000000", "level": "city", "zone": "Asia/Shanghai"},
        "authority": _SAID,
        "document": {"title": "x", **_CITED},
        "sources": {"s": {"title": "x", "publisher": "x", "extent": "x"}},
        "budget": {
            "period": "annual", "amount_yuan": None, **_CITED,
            "funders": [{"id": "f", "name": _SAID}],
        },
        "facts": {n: spec.model_dump(exclude_defaults=True) for n, spec in SPECS.items()},
        "redeem": nobody,
        "paid_to": nobody,
        "validity": nobody,
        "allocation": nobody,
        "providers": nobody,
        "evidence": [],
        "refund": _CITED,
    }  # fmt: skip
