"""No code knows a place: names of places stand in data alone."""

import re
from itertools import chain
from pathlib import Path

from tallygrid.files.programme import read_programmes

SOURCE = Path(__file__).parents[1] / "src" / "tallygrid"
ZONE = re.compile(r"Asia/[A-Za-z]+")  # a time zone is named after a place, but is none


def _places() -> set[str]:
    """Return what the programmes call their places, in both languages and by code."""
    english, chinese = set[str](), set[str]()
    for programme in read_programmes():
        words = programme.id.split("-")
        names = (word.capitalize() for word in words if word.isalpha())
        english |= {name for name in names if name in programme.name.en}
        chinese |= set(re.findall(r"^[\u4e00-\u9fff]{2,3}(?=[市省区])", programme.name.zh))
    codes = {f'"{programme.place.code}"' for programme in read_programmes()} - {'"000000"'}
    return {word for word in english if len(word) > 3} | chinese | codes


def test_no_name_of_a_place_stands_in_the_code() -> None:
    places = _places()
    assert len(places) > 12, places  # the list itself was found

    known = re.compile("|".join(sorted(map(re.escape, places))))
    found = [
        f"{file.relative_to(SOURCE)}:{number}: {match[0]}"
        for file in sorted(chain(SOURCE.rglob("*.py"), SOURCE.rglob("*.sql")))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := known.search(ZONE.sub("", line)))
    ]

    assert found == []
