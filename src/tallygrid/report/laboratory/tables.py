"""The tables of the report: every mean beside its interval, and on how many seeds it rests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from tallygrid.report.laboratory import grounds
from tallygrid.report.laboratory.changed import short_hash
from tallygrid.report.laboratory.found import Figure
from tallygrid.report.laboratory.names import Names
from tallygrid.report.laboratory.values import (
    NONE,
    Write,
    heads,
    interval,
    money,
    plain,
    share,
    with_interval,
    write_as,
)
from tallygrid.report.tables import Table
from tallygrid.report.writer import Writer
from tallygrid.text import catalogue, render

_KEY: Final = (
    *("take_up", "days_to_voucher", "card_hours", "card_hours_without", "additional_card_hours"),
    *("displaced_card_hours", "public_fen", "unclaimed_fen", "dead_weight_fen"),
    *("dead_weight_share", "fen_per_additional_card_hour", "revenue_fen", "revenue_without_fen"),
    *("more_kwh", "more_carbon_kg", "gain.gini", "gain.hhi", "gain.top_tenth"),
)
"""Every figure that the report's first table shows, in order."""
_CONCENTRATION: Final = ("gain.gini", "gain.hhi", "gain.top_tenth")


def figure_label(name: str, writer: Writer) -> str:
    """Return what a figure is called where it stands alone."""
    own = f"report.lab.figure.{name}"
    return render(own if own in catalogue() else f"lab.figure.{name}", writer.language)


def day_of(written: str) -> date:
    """Return the day that stands in a summary."""
    return date.fromisoformat(written)


def _figures(names: Names) -> Iterator[Table]:
    writer, found = names.writer, names.found
    rows = []
    for name in _KEY:
        write, figure = write_as(name, writer), found.figure(name)
        label = figure_label(name, writer)
        mean = write(figure.mean) if figure else NONE
        rows.append((label, mean, interval(figure, write), _seeds(figure, writer)))
    columns = heads(writer, "figure", "mean", "interval", "seeds")
    yield Table(writer.say("lab.figures"), columns, tuple(rows))


def _seeds(figure: Figure | None, writer: Writer) -> str:
    return writer.number(figure.seeds if figure else 0)


def _steps(names: Names) -> Iterator[Table]:
    writer = names.writer
    rows = tuple(
        (
            render(f"lab.figure.step.{step}", writer.language),
            with_interval(measures.get("count"), plain(writer)),
            with_interval(measures.get("kept"), share(writer)),
        )
        for (step,), measures in names.found.groups("steps", "step")
    )
    yield Table(writer.say("lab.steps"), heads(writer, "step", "reached", "kept"), rows)


def _vouchers(names: Names) -> Iterator[Table]:
    writer = names.writer
    measured = dict(names.found.groups("vouchers", "programme"))
    rows = tuple(
        (
            names.programme(one["id"]),
            *_cells(
                measured.get((one["id"],), {}), ("awards", "mean", "p50", "p90"), plain(writer)
            ),
        )
        for one in names.found.summary["programmes"]
    )
    columns = heads(writer, "programme", "awards", "mean_days", "p50_days", "p90_days")
    yield Table(writer.say("lab.vouchers"), columns, rows)


def _cells(measures: Mapping[str, Figure], wanted: Sequence[str], write: Write) -> tuple[str, ...]:
    return tuple(with_interval(measures.get(name), write) for name in wanted)


def _sites(names: Names) -> Iterator[Table]:
    writer = names.writer
    columns = heads(writer, "site", "side", "without", "with", words=2)
    rows = [
        (name, side, *_cells(measures, ("utilisation_without", "utilisation"), share(writer)))
        for name, side, measures in _places(names)
    ]
    yield Table(writer.say("lab.sites"), columns, tuple(rows))


def _revenue(names: Names) -> Iterator[Table]:
    writer = names.writer
    columns = heads(writer, "site", "side", "without", "with", words=2)
    write = write_as("revenue_fen", writer)
    rows = [
        (name, side, *_cells(measures, ("revenue_without_fen", "revenue_fen"), write))
        for name, side, measures in _places(names)
    ]
    yield Table(writer.say("lab.revenue"), columns, tuple(rows))


def _places(names: Names) -> Iterator[tuple[str, str, Mapping[str, Figure]]]:
    """Yield the sides, then every site: its name, its side, and its figures."""
    for (level, name, side), measures in names.found.groups("sites", "level", "name", "side"):
        said = names.writer.say(f"side.{side}")
        shown = names.writer.say("lab.whole_side", side=said) if level == "side" else None
        yield shown or names.site(name), said, measures


def _waits(names: Names) -> Iterator[Table]:
    writer, found = names.writer, names.found
    titles = {
        "jobs": "jobs",
        "mean_wait_s": "mean_hours",
        "p50_wait_s": "p50_hours",
        "p99_wait_s": "p99_hours",
    }
    if found.is_saturated:  # an average of a queue that grows tells how long was played
        del titles["mean_wait_s"]
    rows = []
    for (kind, has_programmes), measures in found.groups("waits", "kind", "with_programmes"):
        when = writer.say("lab.with" if has_programmes else "lab.without")
        write = _hours(writer)
        cells = [
            with_interval(measures.get(name), plain(writer) if name == "jobs" else write)
            for name in titles
        ]
        rows.append((names.kind(kind), when, *cells))
    columns = heads(writer, "kind", "when", *titles.values(), words=2)
    yield Table(writer.say("lab.waits"), columns, tuple(rows))


def _hours(writer: Writer) -> Write:
    return lambda seconds: writer.number(round(seconds / 3600, 2) + 0.0)  # no nought below nought


def _budgets(names: Names) -> Iterator[Table]:
    writer, found = names.writer, names.found
    rows = []
    for one in found.summary["programmes"]:
        out = found.summary["runs_out"].get(one["id"], {"seeds": 0})
        days = [out.get(which) for which in ("first", "median", "last")]
        rows.append(
            (
                names.programme(one["id"]),
                writer.yuan(one["budget_fen"]),
                with_interval(found.figure(f"paid_fen.{one['id']}"), money(writer)),
                writer.say("lab.of_seeds", some=out["seeds"], all=found.seeds),
                *(writer.say("lab.day", day=day_of(day)) if day else NONE for day in days),
            )
        )
    columns = heads(
        writer, "programme", "budget", "paid", "out_seeds", "out_first", "out_median", "out_last"
    )
    yield Table(writer.say("lab.budgets"), columns, tuple(rows))


def _gain(names: Names) -> Iterator[Table]:
    writer = names.writer
    for way in ("class", "size", "province"):
        rows = tuple(
            (name, *_cells(measures, ("of_firms", "of_money"), share(writer)))
            for name, measures in names.gain(way)
        )
        columns = heads(writer, way, "of_firms", "of_money")
        yield Table(writer.say(f"lab.gain.{way}"), columns, rows)
    rows = tuple(
        (
            figure_label(name, writer),
            with_interval(names.found.figure(name), write_as(name, writer)),
        )
        for name in _CONCENTRATION
    )
    columns = heads(writer, "figure", "mean_interval")
    yield Table(writer.say("lab.gain.concentration"), columns, rows)


def _energy(names: Names) -> Iterator[Table]:
    writer = names.writer
    rows = tuple(
        (
            writer.say(f"side.{side}"),
            *_cells(measures, ("more_kwh", "more_carbon_kg"), plain(writer)),
        )
        for (side,), measures in names.found.groups("energy", "side")
    )
    yield Table(writer.say("lab.energy"), heads(writer, "side", "kwh", "carbon"), rows)


def _programmes(names: Names) -> Iterator[Table]:
    writer = names.writer
    rows = tuple(
        (
            names.programme(one["id"]),
            writer.say(f"lab.edition.{one['edition'] if one['is_published'] else 'own'}"),
            short_hash(one["version"]),
            names.joined(one["readings"][writer.language]) or NONE,
            writer.yuan(one["budget_fen"]),
            _decided(one, writer),
        )
        for one in names.found.summary["programmes"]
    )
    titles = ("programme", "edition", "version", "assumed", "budget", "decision_days")
    yield Table(writer.say("lab.programmes"), heads(writer, *titles, words=4), rows)


def _decided(programme: Mapping[str, Any], writer: Writer) -> str:
    """Return how many days an answer takes, and after which batch."""
    days, batch = programme["decision_days"], programme["batch_days"]
    if batch is None:
        return writer.number(days)
    return writer.say("lab.after_batch", days=days, batch=batch)


TABLES: Final[Mapping[str, Callable[[Names], Iterator[Table]]]] = {
    "figures": _figures,
    "steps": _steps,
    "vouchers": _vouchers,
    "sites": _sites,
    "waits": _waits,
    "budgets": _budgets,
    "gain": _gain,
    "revenue": _revenue,
    "energy": _energy,
    "settings": grounds.settings,
    "programmes": _programmes,
    "assumptions": grounds.assumptions,
    "sources": grounds.sources,
}
"""The tables of every section; the first holds what its picture shows."""
