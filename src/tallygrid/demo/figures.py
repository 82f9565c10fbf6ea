"""Figures: a run as its report tells it."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from tallygrid.core.books import ACCOUNT_KINDS
from tallygrid.core.catalogue import Name
from tallygrid.core.money import BASIS_POINTS
from tallygrid.core.programme import Texts
from tallygrid.core.rating import Redeem
from tallygrid.demo.gather import Gathered, both
from tallygrid.demo.payments import closed_at
from tallygrid.demo.refusals import refusals
from tallygrid.demo.routes import classes
from tallygrid.report import figures as report
from tallygrid.report.figures import Checks, Figures, Run, Words
from tallygrid.service.purchase import Purchase
from tallygrid.text.facts import value_of
from tallygrid.text.quote import exact

PHILLY_URL: Final = "https://github.com/msr-fiddle/philly-traces"
ACME_URL: Final = "https://github.com/InternLM/AcmeTrace"


def figures_of(of: Gathered, run: Run, checks: Checks) -> Figures:
    """Return everything the report says of a run."""
    return Figures(
        run=run,
        assumptions=tuple(_assumptions(of)),
        sources=tuple(_sources(of, run)),
        budgets=tuple(_budgets(of)),
        sites=tuple(_sites(of)),
        classes=tuple(classes(of)),
        refusals=tuple(refusals(of)),
        stages=_stages(of),
        waits=(),
        purchases=tuple(_bought(of)),
        jobs=_jobs(of),
        checks=checks,
        next=tuple(_next()),
    )


def run_of(of: Gathered, *, made_at: datetime, wall_s: int, version: str, is_trace: bool) -> Run:
    """Return what was run."""
    demand = of.stage.demand
    return Run(
        seed=of.stage.seed,
        made_at=made_at,
        version=version,
        demand="trace" if is_trace else "fitted",
        demand_name="Philly",
        firms=len(demand.firms),
        jobs=len(demand.jobs) + bool(of.stage.script.oversize_cards),
        opened_at=of.stage.opened_at,
        closed_at=closed_at(of.stage),
        wall_s=wall_s,
    )


def _assumptions(of: Gathered) -> Iterator[report.Assumption]:
    """Yield every reading that was assumed under a programme somebody applied to."""
    applied = {decision.programme for decision in of.decisions}
    for name, scheme in of.stage.schemes.items():
        filled = scheme.assumptions.of(name) if scheme.assumptions else {}
        for item in scheme.programme.open:
            if name in applied and item.id in filled:
                value = filled[item.id]
                yield report.Assumption(
                    name=item.id,
                    programme=name,
                    question=_words(item.question),
                    value={"en": value_of(value, None, "en"), "zh": value_of(value, None, "zh")},
                )


def _sources(of: Gathered, run: Run) -> Iterator[report.Source]:
    citations = of.stage.office.catalogue.citations
    invented = sum(one.is_invented for one in citations)
    fitted = run.demand == "fitted"
    yield _source("programmes", "published")
    yield _source("prices", "published", cited=len(citations) - invented)
    yield _source("invented", "invented", invented=invented)
    yield report.Source(
        name=both("demo.source.demand"),
        origin="fitted" if fitted else "measured",
        note=both(f"demo.source.demand_{run.demand}_note"),
        url=PHILLY_URL,
    )
    yield report.Source(
        name=both("demo.source.gangs"),
        origin="synthetic",
        note=both("demo.source.gangs_note"),
        url=ACME_URL,
    )
    yield _source("firms", "invented")
    yield _source("usage", "measured", clock=of.stage.script.clock)


def _source(name: str, origin: report.Origin, **values: object) -> report.Source:
    return report.Source(
        name=both(f"demo.source.{name}"),
        origin=origin,
        note=both(f"demo.source.{name}_note", **values),
    )


def _budgets(of: Gathered) -> Iterator[report.Budget]:
    """Yield where the money of every programme is."""
    for name, scheme in of.stage.schemes.items():
        states: Counter[report.State] = Counter()
        received_fen = 0
        for account, balance in of.balances[name].items():
            if account.family == "money" and ACCOUNT_KINDS[account.kind].is_source:
                received_fen -= balance.total_fen
            elif account.family == "money":
                states[account.kind] += balance.free_fen  # type: ignore[index]  # a state has its account's name
                states["held"] += balance.held_fen
        if received_fen:
            yield report.Budget(
                programme=name,
                name=_words(scheme.programme.name),
                edition="issued",
                year=of.stage.opened_at.year,
                received_fen=received_fen,
                amounts_fen={state: states[state] for state in report.STATES if states[state]},
            )


def _sites(of: Gathered) -> Iterator[report.SiteUse]:
    """Yield how full every site with cards is over the run's own time, before and after."""
    taken: Counter[str] = Counter()
    jobs: Counter[str] = Counter()
    for one in of.purchases:
        taken[one.site] += one.card_seconds
        jobs[one.site] += bool(one.placement)
    span_s = int((closed_at(of.stage) - of.stage.opened_at) / timedelta(seconds=1))
    catalogue = of.stage.office.catalogue
    for site in catalogue.sites.values():
        cards = sum(site.cards.values())
        if cards:
            free_bp = BASIS_POINTS - site.utilisation_bp
            yield report.SiteUse(
                site=site.id,
                name=_named(site.name),
                region=_named(catalogue.places[site.place].name),
                side=site.side,
                cards=cards,
                before_bp=site.utilisation_bp,
                after_bp=site.utilisation_bp + free_bp * taken[site.id] // (cards * span_s),
                jobs=jobs[site.id],
            )


def _stages(of: Gathered) -> tuple[report.Stage, ...]:
    """Return how many reached each step between a firm's facts and a paid voucher."""
    outcomes = Counter(decision.outcome for decision in of.decisions)
    counts: dict[report.StageName, int] = {
        "applied": len(of.decisions),
        "eligible": outcomes["eligible"],
        "refused": outcomes["refused"],
        "undecided": outcomes["undecided"],
        "issued": of.vouchers,
        "redeemed": of.used_vouchers,
    }
    return tuple(report.Stage(name=name, count=count) for name, count in counts.items())


def _bought(of: Gathered) -> Iterator[report.Purchase]:
    """Yield each kind of thing bought and each way to redeem, with its dearest example."""
    groups: dict[tuple[str, Redeem], list[Purchase]] = {}
    for one in of.purchases:
        for redeem in sorted({grant.redeem for grant in one.terms.grants}):
            groups.setdefault((one.kind, redeem), []).append(one)
    for (_, redeem), members in sorted(groups.items()):
        example = max(members, key=lambda one: (one.bill.gross_fen, one.id))
        yield _purchase(of, example, redeem, len(members))


def _purchase(of: Gathered, one: Purchase, redeem: Redeem, count: int) -> report.Purchase:
    offer = of.stage.office.catalogue.offers[one.offer]
    amount = both(f"unit.{one.unit}", quantity=exact(one.quantity))
    name = _named(offer.name)
    return report.Purchase(
        kind=offer.kind,
        redeem=redeem,
        count=count,
        programme=one.shares[0].programme,
        item={
            "en": both("demo.item", offer=name["en"], amount=amount["en"])["en"],
            "zh": both("demo.item", offer=name["zh"], amount=amount["zh"])["zh"],
        },
        gross_fen=one.bill.gross_fen,
        tax_fen=one.bill.tax_fen,
        discount_fen=one.bill.discount_fen,
        subsidy_fen=one.bill.subsidy_fen,
        co_payment_fen=one.bill.co_payment_fen,
        cash_today_fen=one.deposit_fen,
        refund_fen=one.deposit_fen - one.bill.co_payment_fen,
        refund_between=None,
    )


def _jobs(of: Gathered) -> report.Jobs:
    """Return what became of the jobs: those that ran, and those that no site could run."""
    ran = [one for one in of.purchases if one.workload]
    lines = [line for one in ran for line in of.lines.get(one.id, ())]
    settled = sum(one.state == "settled" for one in ran)
    failed = sum(one.state == "failed" for one in ran)
    states: dict[report.JobState, int] = {
        "done": settled,
        "failed": failed,
        "open": len(ran) - settled - failed,
        "refused": len(of.unplaced),
    }
    return report.Jobs(
        states={state: count for state, count in states.items() if count},
        clock=of.stage.script.clock,
        measured_card_ms=sum(line["evidence"]["card_ms"] for line in lines),
        requested_card_s=sum(one.card_seconds for one in ran),
        subsidy_fen=sum(
            part["subsidy_fen"] for line in lines for part in line["bill"]["subsidies"]
        ),
    )


def _next() -> Iterator[report.Command]:
    commands = {
        "verify": "tallygrid books verify",
        "match": "tallygrid match --facts examples/start-up.json --at 2026-05-20",
        "quote": "tallygrid quote examples/reservation.yaml --at 2026-05-20",
        "run": "tallygrid run examples/training-step.yaml",
        "trace": "make demo TRACE=philly_gpu_jobs.csv.gz",
        "serve": "make serve",
    }
    for name, line in commands.items():
        yield report.Command(line=line, does=both(f"demo.next.{name}"))


def _words(texts: Texts) -> Words:
    return {"en": texts.en, "zh": texts.zh}


def _named(name: Name) -> Words:
    return {"en": name.en, "zh": name.zh}
