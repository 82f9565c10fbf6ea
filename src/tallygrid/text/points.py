"""The difference of two shares, in percentage points."""

from tallygrid.settings import Language
from tallygrid.text import number, render

_POINTS = 100


def points(difference: float, language: Language) -> str:
    """Write the difference of two shares.

    >>> points(0.096, "en"), points(-0.5, "zh")
    ('9.6 pp', '-50个百分点')
    """
    # A nought is no less than nought.
    told = number(round(difference * _POINTS, 1) + 0, language)
    return render("report.trials.points", language, told=told)
