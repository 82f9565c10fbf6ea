"""The sentences of the report, for the page and the terminal alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tallygrid.report.figures import Figures, Origin
from tallygrid.report.tables import card_hours, card_seconds, moved_fen, placed_sites
from tallygrid.report.writer import Writer

_MADE_UP: Final[frozenset[Origin]] = frozenset({"assumed", "synthetic", "invented"})


@dataclass(frozen=True)
class Tile:
    """One number worth a glance, what it counts, and what to compare it with."""

    value: str
    label: str
    detail: str


def summary(figures: Figures, writer: Writer) -> tuple[str, ...]:
    """Say in a few sentences what happened."""
    run = figures.run
    asked = writer.say(
        f"summary.{run.demand}",
        firms=run.firms,
        jobs=run.jobs,
        opened=run.opened_at,
        closed=run.closed_at,
        trace=run.demand_name,
    )
    ran = writer.say(
        "summary.jobs",
        done=figures.jobs.states.get("done", 0),
        used=card_seconds(figures.jobs.measured_card_ms),
        clock=figures.jobs.clock,
        billed=card_seconds(figures.jobs.measured_card_ms * figures.jobs.clock),
    )
    spent = writer.say(
        "summary.money",
        received=sum(budget.received_fen for budget in figures.budgets),
        moved=sum(moved_fen(budget) for budget in figures.budgets),
        paid=_paid_fen(figures),
    )
    return asked, ran, spent


def problems(figures: Figures, writer: Writer) -> tuple[str, ...]:
    """Say everything that does not add up; nothing, if all is well."""
    refused = figures.checks.journal_accepted is False
    return (
        *figures.checks.problems,
        *(
            writer.say("budgets.adrift", programme=writer.budget(each), amount=each.adrift_fen)
            for each in figures.budgets
            if each.adrift_fen
        ),
        *(
            writer.say("purchases.adrift", item=writer.pick(each.item), amount=each.adrift_fen)
            for each in figures.purchases
            if each.adrift_fen
        ),
        *([writer.say("journal.problem")] if refused else []),
    )


def verdict(figures: Figures, writer: Writer) -> tuple[str, str]:
    """Say whether the books balance, and how that is known."""
    if found := problems(figures, writer):
        return writer.say("unbalanced"), writer.say("unbalanced.detail", problems=len(found))
    checks = figures.checks
    detail = writer.say("balanced.detail", events=checks.events, batches=checks.batches)
    return writer.say("balanced"), detail


def caution(figures: Figures, writer: Writer) -> str:
    """Name the data that are not real; empty if all are."""
    made_up = [source for source in figures.sources if source.origin in _MADE_UP]
    names = [
        writer.say(
            "caution.source",
            name=writer.pick(source.name),
            origin=writer.say(f"origin.{source.origin}"),
        )
        for source in made_up
    ]
    return writer.say("caution", names=writer.say("and").join(names)) if names else ""


def tiles(figures: Figures, writer: Writer) -> tuple[Tile, ...]:
    """Return the numbers worth a glance."""
    counts = {stage.name: stage.count for stage in figures.stages}
    decided = sum(counts.get(name, 0) for name in ("eligible", "refused", "undecided"))
    placed = {use.site: use.jobs for use in figures.sites}
    west = sum(use.jobs for use in figures.sites if use.side == "west")
    return (
        Tile(
            writer.number(figures.jobs.states.get("done", 0)),
            writer.say("tile.jobs"),
            writer.say("tile.of", n=figures.run.jobs),
        ),
        Tile(
            writer.number(counts.get("issued", 0)),
            writer.say("tile.issued"),
            writer.say("tile.decided", n=decided),
        ),
        Tile(
            writer.money(figures.jobs.subsidy_fen),
            writer.say("tile.subsidy"),
            writer.say("tile.paid", paid=_paid_fen(figures)),
        ),
        Tile(
            writer.number(len(placed_sites(figures))),
            writer.say("tile.sites"),
            writer.say("tile.west", n=west, jobs=sum(placed.values())),
        ),
    )


def leads(figures: Figures, writer: Writer) -> Mapping[str, str]:
    """Return the sentence that introduces each section, by the section's name."""
    idle = len(figures.sites) - len(placed_sites(figures))
    jobs = figures.jobs
    return {
        "budgets": writer.say("budgets.lead"),
        "stages": writer.say("stages.lead"),
        "refusals": writer.say("refusals.lead"),
        "routes": writer.say("routes.lead", idle=idle, sites=len(figures.sites)),
        "sites": writer.say("sites.lead"),
        "purchases": writer.say("purchases.lead"),
        "jobs": writer.say(
            "jobs.lead",
            requested=card_hours(jobs.requested_card_s),
            used=card_seconds(jobs.measured_card_ms),
            subsidy=jobs.subsidy_fen,
        ),
        "checks": writer.say("checks.lead"),
        "assumptions": writer.say("assumptions.lead"),
    }


def made_by(figures: Figures, writer: Writer) -> str:
    """Say what made the report, so that it can be made again."""
    run = figures.run
    return writer.say(
        "made_by", version=run.version, seed=run.seed, wall=writer.duration(run.wall_s)
    )


def _paid_fen(figures: Figures) -> int:
    return sum(budget.amounts_fen.get("paid", 0) for budget in figures.budgets)
