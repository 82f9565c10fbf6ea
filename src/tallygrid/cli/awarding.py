"""`tallygrid award`: a batch is closed, and its vouchers are issued."""

from dataclasses import asdict

import click

from tallygrid.cli.allocating import left_of, refuse_kept, refuse_overspent, require_seed
from tallygrid.cli.common import (
    Desk,
    at_option,
    instant,
    json_option,
    not_blank,
    require_published,
    write_json,
)
from tallygrid.cli.refusing import why_refused
from tallygrid.core.allocation import KeptError, OverspentError
from tallygrid.service import allocating, publishing
from tallygrid.service.allocating import Allotted, Closing
from tallygrid.text import render


@click.command()
@click.option("--programme", "name", required=True, metavar="ID")
@click.option(
    "--batch",
    required=True,
    metavar="NAME",
    callback=not_blank,
    help="The same name is the same batch.",
)
@click.option("--seed", default="", metavar="TEXT", help="What a lottery is drawn with.")
@click.option(
    "--group-yuan",
    multiple=True,
    nargs=2,
    metavar="GROUP N",
    help="What is left of what is kept for a group; else its amount less what it has drawn.",
)
@at_option
@json_option
@click.pass_obj
def award(  # noqa: PLR0913  # one argument per option
    desk: Desk,
    *,
    name: str,
    batch: str,
    seed: str,
    group_yuan: tuple[tuple[str, str], ...],
    at: str | None,
    as_json: bool,
) -> None:
    """Close a batch: share the budget out among all that are approved or wait, and issue."""
    with desk.office() as office:
        schemes = publishing.published(office)
        require_published(name, schemes)
        scheme = schemes[name]
        require_seed(desk, scheme.applied, seed)
        given = left_of(desk, scheme.applied, group_yuan, instant(at).date())
        groups = {group: given[group] for group, _ in group_yuan}
        try:
            closed = allocating.close(office, scheme, Closing(batch, seed, groups), at=instant(at))
        except OverspentError as error:
            refuse_overspent(desk, error)
        except KeptError as error:
            refuse_kept(desk, error)
    if as_json:
        write_json([asdict(one) for one in closed])
        return
    for one in closed:
        words = render(f"allocation.closed.{_became(one)}", desk.language, **vars(one))
        desk.out.print(words, markup=False, soft_wrap=True)
        if one.refused is not None:
            why = why_refused(desk, one.refused)
            desk.out.print(f"  {why}", markup=False, soft_wrap=True)
    if not closed:
        click.echo(render("allocation.closed.none", desk.language))


def _became(one: Allotted) -> str:
    """Return what became of an application, as the messages call it."""
    if one.is_unserved:
        return "barred" if one.is_barred else "unserved"
    if one.state != "awarded":
        return one.state
    if one.voucher is None:
        return "ex_post"
    return "lower" if one.amount_fen < one.asked_fen else "awarded"
