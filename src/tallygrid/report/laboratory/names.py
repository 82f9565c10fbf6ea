"""What things of a run are called in one language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tallygrid.report.laboratory.found import Figure, Found
from tallygrid.report.writer import Writer
from tallygrid.settings import Language
from tallygrid.text import catalogue

_PARTS: Final = ("of_money", "of_firms")
_FACTS = {"class": "applicant_class", "size": "sme_class"}


def pool_name(pool: str, summary: Mapping[str, Any], language: Language) -> str:
    """Name a pool of a run, which is written as a site, a dot and a model."""
    site, _, model = pool.partition(".")
    return f"{summary['sites'][site][language]} · {model}"


@dataclass(frozen=True)
class Names:
    """Names in one language; whatever nobody named goes by its id."""

    found: Found
    writer: Writer

    def site(self, site: str) -> str:
        """Name a site."""
        return self.writer.pick(self.found.summary["sites"][site])

    def programme(self, programme: str) -> str:
        """Name a programme, and say so where it is only reported."""
        for one in self.found.summary["programmes"]:
            if one["id"] == programme:
                name = self.writer.pick(one["name"])
                is_issued = one["edition"] == "issued"
                return name if is_issued else self.writer.say("budgets.reported", name=name)
        return programme

    def group(self, way: str, name: str) -> str:
        """Name a class, a size or a province."""
        if not name:
            return self.writer.say("lab.none")
        if way == "province":
            return self._said(f"lab.province.{name[:2]}", name)
        values = self.found.vocabulary[_FACTS[way]].values
        known = values.get(name)
        return self._pick(known.en, known.zh) if known else name

    def gain(self, way: str) -> list[tuple[str, dict[str, Figure]]]:
        """Return the groups of one way to look at firms; sizes in order, others by money."""
        found = [
            (name, measures)
            for (of, name), measures in self.found.groups("gain", "way", "name")
            if of == way
        ]
        if way == "size":
            order = list(self.found.vocabulary[_FACTS[way]].values)
            found.sort(key=lambda one: order.index(one[0]) if one[0] in order else len(order))
        else:
            found.sort(key=lambda one: [-_mean(one[1].get(part)) for part in _PARTS])
        return [(self.group(way, name), measures) for name, measures in found]

    def kind(self, kind: str) -> str:
        """Name a kind of work."""
        return self._said(f"lab.kind.{kind}", kind)

    def pool(self, pool: str) -> str:
        """Name a pool."""
        return pool_name(pool, self.found.summary, self.writer.language)

    def joined(self, words: Iterable[str]) -> str:
        """Write several things in one line."""
        return self.writer.say("lab.between").join(words)

    def _said(self, code: str, otherwise: str) -> str:
        return self.writer.say(code) if f"report.{code}" in catalogue() else otherwise

    def _pick(self, en: str, zh: str) -> str:
        return self.writer.pick({"en": en, "zh": zh})


def _mean(figure: Figure | None) -> float:
    return figure.mean if figure else 0.0
