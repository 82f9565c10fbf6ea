"""`tallygrid token`: who may read what over HTTP."""

from datetime import timedelta
from typing import cast

import click

from tallygrid.cli.common import Desk
from tallygrid.service.token import KINDS, LONGEST, Bearer, Kind, issue, renew_key
from tallygrid.text import render


@click.group()
def token() -> None:
    """Let an authority, a provider or an applicant read its own rows."""


@token.command("issue")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("code")
@click.option(
    "--hours",
    default=12,
    show_default=True,
    type=click.IntRange(1, int(LONGEST / timedelta(hours=1))),
    help="How long the token counts.",
)
@click.pass_obj
def issue_(desk: Desk, kind: str, code: str, hours: int) -> None:
    """Write a token for the authority of the place CODE, or for the organisation CODE.

    Whoever has it reads as its bearer until it ends: hand it over as you would a password.
    """
    bearer = Bearer(cast("Kind", kind), code)
    with desk.server().connect("web") as connection:
        click.echo(issue(connection, bearer, timedelta(hours=hours)))


@token.command()
@click.option("--at-once", is_flag=True, help="What the key before has signed no longer counts.")
@click.pass_obj
def renew(desk: Desk, *, at_once: bool) -> None:
    """Sign with a new key from now on."""
    overlap = timedelta() if at_once else LONGEST
    with desk.server().connect("migrator") as connection:
        renew_key(connection, overlap=overlap)
    code = "reading.key_renewed_at_once" if at_once else "reading.key_renewed"
    click.echo(render(code, desk.language, days=LONGEST.days))
