"""A small run made by hand, from a few fen to hundreds of millions, and a run of nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tallygrid.report.figures import (
    Assumption,
    Budget,
    Checks,
    Command,
    Figures,
    JobClass,
    Jobs,
    Purchase,
    Reason,
    Refusal,
    Run,
    SiteUse,
    Source,
    Stage,
    State,
    Wait,
    Words,
)


def both(english: str, chinese: str) -> Words:
    return {"en": english, "zh": chinese}


def a_budget(programme: str, received_fen: int, **moved_fen: int) -> Budget:
    amounts_fen: dict[State, int] = {"available": received_fen - sum(moved_fen.values())}
    amounts_fen.update(moved_fen)  # type: ignore[arg-type]  # keyword names are the states
    return Budget(
        programme=programme,
        name=both(f"{programme} compute vouchers", f"{programme}算力券"),
        edition="issued",
        year=2026,
        received_fen=received_fen,
        amounts_fen=amounts_fen,
    )


def a_site(site: str, side: str, before_bp: int, after_bp: int, jobs: int) -> SiteUse:
    return SiteUse(
        site=site,
        name=both(f"{site} centre", f"{site}智算中心"),
        region=both(f"{site} region", f"{site}地区"),
        side="east" if side == "east" else "west",
        cards=1024,
        before_bp=before_bp,
        after_bp=after_bp,
        jobs=jobs,
    )


@pytest.fixture
def figures() -> Figures:
    return Figures(
        run=Run(
            seed=7,
            made_at=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
            version="0.1.0",
            demand="fitted",
            demand_name="Philly",
            firms=41,
            jobs=300,
            opened_at=datetime(2026, 3, 1, tzinfo=UTC),
            closed_at=datetime(2026, 6, 1, tzinfo=UTC),
            wall_s=83,
        ),
        assumptions=(
            Assumption(
                name="x.base",
                programme="alpha-2026",
                question=both("Is tax part of the base?", "计算基数是否含税？"),
                value=both("included", "含税"),
            ),
        ),
        sources=(
            Source(
                name=both("Programme texts", "政策文本"),
                origin="published",
                note=both("Rates and caps.", "比例与限额。"),
                url="https://example.org/text",
            ),
            Source(
                name=both("Firms", "企业"),
                origin="invented",
                note=both("Drawn from a seed.", "由随机种子生成。"),
            ),
        ),
        budgets=(
            a_budget(
                "alpha-2026", 60_000_000_000, committed=123_456_789, payable=7, paid=3_111_213
            ),
            a_budget("beta-2026", 500_000_000, reserved=100, held=2_000, in_payment=301),
            a_budget("gamma-2026", 1_000_003),
        ),
        sites=(
            a_site("Alpha", "east", 7_214, 7_350, 12),
            a_site("Beta", "west", 3_108, 5_977, 188),
            a_site("Gamma", "west", 2_001, 2_001, 0),
        ),
        classes=(
            JobClass(
                name=both("single card", "单卡"),
                placed={"Alpha": 12, "Beta": 150},
                unplaced=0,
                won=(Reason(code="cheapest", text=both("lowest cost", "总成本最低"), count=162),),
                passed_over=(
                    Reason(code="price", text=both("dearer", "价格较高"), count=913),
                    Reason(code="memory", text=both("too little memory", "显存不足"), count=1_414),
                ),
            ),
            JobClass(
                name=both("gang over nodes", "多机作业"),
                placed={"Beta": 38},
                unplaced=5,
                won=(Reason(code="only", text=both("only one fits", "唯一可容纳"), count=38),),
                passed_over=(),
            ),
        ),
        refusals=(
            Refusal(
                programme="alpha-2026",
                name=both("Alpha vouchers", "甲市算力券"),
                clause="4.2",
                text=both("The firm is at least one year old.", "企业成立满一年。"),
                count=17,
                example=both("founded 2026-01-09", "成立于2026-01-09"),
            ),
            Refusal(
                programme="",
                name=both("Network", "算力网"),
                clause="too_large",
                text=both("No site has 4,096 cards & <more>.", "无站点具备4096卡 & <more>。"),
                count=2,
                example=both("4,100 cards", "4100卡"),
            ),
        ),
        stages=(
            Stage(name="matched", count=287),
            Stage(name="applied", count=119),
            Stage(name="eligible", count=71),
            Stage(name="refused", count=33),
            Stage(name="undecided", count=15),
            Stage(name="issued", count=69),
            Stage(name="redeemed", count=58),
            Stage(name="paid", count=52),
        ),
        waits=(
            Wait(
                name=both("application to decision", "申领至审核"),
                count=119,
                p50_s=7_265,
                p90_s=180_061,
                max_s=432_000,
            ),
        ),
        purchases=(
            Purchase(
                kind="compute",
                redeem="deduct",
                count=195,
                programme="alpha-2026",
                item=both("64 cards for 30 days", "64 卡 30 天"),
                gross_fen=60_000_001,
                tax_fen=3_396_227,
                discount_fen=1,
                subsidy_fen=30_000_000,
                co_payment_fen=30_000_000,
                cash_today_fen=30_000_000,
                refund_fen=0,
                refund_between=None,
            ),
            Purchase(
                kind="corpus",
                redeem="reimburse",
                count=4,
                programme="beta-2026",
                item=both("one data set", "一份数据集"),
                gross_fen=333,
                tax_fen=19,
                discount_fen=0,
                subsidy_fen=99,
                co_payment_fen=234,
                cash_today_fen=333,
                refund_fen=99,
                refund_between=(date(2026, 7, 1), date(2026, 9, 30)),
            ),
        ),
        jobs=Jobs(
            states={"done": 191, "failed": 6, "timed_out": 3, "refused": 100},
            clock=600,
            measured_card_ms=512_345,
            requested_card_s=98_765_432,
            subsidy_fen=30_000_099,
        ),
        checks=Checks(
            problems=(),
            events=2_718,
            batches=314,
            heads={"alpha-2026": "sha256:" + "ab" * 32},
            journal_accepted=True,
        ),
        next=(Command(line="tallygrid books verify", does=both("Verify again.", "再次核验。")),),
    )


@pytest.fixture
def nothing(figures: Figures) -> Figures:
    """Return the figures of a run in which nobody asked for anything."""
    return replace(
        figures,
        run=replace(figures.run, firms=0, jobs=0),
        assumptions=(),
        sources=(),
        budgets=(a_budget("alpha-2026", 0),),
        sites=(),
        classes=(),
        refusals=(),
        stages=(),
        waits=(),
        purchases=(),
        jobs=Jobs(states={}, clock=1, measured_card_ms=0, requested_card_s=0, subsidy_fen=0),
        checks=Checks(problems=(), events=0, batches=0, heads={}, journal_accepted=None),
        next=(),
    )
