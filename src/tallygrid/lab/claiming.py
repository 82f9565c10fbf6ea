"""Whose a folder is: what one command of the laboratory has written, no other writes over."""

from pathlib import Path
from typing import Final, Literal

Marker = Literal["sweep.json", "search.json", "compare.json", "summary.json"]
_KINDS: Final[dict[Marker, str]] = {
    "sweep.json": "a sweep",
    "search.json": "a search",
    "compare.json": "a comparison",
    "summary.json": "a single run",
}
"""By the file that tells them, what results there are."""


class OtherResultsError(Exception):
    """A folder holds results of another kind."""

    def __init__(self, out: Path, kind: str) -> None:
        super().__init__(f"{out} holds the results of {kind}. Name another folder, or remove it.")


def refuse_others(out: Path, own: Marker) -> None:
    """Refuse a folder that holds results of another kind.

    A report would tell either of them, and the rest would lie about undescribed.

    Raises:
        OtherResultsError: It does.
    """
    for marker, kind in _KINDS.items():
        if marker != own and (out / marker).is_file():
            raise OtherResultsError(out, kind)


def forget(out: Path, own: Marker) -> None:
    """Forget earlier results of the same kind, and their report, before others take their place.

    What is cut short then tells nothing, rather than half of the one and half of the other.
    """
    if (out / own).is_file():
        (out / own).unlink()
        for pattern in ("report.*", "data/*.parquet"):
            for told in (out / "report").glob(pattern):
                told.unlink()
