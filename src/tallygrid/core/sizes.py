"""The size class of an enterprise, by a national standard that is a table of lower limits.

Large, medium and small need every indicator of the sector's row to reach its limit, else the
next class down. So a class can only rise with any indicator: with some not known, the class
is still certain when the least and the most they could be give the same.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from tallygrid.core.condition import Facts
from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.core.programme import Many, Name, Published, Source, Texts, _Part

if TYPE_CHECKING:
    import polars as pl

SizeClass = Literal["large", "medium", "small", "micro"]

SIZE_FACT: Final = "sme_class"
SECTOR_FACT: Final = "sector"
_FEN_PER_TEN_THOUSAND_YUAN: Final = 10_000 * FEN_PER_YUAN
_UNITS: Final[Mapping[str, tuple[str, int]]] = {
    "employees": ("employees", 1),
    "revenue": ("revenue_year_fen", _FEN_PER_TEN_THOUSAND_YUAN),
    "assets": ("assets_fen", _FEN_PER_TEN_THOUSAND_YUAN),
}
"""The fact that holds an indicator, and what one unit of the table is in that fact."""
SIZE_SOURCES: Final = (SECTOR_FACT, *(fact for fact, _ in _UNITS.values()))
"""The facts that the class follows from."""
_REACHED: Final[tuple[SizeClass, ...]] = ("large", "medium", "small")

Limits = Annotated[Many[int], Field(min_length=3, max_length=3)]


class SizeRow(_Part):
    """The lower limits of large, medium and small in some sectors, per indicator."""

    id: Name
    name: Texts
    sectors: Many[Name] = Field(min_length=1)
    employees: Limits | None = None
    revenue: Limits | None = None
    assets: Limits | None = None

    @property
    def floors(self) -> Mapping[str, tuple[int, ...]]:
        """The lower limits by fact, money in fen."""
        given = ((*_UNITS[name], getattr(self, name)) for name in _UNITS)
        return {fact: tuple(n * unit for n in limits) for fact, unit, limits in given if limits}


class SizeStandard(_Part):
    """A published standard of size classes."""

    id: Name
    document: Published
    sources: dict[Name, Source]
    rows: Many[SizeRow] = Field(min_length=1)

    def row(self, sector: object) -> SizeRow | None:
        """Return the row of a sector; none where the standard has none for it."""
        return next((row for row in self.rows if sector in row.sectors), None)


def size_class(standard: SizeStandard, facts: Facts) -> SizeClass | None:
    """Return the class that follows from the facts, whatever is not known; else nothing."""
    row = standard.row(facts.get(SECTOR_FACT))
    if row is None:
        return None
    known = {name: value for name in row.floors if isinstance(value := facts.get(name), int)}
    least, most = (_class(row, known, unknown_reaches=end) for end in (False, True))
    return least if least == most else None


def _class(row: SizeRow, known: Mapping[str, int], *, unknown_reaches: bool) -> SizeClass:
    """Return the class if what is not known reached every limit, or none."""
    for place, size in enumerate(_REACHED):
        if all(
            known[name] >= limits[place] if name in known else unknown_reaches
            for name, limits in row.floors.items()
        ):
            return size
    return "micro"


def with_size(standard: SizeStandard, facts: Facts) -> Facts:
    """Return the facts with the size class that follows from them; what is given wins."""
    found = size_class(standard, facts)
    return facts if found is None or SIZE_FACT in facts else {**facts, SIZE_FACT: found}


def size_column(standard: SizeStandard, fact: "Callable[[str], pl.Expr]") -> "pl.Expr":
    """Return the class of every row of a table, as `size_class` tells that of one case.

    Args:
        standard: The table of limits.
        fact: The column of a fact.
    """
    import polars as pl  # noqa: PLC0415  # only tables need it

    found = pl.lit(None, dtype=pl.String)
    for row in standard.rows:
        in_row = fact(SECTOR_FACT).is_in(row.sectors)
        least, most = (_class_column(row, fact, unknown_reaches=end) for end in (False, True))
        found = pl.when(in_row).then(pl.when(least == most).then(least)).otherwise(found)
    return found


def _class_column(
    row: SizeRow, fact: "Callable[[str], pl.Expr]", *, unknown_reaches: bool
) -> "pl.Expr":
    """Return the class of every row if what is not known reached every limit, or none."""
    import polars as pl  # noqa: PLC0415  # see `size_column`

    found = pl.lit("micro")
    for place, size in reversed(tuple(enumerate(_REACHED))):
        reached = [
            (fact(name) >= limits[place]).fill_null(unknown_reaches)
            for name, limits in row.floors.items()
        ]
        found = pl.when(pl.all_horizontal(reached)).then(pl.lit(size)).otherwise(found)
    return found
