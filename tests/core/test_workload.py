"""A workload's own arithmetic."""

import subprocess
from fractions import Fraction

from tallygrid.core.workload import Gang, Order, Script, Workload


def test_a_begun_second_counts_towards_the_time_limit() -> None:
    gang = Gang(models=(), cards_per_node=1, nodes=1, hours=Fraction(1, 3600) + Fraction(1, 10**6))

    assert gang.time_limit_s == 2


def test_a_gang_is_priced_by_the_card_hour_unless_ordered_otherwise() -> None:
    gang = Gang(models=("H100",), cards_per_node=8, nodes=8, hours=Fraction(720))

    by_hour = Workload("w", "compute", gang=gang)
    by_month = Workload("w", "compute", gang=gang, order=Order("server_month", Fraction(8)))

    assert (by_hour.unit, by_month.unit) == ("card_hour", "server_month")


def test_a_set_up_that_fails_keeps_the_run_from_starting() -> None:
    script = Script(run="echo ran", setup="false")

    result = subprocess.run(script.command, check=False, capture_output=True)

    assert (result.returncode, result.stdout) == (1, b"")


def test_what_the_run_does_after_a_failing_line_is_its_own_affair() -> None:
    script = Script(run="false; echo ran", setup="true")

    assert subprocess.check_output(script.command) == b"ran\n"
