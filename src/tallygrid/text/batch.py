"""The answer to a batch in words."""

from collections.abc import Iterator
from pathlib import Path

from tallygrid.placement.batch.answer import Answer
from tallygrid.placement.batch.tables import Batch
from tallygrid.settings import Language
from tallygrid.text import render


def summary_lines(
    answer: Answer, out: Path, language: Language, *, seconds: float
) -> Iterator[str]:
    """Yield the value and its parts, the bound, and where the assignment is."""
    yield render("batch.placed", language, placed=answer.placed, jobs=len(answer.choice), file=out)
    yield render("batch.value", language, value=answer.objective_fen)
    for part, fen in vars(answer.split).items():
        yield render(f"batch.{part}", language, amount=fen)
    yield render(
        "batch.bound",
        language,
        bound=answer.bound_fen,
        source=render(f"batch.source.{answer.bound_source}", language),
        dual=answer.dual_bound_fen,
        gap=f"{answer.gap:.4%}",
    )
    yield render(f"batch.status.{answer.status}", language, seconds=f"{seconds:.1f}")


def left_out_lines(
    batch: Batch, reasons: tuple[tuple[int, str], ...], language: Language
) -> Iterator[str]:
    """Yield a line for every job that is left out, with the reason that binds."""
    for job, code in reasons:
        programme = batch.jobs.programme[job]
        name = batch.budgets.programmes[programme] if programme >= 0 else ""
        why = render(f"batch.left_out.{code}", language, programme=name)
        yield render("batch.left_out", language, job=batch.jobs.ids[job], why=why)


def progress_line(value_fen: int, bound: float, language: Language) -> str:
    """Return one line on how far the search is."""
    bound_fen = max(0, int(bound))
    gap = (value_fen - bound_fen) / value_fen if value_fen else 0.0
    return render("batch.progress", language, value=value_fen, bound=bound_fen, gap=f"{gap:.4%}")
