"""The results of a run on disk: the tables as Parquet, the summary as JSON."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any, Final

import polars as pl

from tallygrid.core.catalogue import Catalogue
from tallygrid.files.mistake import FileError, Mistake
from tallygrid.files.whole import whole
from tallygrid.lab.behaviour import parameters
from tallygrid.lab.claiming import forget
from tallygrid.lab.findings import NEEDED
from tallygrid.lab.kept import read_kept, read_table
from tallygrid.lab.network.results import TABLES, tables_of
from tallygrid.lab.network.simulate import KINDS, play, stage_of
from tallygrid.lab.network.summary import summary_of
from tallygrid.lab.parts import processes
from tallygrid.lab.scenario import InForce, Scenario, is_published
from tallygrid.lab.table import read_fitted
from tallygrid.settings import LANGUAGES, Language
from tallygrid.text.difference import figure_said

Tables = dict[str, pl.DataFrame]

_TOLD: Final = (
    "about", "behaviour", "catalogue_sources", "days", "demand", "figures", "first_day", "name",
    "network", "programmes", "runs_out", "saturated", "seeds", "sites",
)  # fmt: skip
"""What a report reads of `summary.json`."""


def run_seeds(scenario: Scenario, *, workers: int) -> Iterator[tuple[int, Tables]]:
    """Play every seed of a scenario; yield each with its tables, in no particular order."""
    if workers == 1 or len(scenario.seeds) == 1:
        yield from (_run_one(scenario, seed) for seed in scenario.seeds)
        return
    with processes(min(workers, len(scenario.seeds))) as pool:
        waiting = [pool.executor.submit(_run_one, scenario, seed) for seed in scenario.seeds]
        yield from (finished.result() for finished in as_completed(waiting))


def _run_one(scenario: Scenario, seed: int) -> tuple[int, Tables]:
    stage = stage_of(scenario)
    return seed, tables_of(stage, play(stage, seed))


def together(found: Mapping[int, Tables]) -> Tables:
    """Return the tables of all seeds, one below the other in the order of the seeds."""
    return {
        name: pl.concat([found[seed][name] for seed in sorted(found)], how="diagonal_relaxed")
        for name in TABLES
    }


def summary(scenario: Scenario, tables: Tables) -> dict[str, Any]:
    """Return the summary of a run, with all that it rests on."""
    return {
        "scenario": scenario.id,
        "name": dict(scenario.name),
        "about": dict(scenario.about),
        "first_day": scenario.first_day.isoformat(),
        "days": scenario.days,
        "demand": {
            "jobs": scenario.demand.jobs,
            "firms": scenario.demand.firms,
            "load_bp": scenario.demand.load,
            "source": scenario.demand.source,
            "kinds": {one.id: one.share for one in scenario.demand.kinds}
            or {one.id: one.share_bp for one in KINDS},
            "sources": _demand_sources(scenario),
        },
        "network": scenario.network.model_dump(exclude_none=True),
        "offered": dict(scenario.offered.hashes),
        "sites": {
            name: {"en": site.name.en, "zh": site.name.zh}
            for name, site in scenario.catalogue.sites.items()
        },
        "catalogue_sources": _catalogue_sources(scenario.catalogue),
        "programmes": [
            {
                "id": one.programme.id,
                "name": one.programme.name.model_dump(),
                "version": one.programme.hash,
                "text": one.text,
                "changed": {way: str(value) for way, value in one.changes.items()},
                "changes": {language: _changes(one, language) for language in LANGUAGES},
                "edition": one.programme.edition,
                "is_published": is_published(one.programme.id),
                "budget_fen": one.budget_fen,
                "assumed": {name: str(value) for name, value in
                            one.assumptions.of(one.programme.id).items()},
                "readings": {language: _readings(one, language) for language in LANGUAGES},
                "decision_days": one.decision_days,
                "batch_days": _batch_days(one),
                "sources": [
                    source.model_dump(include={"title", "publisher", "date", "url"})
                    for source in one.programme.sources.values()
                ],
            }
            for one in scenario.programmes
        ],
        "behaviour": {
            name: {
                "value": scenario.behaviour.get(name, one.value),
                "range": list(one.range),
                "source": one.source,
                "calibrated_on": one.calibrated_on
                and one.calibrated_on.model_dump(mode="json"),
                "about": {"en": one.en, "zh": one.zh},
            }
            for name, one in {**parameters(), **scenario.calibrated}.items()
        },
        **summary_of(tables),
    }  # fmt: skip


def _readings(one: InForce, language: Language) -> list[str]:
    """Return in words what is assumed where a programme's text is silent."""
    assumed = one.assumptions.of(one.programme.id)
    return [
        figure_said(one.programme, item.field, assumed[item.id], language)
        for item in one.programme.open
        if item.id in assumed
    ]


def _batch_days(one: InForce) -> int | None:
    """Return how often applications are decided together; None where windows or nothing does."""
    applied = one.programme.with_readings(one.assumptions.of(one.programme.id))
    has_windows = any(window.last_day for window in applied.windows)
    return one.batch_days if applied.allocation.in_batches and not has_windows else None


def _changes(one: InForce, language: Language) -> list[str]:
    """Return in words what a scenario sets in a programme's text."""
    changes = json.loads(json.dumps(one.changes, default=str))
    return [figure_said(one.programme, way, value, language) for way, value in changes.items()]


def _catalogue_sources(catalogue: Catalogue) -> list[dict[str, str]]:
    """Return what the figures of cards, sites, prices and routes cite, each once."""
    cited = dict.fromkeys(
        source
        for citation in catalogue.citations
        if citation.subject.startswith(_ABOUT_WORK)
        for source in citation.sources
    )
    found = (catalogue.sources[name] for name in cited)
    return [{"title": one.title, "publisher": one.publisher, "date": one.on, "url": one.url}
            for one in found]  # fmt: skip


_ABOUT_WORK: Final = ("cards:", "offers:", "places:", "references:", "sites:", "tiers", "vat_bp")
"""Parts of the catalogue that a run rests on."""


def _demand_sources(scenario: Scenario) -> list[dict[str, str]]:
    """Return whose measurements the shape of the jobs comes from."""
    if scenario.trace is not None:
        return [{"title": scenario.demand.source, "publisher": "", "date": "", "url": ""}]
    return [
        {"title": one.title, "publisher": one.author, "date": "", "url": one.url}
        for one in read_fitted().sources
    ]


def read_results(folder: Path) -> tuple[dict[str, Any], Tables]:
    """Return the summary of a run from its folder, and the tables that a report needs.

    Raises:
        FileError: The folder holds no results of a run, or not all of them.
    """
    missing = [
        name
        for name in ("summary.json", *(f"{one}.parquet" for one in NEEDED))
        if not (folder / name).is_file()
    ]
    if missing:
        problem = f"There is no {', no '.join(f'`{name}`' for name in missing)}."
        remedy = "Name a folder that `tallygrid lab run SCENARIO --out DIR` has written."
        raise FileError([Mistake(str(folder), 1, 1, problem, remedy)])
    found = read_kept(folder / "summary.json", _TOLD)
    return found, {name: read_table(folder / f"{name}.parquet") for name in NEEDED}


def write_results(out: Path, scenario: Scenario, tables: Tables) -> dict[str, Any]:
    """Write the tables and the summary into a folder; return the summary."""
    out.mkdir(parents=True, exist_ok=True)
    forget(out, "summary.json")
    for name, table in tables.items():
        with whole(out / f"{name}.parquet") as part:
            table.write_parquet(part)
    found = summary(scenario, tables)
    with whole(out / "summary.json") as part:
        part.write_text(json.dumps(found, ensure_ascii=False, indent=2), encoding="utf-8")
    return found
