"""The command line: the same use cases from a terminal; every command is a translation.

Exit codes: 0 done, 1 refused or a check failed, 2 wrong input. Listings take `--json`; logs
and progress go to standard error, progress only to a terminal.
"""

import sys
from importlib import import_module
from typing import Final

import click

from tallygrid.cli.common import WRONG_INPUT, Desk, report_mistakes

_COMMANDS: Final = {
    "init": "setup",
    "doctor": "setup",
    "stop": "setup",
    "demo": "demo",
    "serve": "serve",
    "programme": "programme",
    "match": "deciding",
    "decide": "deciding",
    "quote": "buying",
    "apply": "buying",
    "run": "buying",
    "deliver": "buying",
    "pay": "paying",
    "confirm": "paying",
    "books": "books",
}
"""Each command and its module, loaded when it is asked for: the rest takes over a second."""


class _Commands(click.Group):
    """Commands that are loaded when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"tallygrid.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tallygrid", message="%(package)s %(version)s")
@click.option(
    "--language",
    type=click.Choice(["en", "zh"]),
    help="Language of the output; from LANG if unset.",
)
@click.pass_context
def tallygrid(context: click.Context, language: str | None) -> None:
    """Compute vouchers, from the published policy to the paid provider."""
    context.obj = Desk.of(language)


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        tallygrid(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(WRONG_INPUT)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except Exception as error:  # noqa: BLE001  # those we know are told in a sentence, others raised
        sys.exit(report_mistakes(error))
