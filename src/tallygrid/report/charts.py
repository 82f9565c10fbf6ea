"""The figures as static charts: SVG drawn here, no script and nothing fetched by the reader.

Colours follow the order of the states from light to dark and stay apart for colour-blind
readers and in print; exceptions to the order are warm.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tallygrid.report.figures import Figures, Purchase, Refusal, SiteUse, State
from tallygrid.report.shapes import (
    PLAIN,
    PLAIN_COLOUR,
    WIDTHS,
    Bar,
    Bars,
    Change,
    Dumbbells,
    Grid,
    Panel,
)
from tallygrid.report.svg import Chart, svg
from tallygrid.report.tables import moved_fen, placed_sites, used_states
from tallygrid.report.writer import Writer

_SIDE_COLOURS: Final = {"east": PLAIN_COLOUR, "west": "#b4460f"}
_STATE_COLOURS: Final[Mapping[State, str]] = {
    "available": "#ffffff",
    "reserved": "#efe6b0",
    "committed": "#a9d8b4",
    "held": "#5fb6bd",
    "payable": "#2f86b5",
    "in_payment": "#2b58a0",
    "paid": "#1d2a63",
    "recoverable": "#e69f00",
    "written_off": "#c2410c",
    "lapsed": "#9aa0a8",
    "carried_out": "#d9a3c4",
    "transferred_out": "#8a4f86",
}
_OUTCOME_COLOURS: Final = {"eligible": "#2f86b5", "refused": "#c2410c", "undecided": "#e9c46a"}
_SPLIT_COLOURS: Final = {"discount": "#efe6b0", "subsidy": "#2f86b5", "co_payment": "#1d2a63"}
_Draw = Callable[[int], Chart | None]


def drawings(figures: Figures, writer: Writer) -> Mapping[str, Mapping[str, str]]:
    """Draw every chart that has something to show: by its name and by width, the SVG."""
    drawn: dict[str, dict[str, str]] = {}
    for name, prepare in _CHARTS.items():
        draw = prepare(figures, writer)
        for width, pixels in WIDTHS.items():
            chart = draw(pixels)
            if chart is not None:
                drawn.setdefault(name, {})[width] = svg(
                    chart,
                    key=f"{name}-{width}",
                    title=writer.say(name),
                    description=writer.say(f"{name}.description"),
                )
    return drawn


def _budgets(figures: Figures, writer: Writer) -> Bars:
    moved = [budget for budget in figures.budgets if moved_fen(budget)]
    states = [state for state in used_states(moved) if state != "available"]
    return Bars(
        rows=[
            Bar(
                writer.budget(budget),
                writer.say("budgets.moved", moved=moved_fen(budget), received=budget.received_fen),
                {
                    writer.say(f"state.{state}"): budget.amounts_fen.get(state, 0)
                    for state in states
                },
            )
            for budget in moved
        ],
        colours={writer.say(f"state.{state}"): _STATE_COLOURS[state] for state in states},
        share_of=writer.say("budgets.axis"),
    )


def _purchases(figures: Figures, writer: Writer) -> Bars:
    def row(purchase: Purchase) -> Bar:
        split_fen = (purchase.discount_fen, purchase.subsidy_fen, purchase.co_payment_fen)
        return Bar(
            writer.purchase(purchase),
            writer.say("purchases.split", gross=purchase.gross_fen, subsidy=purchase.subsidy_fen),
            dict(zip(map(writer.say, _SPLIT_COLOURS), split_fen, strict=True)),
        )

    return Bars(
        rows=[row(purchase) for purchase in figures.purchases if purchase.gross_fen],
        colours={writer.say(part): colour for part, colour in _SPLIT_COLOURS.items()},
        share_of=writer.say("purchases.axis"),
    )


def _stages(figures: Figures, writer: Writer) -> Bars:
    counts = {stage.name: stage.count for stage in figures.stages if stage.count}
    outcomes = {name: counts[name] for name in _OUTCOME_COLOURS if name in counts}
    rows = [
        Bar(writer.say(f"stage.{name}"), writer.number(count), {PLAIN: count})
        for name, count in counts.items()
        if name not in outcomes
    ]
    if outcomes:
        parts = {writer.say(f"stage.{name}"): count for name, count in outcomes.items()}
        decided = Bar(writer.say("stages.decided"), writer.number(sum(parts.values())), parts)
        before = sum(name in {"matched", "applied"} for name in counts)
        rows.insert(before, decided)
    colours = {writer.say(f"stage.{name}"): _OUTCOME_COLOURS[name] for name in outcomes}
    return Bars(rows=rows, colours=colours)


def _refusals(figures: Figures, writer: Writer) -> Bars:
    def row(refusal: Refusal) -> Bar:
        source = writer.pick(refusal.name)
        name = f"{source} {refusal.clause}{writer.say('colon')}{writer.pick(refusal.text)}"
        return Bar(name, writer.number(refusal.count), {PLAIN: refusal.count})

    often_first = sorted(figures.refusals, key=lambda refusal: -refusal.count)
    return Bars(rows=[row(refusal) for refusal in often_first if refusal.count], colours={})


def _routes(figures: Figures, writer: Writer) -> Grid:
    names = {use.site: writer.pick(use.name) for use in figures.sites}
    sites = placed_sites(figures)
    return Grid(
        rows=[*(names[site] for site in sites), writer.say("routes.none")],
        columns=[writer.pick(each.name) for each in figures.classes],
        counts=[
            *([each.placed.get(site, 0) for each in figures.classes] for site in sites),
            [each.unplaced for each in figures.classes],
        ],
    )


def _sites(figures: Figures, writer: Writer) -> Dumbbells:
    def change(use: SiteUse) -> Change:
        return Change(
            writer.pick(use.name),
            use.before_bp,
            use.after_bp,
            writer.say("sites.change", before=use.before_bp, after=use.after_bp),
            writer.percent(use.after_bp),
        )

    fullest_first = sorted(figures.sites, key=lambda use: (-use.after_bp, use.site))
    return Dumbbells(
        [
            Panel(
                writer.say(f"side.{side}"),
                colour,
                [change(use) for use in fullest_first if use.side == side],
            )
            for side, colour in _SIDE_COLOURS.items()
        ],
        axis=writer.say("utilisation"),
    )


_CHARTS: Final[Mapping[str, Callable[[Figures, Writer], _Draw]]] = {
    "budgets": _budgets,
    "stages": _stages,
    "refusals": _refusals,
    "routes": _routes,
    "sites": _sites,
    "purchases": _purchases,
}
