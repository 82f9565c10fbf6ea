"""Performing: a run is set up, played to its end wherever it was interrupted, and paid."""

from dataclasses import dataclass

from tallygrid.core.assumptions import Assumptions
from tallygrid.core.demand import Demand
from tallygrid.core.programme import Programme
from tallygrid.demo import applications, jobs, opening, orders, payments, specials
from tallygrid.demo.script import Script
from tallygrid.demo.stage import Stage, Watch
from tallygrid.service import intent
from tallygrid.service.office import Office
from tallygrid.service.publishing import Scheme
from tallygrid.service.quoting import Counter


@dataclass(frozen=True)
class Cast:
    """What is played: the demand, the script, and the programmes with their assumptions."""

    demand: Demand
    script: Script
    programmes: tuple[Programme, ...]
    assumptions: Assumptions

    def schemes(self) -> dict[str, Scheme]:
        """Return the programmes as they were issued, by id; reported editions are not played."""
        return {
            one.id: Scheme(one, self.assumptions)
            for one in self.programmes
            if one.edition == "issued"
        }


def perform(office: Office, cast: Cast, *, seed: int, watch: Watch) -> Stage:
    """Play a run to its end; one that was interrupted goes on where it stood."""
    stage = Stage(
        office=office,
        counter=Counter(office, cast.schemes()),
        demand=cast.demand,
        script=cast.script,
        seed=seed,
        watch=watch,
    )
    intent.recover(office)
    for scene in (opening, applications, orders, specials, jobs, payments):
        scene.play(stage)
    return stage
