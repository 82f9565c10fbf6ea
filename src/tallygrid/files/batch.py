"""The four files of a batch: jobs, pools, routes and budgets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from tallygrid.core.money import BASIS_POINTS, GREATEST_FEN
from tallygrid.files.mistake import FileError, Mistake
from tallygrid.files.nearest import nearest
from tallygrid.files.sheet import Table, read_table
from tallygrid.placement.batch.tables import (
    MILLION,
    NONE,
    Batch,
    Budgets,
    Jobs,
    Pools,
    Routes,
    Whole,
)

JOBS: Final = (
    *("job_id", "cards", "hours", "models", "origin", "sites", "region", "data_gb"),
    *("latency_ms_max", "programme", "unplaced_fen"),
)
POOLS: Final = ("pool_id", "site", "model", "origin", "cards", "hours", "price_fen", "extra_fen")
ROUTES: Final = ("region", "site", "latency_ms", "transfer_fen_per_gb")
BUDGETS: Final = ("programme", "available_fen", "rate_bp")
_BETWEEN: Final = "|"


class Paths(NamedTuple):
    """Where the four files are."""

    jobs: Path
    pools: Path
    routes: Path
    budgets: Path


class _Tables(NamedTuple):
    jobs: Table
    pools: Table
    routes: Table
    budgets: Table


def read_batch(paths: Paths) -> Batch:
    """Read the four files of a batch.

    Raises:
        FileError: With every mistake in all of them.
    """
    tables = _read(paths)
    pools, budgets = _pools(tables.pools), _budgets(tables.budgets)
    jobs = _jobs(tables.jobs, budgets)
    routes = _routes(tables, jobs, pools)
    # What a row that cannot be read may hold is not said to be missing.
    if tables.budgets.is_whole:
        _check_budgeted(tables, jobs, budgets)
    if tables.jobs.is_whole:
        _check_asked(tables, budgets)
    if tables.pools.is_whole:
        _check_gangs(tables, jobs, pools)
    if mistakes := [one for table in tables for one in table.mistakes]:
        raise FileError(mistakes)
    return Batch(jobs, pools, routes, budgets)


def too_dear(paths: Paths, jobs: Sequence[int]) -> FileError:
    """Return the mistakes that jobs would cost more than an amount may be."""
    table = read_table(paths.jobs, JOBS)
    ids, remedy = table.words("job_id"), "Check its cards, hours and data, and the prices."
    return FileError(
        [
            Mistake(
                str(paths.jobs),
                table.lines[job],
                1,
                f"`{ids[job]}` would cost 9 × 10¹⁴ fen or more in some pool.",
                remedy,
            )
            for job in jobs
        ]
    )


def _read(paths: Paths) -> _Tables:
    """Read the words of all four, so that a header that is wrong hides no other."""
    tables: list[Table] = []
    mistakes: list[Mistake] = []
    for path, names in zip(paths, (JOBS, POOLS, ROUTES, BUDGETS), strict=True):
        try:
            tables.append(read_table(path, names))
        except FileError as error:
            mistakes += error.mistakes
    if mistakes:
        raise FileError(mistakes)
    return _Tables(*tables)


def _jobs(table: Table, budgets: Budgets) -> Jobs:
    models, model_sets = _numbered(table.words("models"))
    sites, site_sets = _numbered(table.words("sites"))
    region, regions = _numbered(table.filled("region"))
    rows = {name: row for row, name in enumerate(budgets.programmes)}
    programmes = [rows.get(name, NONE) for name in table.words("programme")]
    return Jobs(
        ids=table.ids("job_id"),
        cards=table.millionths("cards", is_positive=True),
        hours=table.millionths("hours", is_positive=True),
        models=models,
        model_sets=tuple(map(_names, model_sets)),
        is_domestic=(table.choices("origin", ["any", "domestic"]) == "domestic").to_numpy(),
        sites=sites,
        site_sets=tuple(map(_names, site_sets)),
        region=region,
        regions=regions,
        data_gb=table.millionths("data_gb"),
        latency_ms_max=table.millionths("latency_ms_max", empty=NONE),
        programme=np.array(programmes, dtype=np.int64),
        unplaced_fen=table.whole("unplaced_fen", most=GREATEST_FEN - 1),
    )


def _pools(table: Table) -> Pools:
    if not len(table) and table.is_whole:
        table.note_at_end("There is no pool.", "Add a row.")
    return Pools(
        ids=table.ids("pool_id"),
        sites=tuple(table.filled("site")),
        models=tuple(table.filled("model")),
        is_domestic=(table.choices("origin", ["domestic", "foreign"]) == "domestic").to_numpy(),
        cards=table.millionths("cards"),
        hours=table.millionths("hours"),
        price_fen=table.millionths("price_fen"),
        extra_fen=table.millionths("extra_fen"),
    )


def _budgets(table: Table) -> Budgets:
    return Budgets(
        programmes=table.ids("programme"),
        available_fen=table.whole("available_fen", most=GREATEST_FEN - 1),
        rate_bp=_rates(table),
    )


def _rates(table: Table) -> Whole:
    rates = table.millionths("rate_bp")
    above = np.flatnonzero(rates > BASIS_POINTS * MILLION)
    told = f"Write at most {BASIS_POINTS}, which is the whole price."
    words = table.words("rate_bp")
    table.note_rows("rate_bp", above.tolist(), lambda row: (f"`rate_bp` is {words[row]}.", told))
    return np.where(rates > BASIS_POINTS * MILLION, 0, rates)


def _routes(tables: _Tables, jobs: Jobs, pools: Pools) -> Routes:
    """Return the routes that the batch needs, and note those that are missing."""
    table = tables.routes
    table.require_unique(["region", "site"])
    keys = zip(table.words("region"), table.words("site"), strict=True)
    rows = {key: row for row, key in enumerate(keys)}
    if table.is_whole:
        _note_missing(tables, jobs, pools, rows)
    picked = np.array(
        [[rows.get((region, site), 0) for site in pools.sites] for region in jobs.regions],
        dtype=np.int64,
    ).reshape(len(jobs.regions), len(pools.sites))
    latency_ms = table.millionths("latency_ms")
    fen_per_gb = table.millionths("transfer_fen_per_gb")
    if not len(table):
        return Routes(np.zeros_like(picked), np.zeros_like(picked))
    return Routes(latency_ms[picked], fen_per_gb[picked])


def _note_missing(
    tables: _Tables, jobs: Jobs, pools: Pools, rows: dict[tuple[str, str], int]
) -> None:
    for number, region in enumerate(jobs.regions):
        for site in dict.fromkeys(pools.sites):
            if region and site and (region, site) not in rows:
                job, pool = int(np.argmax(jobs.region == number)), pools.sites.index(site)
                tables.routes.note_at_end(
                    f"There is no route from {region!r} to {site!r}, which "
                    f"{tables.jobs.file}:{tables.jobs.lines[job]} and "
                    f"{tables.pools.file}:{tables.pools.lines[pool]} need.",
                    f"Add a row: {region},{site},latency_ms,transfer_fen_per_gb.",
                )


def _check_budgeted(tables: _Tables, jobs: Jobs, budgets: Budgets) -> None:
    """Note the programmes of jobs that have no budget."""
    asked = tables.jobs.words("programme")
    without = np.flatnonzero((jobs.programme == NONE) & (asked != "").to_numpy())
    known = budgets.programmes
    tables.jobs.note_rows(
        "programme",
        without.tolist(),
        lambda row: (
            f"The programme {asked[row]!r} has no budget.",
            nearest(asked[row], known) if known else f"Add its row to {tables.budgets.file}.",
        ),
    )


def _check_asked(tables: _Tables, budgets: Budgets) -> None:
    """Note the budgets of no job's programme."""
    asked, known = tables.jobs.words("programme"), budgets.programmes
    named = set(asked) if len(asked) else set(known)
    tables.budgets.note_rows(
        "programme",
        [row for row, name in enumerate(known) if name and name not in named],
        lambda row: (
            f"The programme {known[row]!r} is unknown: no job names it.",
            "Remove the row, or mend the name.",
        ),
    )


def _check_gangs(tables: _Tables, jobs: Jobs, pools: Pools) -> None:
    """Note the gangs that are larger than every pool: no rule or price could place them."""
    largest = int(pools.cards.max()) if len(pools.cards) else 0
    cards, pool_cards = tables.jobs.words("cards"), tables.pools.words("cards")
    if largest:
        most = pool_cards[int(pools.cards.argmax())]
        tables.jobs.note_rows(
            "cards",
            np.flatnonzero(jobs.cards > largest).tolist(),
            lambda row: (
                f"`cards` is {cards[row]}, more than in any pool.",
                f"The largest has {most}: divide the job, or add a pool.",
            ),
        )


def _numbered(words: pl.Series) -> tuple[Whole, tuple[str, ...]]:
    """Return a column as numbers, and the names that they stand for."""
    rows: dict[str, int] = {}
    numbers = [rows.setdefault(word, len(rows)) for word in words]
    return np.array(numbers, dtype=np.int64), tuple(rows)


def _names(joined: str) -> frozenset[str]:
    return frozenset(name for name in joined.split(_BETWEEN) if name)
