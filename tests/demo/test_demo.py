"""The demonstration shows what it promises, and its report says what the books say."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from tallygrid import ledger
from tallygrid.core.decision import Decision
from tallygrid.database import Server
from tallygrid.database.again import Sessions
from tallygrid.demo.figures import figures_of, run_of
from tallygrid.demo.gather import Gathered, gather
from tallygrid.demo.perform import Cast, perform
from tallygrid.demo.script import read_script
from tallygrid.files.assumptions import packaged_assumptions
from tallygrid.files.catalogue import read_catalogue
from tallygrid.files.programme import read_programmes
from tallygrid.lab.demand import generate, read_table
from tallygrid.report.figures import Checks, Figures
from tallygrid.service.install import install
from tallygrid.service.office import Office
from tallygrid.sites.local import LocalSite

JOBS = 16
_numbers = count(1)


@pytest.fixture(scope="module")
def gathered(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gathered]:
    """A small run, played once for all tests here."""
    database = server.create_database(f"demo_{next(_numbers)}")
    install(database)
    script, programmes = read_script(), read_programmes()
    cast = Cast(
        generate(read_table(), seed=1, jobs=JOBS),
        script,
        programmes,
        packaged_assumptions(script.assumptions, programmes),
    )
    site = LocalSite(tmp_path_factory.mktemp("site"), slots=2)
    with Sessions(database, print) as sessions:
        office = Office(sessions, read_catalogue(), site)
        yield gather(perform(office, cast, seed=1, watch=lambda *_: None))
    database.drop_database()


@pytest.fixture(scope="module")
def figures(gathered: Gathered) -> Figures:
    run = run_of(
        gathered,
        made_at=datetime(2026, 5, 11, tzinfo=UTC),
        wall_s=0,
        version="test",
        is_trace=False,
    )
    checks = Checks(problems=(), events=0, batches=0, heads={}, journal_accepted=None)
    return figures_of(gathered, run, checks)


def decision_of(gathered: Gathered, programme: str, clause: str) -> Decision | None:
    """Return a decision under a programme in which a clause did not pass."""
    for decision in gathered.decisions:
        if decision.programme == programme and any(
            finding.id == clause and finding.status != "passed" for finding in decision.findings
        ):
            return decision
    return None


def test_each_kind_is_bought_and_each_way_to_redeem_is_used(figures: Figures) -> None:
    bought = {(one.kind, one.redeem) for one in figures.purchases}

    assert {kind for kind, _ in bought} == {"compute", "model", "corpus"}
    assert {redeem for _, redeem in bought} == {"deduct", "reimburse"}


@pytest.mark.parametrize(
    "clause",
    ["registered-in-city", "minimum-spend", "related-party", "is-provider", "window"],
)
def test_every_common_reason_refuses_somebody(gathered: Gathered, clause: str) -> None:
    decision = decision_of(gathered, "shenzhen-compute-issued", clause)

    assert decision is not None, clause


def test_a_contract_that_has_served_a_claim_is_refused_by_the_books(gathered: Gathered) -> None:
    assert [refused["code"] for _, refused in gathered.refused] == ["insufficient"]


def test_a_case_with_a_fact_missing_is_undecided_and_a_spent_tranche_refuses(
    gathered: Gathered,
) -> None:
    outcomes = Counter(decision.outcome for decision in gathered.decisions)

    assert outcomes["undecided"] == 1
    assert decision_of(gathered, "ningbo-compute-issued", "budget") is not None


def test_a_job_larger_than_every_site_is_not_placed_and_says_why(gathered: Gathered) -> None:
    assert ["too_large" in body["reasons"] for body in gathered.unplaced] == [True]


def test_every_job_ran_once_and_was_billed_from_its_measured_time(gathered: Gathered) -> None:
    ran = [one for one in gathered.purchases if one.workload]

    assert len(ran) == JOBS
    for purchase in ran:
        (line,) = gathered.lines[purchase.id]
        used_ms = line["evidence"]["wall_ms"] * purchase.workload["cards"]
        assert line["evidence"]["card_ms"] == used_ms > 0


def test_every_fen_of_every_budget_stands_in_one_state(figures: Figures) -> None:
    assert figures.budgets
    assert {budget.adrift_fen for budget in figures.budgets} == {0}
    assert {purchase.adrift_fen for purchase in figures.purchases} == {0}


def test_sites_and_classes_count_the_same_jobs(figures: Figures) -> None:
    by_class = sum((Counter(one.placed) for one in figures.classes), Counter[str]())

    assert by_class == Counter({site.site: site.jobs for site in figures.sites if site.jobs})
    assert sum(by_class.values()) == JOBS


def test_the_books_are_sound_and_the_journal_says_the_same(
    gathered: Gathered, tmp_path: Path
) -> None:
    transact = gathered.stage.office.transact
    journal = tmp_path / "journal.beancount"
    lines = transact(
        "auditor", lambda connection: list(ledger.beancount(ledger.journals(connection)))
    )
    journal.write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert transact("auditor", ledger.verify) == ()
    bean_check = Path(sys.executable).with_name("bean-check")
    done = subprocess.run([bean_check, journal], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_paid_is_what_was_captured(gathered: Gathered, figures: Figures) -> None:
    captured_fen = sum(
        part["subsidy_fen"]
        for lines in gathered.lines.values()
        for line in lines
        for part in line["bill"]["subsidies"]
    )

    assert captured_fen > 0
    assert sum(budget.amounts_fen.get("paid", 0) for budget in figures.budgets) == captured_fen
