"""The operator's weights: what is named counts, what is wrong is told all at once."""

from pathlib import Path

import pytest

from tallygrid.core.placement import Weights
from tallygrid.files.mistake import FileError
from tallygrid.files.weights import read_weights


def test_what_a_file_names_counts_and_the_rest_is_as_always(tmp_path: Path) -> None:
    file = tmp_path / "weights.yaml"
    file.write_text("pressure_fen_per_card_hour: 500\nshadow_bp: 0\n")

    assert read_weights(file) == Weights(pressure_fen_per_card_hour=500, shadow_bp=0)
    assert read_weights(None) == Weights()


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "weights.yaml"
    file.write_text("presure_fen_per_card_hour: 5\nenergy_bp: -1\nshadow_bp: .nan\n")

    with pytest.raises(FileError) as told:
        read_weights(file)

    said = str(told.value)
    assert "yaml:1:" in said
    assert "pressure_fen_per_card_hour" in said
    assert "yaml:2:" in said
    assert "yaml:3:" in said
