"""The peer of `decisions.py`: three computed variables in OpenFisca-core, timed in its own venv.

    python openfisca_scheme.py ROWS CASES

Eligible, rate, award: 60 % of the contract for a firm of less than twelve months, else 50 %,
at most 500,000 yuan, nothing for a related party. Whole yuan, as its whole numbers have 32
bits. It prints one JSON document; the sums prove that both sides computed the same.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from openfisca_core.entities import build_entity
from openfisca_core.parameters import ParameterNode
from openfisca_core.periods import DateUnit
from openfisca_core.simulations import SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable
from openfisca_web_api.app import create_app

PERIOD: Final = "2026-05"
CAP_YUAN: Final = 500_000
Firm: Final = build_entity(key="firm", plural="firms", label="a firm", is_person=True)


def main() -> None:
    """Time both ways and print what was found."""
    rows, cases = int(sys.argv[1]), int(sys.argv[2])
    print(json.dumps({"vectorised": vectorised(rows), "api": through_api(cases)}))


def vectorised(rows: int) -> dict[str, float]:
    """Compute every row at once; return seconds, the best of three, and the sum in yuan."""
    place = np.arange(rows)
    best, total = float("inf"), 0
    for _ in range(3):
        simulation = SimulationBuilder().build_default_simulation(system(), rows)
        simulation.set_input("age_months", PERIOD, (place % 60).astype(np.int32))
        simulation.set_input("contract", PERIOD, (place * 7919 % 1_000_003).astype(np.int32))
        simulation.set_input("related", PERIOD, place % 7 == 0)
        begun = time.perf_counter()
        award = simulation.calculate("award", PERIOD)
        best = min(best, time.perf_counter() - begun)
        total = int(award.astype(np.int64).sum())
    return {"seconds": best, "total": total}


def through_api(cases: int) -> dict[str, float]:
    """Ask its web API, JSON in and JSON out, without a socket; return the median and the sum."""
    client = create_app(system()).test_client()
    spent, total = [], 0
    for place in range(cases + 5):
        question = {
            "firms": {
                "it": {
                    "age_months": {PERIOD: place % 60},
                    "contract": {PERIOD: place * 7919 % 1_000_003},
                    "related": {PERIOD: place % 7 == 0},
                    **{name: {PERIOD: None} for name in ("eligible", "rate", "award")},
                }
            }
        }
        body = json.dumps(question)
        begun = time.perf_counter()
        answer = client.post("/calculate", data=body, content_type="application/json")
        found = json.loads(answer.data)
        spent.append(time.perf_counter() - begun)
        total += found["firms"]["it"]["award"][PERIOD]
    return {"seconds": sorted(spent[5:])[cases // 2], "total": total}


def system() -> TaxBenefitSystem:
    """Return the scheme as OpenFisca has it."""
    found = TaxBenefitSystem([Firm])
    found.parameters = ParameterNode(
        "", data={"cap": {"description": "cap", "values": {"2020-01-01": CAP_YUAN}}}
    )
    for name, kind, formula in (
        ("age_months", int, None),
        ("contract", int, None),
        ("related", bool, None),
        ("eligible", bool, lambda firm, period: ~firm("related", period)),
        ("rate", int, lambda firm, period: np.where(firm("age_months", period) < 12, 60, 50)),  # noqa: PLR2004  # the scheme's own
        ("award", int, _award),
    ):
        found.add_variable(_variable(name, kind, formula))
    return found


def _award(firm: Any, period: Any) -> Any:  # noqa: ANN401  # its types are not published
    share = firm("contract", period) * firm("rate", period) // 100
    return np.where(firm("eligible", period), np.minimum(share, CAP_YUAN), 0)


def _variable(name: str, kind: type, formula: Callable[[Any, Any], Any] | None) -> type:
    parts: dict[str, Any] = {
        "value_type": kind, "entity": Firm, "definition_period": DateUnit.MONTH, "label": name,
    }  # fmt: skip
    if formula is not None:
        parts["formula"] = formula
    return type(name, (Variable,), parts)


if __name__ == "__main__":
    main()
