"""A writer knows one language, so that the rest of the report need not."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tallygrid import text
from tallygrid.report.figures import Budget, Purchase, Words
from tallygrid.settings import Language


@dataclass(frozen=True)
class Writer:
    """Writes codes, amounts and names in one language."""

    language: Language

    def say(self, code: str, **values: object) -> str:
        """Write the sentence `report.{code}` of the catalogue."""
        return text.render(f"report.{code}", self.language, **values)

    def pick(self, words: Words) -> str:
        """Choose this language's version of a text."""
        return words[self.language]

    def money(self, amount_fen: int) -> str:
        """Write an amount of fen."""
        return text.money(amount_fen, self.language)

    def yuan(self, amount_fen: int) -> str:
        """Write an amount of fen in whole yuan."""
        return text.yuan(amount_fen, self.language)

    def number(self, value: float | Decimal) -> str:
        """Write a number."""
        return text.number(value, self.language)

    def percent(self, rate_bp: int) -> str:
        """Write a rate in basis points."""
        return text.percent(rate_bp, self.language)

    def instant(self, at: datetime) -> str:
        """Write an instant."""
        return text.instant(at, self.language)

    def between(self, days: tuple[date, date] | None) -> str:
        """Write the days between which something is expected."""
        if days is None:
            return self.say("never")
        return self.say("between", first=days[0], last=days[1])

    def duration(self, seconds: int) -> str:
        """Write a duration with its two greatest units."""
        return text.duration(seconds, self.language)

    def budget(self, budget: Budget) -> str:
        """Name a budget's programme, saying so where it is only reported."""
        name = self.pick(budget.name)
        return name if budget.edition == "issued" else self.say("budgets.reported", name=name)

    def purchase(self, purchase: Purchase) -> str:
        """Name a kind of purchase and its way to redeem."""
        return self.say(
            "purchase",
            kind=self.say(f"kind.{purchase.kind}"),
            redeem=self.say(f"redeem.{purchase.redeem}"),
        )
