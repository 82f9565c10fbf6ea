"""`tallygrid placements`, `prices`, `sites`: where work goes, and what cards are worth."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tallygrid.cli.common import Desk, at_option, instant, json_option, write_json
from tallygrid.core.catalogue import Catalogue, Name
from tallygrid.core.money import BASIS_POINTS, FEN_PER_YUAN
from tallygrid.files.nearest import nearest
from tallygrid.files.whole import whole
from tallygrid.placement.forecast import WEEK, History
from tallygrid.service import buying, pricing, running, steering
from tallygrid.service import purchase as purchases
from tallygrid.service.pricing import Solved
from tallygrid.settings import Language
from tallygrid.text import render

if TYPE_CHECKING:
    from tallygrid.core.steering import Steering

_days = click.option(
    "--days", type=click.IntRange(1, 366), default=7, show_default=True, help="How many days."
)


@click.group()
def placements() -> None:
    """Say where the work went."""


@placements.command()
@_days
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Also write a page with a picture of it.",
)
@at_option
@json_option
@click.pass_obj
def report(desk: Desk, *, days: int, html: Path | None, at: str | None, as_json: bool) -> None:
    """Tell how the placements of some days split, against what there was, and what was paid."""
    end = instant(at)
    with desk.office() as office:
        found = steering.placements(office, start=end - timedelta(days=days), end=end)
        catalogue = office.catalogue
    from tallygrid.report.steering import steering_lines, steering_page

    if html:
        with whole(html) as part:
            part.write_text(steering_page(found, catalogue, desk.language), encoding="utf-8")
    if as_json:
        write_json(_steering_json(found))
        return
    for line in steering_lines(found, catalogue, desk.language):
        click.echo(line)


@click.group()
def prices() -> None:
    """Solve and show what one more card-hour, or yuan of a budget, is worth."""


@prices.command("solve")
@click.option(
    "--days", type=click.IntRange(1, 31), default=7, show_default=True, help="How far ahead."
)
@at_option
@json_option
@click.pass_obj
def solve_(desk: Desk, *, days: int, at: str | None, as_json: bool) -> None:
    """Solve the prices of the next days on queue and forecast, for placements to use.

    `tallygrid worker` does so every hour.
    """
    with desk.office() as office:
        solved = pricing.solve_prices(office, at=instant(at), days=days)
        _show_prices(desk, solved, office.catalogue, as_json=as_json)


@prices.command()
@click.option("--provider", metavar="ID", help="Only what this provider has, and where demand is.")
@at_option
@json_option
@click.pass_obj
def show(desk: Desk, *, provider: str | None, at: str | None, as_json: bool) -> None:
    """Show the prices that placements use now."""
    when = instant(at)
    with desk.office() as office:
        catalogue = office.catalogue
        if provider is not None and provider not in catalogue.providers:
            remedy = nearest(provider, catalogue.providers)
            message = f"There is no provider {provider!r}. {remedy}"
            raise click.BadParameter(message, param_hint="--provider")
        solved = office.transact("web", lambda connection: pricing.latest(connection, when))
    if solved is None:
        click.echo(render("prices.none_yet", desk.language), err=as_json)
        if as_json:
            write_json(None)
        return
    _show_prices(desk, solved, catalogue, as_json=as_json, provider=provider)


@click.group()
def sites() -> None:
    """Keep what sites tell of themselves."""


@sites.command("report")
@click.argument("site")
@click.option(
    "--used",
    type=click.IntRange(0, 100),
    required=True,
    metavar="PERCENT",
    help="Card time in use, 0 to 100.",
)
@at_option
@click.pass_obj
def report_(desk: Desk, site: str, used: int, at: str | None) -> None:
    """Keep how much of SITE is in use: placements count on it for an hour, then doubt it."""
    when, used_bp = instant(at), used * BASIS_POINTS // 100
    with desk.office() as office:
        known = office.catalogue.sites
        if site not in known:
            message = f"There is no site {site!r}. {nearest(site, known)}"
            raise click.BadParameter(message, param_hint="SITE")
        pricing.report(office, site, used_bp, at=when)
    name = _said(known[site].name, desk.language)
    click.echo(render("sites.reported", desk.language, site=name, used=used_bp, at=when))


@sites.command("take-over")
@click.argument("names", nargs=-1, metavar="[PURCHASE]…")
@click.pass_obj
def take_over(desk: Desk, names: tuple[str, ...]) -> None:
    """Run the jobs of a site that is lost for good anew, here; without names, list them."""
    with desk.office() as office:
        for purchase in [buying.found(office, name) for name in dict.fromkeys(names)]:
            running.take_over(office, purchase)
            click.echo(render("sites.taken_over", desk.language, purchase=purchase.id))
        if names:
            return
        ours = office.site.identity
        others = office.transact("web", lambda it: purchases.served_elsewhere(it, ours))
    for name in sorted(others):
        click.echo(render("sites.elsewhere", desk.language, purchase=name))
    if not others:
        click.echo(render("sites.all_here", desk.language))


def _show_prices(
    desk: Desk,
    solved: Solved,
    catalogue: Catalogue,
    *,
    as_json: bool,
    provider: str | None = None,
) -> None:
    if as_json:
        write_json(_prices_json(solved, catalogue, provider))
        return
    for line in _price_lines(solved, catalogue, desk.language, provider):
        click.echo(line)


def _price_lines(
    solved: Solved, catalogue: Catalogue, language: Language, provider: str | None
) -> Iterator[str]:
    """Yield a line for everything that is scarce, the scarcest first."""
    worth = sorted(solved.worth.pools_fen.items(), key=lambda one: (-one[1], one[0]))
    yield render("prices.solved", language, at=solved.at)
    yield _basis(solved.history, language)
    if not solved.history.times:
        return
    for (site, model), fen in worth:
        if fen and provider in {None, catalogue.sites[site].provider}:
            said = _said(catalogue.sites[site].name, language)
            card = _said(catalogue.cards[model].name, language)
            yield render("prices.pool", language, site=said, model=card, worth=fen)
    if provider is not None:
        yield from _hints(solved, catalogue, language, provider)
        return
    for name, bp in sorted(solved.worth.budgets_bp.items()):
        if bp:
            fen = bp * FEN_PER_YUAN // BASIS_POINTS
            yield render("prices.budget", language, programme=name, worth=fen)
    yield render("prices.plenty", language)


def _basis(history: History, language: Language) -> str:
    """Return what the forecast rested on: how much of it there was, and how it was read."""
    if not history.times:
        return render("prices.basis.none", language)
    code = "week" if history.period == WEEK else "day"
    return render(f"prices.basis.{code}", language, jobs=history.jobs, times=history.times)


def _hints(
    solved: Solved, catalogue: Catalogue, language: Language, provider: str
) -> Iterator[str]:
    """Yield for each model that a provider has where more of it would be worth most."""
    own = {
        model
        for site in catalogue.sites.values()
        if site.provider == provider
        for model in site.cards
    }
    wanted = False
    for model in sorted(own):
        best = max(
            ((fen, site) for (site, kind), fen in solved.worth.pools_fen.items() if kind == model),
            default=(0, ""),
        )
        if best[0]:
            wanted = True
            yield render(
                "prices.hint",
                language,
                model=_said(catalogue.cards[model].name, language),
                site=_said(catalogue.sites[best[1]].name, language),
                worth=best[0],
            )
    if not wanted:
        yield render("prices.no_hint", language)


def _prices_json(solved: Solved, catalogue: Catalogue, provider: str | None) -> dict[str, object]:
    return {
        "solved_at": solved.at.isoformat(),
        "history": {
            "period_h": solved.history.period // timedelta(hours=1),
            "periods": solved.history.times,
            "jobs": solved.history.jobs,
        },
        "pools": [
            {"site": site, "model": model, "fen_per_card_hour": fen}
            for (site, model), fen in sorted(solved.worth.pools_fen.items())
            if provider in {None, catalogue.sites[site].provider}
        ],
        "budgets": [
            {"programme": name, "worth_bp": bp}
            for name, bp in sorted(solved.worth.budgets_bp.items())
        ],
    }


def _steering_json(found: "Steering") -> dict[str, object]:
    return {
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "by": {
            way: [{**asdict(one), "used_bp": one.used_bp} for one in shares]
            for way, shares in found.by.items()
        },
    }


def _said(name: Name, language: Language) -> str:
    return name.zh if language == "zh" else name.en
