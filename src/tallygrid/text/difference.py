"""What a reform changes, in plain words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tallygrid.core.difference import CONTRACT_FEN, Change, difference, example
from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import FactSpec, Programme
from tallygrid.core.rules import fact_name
from tallygrid.settings import Language
from tallygrid.text import catalogue, day, money, render
from tallygrid.text.facts import listed, value_of

_WHAT: Final = (
    (r"rate\.tiers\.([^.]*)(\.rate)?", "rate"),
    (r"rate\.tiers\.([^.]*)\.when(\..*)?", "rate_when"),
    (r"rate\.by", "rate_by"),
    (r"caps\.limits\.([^.]*)(\.amount_yuan)?", "cap"),
    (r"caps\.limits\.([^.]*)\.per", "cap_per"),
    (r"caps\.limits\.([^.]*)\.strength", "cap_strength"),
    (r"caps\.limits\.([^.]*)\.when", "cap_when"),
    (r"caps\.year_of\.value", "year_of"),
    (r"budget\.amount_yuan", "budget"),
    (r"budget\.period", "period"),
    (r"budget\.funders\.([^.]*)(\.weight)?", "funder"),
    (r"budget\.groups\.([^.]*)(\.amount_yuan)?", "group"),
    (r"budget\.groups\.([^.]*)\.when", "group_when"),
    (r"(?:base)\.value", "base"),
    (r"tax\.value", "tax"),
    (r"rounding(\.unit)?", "rounding"),
    (r"defines\.([^.]*)(\.when)?", "define"),
    (r"conditions\.([^.]*)(\.when)?", "condition"),
    (r"exclusions\.([^.]*)(\.when)?", "exclusion"),
    (r"in_force\.first_day", "force_first"),
    (r"in_force\.last_day", "force_last"),
    (r"windows\.([^.]*)", "window"),
    (r"windows\.([^.]*)\.last_day", "window_last"),
    (r"windows\.([^.]*)\.closes_at", "window_time"),
    (r"redeem\.value", "redeem"),
    (r"paid_to\.value", "paid_to"),
    (r"validity\.value", "validity"),
    (r"allocation\.value", "allocation"),
    (r"allocation\.settles", "settles"),
    (r"stacking\.one_contract_one_claim(\.value)?", "one_claim"),
    (r"stacking\.one_contract_one_claim\.scope", "scope"),
    (r"stacking\.higher_only(\.value)?", "higher_only"),
    (r"stacking\.ceilings\.([^.]*)(\.rate)?", "ceiling"),
    (r"stacking\.ceilings\.([^.]*)\.includes_this", "includes_this"),
    (r"stacking\.ceilings\.([^.]*)\.of", "ceiling_of"),
    (r"stacking\.ceilings\.([^.]*)\.tax", "ceiling_tax"),
    (r"stacking\.stacks_with\.([^.]*)(\..*)?", "stacks_with"),
    (r"providers\.value", "providers"),
    (r"providers\.names", "providers_named"),
    (r"evidence\.([^.]*)", "evidence"),
    (r"evidence\.([^.]*)\.stage", "stage"),
    (r"refund\.days_min", "days_min"),
    (r"refund\.days_max", "days_max"),
    (r"terms\.([^.]*)", "term"),
    (r"open\.([^.]*)", "open"),
    (r"open\.([^.]*)\.readings", "readings"),
    (r"open\.([^.]*)\.blocks", "blocks"),
)
"""Where a value is in a programme, and what it is called."""

_EVER: Final = date.min.isoformat()
_HASH_SHOWN: Final = len("sha256:") + 8


def difference_lines(before: Programme, after: Programme, language: Language) -> tuple[str, ...]:
    """Return what a second programme changes in a first as lines, what moves money first."""
    changes = difference(before, after)
    names = {"before": _apart(before, after), "after": _apart(after, before)}
    if not changes:
        return (render("difference.none", language, **names),)
    return (
        render("difference.heading", language, **names),
        *("  " + line for line in _lines(changes, before, after, language)),
    )


def _apart(programme: Programme, other: Programme) -> str:
    """Return the name of a programme, with its version where the other has the same name."""
    same = programme.id == other.id and programme.hash != other.hash
    return f"{programme.id} ({programme.hash[:_HASH_SHOWN]})" if same else programme.id


def figure_said(programme: Programme, path: str, value: object, language: Language) -> str:
    """Return one figure with what it is called, by its path in the programme."""
    change = Change(tuple(path.split(".")), None, None)
    said = _Words(language, programme.facts).of(change, value)
    return render("difference.so", language, what=field_said(programme, path, language), said=said)


def field_said(programme: Programme, path: str, language: Language) -> str:
    """Return what a figure is called, by its path in the programme."""
    per = {cap.id: render(f"decision.per.{cap.per}", language) for cap in programme.caps.limits}
    return _what(Change(tuple(path.split(".")), None, None), per, language)


def cell_said(programme: Programme, fact: str, cell: Any, language: Language) -> str:  # noqa: ANN401  # as JSON has it
    """Return for which values of a fact a row of the rate table holds."""
    defined = {
        fact_name(one): FactSpec(type="boolean", en=one.en, zh=one.zh) for one in programme.defines
    }
    words = _Words(language, {**programme.facts, **defined})
    return words.of(Change(("rate", "when", fact), None, None), cell)


def _lines(
    changes: Sequence[Change], before: Programme, after: Programme, language: Language
) -> Iterator[str]:
    for change in changes:
        if not change.wording:
            yield _line(change, before, after, language)
    for tier in dict.fromkeys(one.id for one in (*before.rate.tiers, *after.rate.tiers)):
        amounts = example(before, after, tier)
        if amounts is not None:
            what = render("difference.what.rate", language, id=tier)
            values = {"contract": CONTRACT_FEN, "before": amounts[0], "after": amounts[1]}
            said = render("difference.example", language, **values)
            yield render("difference.so", language, what=what, said=said)
    words = [change for change in changes if change.wording]
    if words:
        places = listed(dict.fromkeys(change.section for change in words), language)
        yield render("difference.wording", language, count=len(words), places=places)


def _line(change: Change, before: Programme, after: Programme, language: Language) -> str:
    words = _Words(language, {**before.facts, **after.facts})
    per = {
        cap.id: render(f"decision.per.{cap.per}", language)
        for programme in (before, after)
        for cap in programme.caps.limits
    }
    what = _what(change, per, language)
    old, new = change.before, change.after
    if isinstance(new, dict) and old is None:
        return render("difference.added", language, what=what, value=words.of(change, new))
    if isinstance(old, dict) and new is None:
        return render("difference.removed", language, what=what, value=words.of(change, old))
    return render(
        "difference.changed", language, what=what,
        before=words.of(change, old), after=words.of(change, new),
    )  # fmt: skip


def _what(change: Change, per: Mapping[str, str], language: Language) -> str:
    field = ".".join(change.path)
    for pattern, code in _WHAT:
        if match := re.fullmatch(pattern, field):
            name = match[1] if match.re.groups else ""
            return render(f"difference.what.{code}", language, id=name, per=per.get(name, ""))
    return render("difference.what.other", language, field=field)


class _Words:
    """Values of a programme in one language."""

    def __init__(self, language: Language, facts: Mapping[str, FactSpec]) -> None:
        self._language = language
        self._facts = facts

    def of(self, change: Change, value: Any) -> str:  # noqa: ANN401  # as JSON has it
        """Return a value of a change as a person reads it."""
        if change.path == ("rate", "by"):
            names = (self._fact(name) for name in value)
            return listed(names, self._language) or render("difference.one_rate", self._language)
        if value is None or value == []:
            return render("programme.not_stated", self._language)
        if isinstance(value, dict):
            return self._rule(change, value)
        if isinstance(value, list):
            return listed((self._step(change, item) for item in value), self._language)
        return self._scalar(change, value)

    def _rule(self, change: Change, rule: Mapping[str, Any]) -> str:
        """Return a whole rule by what matters in it: its figure, else its words."""
        if "when" in change.path and change.path[0] == "rate":
            return self._cells(change.path[-1], rule)
        if isinstance(rule.get("name"), dict):
            return str(rule["name"][self._language])
        for key in ("rate", "amount_yuan", "value"):
            if key in rule and not isinstance(rule[key], dict):
                inside = Change((*change.path, key), None, None)
                return self.of(inside, rule[key])
        if "first_day" in rule or "last_day" in rule:
            ends = (rule.get(name) for name in ("first_day", "last_day"))
            first, last = ("…" if end is None else self._scalar(change, end) for end in ends)
            return render("difference.window", self._language, first=first, last=last)
        words = rule.get("question", rule)
        if self._language in words:
            return str(words[self._language])
        named = [*rule.get("programmes", ()), *rule.get("levels", ())]
        return listed((self._scalar(change, one) for one in named), self._language)

    def _cells(self, name: str, cell: Mapping[str, Any]) -> str:
        """Return the values of one fact for which a row of the rate table holds."""
        spec, known = self._facts.get(name), {"fact": self._fact(name)}
        if cell.get("any_of"):
            values = (value_of(one, spec, self._language) for one in cell["any_of"])
            return render(
                "difference.is", self._language, **known, value=listed(values, self._language)
            )
        low, high = (
            self._end(cell, *keys) for keys in (("from", "from_yuan"), ("below", "below_yuan"))
        )
        if low and high:
            return render("difference.between", self._language, **known, low=low, high=high)
        code = "difference.at_least" if low else "difference.below"
        return render(code, self._language, **known, value=low or high)

    def _fact(self, name: str) -> str:
        spec = self._facts.get(name)
        return name if spec is None else str(getattr(spec, self._language))

    def _end(self, cell: Mapping[str, Any], plain: str, yuan: str) -> str:
        if cell.get(yuan) is not None:
            return money(cell[yuan] * FEN_PER_YUAN, self._language)
        return "" if cell.get(plain) is None else str(cell[plain])

    def _step(self, change: Change, item: Any) -> str:  # noqa: ANN401  # as JSON has it
        """Return one item of a list; a dated figure with the day from which it holds."""
        if not isinstance(item, dict) or "value" not in item:
            return self.of(change, item)
        value = self._scalar(change, item["value"])
        begun = date.fromisoformat(item.get("from", _EVER))
        if begun == date.min:
            return value
        return render("difference.from", self._language, value=value, day=begun)

    def _scalar(self, change: Change, value: object) -> str:
        if isinstance(value, bool):
            return render("decision.yes" if value else "decision.no", self._language)
        if isinstance(value, int) and change.path[-1].endswith("_yuan"):
            return money(value * FEN_PER_YUAN, self._language)
        written = str(value)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
            return day(date.fromisoformat(written), self._language)
        if change.path == ("validity", "value"):
            return _validity(written, self._language)
        kind = "decision.base" if change.path == ("base", "value") else "difference.value"
        code = f"{kind}.{written}"
        if change.path[-1] != "when" and code in catalogue():
            return render(code, self._language)
        return written


def _validity(written: str, language: Language) -> str:
    """Return how long a voucher is valid, which a file says as `12 months` or `until` a day."""
    first, second = written.split()
    if first == "until":
        return render("difference.until", language, day=date.fromisoformat(second))
    one = "one_" if first == "1" else ""
    return render(f"difference.{one}{second}", language, count=first)
