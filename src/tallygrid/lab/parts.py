"""Single runs on many processors: what is sent there, what comes back, and what is kept of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from signal import SIG_DFL, SIGINT, signal
from typing import Any, Final, NamedTuple

import polars as pl

from tallygrid.files.mistake import FileError
from tallygrid.files.whole import whole
from tallygrid.lab.kept import read_table
from tallygrid.lab.levers import Point
from tallygrid.lab.scenario import Scenario

Figures = Mapping[str, float | None]
Row = dict[str, float | str | None]
SEEDS_AT_ONCE: Final = 5
"""As many seeds of a point are one task: enough to be worth sending, few enough to share out."""
_AHEAD: Final = 3
"""As many tasks for every worker are sent before they are wanted; more would fill the memory."""


class Task(NamedTuple):
    """A point, and the seeds that it is to be played on."""

    point: int
    seeds: range


class LostError(Exception):
    """Workers are gone, and with them what they were playing."""


class UnfinishedError(Exception):
    """Not everything could be run; what was run is kept."""

    def __init__(self, out: Path, left: int, of: int, why: str) -> None:
        super().__init__(
            f"{left:,} of {of:,} tasks are left ({why}). The others are kept in {out}; "
            "the same command goes on with what is left."
        )


@dataclass(frozen=True)
class Pool:
    """Where runs are played, and how many at once."""

    executor: Executor
    workers: int


@contextmanager
def processes(count: int) -> Iterator[Pool]:
    """Give as many processes of this machine; one is this process itself."""
    if count == 1:
        yield Pool(_Here(), 1)
        return
    # Forked processes would share locks that threads of numba and polars hold.
    spawn = get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=spawn, initializer=_ends_quietly) as executor:
        yield Pool(executor, count)


def _ends_quietly() -> None:
    """Let a process that is broken off end at once; only the one that started it has words."""
    signal(SIGINT, SIG_DFL)


class _Here(Executor):
    """Plays at once what is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **given: Any) -> Future[Any]:  # noqa: ANN401  # its base's
        future: Future[Any] = Future()
        future.set_result(fn(*args, **given))
        return future


def tasks_of(point: int, seeds: range) -> Iterator[Task]:
    """Yield the tasks that a point on some seeds comes to."""
    for first in range(0, len(seeds), SEEDS_AT_ONCE):
        yield Task(point, seeds[first : first + SEEDS_AT_ONCE])


@dataclass
class Parts:
    """A folder with the rows of every task that has been played."""

    folder: Path
    at: Callable[[Point], Scenario]
    """Returns the scenario at a point, or raises FileError."""
    points: Sequence[Point]
    impossible: dict[int, str] = field(default_factory=dict)
    """The points that cannot be, and why."""

    def play(self, pool: Pool, tasks: Sequence[Task]) -> Iterator[Task]:
        """Play what is not there yet; yield each task once its rows are.

        A point that cannot be is left out, and noted.

        Raises:
            UnfinishedError: Workers were lost; what was played is kept.
            FileError: No point can be.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        todo = [task for task in tasks if not self._path(task).is_file()]
        yield from (task for task in tasks if self._path(task).is_file())
        left = len(todo)
        try:
            for task, rows in _each(pool, self._sent(todo)):
                self._keep(task, rows)
                left -= 1
                yield task
        except (BrokenExecutor, LostError) as error:
            why = str(error).splitlines()[0]
            raise UnfinishedError(self.folder.parent, left, len(tasks), why) from error

    def _sent(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Scenario]]:
        made: tuple[int, Scenario] | None = None
        for task in tasks:
            if task.point in self.impossible:
                continue
            if made is None or made[0] != task.point:
                try:
                    made = (task.point, self.at(self.points[task.point]))
                except FileError as error:
                    self.impossible[task.point] = str(error.mistakes[0])
                    if len(self.impossible) == len(self.points):
                        raise
                    continue
            yield task, made[1]

    def read(self, task: Task) -> pl.DataFrame:
        """Return the rows of a task that has been played."""
        return read_table(self._path(task))

    def _keep(self, task: Task, rows: Sequence[Row]) -> None:
        with whole(self._path(task)) as part:
            pl.DataFrame(rows, infer_schema_length=None).write_parquet(part)

    def _path(self, task: Task) -> Path:
        first, last = task.seeds[0], task.seeds[-1]
        return self.folder / f"point-{task.point:06d}-seeds-{first:06d}-{last:06d}.parquet"


def _each(pool: Pool, tasks: Iterator[tuple[Task, Scenario]]) -> Iterator[tuple[Task, list[Row]]]:
    """Yield every task with its rows, in the order in which they come."""
    waiting: dict[Future[list[Row]], Task] = {}
    try:
        while True:
            for task, scenario in islice(tasks, _AHEAD * pool.workers - len(waiting)):
                waiting[pool.executor.submit(rows_at, scenario, task.seeds)] = task
            if not waiting:
                return
            done = wait(waiting, return_when=FIRST_COMPLETED).done
            # What was played is kept before the first that was lost ends it all.
            for finished in sorted(done, key=lambda one: one.exception() is not None):
                yield waiting.pop(finished), finished.result()
    finally:
        for future in waiting:
            future.cancel()


def rows_at(scenario: Scenario, seeds: Sequence[int]) -> list[Row]:
    """Play a scenario on some seeds; return the figures of each.

    A programme whose text the scenario changes stands there by the hash of what was played.
    """
    from tallygrid.lab.network.results import tables_of  # noqa: PLC0415  # loaded where it runs
    from tallygrid.lab.network.simulate import play, stage_of  # noqa: PLC0415  # likewise
    from tallygrid.lab.network.summary import figures_of  # noqa: PLC0415  # likewise

    stage = stage_of(scenario)
    texts = {
        f"text.{one.programme.id}": one.programme.hash for one in scenario.programmes if one.changes
    }
    return [
        {"seed": seed, **texts, **figures_of(tables_of(stage, play(stage, seed)))} for seed in seeds
    ]
