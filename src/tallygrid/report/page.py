"""The report as one page in each language: everything inline, nothing loaded from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from tallygrid.report import prose
from tallygrid.report.figures import Figures
from tallygrid.report.tables import Table, tables
from tallygrid.report.writer import Writer
from tallygrid.settings import Language


def write_report(
    figures: Figures, directory: Path, languages: Sequence[Language] = ("en", "zh")
) -> tuple[Path, ...]:
    """Write one page in each language into a directory; each links to the others."""
    directory.mkdir(parents=True, exist_ok=True)
    pages = {_file_name(language): page(figures, language, languages) for language in languages}
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")
    return tuple(directory / name for name in pages)


def page(figures: Figures, language: Language, languages: Sequence[Language]) -> str:
    """Return the page in one language, with links to the others."""
    writer = Writer(language)
    headline, detail = prose.verdict(figures, writer)
    sections = _sections(figures, writer)
    named = [*(section.name for section in sections), "sources", "next"]
    return filled(
        "page.html",
        writer,
        title=writer.say("title"),
        subtitle=writer.say("subtitle", at=figures.run.made_at),
        others={other: _file_name(other) for other in languages if other != language},
        made_by=prose.made_by(figures, writer),
        figures=figures,
        headings=[(name, writer.say(name)) for name in named],
        headline=headline,
        detail=detail,
        problems=prose.problems(figures, writer),
        prose=prose,
        sections=sections,
    )


@dataclass(frozen=True)
class _Section:
    """A heading, a sentence, a chart drawn for each width, its data, and other tables."""

    name: str
    lead: str
    svgs: Mapping[str, Markup]
    folded: Table | None
    tables: Sequence[Table]


_CHARTED: Final[Mapping[str, Sequence[str]]] = {
    "budgets": (),
    "stages": ("waits",),
    "refusals": (),
    "routes": ("why",),
    "sites": (),
    "purchases": (),
}
"""Sections with a chart, each with the tables that stand open beside the chart's own data."""

_TABLED: Final[Mapping[str, Sequence[str]]] = {
    "jobs": ("jobs",),
    "checks": ("checks", "heads"),
    "assumptions": ("assumptions",),
}
"""Sections of tables only."""


def _sections(figures: Figures, writer: Writer) -> list[_Section]:
    # Altair takes seconds to load, and only a page needs it.
    from tallygrid.report.charts import drawings  # noqa: PLC0415  # charts take a second to load

    drawn, made = drawings(figures, writer), tables(figures, writer)
    lead = prose.leads(figures, writer)
    charted = [
        _Section(name, lead[name], _markup(drawn.get(name, {})), made[name], _pick(made, beside))
        for name, beside in _CHARTED.items()
    ]
    tabled = [
        _Section(name, lead[name], {}, None, _pick(made, names)) for name, names in _TABLED.items()
    ]
    return [*charted, *tabled]


def _markup(svgs: Mapping[str, str]) -> Mapping[str, Markup]:
    # Vega escapes the text it draws; the title and description are escaped where they are added.
    return {width: Markup(svg) for width, svg in svgs.items()}  # noqa: S704  # drawn by us


def _pick(made: Mapping[str, Table], names: Sequence[str]) -> list[Table]:
    return [made[name] for name in names if made[name].rows]


def _file_name(language: Language) -> str:
    return f"report.{language}.html"


def filled(
    name: str,
    writer: Writer,
    /,
    *,
    title: str,
    subtitle: str = "",
    others: Mapping[Language, str] | None = None,
    made_by: str = "",
    **values: object,
) -> str:
    """Return a page: the frame that all share, and in it a template with its values.

    Args:
        name: Of the template; it extends `frame.html` and takes its tables from `parts.html`.
        writer: Of the page's language.
        title: In the heading and the window.
        subtitle: Under the heading, if there is one.
        others: The files that say the same in other languages.
        made_by: What made the page.
        values: What the template itself asks for.
    """
    return _template(name).render(
        writer=writer,
        css=Markup(_stylesheet()),  # noqa: S704  # our own file
        title=title,
        subtitle=subtitle,
        others=others or {},
        made_by=made_by,
        **values,
    )


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("tallygrid", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _stylesheet() -> str:
    return files("tallygrid.report").joinpath("page.css").read_text(encoding="utf-8")
