"""How fast cases are decided: one against many programmes, whole tables, and beside OpenFisca.

    python benchmarks/decisions.py [ROWS] [--openfisca PYTHON]

ROWS is the length of the table, a million if left out. OpenFisca-core is installed into a
throw-away environment for the comparison (or PYTHON names one that has it); where it cannot
be, that is said and left out. It computes three variables; we also give every finding,
reason and missing fact, so the same three columns are timed alone as well. Both sides must
come to the same sum. Neither web API here goes through a socket: JSON in, JSON out.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, Final

import polars as pl

from tallygrid.core.condition import Facts
from tallygrid.core.decision import Plan, decide, decide_all
from tallygrid.core.programme import Programme, Scalar
from tallygrid.core.table import decided
from tallygrid.core.trial import Given, fact_column
from tallygrid.files.document import parse
from tallygrid.files.facts import facts_of
from tallygrid.files.programme import known_facts, read_programmes

Row = tuple[str, float, float]

ROWS: Final = 1_000_000
CASES: Final = 100
ON: Final = date(2026, 5, 20)
OPENFISCA: Final = "OpenFisca-core[web-api]==46.0.1"
PEER: Final = Path(__file__).parent / "peers" / "openfisca_scheme.py"
TEN: Final = (
    "shenzhen-compute-issued", "shanghai-compute-issued", "henan-compute-issued",
    "zhengzhou-compute-issued", "beijing-compute-2026-issued", "chengdu-compute-2025-issued",
    "ningbo-compute-issued", "qingdao-compute-2024-issued", "shandong-compute-issued",
    "shenzhen-model-issued",
)  # fmt: skip
CLAUSES: Final = (
    "applicant_class IN ('enterprise', 'university')", "independent_legal_person",
    "registered_city = '440300'", "company_age_months >= {n}", "employees > {n}",
    "spend_year_fen >= yuan({n}000)", "contract_fen >= yuan({n})", "purpose IN ('training')",
    "provider_admitted", "item_admitted", "NOT related_party", "sound_finance",
    "contract_term_months BETWEEN 1 AND 36 + {n}", "revenue_year_fen < yuan(900000000) - yuan({n})",
    "hardware_origin = 'domestic' OR assets_fen < 3 * contract_fen + {n} * spend_year_fen",
)  # fmt: skip
FIRM: Final[dict[str, Any]] = {
    "applicant_class": "enterprise", "independent_legal_person": True, "registered_in": "440305",
    "founded_on": "2020-09-30", "employees": 40, "spend_year_fen": 100_000_000,
    "contract_fen": 100_000_000, "contract_tax_fen": 0, "purpose": "training",
    "provider_admitted": True, "item_admitted": True, "related_party": False,
    "sound_finance": True, "contract_term_months": 12, "revenue_year_fen": 10**9,
    "hardware_origin": "domestic", "assets_fen": 10**9, "other_fiscal_fen": 0,
    "contract_claimed": False,
}  # fmt: skip


def main() -> None:
    """Measure and print one table."""
    words = sys.argv[1:]
    python = words.pop(words.index("--openfisca") + 1) if "--openfisca" in words else None
    rows = int(words[0]) if words and words[0].isdigit() else ROWS
    for name, per_s, ratio in measure(rows, python):
        print(f"{name:<72} {per_s:>12,.0f} {ratio:>7.2f}")


def measure(rows: int = ROWS, python: str | None = None) -> list[Row]:
    """Return each way, what it does in a second, and its ratio to the first of its kind."""
    return [*one_case(), *whole_table(rows), *beside_openfisca(python)]


def one_case() -> Iterator[Row]:
    """One case against 20 programmes of 15 clauses, together and apart."""
    schemes = [many_clauses(number) for number in range(1, 21)]
    facts = facts_of(parse(json.dumps(FIRM), file="facts"), known_facts(schemes))
    apart = p50(lambda: [decide(scheme, facts, at=ON) for scheme in schemes])
    name = f"one case, 20 × 15 clauses, one after the other (p50 {apart * 1000:.1f} ms)"
    yield name, 1 / apart, 1.0
    together = p50(lambda: decide_all(schemes, facts, at=ON))
    name = f"one case, 20 × 15 clauses, together (p50 {together * 1000:.1f} ms)"
    yield name, 1 / together, apart / together


def whole_table(rows: int) -> Iterator[Row]:
    """A Parquet file decided under ten programmes by the command line, as a user runs it."""
    known = {one.id: one for one in read_programmes()}
    ten = [known[name] for name in TEN]
    facts = facts_of(parse(json.dumps(FIRM), file="facts"), known_facts(ten))
    single = len(ten) / p50(lambda: decide_all(ten, facts, at=ON))
    yield "decisions one case at a time, 10 published programmes", single, 1.0
    with tempfile.TemporaryDirectory(prefix="tallygrid-bench-") as folder:
        table, out = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        applicants(rows).sink_parquet(table)
        spent, peak_mb = typed(table, out)
        size_mb = out.stat().st_size / 2**20
    figures = f"{spent:.1f} s, {peak_mb:,.0f} MB held, {size_mb:.0f} MB written"
    name = f"decisions, table of {rows:,} × 10 ({figures})"
    yield name, rows * len(ten) / spent, rows * len(ten) / spent / single


def beside_openfisca(python: str | None) -> Iterator[Row]:
    """The same three-variable scheme, vectorised and case by case through JSON."""
    try:
        with peer(python) as ready:
            done = subprocess.run(  # our own script
                [ready, str(PEER), str(ROWS), str(CASES)],
                check=True,
                capture_output=True,
                text=True,
            )
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"OpenFisca-core is left out, it could not be installed here: {error}")
        return
    theirs = json.loads(done.stdout)
    yield "OpenFisca-core, vectorised, rows", *rated(ROWS, theirs["vectorised"]["seconds"], None)
    for name, columns in (
        ("tallygrid, the same three columns, rows", ["outcome", "rate_bp", "at_least_fen"]),
        ("tallygrid, all columns with findings and reasons, rows", None),
    ):
        seconds, total_fen = vectorised(columns)
        assert total_fen == theirs["vectorised"]["total"] * 100, (total_fen, theirs)
        yield name, *rated(ROWS, seconds, theirs["vectorised"]["seconds"])
    yield "OpenFisca-core, web API, cases", *rated(1, theirs["api"]["seconds"], None)
    seconds, total_fen = case_by_case()
    assert total_fen == theirs["api"]["total"] * 100, (total_fen, theirs)
    yield (
        "tallygrid, facts in and decision out as JSON, cases",
        *rated(1, seconds, theirs["api"]["seconds"]),
    )


def rated(count: int, seconds: float, peer_seconds: float | None) -> tuple[float, float]:
    """Return how many in a second, and how many times as many as the peer."""
    return count / seconds, 1.0 if peer_seconds is None else peer_seconds / seconds


def vectorised(columns: list[str] | None) -> tuple[float, int]:
    """Decide every row of a frame in memory; return seconds, the best of three, and the sum."""
    plan, place = Plan.of(three_variables(), {}, ON, None), pl.int_range(ROWS, eager=True)
    given = {
        "company_age_months": place % 60,
        "contract_fen": place * 7919 % 1_000_003 * 100,
        "related_party": place % 7 == 0,
    }
    frame = pl.DataFrame({fact_column(n, ON): column for n, column in given.items()}).lazy()
    best, total_fen = float("inf"), 0
    for _ in range(3):
        begun = time.perf_counter()
        found = decided(frame, [plan], Given(frozenset(given)))
        answer = (found.select(columns) if columns else found).collect()
        best = min(best, time.perf_counter() - begun)
        total_fen = int(answer["at_least_fen"].sum())
    return best, total_fen


def case_by_case() -> tuple[float, int]:
    """Decide case by case, from JSON to JSON; return the median and the sum."""
    scheme, spent, total_fen = three_variables(), [], 0
    vocabulary = known_facts([scheme])
    for place in range(CASES + 5):
        facts = {
            "company_age_months": place % 60,
            "contract_yuan": place * 7919 % 1_000_003,
            "related_party": place % 7 == 0,
        }
        body = json.dumps(facts)
        begun = time.perf_counter()
        given: Facts = facts_of(parse(body, file="facts"), vocabulary)
        found = json.loads(json.dumps(decide(scheme, given, at=ON).as_json()))
        spent.append(time.perf_counter() - begun)
        total_fen += found["at_least_fen"]
    return median(spent[5:]), total_fen


def p50(work: Callable[[], object]) -> float:
    """Return the median of the seconds that a piece of work takes once it is warm."""
    spent = []
    for _ in range(60):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return median(spent[10:])


def typed(table: Path, out: Path) -> tuple[float, float]:
    """Run the command; return its seconds and the most memory that it held, in MB."""
    named = [word for name in TEN for word in ("--programme", name)]
    words = ["--table", str(table), "--out", str(out), "--at", ON.isoformat()]
    ours = "from tallygrid.cli import main; main()"
    command = [sys.executable, "-c", ours, "decide", *named, *words]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # our own command
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


@contextmanager
def peer(python: str | None) -> Iterator[str]:
    """Give a Python that has OpenFisca-core; one made for this is removed afterwards."""
    if python is not None:
        yield python
        return
    with tempfile.TemporaryDirectory(prefix="tallygrid-openfisca-") as folder:
        made = str(Path(folder) / "bin" / "python")
        for command in (
            [sys.executable, "-m", "venv", folder],
            [made, "-m", "pip", "install", "--quiet", OPENFISCA],
        ):
            subprocess.run(command, check=True, capture_output=True)  # fixed words
        yield made


def applicants(rows: int) -> pl.LazyFrame:
    """Return firms of every kind; in each column of yes or no a few are unknown."""
    place = pl.int_range(rows)

    def mixed(salt: int) -> pl.Expr:
        return (place * 2_654_435_761 + salt * 40_503) % 1_000_003

    def one_of(salt: int, values: list[str]) -> pl.Expr:
        return pl.lit(pl.Series(values)).gather(mixed(salt) % len(values))

    def yes(salt: int, percent: int) -> pl.Expr:
        return pl.when(mixed(salt + 1000) % 100 >= 3).then(mixed(salt) % 100 < percent)  # noqa: PLR2004  # per cent

    return pl.select(
        id=place,
        applicant_class=one_of(1, ["enterprise", "enterprise", "university", "maker"]),
        registered_in=one_of(2, ["440305", "310115", "110108", "410105", "510107", "370202"]),
        founded_on=pl.date(2018, 1, 1) + pl.duration(days=mixed(3) % 3000),
        independent_legal_person=yes(4, 90),
        applicant_is_admitted_provider=yes(5, 5),
        purpose=one_of(6, ["training", "fine_tuning", "inference", "other"]),
        provider_admitted=yes(7, 90),
        item_admitted=yes(8, 90),
        related_party=yes(9, 3),
        contract_claimed=yes(10, 4),
        contract_fen=mixed(11) * 997 % 500_000_000,
        contract_tax_fen=pl.when(mixed(12) % 10 > 0).then(0),
        settled_fen=pl.when(mixed(13) % 10 > 2).then(mixed(14) * 997 % 400_000_000),  # noqa: PLR2004  # of ten
        fee_fen=mixed(15) * 997 % 500_000_000,
        spend_year_fen=mixed(16) * 1999 % 900_000_000,
        other_fiscal_fen=pl.when(mixed(17) % 10 > 1).then(0),
        sound_finance=yes(18, 90),
        dishonesty_record=yes(19, 3),
        double_funding=yes(20, 3),
        in_ai_direction=yes(21, 60),
        sme_class=one_of(22, ["large", "medium", "small", "micro"]),
    ).lazy()


def many_clauses(number: int) -> Programme:
    """Return a programme of 15 clauses with nothing open."""
    rules = [_rule(f"clause-{n}", when.format(n=number)) for n, when in enumerate(CLAUSES)]
    return _scheme(f"many-{number}", {"conditions": rules, "exclusions": []})


def three_variables() -> Programme:
    """Return the scheme that the peer computes: eligible, rate, award."""
    cited = _cited()
    tiers = [
        {"id": "young", "when": {"company_age_months": {"below": 12}}, "rate": "60%", **cited},
        {"id": "others", "when": {"company_age_months": {"from": 12}}, "rate": "50%", **cited},
    ]
    cap = {"id": "most", "per": "contract", "amount_yuan": 500_000, "strength": "at_most"}
    changes = {
        "conditions": [],
        "exclusions": [_rule("related", "related_party")],
        "rate": {"by": ["company_age_months"], "tiers": tiers},
        "caps": {"year_of": {"value": "issue", **cited}, "limits": [{**cap, **cited}]},
        "rounding": {"unit": "yuan"},
        "stacking": {},
    }
    return _scheme("three-variables", changes)


def _scheme(name: str, changes: dict[str, Any]) -> Programme:
    """Return a published programme with its questions answered and parts exchanged."""
    known = {one.id: one for one in read_programmes()}
    model = known["shenzhen-compute-issued"]
    readings: dict[str, Scalar] = {
        "tax": "included", "ceiling": True, "cap-year": "issue", "validity": "12 months",
        "purpose": "TRUE",
    }  # fmt: skip
    plain = model.with_readings(readings).model_dump()
    facts = {fact: spec.model_dump() for fact, spec in known_facts([model]).items()}
    return Programme.model_validate({**plain, "open": [], "facts": facts, "id": name, **changes})


def _rule(name: str, when: str) -> dict[str, Any]:
    return {"id": name, "when": when, "en": name, "zh": name, **_cited()}


def _cited() -> dict[str, Any]:
    return {"clause": "1", "sources": ["bench"], "confidence": "high"}


if __name__ == "__main__":
    main()
