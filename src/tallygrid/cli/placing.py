"""`tallygrid place`: the batch optimum, with a bound that anybody can recompute."""

import csv
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tallygrid.cli.common import Desk, json_option, write_json
from tallygrid.files.whole import whole

if TYPE_CHECKING:
    from tallygrid.placement.batch.answer import Answer
    from tallygrid.placement.batch.instance import Instance
    from tallygrid.placement.batch.solve import Tell
    from tallygrid.placement.batch.tables import Batch

SECONDS: Final = 60.0
_RESERVE: Final = 0.03
"""The share of the time that is kept for checking and writing, beside what reading took."""


class _Finite(click.FloatRange):
    """A range that neither infinity is in, nor what is no number: click lets both through."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is no finite number. Write digits.", param, ctx)
        return number


def _file(name: str, does: str) -> Callable[[Any], Any]:
    path = click.Path(path_type=Path, dir_okay=False)
    return click.option(name, required=True, type=path, metavar="FILE.csv", help=does)


@click.command()
@_file("--jobs", "What has to be placed.")
@_file("--pools", "Where jobs may go, and at which price.")
@_file("--routes", "Latency and transfer price of every region and site.")
@_file("--budgets", "What each programme may still pay, and which share.")
@_file("--out", "Where the assignment is written: job_id, pool_id.")
@click.option(
    "--seconds",
    type=_Finite(min=0, min_open=True),
    default=SECONDS,
    show_default=True,
    help="Stop then at the latest, with the best so far.",
)
@click.option(
    "--gap",
    type=_Finite(0, 1),
    default=0.0,
    show_default=True,
    help="Stop as soon as value and bound are so near, as a share of the value.",
)
@click.option(
    "--public-weight",
    type=click.IntRange(0, 1_000_000),
    default=10_000,
    show_default=True,
    help="What a fen of public money costs, in basis points of a fen.",
)
@click.option(
    "--duals",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.csv",
    help="Also write the dual prices, from which the bound can be recomputed.",
)
@json_option
@click.pass_obj
def place(desk: Desk, /, *, out: Path, duals: Path | None, as_json: bool, **asked: Any) -> None:  # noqa: ANN401  # one argument per option
    """Place many jobs at once at the least cost, with a certified bound."""
    start = time.perf_counter()  # what is loaded now counts too
    from tallygrid.placement.batch.deadline import Deadline
    from tallygrid.placement.batch.solve import solve

    for file in filter(None, (out, duals)):
        _require_folder(file)
    _require_apart(asked, {"--out": out, "--duals": duals})
    loaded = time.perf_counter()
    instance = _instance(asked)
    # Checking and writing take about as long as reading did.
    reading = time.perf_counter() - loaded
    start_s = start + _compiling(desk)
    deadline = Deadline(time.perf_counter, start_s + asked["seconds"] * (1 - _RESERVE) - reading)
    answer = solve(instance, deadline, gap=asked["gap"], tell=_teller(desk))
    _write(out, ("job_id", "pool_id"), _assigned(instance.batch, answer))
    if duals:
        _write(duals, ("kind", "id", "price_num", "price_den"), _priced(instance.batch, answer))
    _show_left_out(desk, instance, answer, to_log=as_json)
    seconds = time.perf_counter() - start
    if as_json:
        write_json(_as_json(answer, seconds))
    else:
        _show(desk, answer, out, seconds)


def _instance(asked: dict[str, Any]) -> "Instance":
    """Read the four files and make them ready."""
    from tallygrid.files.batch import Paths, read_batch, too_dear
    from tallygrid.placement.batch.instance import Instance, TooDearError

    paths = Paths(asked["jobs"], asked["pools"], asked["routes"], asked["budgets"])
    batch = read_batch(paths)
    try:
        return Instance.of(batch, public_weight_bp=asked["public_weight"])
    except TooDearError as error:
        raise too_dear(paths, error.jobs) from None


def _compiling(desk: Desk) -> float:
    """Make the kernels ready, and return the seconds that this took if they had to be compiled.

    That is once after an installation, and no part of what was asked for; who waits is told.
    """
    from tallygrid.placement.batch.ready import is_kept, make_ready
    from tallygrid.text import render

    begun = time.perf_counter()
    if desk.log.is_terminal and not is_kept():
        desk.say(render("batch.compiling", desk.language))
    return time.perf_counter() - begun if make_ready() else 0.0


def _show_left_out(desk: Desk, instance: "Instance", answer: "Answer", *, to_log: bool) -> None:
    """List every job that is left out, with its reason."""
    from tallygrid.placement.batch.answer import reasons
    from tallygrid.text.batch import left_out_lines

    found = reasons(instance, answer.choice)
    for line in left_out_lines(instance.batch, found, desk.language):
        click.echo(line, err=to_log)


def _show(desk: Desk, answer: "Answer", out: Path, seconds: float) -> None:
    from tallygrid.text.batch import summary_lines

    click.echo("\n".join(summary_lines(answer, out, desk.language, seconds=seconds)))


def _teller(desk: Desk) -> "Tell":
    """Return what shows the progress: a line per stage, on a terminal only."""
    from tallygrid.text.batch import progress_line

    def tell(value_fen: int, bound: float) -> None:
        if desk.log.is_terminal:
            desk.say(progress_line(value_fen, bound, desk.language))

    return tell


def _require_folder(file: Path) -> None:
    """Refuse a file that could not be written, before anything is solved."""
    if file.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK):
        message = f"{file} cannot be written: check the folder {file.parent}."
        raise click.BadParameter(message, param_hint="--out or --duals")


def _require_apart(asked: dict[str, Any], written: dict[str, Path | None]) -> None:
    """Refuse to write over what is read, or one output over the other."""
    taken = {f"--{name}": asked[name] for name in ("jobs", "pools", "routes", "budgets")}
    for option, file in written.items():
        if file is None:
            continue
        for other, path in taken.items():
            if file.resolve() == path.resolve() or (path.exists() and file.exists()
                                                    and file.samefile(path)):  # fmt: skip
                message = f"{file} is the file of {other} too. Name another one."
                raise click.BadParameter(message, param_hint=option)
        taken[option] = file


def _assigned(batch: "Batch", answer: "Answer") -> Iterable[tuple[str, str]]:
    names = (*batch.pools.ids, "")  # the last one, at NONE, is that of no pool
    for job, pool in zip(batch.jobs.ids, answer.choice.tolist(), strict=True):
        yield job, names[pool]


def _priced(batch: "Batch", answer: "Answer") -> Iterable[tuple[str, str, int, int]]:
    from tallygrid.placement.batch.bound import STEP

    for kind, ids, prices in (
        ("pool", batch.pools.ids, answer.prices.pool),
        ("budget", batch.budgets.programmes, answer.prices.budget),
    ):
        for name, price in zip(ids, prices, strict=True):
            yield kind, name, price, STEP


def _write(file: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a table as a whole or not at all."""
    with whole(file) as part, part.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def _as_json(answer: "Answer", seconds: float) -> dict[str, object]:
    return {
        "objective_fen": answer.objective_fen,
        **asdict(answer.split),
        "placed": answer.placed,
        "dual_bound_fen": answer.dual_bound_fen,
        "bound_fen": answer.bound_fen,
        "bound_source": answer.bound_source,
        "gap": answer.gap,
        "seconds": round(seconds, 3),
        "status": answer.status,
    }
