"""The doctor says what is missing and how to get it, in both languages."""

import os
from pathlib import Path

import pytest

from tallygrid.database import Finding, Server, examine
from tallygrid.database.embedded import Embedded
from tallygrid.settings import Settings
from tallygrid.text import catalogue


def test_nothing_that_is_needed_is_missing_here(server: Server) -> None:
    findings = _examine_home_of(server)

    assert {each.subject for each in findings if each.state == "missing"} == set()
    assert {each.subject for each in findings} >= {
        "python",
        "home",
        "disk",
        "postgresql",
        "embedded_server",
        "bean_check",
        "slurm",
        "chromium",
    }


def test_every_finding_has_a_sentence_in_both_languages(server: Server) -> None:
    for finding in _examine_home_of(server):
        assert finding.sentence("en").endswith(".")
        assert finding.sentence("zh").endswith("。")


@pytest.mark.parametrize(
    "code", [code for code in catalogue() if code.startswith("doctor.") and code[-2:] != "ok"]
)
def test_what_is_missing_comes_with_a_way_to_get_it(code: str) -> None:
    remedies = ("install", "set TALLYGRID_HOME", "Install", "{why}")

    assert any(remedy in catalogue()[code]["en"] for remedy in remedies)


def test_a_home_that_cannot_be_made_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    findings = examine(Settings(home=tmp_path / "file" / "home"), print)

    assert _state(findings, "home") == "missing"


def test_a_program_that_is_nowhere_is_optional_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))

    findings = examine(Settings(home=tmp_path), print)

    assert _state(findings, "slurm") == "optional"


def test_examining_starts_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"

    findings = examine(Settings(home=home), print)

    assert not home.exists()
    assert "embedded_server" not in {each.subject for each in findings}


def _examine_home_of(server: Server) -> tuple[Finding, ...]:
    assert isinstance(server.source, Embedded)
    return examine(Settings(home=server.source.place.base), print)


def _state(findings: tuple[Finding, ...], subject: str) -> str:
    return next(each.state for each in findings if each.subject == subject)
