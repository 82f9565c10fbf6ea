"""What is typed in another encoding than UTF-8 ends in a sentence, and nothing is written."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tallygrid.cli import tallygrid

GBK = "文".encode("gbk").decode("utf-8", "surrogateescape")
"""How a word of a script in GBK arrives."""


@pytest.mark.parametrize(
    "words",
    [
        ("books", "appropriate", "--year", "2026", "--yuan", "1", "--document", GBK),
        ("voucher", "revoke", GBK, "--because", "x"),
        ("clawback", "demand", "K-1", "--payment", GBK, "--yuan", "1", "--because", "x"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_bytes_that_are_no_utf_8_are_refused(
    tmp_path: Path, words: tuple[str, ...], language: str
) -> None:
    runner = CliRunner(env={"TALLYGRID_HOME": str(tmp_path / "home")})

    said = runner.invoke(tallygrid, ["--language", language, *words])

    assert said.exit_code == 2
    assert "UTF-8" in said.stderr
    assert not (tmp_path / "home").exists()


def test_other_words_are_left_alone() -> None:
    said = CliRunner().invoke(tallygrid, ["programme", "facts", "失信"])

    assert said.exit_code == 0
