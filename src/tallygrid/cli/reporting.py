"""`tallygrid lab report`: what a run found, as a page and a sheet in both languages."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click

from tallygrid.cli.common import Desk, json_option, write_json
from tallygrid.cli.trials import TRIALS
from tallygrid.settings import LANGUAGES, Language
from tallygrid.text import render


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--language",
    "language",
    type=click.Choice(LANGUAGES),
    help="Write in one language only; both if left out.",
)
@json_option
@click.pass_obj
def report(desk: Desk, /, *, folder: Path, language: Language | None, as_json: bool) -> None:
    """Write DIR/report: what was found, as HTML and PDF, and every chart's data as Parquet.

    DIR is what `tallygrid lab run`, `compare`, `sweep` or `search` has written with --out DIR.
    """
    with desk.log.status(render("lab.reporting", desk.language)):
        written = write(folder, (language,) if language else LANGUAGES)
    if as_json:
        write_json([str(path) for path in written])
        return
    for path in written:
        click.echo(path)


def write(folder: Path, languages: Sequence[Language] = LANGUAGES) -> tuple[Path, ...]:
    """Write the report of a run, or of what was tried, into its folder; return the files.

    Raises:
        FileError: The folder holds no results, or not all of them.
    """
    for marker, write_trial in TRIALS.items():
        if (folder / marker).is_file():
            return write_trial(folder, languages)
    from tallygrid.files.facts import packaged_vocabulary
    from tallygrid.lab.findings import findings_of
    from tallygrid.lab.writing import read_results
    from tallygrid.report.laboratory.found import Found
    from tallygrid.report.laboratory.writing import write_report

    summary, tables = read_results(folder)
    found = Found(
        summary=summary,
        charts=findings_of(tables, summary["figures"]),
        vocabulary=packaged_vocabulary(),
        version=version("tallygrid"),
    )
    return write_report(found, folder / "report", languages)
