"""The figures as tables of ready-written cells, for the page and the terminal alike."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tallygrid.report.figures import (
    JOB_STATES,
    STATES,
    Budget,
    Checks,
    Figures,
    JobClass,
    Purchase,
    Reason,
    State,
)
from tallygrid.report.writer import Writer


@dataclass(frozen=True)
class Column:
    """A column: its title, how it lines up, and whether a narrow table keeps it."""

    title: str
    is_number: bool = False
    is_brief: bool = True


@dataclass(frozen=True)
class Table:
    """A caption, columns, and rows of cells as a person reads them."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def brief(self) -> "Table":
        """Return the table with only the columns that fit a narrow place."""
        kept = [index for index, column in enumerate(self.columns) if column.is_brief]
        return Table(
            self.caption,
            tuple(self.columns[index] for index in kept),
            tuple(tuple(row[index] for index in kept) for row in self.rows),
        )


def tables(figures: Figures, writer: Writer) -> Mapping[str, Table]:
    """Return every table of the report, by name."""
    return {name: make(figures, writer) for name, make in _TABLES.items()}


def moved_fen(budget: Budget) -> int:
    """Return what has left the available budget."""
    return budget.received_fen - budget.amounts_fen.get("available", 0)


def used_states(budgets: Iterable[Budget]) -> tuple[State, ...]:
    """Return the states that matter in these budgets, in the order in which money moves."""
    filled = {state for budget in budgets for state, fen in budget.amounts_fen.items() if fen}
    return tuple(state for state in STATES if state in filled | _ALWAYS_SHOWN)


def card_seconds(card_ms: int) -> Decimal:
    """Return card-milliseconds as card-seconds, exactly."""
    return Decimal(card_ms) / 1000


def card_hours(card_s: int) -> Decimal:
    """Return card-seconds as card-hours, to a hundredth."""
    return (Decimal(card_s) / 3600).quantize(Decimal("0.01"))


_ALWAYS_SHOWN: Final[frozenset[State]] = frozenset({"available", "committed", "payable", "paid"})


def _budgets(figures: Figures, writer: Writer) -> Table:
    states = used_states(figures.budgets)
    return Table(
        writer.say("budgets"),
        (
            Column(writer.say("programme")),
            Column(writer.say("year"), is_brief=False),
            Column(writer.say("received"), is_number=True),
            Column(writer.say("moved"), is_number=True),
            *(
                Column(writer.say(f"state.{state}"), is_number=True, is_brief=state == "paid")
                for state in states
            ),
        ),
        tuple(
            (
                writer.budget(budget),
                str(budget.year),
                writer.money(budget.received_fen),
                writer.money(moved_fen(budget)),
                *(writer.money(budget.amounts_fen.get(state, 0)) for state in states),
            )
            for budget in figures.budgets
        ),
    )


def _stages(figures: Figures, writer: Writer) -> Table:
    return Table(
        writer.say("stages"),
        (Column(writer.say("stage")), Column(writer.say("count"), is_number=True)),
        tuple(
            (writer.say(f"stage.{stage.name}"), writer.number(stage.count))
            for stage in figures.stages
        ),
    )


def _waits(figures: Figures, writer: Writer) -> Table:
    return Table(
        writer.say("waits"),
        (
            Column(writer.say("stage")),
            Column(writer.say("count"), is_number=True),
            Column(writer.say("half"), is_number=True),
            Column(writer.say("nine_in_ten"), is_number=True),
            Column(writer.say("longest"), is_number=True),
        ),
        tuple(
            (
                writer.pick(wait.name),
                writer.number(wait.count),
                *(writer.duration(seconds) for seconds in (wait.p50_s, wait.p90_s, wait.max_s)),
            )
            for wait in figures.waits
        ),
    )


def _refusals(figures: Figures, writer: Writer) -> Table:
    return Table(
        writer.say("refusals"),
        (
            Column(writer.say("programme")),
            Column(writer.say("clause")),
            Column(writer.say("requires")),
            Column(writer.say("times"), is_number=True),
            Column(writer.say("example"), is_brief=False),
        ),
        tuple(
            (
                writer.pick(refusal.name),
                refusal.clause,
                writer.pick(refusal.text),
                writer.number(refusal.count),
                writer.pick(refusal.example),
            )
            for refusal in sorted(figures.refusals, key=lambda refusal: -refusal.count)
        ),
    )


def _routes(figures: Figures, writer: Writer) -> Table:
    names = {use.site: writer.pick(use.name) for use in figures.sites}
    where = [
        (names[site], tuple(job_class.placed.get(site, 0) for job_class in figures.classes))
        for site in placed_sites(figures)
    ]
    unplaced = tuple(job_class.unplaced for job_class in figures.classes)
    rows = [*where, (writer.say("routes.none"), unplaced)]
    return Table(
        writer.say("routes"),
        (
            Column(writer.say("site")),
            *(Column(writer.pick(each.name), is_number=True) for each in figures.classes),
        ),
        tuple((name, *(writer.number(count) for count in counts)) for name, counts in rows),
    )


def placed_sites(figures: Figures) -> tuple[str, ...]:
    """Return the sites that got a job, the busiest first."""
    total = {
        use.site: sum(each.placed.get(use.site, 0) for each in figures.classes)
        for use in figures.sites
    }
    return tuple(sorted((site for site in total if total[site]), key=lambda site: -total[site]))


def _why(figures: Figures, writer: Writer) -> Table:
    def reasons(listed: tuple[Reason, ...]) -> str:
        often_first = sorted(listed, key=lambda reason: -reason.count)
        return writer.say("and").join(
            writer.say("reason", text=writer.pick(reason.text), count=reason.count)
            for reason in often_first
        )

    def row(job_class: JobClass) -> tuple[str, ...]:
        name = writer.pick(job_class.name)
        return name, reasons(job_class.won), reasons(job_class.passed_over)

    titles = ("class", "won", "passed_over")
    return Table(
        writer.say("routes.why"),
        tuple(Column(writer.say(title)) for title in titles),
        tuple(row(job_class) for job_class in figures.classes),
    )


def _sites(figures: Figures, writer: Writer) -> Table:
    return Table(
        writer.say("sites"),
        (
            Column(writer.say("site")),
            Column(writer.say("region"), is_brief=False),
            Column(writer.say("side")),
            Column(writer.say("cards"), is_number=True),
            Column(writer.say("jobs_here"), is_number=True),
            Column(writer.say("before"), is_number=True),
            Column(writer.say("after"), is_number=True),
        ),
        tuple(
            (
                writer.pick(use.name),
                writer.pick(use.region),
                writer.say(f"side.{use.side}"),
                writer.number(use.cards),
                writer.number(use.jobs),
                writer.percent(use.before_bp),
                writer.percent(use.after_bp),
            )
            for use in sorted(figures.sites, key=lambda use: (use.side, -use.after_bp, use.site))
        ),
    )


def _purchases(figures: Figures, writer: Writer) -> Table:
    brief = {"subsidy", "co_payment", "cash_today", "refund"}
    amounts = ("gross", "tax", "discount", "subsidy", "co_payment", "cash_today", "refund")
    return Table(
        writer.say("purchases"),
        (
            Column(writer.say("kind")),
            Column(writer.say("count"), is_number=True, is_brief=False),
            Column(writer.say("programme"), is_brief=False),
            Column(writer.say("item")),
            *(Column(writer.say(name), is_number=True, is_brief=name in brief) for name in amounts),
            Column(writer.say("refund_between"), is_brief=False),
        ),
        tuple(_purchase(purchase, writer) for purchase in figures.purchases),
    )


def _purchase(purchase: Purchase, writer: Writer) -> tuple[str, ...]:
    amounts_fen = (
        purchase.gross_fen,
        purchase.tax_fen,
        purchase.discount_fen,
        purchase.subsidy_fen,
        purchase.co_payment_fen,
        purchase.cash_today_fen,
        purchase.refund_fen,
    )
    return (
        writer.purchase(purchase),
        writer.number(purchase.count),
        purchase.programme,
        writer.pick(purchase.item),
        *(writer.money(amount_fen) for amount_fen in amounts_fen),
        writer.between(purchase.refund_between),
    )


def _jobs(figures: Figures, writer: Writer) -> Table:
    states = figures.jobs.states
    return Table(
        writer.say("jobs"),
        (Column(writer.say("state")), Column(writer.say("count"), is_number=True)),
        tuple(
            (writer.say(f"job.{state}"), writer.number(states[state]))
            for state in JOB_STATES
            if states.get(state)
        ),
    )


def _checks(figures: Figures, writer: Writer) -> Table:
    checks = figures.checks
    return Table(
        writer.say("checks"),
        (Column(writer.say("check")), Column(writer.say("result"))),
        (
            (writer.say("check.problems"), writer.number(len(checks.problems))),
            (writer.say("check.events"), writer.number(checks.events)),
            (writer.say("check.batches"), writer.number(checks.batches)),
            (writer.say("check.journal"), _journal(checks, writer)),
        ),
    )


def _journal(checks: Checks, writer: Writer) -> str:
    answers = {True: "accepted", False: "refused", None: "not_asked"}
    return writer.say(f"journal.{answers[checks.journal_accepted]}")


def _heads(figures: Figures, writer: Writer) -> Table:
    return Table(
        writer.say("heads"),
        (Column(writer.say("programme")), Column(writer.say("head"))),
        tuple(sorted(figures.checks.heads.items())),
    )


def _assumptions(figures: Figures, writer: Writer) -> Table:
    titles = ("programme", "question", "answer", "assumption")
    return Table(
        writer.say("assumptions"),
        tuple(Column(writer.say(title), is_brief=title != "question") for title in titles),
        tuple(
            (each.programme, writer.pick(each.question), writer.pick(each.value), each.name)
            for each in figures.assumptions
        ),
    )


_TABLES: Final[Mapping[str, Callable[[Figures, Writer], Table]]] = {
    "budgets": _budgets,
    "stages": _stages,
    "waits": _waits,
    "refusals": _refusals,
    "routes": _routes,
    "why": _why,
    "sites": _sites,
    "purchases": _purchases,
    "jobs": _jobs,
    "checks": _checks,
    "heads": _heads,
    "assumptions": _assumptions,
}
