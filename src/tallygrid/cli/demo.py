"""`tallygrid demo`: the main job on real demand, with a report."""

import shutil
import subprocess
import sys
from datetime import UTC
from importlib.metadata import version
from pathlib import Path
from time import monotonic

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tallygrid import clock, ledger
from tallygrid.cli.common import REFUSED, Desk
from tallygrid.core.demand import Demand
from tallygrid.core.heads import signed
from tallygrid.database import persistently
from tallygrid.demo import marker
from tallygrid.demo.figures import figures_of, run_of
from tallygrid.demo.gather import gather
from tallygrid.demo.marker import Plan
from tallygrid.demo.perform import Cast, perform
from tallygrid.demo.script import read_script
from tallygrid.demo.stage import Stage, Watch
from tallygrid.files.assumptions import packaged_assumptions
from tallygrid.files.heads import write_heads
from tallygrid.files.keys import signing_key
from tallygrid.files.programme import read_programmes
from tallygrid.lab.demand import FIRMS, JOBS, from_trace, generate, read_table
from tallygrid.lab.trace import read_philly
from tallygrid.report.figures import Checks, Figures
from tallygrid.report.page import write_report
from tallygrid.report.terminal import print_report
from tallygrid.service import auditing
from tallygrid.text import render


@click.command()
@click.option("--seed", default=1, show_default=True, help="The same seed plays the same demand.")
@click.option("--jobs", default=JOBS, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--firms", default=FIRMS, show_default=True, type=click.IntRange(1, 10_000))
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    help="Play a Philly-style trace (CSV, plain or gzip) instead of the fitted figures.",
)
@click.option(
    "--out",
    default=Path("out/demo"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the report, the journal and the heads are written.",
)
@click.pass_obj
def demo(  # one argument per option
    desk: Desk, *, seed: int, jobs: int, firms: int, trace: Path | None, out: Path
) -> None:
    """Run the main job: programmes, applications, vouchers, jobs, settlement, verified books.

    A run that was interrupted goes on where it stood; a complete one is begun anew.
    """
    begun = monotonic()
    plan = Plan(seed=seed, jobs=jobs, firms=firms, trace=str(trace.resolve()) if trace else "")
    cast = _cast(_demand(plan))
    server = desk.server()
    persistently(server, lambda: marker.prepare(server, plan, desk.say, desk.language))
    with desk.office() as office, _progress(desk) as watch:
        stage = perform(office, cast, seed=seed, watch=watch)
        watch("report", 0, 1)
        figures = _report(
            stage, plan, out, home=desk.settings.home, wall_s=round(monotonic() - begun)
        )
        watch("report", 1, 1)
        marker.complete(office)
    print_report(desk.out, figures, desk.language)
    if figures.checks.journal_accepted is None:
        desk.say("demo.bean_check_missing")
    for path in sorted(out.glob(f"report.{desk.language}.html")):
        desk.out.print(render("demo.report_written", desk.language, path=path), markup=False)
    if figures.checks.problems or figures.checks.journal_accepted is False:
        sys.exit(REFUSED)


def _demand(plan: Plan) -> Demand:
    table = read_table()
    if plan.trace:
        rows = read_philly(Path(plan.trace))
        return from_trace(rows, table, seed=plan.seed, jobs=plan.jobs, firms=plan.firms)
    return generate(table, seed=plan.seed, jobs=plan.jobs, firms=plan.firms)


def _cast(demand: Demand) -> Cast:
    script, programmes = read_script(), read_programmes()
    return Cast(demand, script, programmes, packaged_assumptions(script.assumptions, programmes))


def _report(stage: Stage, plan: Plan, out: Path, *, home: Path, wall_s: int) -> Figures:
    """Write the journal, the heads and the report; return the report's figures."""
    out.mkdir(parents=True, exist_ok=True)
    of = gather(stage)
    journal, heads = out / "journal.beancount", out / "heads.jsonl"
    problems = stage.office.transact("auditor", lambda c: (*ledger.verify(c), *auditing.verify(c)))
    with journal.open("w", encoding="utf-8") as file:
        for line in stage.office.transact(
            "auditor", lambda c: list(ledger.beancount(ledger.journals(c)))
        ):
            file.write(line + "\n")
    heads.unlink(missing_ok=True)  # an earlier demonstration had books of its own
    key, at = signing_key(home, at=clock.now()), clock.now()
    found = stage.office.transact("auditor", ledger.heads)
    write_heads(heads, [signed(head, key, at=at) for head in found])
    checks = Checks(
        problems=tuple(render(one.code, "en", **one.values) for one in problems),
        events=of.events,
        batches=of.batches,
        heads=of.heads,
        journal_accepted=_bean_check(journal),
    )
    run = run_of(
        of,
        made_at=clock.now().astimezone(UTC),
        wall_s=wall_s,
        version=version("tallygrid"),
        is_trace=bool(plan.trace),
    )
    figures = figures_of(of, run, checks)
    write_report(figures, out)
    return figures


def _bean_check(journal: Path) -> bool | None:
    """Let an independent program recompute the journal; nothing if it is not installed."""
    beside = Path(sys.executable).with_name("bean-check")
    program = str(beside) if beside.exists() else shutil.which("bean-check")
    if program is None:
        return None
    done = subprocess.run([program, str(journal)], check=False, capture_output=True)  # noqa: S603  # by its full path
    return done.returncode == 0


class _progress:  # noqa: N801  # used as a function
    """Progress bars on a terminal, silence in a pipe."""

    def __init__(self, desk: Desk) -> None:
        self._language = desk.language
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=desk.log,
            disable=not desk.log.is_terminal,
        )
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> Watch:
        self._bars.start()
        return self._watch

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def _watch(self, scene: str, done: int, total: int) -> None:
        if scene not in self._tasks:
            words = render(f"demo.scene.{scene}", self._language)
            self._tasks[scene] = self._bars.add_task(words, total=total)
        self._bars.update(self._tasks[scene], completed=done, total=total)  # type: ignore[arg-type]  # its own id
