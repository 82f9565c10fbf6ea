"""The report of the laboratory as one page: everything inline, nothing loaded from elsewhere."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tallygrid.report.laboratory.content import Content, Section
from tallygrid.report.page import filled
from tallygrid.report.shapes import WIDTHS
from tallygrid.report.svg import announced
from tallygrid.report.writer import Writer
from tallygrid.settings import Language


def page(told: Content, language: Language, others: Mapping[Language, str]) -> str:
    """Return the page in one language, with links to the others' files."""
    return filled(
        "laboratory.html",
        Writer(language),
        title=told.title,
        subtitle=told.subtitle,
        others=others,
        made_by=told.made_by,
        told=told,
        headings=[(section.name, section.title) for section in told.sections],
        pictures={section.name: _pictures(section) for section in told.sections},
    )


def _pictures(section: Section) -> Sequence[tuple[str, Markup]]:
    """Draw a section for every width."""
    found = []
    for width, pixels in WIDTHS.items():
        picture = section.picture(pixels)
        if picture is not None:
            drawn = announced(
                picture,
                key=f"{section.name}-{width}",
                title=section.title,
                description=section.description,
            )
            # Vega escapes the text it draws; title and description are escaped by `announced`.
            found.append((width, Markup(drawn)))  # noqa: S704  # drawn by us
    return found
