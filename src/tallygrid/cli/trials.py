"""The reports of what `tallygrid lab sweep`, `search` and `compare` have tried."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tallygrid.settings import Language

Written = tuple[Path, ...]


def _swept(folder: Path, languages: Sequence[Language]) -> Written:
    from tallygrid.lab.responses import read_swept
    from tallygrid.report.laboratory.writing import write_pages
    from tallygrid.report.trials.aims import Levers
    from tallygrid.report.trials.swept import Swept, swept_content

    described, charts = read_swept(folder)
    found = Swept(described, charts, Levers.of(described), version("tallygrid"))
    return write_pages(
        lambda writer: swept_content(found, writer), charts, folder / "report", languages
    )


def _searched(folder: Path, languages: Sequence[Language]) -> Written:
    from tallygrid.lab.responses import read_searched
    from tallygrid.report.laboratory.writing import write_pages
    from tallygrid.report.trials.aims import Levers
    from tallygrid.report.trials.searched import Searched, searched_content

    described, charts = read_searched(folder)
    found = Searched(described, charts, Levers.of(described), version("tallygrid"))
    return write_pages(
        lambda writer: searched_content(found, writer), charts, folder / "report", languages
    )


def _compared(folder: Path, languages: Sequence[Language]) -> Written:
    from tallygrid.lab.comparing import read_compared
    from tallygrid.report.laboratory.writing import write_pages
    from tallygrid.report.trials.compared import Compared, compared_content

    summaries, charts = read_compared(folder)
    found = Compared(summaries, charts, version("tallygrid"))
    return write_pages(
        lambda writer: compared_content(found, writer), charts, folder / "report", languages
    )


TRIALS: Final[Mapping[str, Callable[[Path, Sequence[Language]], Written]]] = {
    "sweep.json": _swept,
    "search.json": _searched,
    "compare.json": _compared,
}
"""Who writes the report of a folder in which such a file lies."""
