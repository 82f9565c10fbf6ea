"""The command line: the same use cases from a terminal; every command is a translation.

Exit codes: 0 done, 1 refused or a check failed, 2 wrong input. Listings take `--json`; logs
and progress go to standard error, progress only to a terminal.
"""

import sys
from importlib import import_module
from typing import Final, NamedTuple

import click

from tallygrid.cli.common import Desk, require_text
from tallygrid.cli.telling import told


class _Command(NamedTuple):
    """Where a command is, and what it does, in one sentence."""

    module: str
    does: str


COMMANDS: Final = {
    "init": _Command(
        "setup", "Create the database and the signing key, or bring the database forward."
    ),
    "doctor": _Command("setup", "Say what is missing on this machine, and how to get it."),
    "stop": _Command(
        "setup", "Stop the embedded database server; the next command starts it again."
    ),
    "demo": _Command(
        "demo",
        "Run the main job: programmes, applications, vouchers, jobs, settlement, verified books.",
    ),
    "serve": _Command(
        "serve",
        "Serve the last report, the signed heads, and under /api the rows of a token's bearer.",
    ),
    "worker": _Command(
        "working",
        "Finish what was left lying, end what is over, publish heads, solve prices, until stopped.",
    ),
    "programme": _Command("programme", "Read, check, compare and publish programmes."),
    "match": _Command("deciding", "Hold every programme in the country against one applicant."),
    "decide": _Command("deciding", "Decide one case, or every row of a table, with every finding."),
    "allocate": _Command(
        "allocating", "Share a budget out among approved claims, by the rule of the text."
    ),
    "award": _Command(
        "awarding",
        "Close a batch: share the budget out among all that are approved or wait, and issue.",
    ),
    "quote": _Command(
        "buying", "Quote a workload: where it would go, who pays what, in cash and when."
    ),
    "place": _Command(
        "placing", "Place many jobs at once at the least cost, with a certified bound."
    ),
    "apply": _Command(
        "buying", "Apply for the vouchers that help a workload, and show every decision."
    ),
    "run": _Command(
        "buying",
        "Apply for the vouchers that help, place, hold, run, follow and settle a workload.",
    ),
    "deliver": _Command(
        "buying", "Accept a delivery of PURCHASE on its evidence: it is rated, captured, and owed."
    ),
    "pay": _Command(
        "paying", "Send all that a programme owes to the treasury or a bank, as a payment list."
    ),
    "confirm": _Command(
        "paying",
        "Book RECEIPTS: the treasury's CSV, or a bank's statement, a camt.053 in an `.xml` file.",
    ),
    "reward": _Command(
        "rewarding",
        "Decide a case whose work is done and paid; what it is awarded is owed at once.",
    ),
    "notice": _Command(
        "noticing",
        "Hold awards while they are in public notice; then issue their vouchers, or withdraw them.",
    ),
    "voucher": _Command(
        "ending", "End vouchers: when their time is over, or when they are taken back."
    ),
    "correct": _Command(
        "correcting",
        "Take back a part of what was accepted of a purchase, or awarded without a voucher.",
    ),
    "clawback": _Command(
        "recovering", "Ask back what was paid wrongly, and book what became of it."
    ),
    "copay": _Command(
        "copaying", "Book what applicants still owe of their own: received, or late."
    ),
    "placements": _Command("steering", "Say where the work went."),
    "prices": _Command(
        "steering", "Solve and show what one more card-hour, or yuan of a budget, is worth."
    ),
    "sites": _Command("steering", "Keep what sites tell of themselves."),
    "lab": _Command("laboratory", "Try policies before they are law."),
    "audit": _Command(
        "audit", "Hand out evidence for a voucher or a payment, and check it anywhere."
    ),
    "books": _Command("books", "Keep budgets, prove the books, and hand them to others."),
    "token": _Command("token", "Let an authority, a provider or an applicant read its own rows."),
}
"""Every command, its module loaded when it is called: the rest takes a second or two."""


_TYPED: Final = "tallygrid.typed"
"""Where all that was typed after the program's name is kept."""


class _Commands(click.Group):
    """Commands that are loaded when they are called; mistakes we know end in a sentence."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = tuple(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"tallygrid.cli.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.does) for name, one in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = told(error, ctx.find_object(Desk))
            if code is None:
                raise
            raise click.exceptions.Exit(code) from None


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
    require_text(context.meta[_TYPED])


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        sys.exit(tallygrid(standalone_mode=False))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
