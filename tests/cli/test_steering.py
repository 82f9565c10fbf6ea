"""Asking why and where: explained quotes, prices, placements, a catalogue of one's own."""

import shutil
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from terminal import AT, FACTS, Terminal

TASK = f"resources: {{accelerators: H100:8}}\ntallygrid: {{hours: 24, facts: {FACTS}%s}}"
CITED = "{value: 870, source: accelerators, confidence: high}"
OTHER_CARDS = "{value: 990, source: accelerators, confidence: high}"


@pytest.fixture(scope="module")
def terminal(own_home: Path) -> Iterator[Terminal]:
    found = Terminal(own_home)
    yield found
    found.does("stop")


@pytest.fixture
def task(tmp_path: Path) -> Path:
    file = tmp_path / "task.yaml"
    file.write_text(TASK % "")
    return file


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one's own: at first a copy of the packaged one."""
    with as_file(files("tallygrid") / "catalogue") as packaged:
        shutil.copytree(packaged, tmp_path / "catalogue")
    monkeypatch.setenv("TALLYGRID_CATALOGUE", str(tmp_path / "catalogue"))
    return tmp_path / "catalogue"


def certify(catalogue: Path, offer: str, measured: str) -> None:
    text = (catalogue / "offers.yaml").read_text(encoding="utf-8")
    line = f"  - id: {offer}\n"
    assert line in text
    (catalogue / "offers.yaml").write_text(
        text.replace(line, f"{line}    {measured}\n"), encoding="utf-8"
    )


def verdicts(quoted: Any) -> dict[str, list[str]]:  # noqa: ANN401  # JSON
    return {one["offer"]: one["reasons"] for one in quoted["placement"]["verdicts"]}


def test_an_explained_quote_says_as_json_which_weights_would_decide_otherwise(
    terminal: Terminal, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is so: with the weight moved there, the quote names the other offer."""
    plain = terminal.reads("quote", task, *AT)
    quoted = terminal.reads("quote", task, *AT, "--explain")

    assert "flips" not in plain
    assert {**plain, "flips": quoted["flips"], "weights": quoted["weights"]} == quoted
    assert quoted["flips"]
    flip = quoted["flips"][0]
    assert flip["now"] == quoted["weights"][flip["weight"]]
    weights = tmp_path / "weights.yaml"
    weights.write_text(f"{flip['weight']}: {flip['at']}\n")
    monkeypatch.setenv("TALLYGRID_WEIGHTS", str(weights))
    assert terminal.reads("quote", task, *AT)["offer"] == flip["offer"] != quoted["offer"]


def test_only_certified_cards_will_do_where_a_job_asks_for_them(
    terminal: Terminal, task: Path, catalogue: Path
) -> None:
    """Of what comes with the package nothing is certified; one's own catalogue may say it."""
    task.write_text(TASK % ", certified: true")
    assert "the speed of these cards is not certified" in terminal.types("quote", task, *AT).stdout
    assert terminal.types("quote", task, *AT).exit_code == 1

    certify(catalogue, "shenzhen.h100", f"certified_tflops: {CITED}")
    quoted = terminal.reads("quote", task, *AT)

    assert quoted["offer"] == "shenzhen.h100"
    assert [name for name, reasons in verdicts(quoted).items() if not reasons] == ["shenzhen.h100"]


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (f"certified_tflops: {OTHER_CARDS}", "990 TFLOPS were measured of H100, with 989"),
        ("facts: {certified: true}", "Nobody vouches for this certificate."),
        ("certified_tflops: {value: 870}", "source"),
    ],
)
def test_a_certificate_that_cannot_be_is_a_mistake_in_the_file(
    terminal: Terminal, task: Path, catalogue: Path, measured: str, told: str
) -> None:
    certify(catalogue, "shenzhen.h100", measured)

    said = terminal.errs("quote", task, *AT)

    assert told in said
    assert "offers.yaml:" in said


def test_a_catalogue_that_is_not_there_is_named(
    terminal: Terminal, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYGRID_CATALOGUE", str(tmp_path / "nowhere"))

    assert "nowhere" in terminal.errs("quote", task, *AT)


@pytest.mark.parametrize("command", ["apply", "run"])
def test_what_nobody_published_nobody_can_apply_for(
    terminal: Terminal, task: Path, command: str
) -> None:
    said = terminal.fails(command, task, "--id", "early", *AT)

    assert "is not published here" in said
    assert "tallygrid programme publish" in said
    assert "未在此发布" in terminal.fails("--language", "zh", command, task, "--id", "early", *AT)


def test_prices_say_what_they_rest_on_and_that_nothing_is_known_yet(terminal: Terminal) -> None:
    assert "No prices were solved" in terminal.does("prices", "show", "--at", "2020-05-20")

    said = terminal.does("prices", "solve", *AT)

    assert "Less than a day of placements is known" in said
    assert "plentiful" not in said
    assert terminal.reads("prices", "show", *AT)["history"] == {
        "period_h": 0,
        "periods": 0,
        "jobs": 0,
    }
    hint = terminal.does("prices", "show", "--provider", "operator-zhongwei", *AT)
    assert "Less than a day" in hint
    assert "operator-zhongwei" in terminal.errs("prices", "show", "--provider", "operator-zhongwe")


def test_only_the_job_of_a_purchase_that_has_begun_is_taken_over(terminal: Terminal) -> None:
    assert "No job that has begun is run by another site" in terminal.does("sites", "take-over")
    assert "no purchase 'P-0'" in terminal.errs("sites", "take-over", "P-0")
