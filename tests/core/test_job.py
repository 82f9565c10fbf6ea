"""A job's life and its record."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tallygrid.core.job import JobOrder, JobState, Status, Usage

BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
USAGE = Usage(
    UUID(int=7),
    site="somewhere",
    cards=8,
    started_at=BEGUN,
    wall_ms=1_500,
    cpu_ms=9,
    exit_code=0,
    output_sha256="ab",
    attempt=1,
)


@pytest.mark.parametrize("state", JobState)
def test_an_ended_job_stays_as_it_ended(state: JobState) -> None:
    becomes = {other for other in JobState if state.may_become(other)}

    assert (becomes == {state}) == state.ended


def test_no_job_becomes_unknown_once_it_was_accepted() -> None:
    assert not any(
        state.may_become(JobState.UNKNOWN) for state in JobState if state is not JobState.UNKNOWN
    )


def test_any_changed_figure_changes_the_hash_of_the_record() -> None:
    changed = [
        replace(USAGE, cards=9),
        replace(USAGE, wall_ms=1_501),
        replace(USAGE, exit_code=1),
        replace(USAGE, attempt=2),
        replace(USAGE, output_sha256="ac"),
    ]

    assert len({usage.evidence_sha256 for usage in (USAGE, *changed)}) == 6


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.TIMED_OUT])
def test_a_job_that_ended_by_running_cannot_be_without_a_record(state: JobState) -> None:
    with pytest.raises(AssertionError):
        Status(state)


def test_a_lost_job_cannot_have_a_record_to_be_billed_by() -> None:
    with pytest.raises(AssertionError):
        Status(JobState.LOST, USAGE)


def test_the_order_of_the_environment_makes_no_other_order() -> None:
    one = JobOrder(UUID(int=1), "a", 1, ("true",), 1, environment={"A": "1", "B": "2"})
    other = JobOrder(UUID(int=1), "a", 1, ("true",), 1, environment={"B": "2", "A": "1"})

    assert one == other
    assert one.as_json() == other.as_json()
    assert list(one.as_json()["environment"]) == ["A", "B"]  # type: ignore[call-overload]  # a mapping
