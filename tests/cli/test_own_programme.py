"""A programme of one's own at the terminal: matched, published, quoted and applied for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from terminal import Terminal

from tallygrid.core.programme import Programme
from tallygrid.files.programme import read_programme

CITED: Final = {"clause": "1", "sources": ["text"], "confidence": "low"}
OWN: Final = "invented-town-issued"
BATCH: Final = "invented-batch-issued"
IN_MAY: Final = ("--at", "2026-05-20")


def _document(name: str, **parts: object) -> dict[str, Any]:
    """Return a programme of a town that does not exist; a fact of its own decides."""
    return {
        "id": name,
        "edition": "issued",
        "kind": "compute",
        "name": {"en": f"Invented {name}", "zh": f"虚构{name}"},
        "authority": {"en": "Invented bureau", "zh": "虚构局"},
        "place": {"code": "990200", "level": "city", "zone": "Asia/Shanghai"},
        "document": {"title": "虚构", **CITED},
        "sources": {"text": {"title": "invented", "publisher": "nobody", "extent": "all"}},
        "in_force": {"first_day": "2026-03-01", "last_day": "2027-12-31", **CITED},
        "windows": [{"first_day": "2026-03-01", "last_day": "2026-06-30", **CITED}],
        "budget": {
            "period": "annual",
            "amount_yuan": [
                {"from": "2026-03-01", "value": 60_000_000},
                {"from": "2027-01-01", "value": 50_000_000},
            ],
            "funders": [
                {"id": "town", "name": {"en": "the town", "zh": "市级"}, "weight": 2},
                {"id": "ward", "name": {"en": "the ward", "zh": "区级"}, "weight": 1},
            ],
            **CITED,
        },
        "facts": {f"{name.split('-')[1]}_star": {"type": "boolean", "en": "a star", "zh": "明星"}},
        "conditions": [
            {
                "id": "star",
                "when": f"{name.split('-')[1]}_star",
                "en": "A star.",
                "zh": "明星企业。",
            }
            | CITED
        ],
        "rate": {
            "tiers": [
                {
                    "id": "all",
                    "rate": [
                        {"from": "2026-03-01", "value": "40%"},
                        {"from": "2027-01-01", "value": "30%"},
                    ],
                    **CITED,
                }
            ]
        },
        "caps": {"year_of": {"value": "issue", **CITED}},
        "base": {"value": "contract", **CITED},
        "tax": {"value": "included", **CITED},
        "redeem": {"value": "deduct", **CITED},
        "paid_to": {"value": "provider", **CITED},
        "validity": {"value": "6 months", **CITED},
        "allocation": {"value": "first_come", **CITED},
        "providers": {"value": "any", **CITED},
        "refund": CITED,
        **parts,
    }


@pytest.fixture(scope="module")
def folder(own_home: Path) -> Path:
    """Return a folder with two programmes, a workload, and facts that only one of them knows."""
    folder = own_home.parent
    documents = (
        _document(OWN),
        _document(BATCH, allocation={"value": "pro_rata", **CITED}),
    )
    for document in documents:
        text = yaml.safe_dump(document, allow_unicode=True)
        text = text.replace("'2026-", "2026-").replace("'2027-", "2027-")
        for day in ("03-01", "12-31", "01-01", "06-30"):
            text = text.replace(f"{day}'", day)
        (folder / f"{document['id']}.yaml").write_text(text, encoding="utf-8")
    for star in (True, False, None):
        facts = {
            "credit_code": "XX000000000009005Q",
            "registered_in": "990200",
            "town_star": star,
            "contract_yuan": 1_000_000,
        }
        (folder / f"star-{star}.json").write_text(json.dumps(facts), encoding="utf-8")
    block = "{hours: 10, facts: star-True.json}"
    (folder / "job.yaml").write_text(
        f"name: job\nresources: {{accelerators: H100:8}}\ntallygrid: {block}\nrun: echo hi\n"
    )
    return folder


@pytest.fixture(scope="module")
def published(own_home: Path, folder: Path) -> Iterator[Terminal]:
    """Return a terminal at whose books one programme is published."""
    found = Terminal(own_home)
    file = folder / f"{OWN}.yaml"
    found.does("programme", "publish", file, "--budget", 2026, 60_000_000, *IN_MAY)
    yield found
    found.does("stop")


def test_dated_steps_survive_json(folder: Path) -> None:
    programme = read_programme(folder / f"{OWN}.yaml")

    again = Programme.model_validate_json(programme.model_dump_json(exclude_defaults=True))

    assert again == programme
    assert again.budget.amount_yuan == programme.budget.amount_yuan
    assert again.rate.tiers[0].rate == programme.rate.tiers[0].rate


def test_a_programme_of_ones_own_is_matched_beside_the_packaged(
    tmp_path: Path, folder: Path
) -> None:
    terminal = Terminal(tmp_path / "home")
    files = ("--programme", folder / f"{OWN}.yaml", "--programme", folder / f"{BATCH}.yaml")
    facts = ("--facts", folder / "star-True.json", *IN_MAY)

    found = terminal.reads("match", *files, *facts)

    groups = {one["programme"]: one["group"] for one in found["matches"]}
    assert groups[OWN] == "eligible"
    assert groups[BATCH] == "undecided"
    assert "shenzhen-compute-issued" in groups
    assert [part["programme"] for part in found["combinations"][0]["parts"]] == [OWN]
    assert "Invented invented-town-issued: CN¥400,000.00, 40% of the" in terminal.does(
        "match", *files, *facts
    )
    assert "There is no fact `town_star`" in terminal.errs("match", *facts)


def test_a_published_programme_with_dated_steps_is_quoted_on_its_own_fact(
    published: Terminal, folder: Path
) -> None:
    quoted = published.reads("quote", folder / "job.yaml", *IN_MAY)

    assert quoted["vouchers"] == [f"({OWN})"]
    assert quoted["decisions"][0]["rate_bp"] == 4000
    assert quoted["decisions"][0]["at_most_fen"] == 400_000_00


def test_what_was_decided_is_always_said(published: Terminal, folder: Path) -> None:
    job = ("apply", folder / "job.yaml")
    late = ("--at", "2026-07-01")

    unknown = published.types(*job, "--id", "a", "--facts", folder / "star-None.json", *IN_MAY)
    refused = published.types(*job, "--id", "a", "--facts", folder / "star-False.json", *IN_MAY)
    closed = published.types(*job, "--id", "a", *late)
    plain = published.types(*job, "--id", "a", *late, "--json")

    assert unknown.exit_code == refused.exit_code == closed.exit_code == plain.exit_code == 1
    assert f"{OWN}: Cannot be decided yet; if all is well: at most" in unknown.stdout
    assert "not applied for: it cannot be decided yet; say yes or no to “a star”" in unknown.stdout
    assert f"{OWN}: Refused." in refused.stdout
    assert f"{OWN}: Not open on this day; if it were: CN¥400,000.00." in closed.stdout
    (told,) = json.loads(plain.stdout)
    assert (told["application"], told["state"]) == (None, "not_applied")
    assert told["decision"]["outcome"] == "refused"


def test_a_repeated_application_says_the_same_again(published: Terminal, folder: Path) -> None:
    words = ("apply", folder / "job.yaml", "--id", "again")

    first = published.does(*words, *IN_MAY)

    assert "application A-again-invented-town-issued awarded: voucher" in first
    assert published.does(*words, *IN_MAY) == first
    assert published.does(*words, "--at", "2026-07-01") == first
    assert "已核定，发放券" in published.does("--language", "zh", *words, *IN_MAY)


@pytest.mark.parametrize(
    ("language", "batch", "alone", "next_step"),
    [
        (
            "en",
            "it is made, and the voucher issued, when the batch is closed",
            "A voucher can be issued on this decision.",
            "Next: say yes or no to “a star”.",
        ),
        (
            "zh",
            "待本批次集中核定后确定金额并发券",
            "可据此发券。",
            "下一步：请说明是否属于“明星”。",
        ),
    ],
)
def test_what_is_said_fits_the_rule_and_the_kind_of_fact(
    folder: Path, tmp_path: Path, language: str, batch: str, alone: str, next_step: str
) -> None:
    terminal = Terminal(tmp_path / "home")
    facts = tmp_path / "facts.json"
    known = {"contract_yuan": 1_000_000, "town_star": True, "batch_star": True}

    def decided(name: str, **more: object) -> str:
        kept = {key: known[key] for key in ("contract_yuan", f"{name.split('-')[1]}_star")}
        facts.write_text(json.dumps({**kept, "purchase_kind": "compute", **more}))
        words = ("decide", "--programme", folder / f"{name}.yaml", "--facts", facts, *IN_MAY)
        return terminal.does("--language", language, *words)

    assert alone in decided(OWN)
    assert batch not in decided(OWN)
    assert batch in decided(BATCH)
    assert alone not in decided(BATCH)
    assert next_step in decided(OWN, town_star=None)
