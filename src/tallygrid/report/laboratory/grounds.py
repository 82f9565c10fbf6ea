"""What a report rests on: the settings played, the assumptions, and where everything was read."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from tallygrid.report.laboratory.names import Names
from tallygrid.report.laboratory.values import NONE, heads, parameter
from tallygrid.report.tables import Table
from tallygrid.report.writer import Writer


def settings(names: Names) -> Iterator[Table]:
    """Yield who asked for what, and what was offered where."""
    writer, found = names.writer, names.found
    rows = (*_demand(names), *_network(names))
    yield Table(
        writer.say("lab.settings"),
        heads(writer, "setting", "value", words=2),
        tuple((writer.say(f"lab.setting.{name}"), value) for name, value in rows),
    )
    if changes := tuple(_changes(names, found.summary["network"])):
        columns = heads(writer, "site", "changed", words=2)
        yield Table(writer.say("lab.settings.changes"), columns, changes)


def _demand(names: Names) -> Iterator[tuple[str, str]]:
    writer, demand = names.writer, names.found.summary["demand"]
    yield "jobs", writer.number(demand["jobs"])
    yield "load", writer.percent(demand["load_bp"])
    yield "firms", writer.number(demand["firms"])
    is_fitted = demand["source"] == "fitted"
    yield "shape", writer.say("lab.setting.fitted") if is_fitted else demand["source"]
    kinds = (f"{names.kind(kind)} {writer.percent(bp)}" for kind, bp in demand["kinds"].items())
    yield "kinds", names.joined(kinds)


def _network(names: Names) -> Iterator[tuple[str, str]]:
    writer, network = names.writer, names.found.summary["network"]
    every = writer.say("lab.setting.every_site", count=len(names.found.summary["sites"]))
    yield "sites", names.joined(map(names.site, network["only"])) or every
    make = "lab.setting.any_make" if network["origin"] == "any" else "lab.setting.domestic"
    yield "origin", writer.say(make)
    yield "pools", writer.say("lab.setting.nodes" if network["nodes"] else "lab.setting.pool")
    depth = network["depth"]
    yield "queue", writer.say("lab.setting.easy" if depth else "lab.setting.fifo", depth=depth)


def _changes(names: Names, network: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a scenario changes about a side, and about a site."""
    writer = names.writer
    sides = {writer.say(f"side.{one}"): given for one, given in network["sides"].items()}
    sites = {names.site(one): given for one, given in network["sites"].items()}
    for name, given in (sides | sites).items():
        if told := names.joined(_change(given, writer)):
            yield name, told


def _change(given: Mapping[str, Any], writer: Writer) -> Iterator[str]:
    if "utilisation" in given:
        yield writer.say("lab.change.utilisation", rate=given["utilisation"])
    if "price" in given:
        yield writer.say("lab.change.price", rate=given["price"] * 10)
    if "pue_milli" in given:
        yield writer.say("lab.change.pue", number=given["pue_milli"] / 1000)
    if "power_price_milli_yuan" in given:
        yield writer.say("lab.change.power", number=given["power_price_milli_yuan"] / 1000)
    for model, cards in given["cards"].items():
        yield writer.say("lab.change.cards", model=model, cards=cards)


def assumptions(names: Names) -> Iterator[Table]:
    """Yield every parameter of behaviour with its value, its range, and where it comes from."""
    writer = names.writer
    rows = tuple(
        (
            writer.pick(one["about"]),
            name,
            _origin(one, writer),
            parameter(name, one["value"], writer),
            " – ".join(parameter(name, end, writer) for end in one["range"]),
        )
        for name, one in names.found.summary["behaviour"].items()
    )
    columns = heads(writer, "parameter", "name", "source", "value", "range", words=3)
    yield Table(writer.say("lab.assumptions"), columns, rows)


def _origin(one: Mapping[str, Any], writer: Writer) -> str:
    """Say where a parameter's value comes from."""
    if on := one["calibrated_on"]:
        seen_on = date.fromisoformat(on["seen_on"])
        return writer.say("lab.calibrated_on", **{**on, "seen_on": seen_on})
    return writer.say("lab.is_assumed") if one["source"] == "assumed" else str(one["source"])


def sources(names: Names) -> Iterator[Table]:
    """Yield where the programmes, the demand and the catalogue were read."""
    writer, summary = names.writer, names.found.summary
    used = [
        *((names.programme(one["id"]), one["sources"]) for one in summary["programmes"]),
        (writer.say("lab.used.demand"), summary["demand"]["sources"]),
        (writer.say("lab.used.catalogue"), summary["catalogue_sources"]),
    ]
    rows = tuple(
        (used_for, one["title"], *(one[part] or NONE for part in ("publisher", "date", "url")))
        for used_for, found in used
        for one in found
    )
    columns = heads(writer, "used_for", "text", "publisher", "date", "address", words=5)
    yield Table(writer.say("lab.sources"), columns, rows)
