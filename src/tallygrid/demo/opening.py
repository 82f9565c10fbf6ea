"""Opening: programmes are published with their budgets, and everybody is registered."""

from functools import partial

from tallygrid.core.arithmetic import on_day
from tallygrid.core.catalogue import Provider
from tallygrid.core.demand import Firm
from tallygrid.core.money import FEN_PER_YUAN
from tallygrid.demo.stage import Stage
from tallygrid.service import budgeting, parties, publishing
from tallygrid.service.budgeting import Tranche
from tallygrid.service.publishing import Scheme


def play(stage: Stage) -> None:
    """Play the scene."""
    stage.each(
        "publish",
        [
            *(partial(_publish, stage, scheme) for scheme in stage.schemes.values()),
            *(
                partial(_register_provider, stage, provider)
                for provider in stage.office.catalogue.providers.values()
            ),
            *(partial(_register_firm, stage, firm) for firm in stage.demand.firms),
        ],
    )


def _publish(stage: Stage, scheme: Scheme) -> None:
    """Publish a programme, and appropriate its budget of the year, or a first tranche of it."""
    publishing.publish(stage.office, scheme, at=stage.opened_at)
    budget = on_day(scheme.applied.budget.amount_yuan, stage.opened_at.date())
    yuan = stage.script.tranches_yuan.get(scheme.id, budget)
    if yuan:
        year = stage.opened_at.year
        parts = budgeting.divided(scheme, yuan * FEN_PER_YUAN)
        tranche = Tranche(year, f"{scheme.id}/{year}", parts)
        budgeting.appropriate(stage.office, scheme, tranche, at=stage.opened_at)


def _register_provider(stage: Stage, provider: Provider) -> None:
    name = {"en": provider.name.en, "zh": provider.name.zh}
    parties.register(stage.office, provider.credit_code, name=name, facts={})


def _register_firm(stage: Stage, firm: Firm) -> None:
    parties.register(stage.office, firm.credit_code, name=firm.name, facts=firm.facts)
