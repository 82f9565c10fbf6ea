"""The report of the laboratory on disk: page and sheet in each language, and the charts' data."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from tallygrid.files.whole import whole
from tallygrid.report.laboratory.content import Content, content
from tallygrid.report.laboratory.found import Found
from tallygrid.report.laboratory.page import page
from tallygrid.report.laboratory.sheet import write_sheet
from tallygrid.report.writer import Writer
from tallygrid.settings import Language


def write_report(found: Found, folder: Path, languages: Sequence[Language]) -> tuple[Path, ...]:
    """Write the report into a folder; return the pages and sheets.

    Raises:
        FileError: Nothing can be written there.
    """
    return write_pages(lambda writer: content(found, writer), found.charts, folder, languages)


def write_pages(
    content_in: Callable[[Writer], Content],
    charts: Mapping[str, pl.DataFrame],
    folder: Path,
    languages: Sequence[Language],
) -> tuple[Path, ...]:
    """Write what is told in each language as page and sheet, and the charts' data beside them.

    Raises:
        FileError: Nothing can be written there.
    """
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        with whole(data / f"{name}.parquet") as part:
            chart.write_parquet(part)
    written = []
    for language in languages:
        told = content_in(Writer(language))
        others = {one: f"report.{one}.html" for one in languages if one != language}
        html, pdf = folder / f"report.{language}.html", folder / f"report.{language}.pdf"
        with whole(html) as part:
            part.write_text(page(told, language, others), encoding="utf-8")
        with whole(pdf) as part:
            write_sheet(told, part, language)
        written += [html, pdf]
    return tuple(written)
