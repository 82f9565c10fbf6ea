"""`tallygrid lab calibrate`: what a programme's own applications tell of behaviour."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tallygrid.cli.common import (
    Desk,
    at_option,
    instant,
    json_option,
    programme_of,
    write_json,
)
from tallygrid.core.money import BASIS_POINTS
from tallygrid.settings import Language
from tallygrid.text import money, number, percent, render

if TYPE_CHECKING:
    from tallygrid.core.programme import Programme
    from tallygrid.lab.calibrate.calibration import Calibration
    from tallygrid.lab.calibrate.estimate import Estimate
    from tallygrid.lab.calibrate.history import History


@click.command()
@click.option("--programme", metavar="ID", help="The programme: its id, or its file.")
@click.option(
    "--applications",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Its applications as CSV or Parquet; without it, those in these books.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write behaviour.yaml, for `lab run --behaviour`, and calibration.json there.",
)
@at_option
@json_option
@click.pass_obj
def calibrate(desk: Desk, /, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401  # one per option
    """Estimate from a programme's applications what they tell of behaviour, with intervals.

    docs/algorithms/calibration.md says what is identified, by what, and what is not.
    """
    from tallygrid.lab.calibrate.calibration import calibrate as estimated

    if not given["programme"] and not given["applications"]:
        message = "There is nothing to read. Give --programme, --applications, or both."
        raise click.UsageError(message)
    programme = programme_of(given["programme"]) if given["programme"] else None
    seen_on = instant(given["at"]).date() if given["at"] else None
    found = estimated(_history(desk, programme, given["applications"], seen_on), programme)
    name = programme.id if programme else given["applications"].name
    plain = _plain(found, name)
    if given["out"]:
        _write(given["out"], plain)
    if as_json:
        write_json(plain)
        return
    for line in _lines(found, programme, name, desk.language):
        click.echo(line)


def _history(
    desk: Desk, programme: "Programme | None", file: Path | None, seen_on: date | None
) -> "History":
    """Return the applications of a file, or of the books.

    Raises:
        click.BadParameter: The books hold no application to the programme.
    """
    from tallygrid.files.programme import known_facts
    from tallygrid.lab.calibrate.history import history_of, read_history

    if file:
        facts = known_facts([programme] if programme else [])
        numbers = [name for name, spec in facts.items() if spec.type == "integer"]
        return read_history(file, numbers, seen_on=seen_on)
    from tallygrid.service.history import history

    assert programme is not None, "one of the two is given"
    with desk.server().connect("auditor") as connection:
        rows = history(connection, programme.id)
    if not rows:
        message = f"These books hold no application to {programme.id!r}. Give --applications FILE."
        raise click.BadParameter(message, param_hint="--programme")
    return history_of(rows, seen_on=seen_on or instant(None).date())


def _plain(found: "Calibration", name: str) -> dict[str, Any]:
    """Return everything as plain data; an end that nothing bounds is null."""
    from tallygrid.lab.calibrate.calibration import as_parameter

    return {
        "applications": name,
        "seen_on": found.seen_on.isoformat(),
        "cases": found.cases,
        "estimates": [_estimate_json(one) for one in found.estimates],
        "additional_share": list(found.additional) if found.additional else None,
        "behaviour": {
            parameter: as_parameter(one, name, found.seen_on).model_dump(mode="json")
            for parameter, one in found.found.items()
        },
    }


def _estimate_json(one: "Estimate") -> dict[str, Any]:
    plain = asdict(one)
    if one.interval and not isfinite(one.interval.high):
        plain["interval"]["high"] = None
    assumes = {
        language: render(f"calibrate.{one.code}.assumes", language) for language in ("en", "zh")
    }
    return plain | {"assumes": assumes}


def _write(out: Path, plain: dict[str, Any]) -> None:
    """Write what `lab run --behaviour` reads, and everything."""
    import json

    import yaml

    from tallygrid.files.whole import whole

    out.mkdir(parents=True, exist_ok=True)
    with whole(out / "behaviour.yaml") as part:
        text = yaml.safe_dump(plain["behaviour"], allow_unicode=True, sort_keys=False)
        part.write_text(text, encoding="utf-8")
    with whole(out / "calibration.json") as part:
        part.write_text(json.dumps(plain, ensure_ascii=False, indent=2), encoding="utf-8")


def _lines(
    found: "Calibration", programme: "Programme | None", name: str, language: Language
) -> Iterator[str]:
    """Yield the table for a reader: estimates, what could not be estimated, what stays assumed."""
    from tallygrid.lab.behaviour import parameters

    yield render(
        "calibrate.head", language, name=name, cases=found.cases, seen_on=found.seen_on
    )  # fmt: skip
    known = [one for one in found.estimates if one.interval]
    for one in known:
        yield ""
        yield _asked(one, programme, language)
        yield "  " + _answer(one, language)
        if one.parameter:
            yield "  " + _sets(one, language, is_set=one.parameter in found.found)
        yield "  " + render(f"calibrate.{one.code}.assumes", language)
    refused = [one for one in found.estimates if not one.interval]
    if refused:
        yield ""
        yield render("calibrate.refused", language)
    for one in refused:
        why = render(f"calibrate.why.{one.refused}", language, cases=one.cases)
        yield "  " + render(
            "calibrate.refused_one", language, asked=_asked(one, programme, language), why=why
        )
    yield ""
    yield render("calibrate.assumed", language)
    for parameter, prior in parameters().items():
        if parameter not in found.found:
            low, high = (number(end, language) for end in prior.range)
            yield f"  {parameter} [{low} – {high}]"
    if found.additional:
        low, high = (percent(round(end * BASIS_POINTS), language) for end in found.additional)
        yield ""
        yield render("calibrate.additional", language, low=low, high=high)


def _asked(one: "Estimate", programme: "Programme | None", language: Language) -> str:
    """Return the question in words, with its fact and threshold."""
    fact, at = str(one.about.get("fact", "")), one.about.get("at", 0)
    spec = programme.facts.get(fact) if programme else None
    name = (spec.zh if language == "zh" else spec.en) if spec else fact
    is_money = (spec and spec.unit == "fen") or fact.endswith("_fen")
    threshold = money(int(at), language) if is_money else number(int(at), language)
    return render(f"calibrate.{one.code}", language, fact=name, at=threshold)


def _answer(one: "Estimate", language: Language) -> str:
    assert one.interval is not None, "only what was estimated is shown"
    ends = (one.interval.value, one.interval.low, one.interval.high)
    value, low, high = (_shown(end, one.unit, language) for end in ends)
    return render(
        "calibrate.answer", language, value=value, low=low, high=high, cases=one.cases
    )  # fmt: skip


def _shown(value: float, unit: str, language: Language) -> str:
    if not isfinite(value):
        return "∞"
    if unit in {"share", "per_day"}:
        return percent(round(value * BASIS_POINTS), language)
    return number(round(value, 2), language)


def _sets(one: "Estimate", language: Language, *, is_set: bool) -> str:
    code = "calibrate.sets" if is_set else "calibrate.outside"
    low, high = one.ends
    return render(code, language, parameter=one.parameter, value=one.value, low=low, high=high)
