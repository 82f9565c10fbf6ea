"""`tallygrid init`, `doctor`, `stop`: the database and the machine."""

import sys

import click

from tallygrid import clock
from tallygrid.cli.common import REFUSED, Desk, json_option, write_json
from tallygrid.database import examine, locate
from tallygrid.files.keys import signing_key
from tallygrid.text import render


@click.command()
@click.pass_obj
def init(desk: Desk) -> None:
    """Create the database and the signing key, or bring the database forward."""
    server = desk.server()
    desk.out.print(render("cli.ready", desk.language, database=server.database), markup=False)
    key = signing_key(desk.settings.home, at=clock.now())
    desk.out.print(render("cli.key", desk.language, key=key.id), markup=False)


@click.command()
@json_option
@click.pass_obj
def doctor(desk: Desk, *, as_json: bool) -> None:
    """Say what is missing on this machine, and how to get it. Starts nothing."""
    found = examine(desk.settings, desk.say)
    if as_json:
        write_json(
            [
                {
                    "subject": one.subject,
                    "state": one.state,
                    "sentence": one.sentence(desk.language),
                }
                for one in found
            ]
        )
    else:
        for one in found:
            mark = {"ok": "✓", "missing": "✗", "optional": "·"}[one.state]
            desk.out.print(f"{mark} {one.sentence(desk.language)}", markup=False)
    if any(one.state == "missing" for one in found):
        sys.exit(REFUSED)


@click.command()
@click.pass_obj
def stop(desk: Desk) -> None:
    """Stop the embedded database server; the next command starts it again."""
    locate(desk.settings, desk.say).stop()
