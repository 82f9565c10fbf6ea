"""One case against every programme that comes with the package, and `match` from a cold shell.

The peer of the first is the same decisions taken one programme after the other; the second
has none, and is given as processor time, which other work on the machine disturbs least.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

from tallygrid.core.decision import decide, decide_all
from tallygrid.core.flip import flips
from tallygrid.files.facts import read_facts
from tallygrid.files.programme import known_facts, read_programmes

FACTS = Path(__file__).parents[1] / "examples" / "start-up.json"
AT = date(2026, 6, 1)
WARM, COLD = 200, 10


def measure() -> list[tuple[str, float, float]]:
    """Return cases a second, by the median, and how many times the peer's."""
    programmes = read_programmes()
    facts = read_facts(FACTS, known_facts(programmes))
    found = decide_all(programmes, facts, at=AT)
    together = _median_s(lambda: decide_all(programmes, facts, at=AT))
    apart = _median_s(lambda: [decide(one, facts, at=AT) for one in programmes])
    search = _median_s(lambda: flips(found, programmes, facts, at=AT))
    cold = _cold_s()
    return [
        (f"all programmes at once, p50 {together * 1000:.1f} ms", 1 / together, apart / together),
        (f"one after the other, p50 {apart * 1000:.1f} ms", 1 / apart, 1.0),
        (f"what would flip them, p50 {search * 1000:.1f} ms", 1 / search, 1.0),
        (f"match from a cold shell, {cold:.2f} s of processor", 1 / cold, 1.0),
    ]


def _median_s(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(WARM):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times)


def _cold_s() -> float:
    command = [sys.executable, "-c", "from tallygrid.cli import main; main()"]
    words = [*command, "match", "--facts", str(FACTS), "--at", AT.isoformat()]
    times = []
    for _ in range(COLD):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # our own command
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        times.append(used)
    return median(times)
