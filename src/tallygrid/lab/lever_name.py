"""What a lever is called: a parameter in its own words, all else by what it sets, and where."""

from collections.abc import Mapping, Sequence

from tallygrid.lab.behaviour import parameters
from tallygrid.lab.scenario import Scenario
from tallygrid.settings import LANGUAGES, Language
from tallygrid.text import catalogue, render
from tallygrid.text.difference import field_said


def lever_name(lever: str, scenario: Scenario) -> Mapping[Language, str]:
    """Return what a lever of a scenario is called; by its way where there are no words for it."""
    if lever in (known := parameters()):  # their words are sentences, and this is a name
        return {"en": known[lever].en.rstrip("."), "zh": known[lever].zh.rstrip("。")}
    return {language: _said(lever.split("."), scenario, language) for language in LANGUAGES}


def _said(way: Sequence[str], scenario: Scenario, language: Language) -> str:
    name = ""
    match way:
        case ["programmes", programme, "set", *field]:
            name = _programme(programme, scenario, language)
            what = _in_text(programme, field, scenario, language)
        case ["programmes", programme, "fills", item]:
            name = _programme(programme, scenario, language)
            what = render("lab.lever.fills", language, item=item)
        case ["programmes", programme, last]:
            name, what = _programme(programme, scenario, language), _known(last, language)
        case ["network", "sites" | "sides", place, "cards", model]:
            name = _place(place, scenario, language)
            what = render("lab.lever.cards", language, model=model)
        case ["network", "sites" | "sides", place, last]:
            name, what = _place(place, scenario, language), _known(last, language)
        case ["demand", "kinds", kind, last]:
            name, what = _kind(kind, language), _known(last, language)
        case ["demand" | "network", last]:
            what = _known(last, language)
        case _:
            what = ".".join(way)
    return render("lab.lever.of", language, name=name, what=what) if name else what


def _known(name: str, language: Language) -> str:
    code = f"lab.lever.{name}"
    return render(code, language) if code in catalogue() else name


def _in_text(programme: str, field: Sequence[str], scenario: Scenario, language: Language) -> str:
    """Return what a figure of a programme's text is called; windows go by their number."""
    match field:
        case ["windows", number, "first_day" | "last_day" as end] if number.isdecimal():
            return render(f"lab.lever.window.{end}", language, number=number)
    (text,) = (one.programme for one in scenario.programmes if one.programme.id == programme)
    return field_said(text, ".".join(field), language)


def _programme(programme: str, scenario: Scenario, language: Language) -> str:
    names = {one.programme.id: one.programme.name for one in scenario.programmes}
    return names[programme].model_dump()[language] if programme in names else programme


def _place(place: str, scenario: Scenario, language: Language) -> str:
    """Name a site or a side."""
    site = scenario.catalogue.sites.get(place)
    if site is None:
        return render(f"report.side.{place}", language)
    return site.name.zh if language == "zh" else site.name.en


def _kind(kind: str, language: Language) -> str:
    code = f"report.lab.kind.{kind}"
    return render(code, language) if code in catalogue() else kind
