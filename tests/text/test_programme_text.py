"""Every programme can be read in English and in Chinese."""

import pytest

from tallygrid.core.programme import Programme
from tallygrid.files.programme import read_programmes
from tallygrid.settings import Language
from tallygrid.text.programme import programme_lines


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("programme", read_programmes(), ids=lambda p: p.id)
def test_a_programme_says_what_it_pays_and_what_is_open(
    programme: Programme, language: Language
) -> None:
    lines = programme_lines(programme, language)

    assert programme.id in lines[0]
    assert not any("None" in line or "{" in line for line in lines)
    for item in programme.open:
        assert any(line.strip().startswith(item.id) for line in lines)
