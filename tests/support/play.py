"""Plays the demonstration without its report, as a process to be killed: play.py HOME SEED."""

import faulthandler
import sys
from pathlib import Path

from tallygrid.database import resolve
from tallygrid.database.again import Sessions
from tallygrid.demo import marker
from tallygrid.demo.marker import Plan
from tallygrid.demo.perform import Cast, perform
from tallygrid.demo.script import read_script
from tallygrid.files.assumptions import packaged_assumptions
from tallygrid.files.catalogue import read_catalogue
from tallygrid.files.programme import read_programmes
from tallygrid.lab.demand import generate, read_table
from tallygrid.service.install import install
from tallygrid.service.office import Office
from tallygrid.settings import Settings
from tallygrid.sites.local import LocalSite

JOBS = 10
FIRMS = 15
STUCK_AFTER_S = 60
"""A run takes about ten seconds; a stuck one tells where, in the log that the test shows."""


def main(home: Path, seed: int) -> None:
    """Play a run to its end, from wherever the last process left it."""
    script, programmes = read_script(), read_programmes()
    demand = generate(read_table(), seed=seed, jobs=JOBS, firms=FIRMS)
    cast = Cast(demand, script, programmes, packaged_assumptions(script.assumptions, programmes))
    server = resolve(Settings(home=home), print)
    install(server)
    plan = Plan(seed=seed, jobs=JOBS, firms=FIRMS, trace="")
    marker.prepare(server, plan, print, "en")
    with Sessions(server, print) as sessions:
        site = LocalSite(home / "sites" / "local", slots=2)
        office = Office(sessions, read_catalogue(), site)
        perform(office, cast, seed=seed, watch=lambda *_: None)
        marker.complete(office)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(STUCK_AFTER_S, repeat=True)
    main(Path(sys.argv[1]), int(sys.argv[2]))
