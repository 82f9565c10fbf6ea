"""No programme file, however it was spoiled, makes the checker fail instead of answering."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallygrid.files.document import read
from tallygrid.files.programme import check, programme_files

PROGRAMMES: Final = Path(__file__).parents[2] / "src" / "tallygrid" / "programmes"
WHOLE: Final = {path.name: read(path).data for path in programme_files(PROGRAMMES)}
REPORTED: Final = {
    name: f"{data['contradicts']}.yaml"
    for name, data in WHOLE.items()
    if data["edition"] == "reported"
}
"""Every report, and the issued edition that it is laid over."""
ANYTHING: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [
        None, True, 5, -1, 1.5, "", "x", "5亿元", "5 billion yuan (about US$68M)", "9" * 50, "50%",
        "until 2026-99-99", "employees < 3 AND employees > 9", "startup", "yuan(1) > 2 andd", [],
        {}, [None], [{}], [[1]], [{"id": [1]}], [{"id": "a"}, {"id": "a"}], {"from": 5},
        {"below": 3, "from": 9}, {"a": 1}, [{"value": 5}], [{"from": "x", "value": 1}],
    ]
)  # fmt: skip


def _places(data: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401  # plain data
    inside = data.items() if isinstance(data, dict) else enumerate(data)
    for step, value in inside:
        yield (*where, step)
        if isinstance(value, dict | list):
            yield from _places(value, (*where, step))


def _spoiled(data: Any, where: tuple[str | int, ...], value: object) -> Any:  # noqa: ANN401  # plain data
    """Return a copy of data with another value at a place."""
    if not where:
        return value
    step, *rest = where
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    copy[step] = _spoiled(copy[step], tuple(rest), value)
    return copy


@st.composite
def spoiled(draw: st.DrawFn, names: Sequence[str] = sorted(WHOLE)) -> tuple[str, Any]:
    """Draw a shipped programme of which some values are something else."""
    name = draw(st.sampled_from(names))
    data = WHOLE[name]
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(list(_places(data))))
        data = _spoiled(data, where, draw(ANYTHING))
    return name, data


def _answers(name: str, files: Mapping[str, Any]) -> bool:
    """Tell whether a programme, among these files, is read or answered with sentences."""
    with tempfile.TemporaryDirectory() as folder:
        for file, data in files.items():
            text = yaml.safe_dump(data, allow_unicode=True)
            Path(folder, file).write_text(text, encoding="utf-8")
        found = check([Path(folder, name)])
    said = (*found.mistakes, *found.warnings)
    return (
        all(one.line >= 1 and one.column >= 1 for one in found.mistakes)
        and all(one.problem.endswith(".") for one in said)
        and bool(found.programmes or found.mistakes)
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(spoiled())
def test_a_spoiled_programme_is_answered_with_sentences(file: tuple[str, Any]) -> None:
    name, data = file

    assert _answers(name, {**{one: WHOLE[one] for one in REPORTED.values()}, name: data})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=30)
@given(st.sampled_from(sorted(REPORTED)), st.data())
def test_so_is_a_report_on_an_edition_that_is_spoiled(name: str, data: st.DataObject) -> None:
    issued, other = data.draw(spoiled([REPORTED[name]]))

    assert _answers(name, {name: WHOLE[name], issued: other})
