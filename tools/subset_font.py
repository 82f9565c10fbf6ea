"""Cut the font of statements out of Noto Sans CJK: subset_font.py NotoSansCJK-Regular.ttc.

Kept are ASCII, Latin-1, the characters of GB 2312 and a few signs; hints and features go.
"""

import sys
from itertools import product
from pathlib import Path
from typing import Final

from fontTools import subset
from fontTools.ttLib import TTCollection

OUT: Final = Path(__file__).parents[1] / "src/tallygrid/report/fonts/statement.otf"
FACE: Final = "Noto Sans CJK SC"
SIGNS: Final = "–—‘’“”…€¥·×÷≤≥§°"


def main(path: Path) -> None:
    """Write the part of a face that statements use."""
    font = next(one for one in TTCollection(path).fonts if one["name"].getDebugName(4) == FACE)
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    part = subset.Subsetter(options)
    part.populate(unicodes=sorted(_characters()))
    part.subset(font)
    font.save(OUT)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


def _characters() -> set[int]:
    found = {*range(0x20, 0x7F), *range(0xA0, 0x100), *map(ord, SIGNS)}
    for pair in product(range(0xA1, 0xF8), range(0xA1, 0xFF)):
        found |= {ord(one) for one in bytes(pair).decode("gb2312", errors="ignore")}
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
