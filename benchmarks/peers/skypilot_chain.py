"""The peer of `placement.py`: SkyPilot's optimizer, one job after the other, in its own venv.

    python skypilot_chain.py JOBS.json

JOBS.json holds for every job what each pool that it may go to would cost, and what it uses.
SkyPilot knows neither capacity nor budgets: what is full is not offered to it, as when it
tries the next after a failure. Its own catalogue of clouds takes no part; the costs are
handed to the step that chooses. It prints the choices and the seconds as one JSON document.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from sky import clouds
from sky import task as tasks
from sky.optimizer import DummyResources, Optimizer


def main() -> None:
    """Choose for every job in order, and print what was chosen."""
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    room, money = given["room"], given["money"]
    chain = [_task(name) for name in ("skypilot-dummy-source", "job", "skypilot-dummy-sink")]
    source, job, sink = chain
    pools = [DummyResources(cloud=clouds.DummyCloud()) for _ in room]
    begun, choices = time.perf_counter(), []
    for one in given["jobs"]:
        fits = {
            pools[pool]: cost
            for pool, cost, subsidy in one["offers"]
            if one["work"] <= room[pool] and subsidy <= money[one["programme"]]
        }
        if not fits:
            choices.append(-1)
            continue
        costs = {source: {_only(source): 0}, job: fits, sink: {_only(sink): 0}}
        plan, _ = Optimizer._optimize_by_dp(chain, costs)  # noqa: SLF001  # what `optimize` calls
        pool = next(number for number, made in enumerate(pools) if made is plan[job])
        choices.append(pool)
        room[pool] -= one["work"]
        money[one["programme"]] -= next(paid for at, _, paid in one["offers"] if at == pool)
    print(json.dumps({"choices": choices, "seconds": time.perf_counter() - begun}))


def _task(name: str) -> Any:  # noqa: ANN401  # SkyPilot's own
    made = tasks.Task(name)
    made.set_resources({DummyResources(cloud=clouds.DummyCloud())})
    return made


def _only(task: Any) -> Any:  # noqa: ANN401  # SkyPilot's own
    return next(iter(task.resources))


if __name__ == "__main__":
    main()
