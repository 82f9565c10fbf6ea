"""Refusals: every clause that refused somebody, and what placement and the books refused."""

from collections.abc import Iterator, Sequence

from tallygrid.core.finding import Finding
from tallygrid.core.programme import Programme
from tallygrid.demo.gather import Gathered, both
from tallygrid.report import figures as report
from tallygrid.report.figures import Words
from tallygrid.text.decision import rule_said
from tallygrid.text.facts import facts_said


def refusals(of: Gathered) -> Iterator[report.Refusal]:
    """Yield the clauses that refused, the most frequent first; then placement and the books."""
    programmes = {name: scheme.applied for name, scheme in of.stage.schemes.items()}
    found: dict[tuple[str, str], list[Finding]] = {}
    for decision in of.decisions:
        for finding in decision.failed:
            found.setdefault((decision.programme, finding.id), []).append(finding)
    for (programme, _), findings in sorted(found.items(), key=lambda one: (-len(one[1]), one[0])):
        yield _of_clause(programmes[programme], findings)
    yield from _of_placement(of)
    yield from _of_books(of)


def _of_clause(programme: Programme, findings: Sequence[Finding]) -> report.Refusal:
    first = findings[0]
    return report.Refusal(
        programme=programme.id,
        name={"en": programme.name.en, "zh": programme.name.zh},
        clause=first.citation.clause,
        text={"en": rule_said(first, "en"), "zh": rule_said(first, "zh")},
        count=len(findings),
        example={
            "en": facts_said(first.saw, programme, "en"),
            "zh": facts_said(first.saw, programme, "zh"),
        },
    )


def _of_placement(of: Gathered) -> Iterator[report.Refusal]:
    if of.unplaced:
        yield report.Refusal(
            programme="",
            name=both("demo.refused.network"),
            clause="/".join(sorted({code for body in of.unplaced for code in body["reasons"]})),
            text=both("demo.refused.unplaced"),
            count=len(of.unplaced),
            example=both("demo.refused.unplaced_example", cards=of.unplaced[-1]["cards"]),
        )


def _of_books(of: Gathered) -> Iterator[report.Refusal]:
    """Yield what the books refused: no money left, or a contract that has served already."""
    groups: dict[tuple[str, str], list[dict[str, object]]] = {}
    for programme, refused in of.refused:
        detail = refused["detail"]
        claimed = refused["code"] == "insufficient" and "ceiling" in str(detail.get("account"))
        code = "claimed" if claimed else str(refused["code"])
        groups.setdefault((programme, code), []).append(detail)
    for (programme, code), details in sorted(groups.items()):
        first = details[0]
        known = code in {"insufficient", "claimed"}
        yield report.Refusal(
            programme=programme if programme in of.stage.schemes else "",
            name=_name(of, programme),
            clause=code,
            text=both(f"demo.refused.{code}")
            if known
            else both("demo.refused.other", refusal=code),
            count=len(details),
            example=both(
                "demo.refused.example",
                account=first["account"],
                asked=first["asked_fen"],
                available=first["available_fen"],
            )
            if known
            else both("demo.refused.other", refusal=code),
        )


def _name(of: Gathered, programme: str) -> Words:
    """Return what a programme is called; the registry belongs to the network."""
    scheme = of.stage.schemes.get(programme)
    if scheme is None:
        return both("demo.refused.network")
    return {"en": scheme.programme.name.en, "zh": scheme.programme.name.zh}
