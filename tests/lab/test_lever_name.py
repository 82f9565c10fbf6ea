"""Levers are called by what they set, in both languages, and programmes and sites by name."""

import pytest

from tallygrid.lab.lever_name import lever_name
from tallygrid.lab.scenario import Scenario, open_scenario

SHANGHAI = "programmes.shanghai-compute-issued"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return open_scenario("seven-places-as-issued")


@pytest.mark.parametrize(
    ("lever", "en", "zh"),
    [
        ("aware_bp", "Share of the firms that hear of a programme at all", "知晓该政策的企业比例"),
        (f"{SHANGHAI}.budget_yuan", "Shanghai compute voucher: budget", "上海市算力券：预算"),
        (f"{SHANGHAI}.set.rate.tiers.all.rate", "Shanghai compute voucher: Rate “all”",
         "上海市算力券：“all”档比例"),
        (f"{SHANGHAI}.set.windows.2.last_day", "Shanghai compute voucher: window 2 closes",
         "上海市算力券：第2个申报期截止日"),
        (f"{SHANGHAI}.fills.cap", "Shanghai compute voucher: reading of the open question “cap”",
         "上海市算力券：待明确事项“cap”的取值"),
        ("network.sides.west.utilisation", "West: in use by others", "西部：其他用户占用"),
        ("network.sites.guian.cards.H100", "Gui'an cluster: cards of H100", "贵安集群：H100卡数"),
        ("demand.kinds.inference.share", "inference: part of the jobs", "推理：占作业数"),
        ("demand.load", "card time asked for, of all that is listed", "所需卡时占上架卡时"),
        ("demand.kinds.own.odd", "own: odd", "own：odd"),
        ("somewhere.else", "somewhere.else", "somewhere.else"),
    ],
)  # fmt: skip
def test_a_lever_is_called_by_what_it_sets_and_where(
    scenario: Scenario, lever: str, en: str, zh: str
) -> None:
    assert lever_name(lever, scenario) == {"en": en, "zh": zh}
