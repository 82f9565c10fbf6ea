"""No provider can pay or name itself to the top, and public money changes no choice."""

from dataclasses import replace
from fractions import Fraction
from math import ceil
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tallygrid.core.catalogue import Catalogue
from tallygrid.core.placement import Placement, Pool, PoolState, Request, Verdict, Weights
from tallygrid.files.catalogue import read_catalogue
from tallygrid.placement.online import place
from tallygrid.placement.shelf import Entry, Shelf

CATALOGUE: Catalogue = read_catalogue()
SHELF = Shelf.of(CATALOGUE)
IDLE: PoolState = {
    (site.id, model): Pool(cards, cards // 8, 0, site.utilisation_bp)
    for site in CATALOGUE.sites.values()
    for model, cards in site.cards.items()
}
requests = st.builds(
    Request,
    cards=st.sampled_from([1, 4, 8, 16, 64]),
    seconds=st.integers(60, 10**6),
    place=st.sampled_from(sorted(CATALOGUE.places)),
    models=st.sampled_from([frozenset(), frozenset({"H100"}), frozenset({"A100-80GB"})]),
    data_gb=st.sampled_from([0, 10, 1_000]),
    seed=st.integers(0, 2**31 - 1),
)
names = st.text("aAzZ0!", min_size=1, max_size=8)


def cost_of(placement: Placement, offer: str | None) -> int:
    one = next(one for one in placement.verdicts if one.offer == offer)
    assert one.cost is not None
    return one.cost.total_fen


@settings(deadline=None, max_examples=60)
@given(requests, names, names, st.data())
def test_no_name_and_no_place_in_the_list_makes_a_dearer_offer_win(
    request: Request, offer: str, provider: str, data: st.DataObject
) -> None:
    """An offer is renamed, its provider too, and all are shuffled: the winner's cost stays."""
    before = place(request, SHELF, IDLE)
    entries = list(data.draw(st.permutations(SHELF.entries)))
    entries[0] = entries[0]._replace(offer=offer, provider=provider)

    after = place(request, Shelf(tuple(entries)), IDLE)

    assert cost_of(after, after.chosen) == cost_of(before, before.chosen)


@settings(deadline=None, max_examples=60)
@given(requests, st.randoms(use_true_random=False))
def test_names_that_change_hands_change_the_choice_among_exact_equals_only(
    request: Request, chance: Random
) -> None:
    """All offers, and all providers, take one another's names, and the list another order."""
    offers, providers = (
        _shuffled([getattr(one, field) for one in SHELF.entries], chance)
        for field in ("offer", "provider")
    )
    renamed = [
        one._replace(offer=offers[one.offer], provider=providers[one.provider])
        for one in SHELF.entries
    ]
    chance.shuffle(renamed)
    before = place(request, SHELF, IDLE)

    after = place(request, Shelf(tuple(renamed)), IDLE)

    assert before.verdict is not None
    assert after.verdict is not None
    equals = {
        offers[one.offer]
        for one in before.verdicts
        if (one.cost and one.cost.total_fen, one.used_bp) == _rank(before.verdict)
    }
    assert after.chosen in equals
    assert {offers[one.offer]: one.cost for one in before.verdicts} == {
        one.offer: one.cost for one in after.verdicts
    }


def _shuffled(names: list[str], chance: Random) -> dict[str, str]:
    """Return which name each gets instead of its own."""
    known = sorted(set(names))
    return dict(zip(known, chance.sample(known, len(known)), strict=True))


def _rank(one: Verdict) -> tuple[int, int]:
    assert one.cost is not None
    return one.cost.total_fen, one.used_bp


@settings(deadline=None, max_examples=60)
@given(requests, st.sampled_from(SHELF.entries), st.integers(2, 30))
def test_who_asks_more_never_wins_by_it(request: Request, one: Entry, factor: int) -> None:
    dearer = one._replace(price_fen=one.price_fen * factor)
    entries = tuple(dearer if other is one else other for other in SHELF.entries)

    after = place(request, Shelf(entries), IDLE)

    assert after.chosen != one.offer or place(request, SHELF, IDLE).chosen == one.offer


@settings(deadline=None, max_examples=40)
@given(requests, st.integers(2, 30))
def test_the_same_cards_offered_many_times_are_no_likelier_to_win(
    request: Request, times: int
) -> None:
    """Two equal sites of two providers: copies of one's offer change no draw between them."""
    one, other = _twins()
    request = replace(request, models=frozenset())
    alone = place(request, Shelf((one, other)), _states(one, other)).verdict
    copies = tuple(one._replace(offer=f"{one.offer}.{n}") for n in range(times))
    crowded = place(request, Shelf((*copies, other)), _states(one, other)).verdict

    assert alone is not None
    assert crowded is not None
    assert alone.site == crowded.site


def test_a_draw_between_equals_is_even() -> None:
    one, other = _twins()
    request = Request(cards=1, seconds=60, place="shenzhen")

    won = [
        place(replace(request, seed=seed * 7_919), Shelf((one, other)), _states(one, other)).chosen
        for seed in range(2_000)
    ]

    assert 900 < won.count(one.offer) < 1_100


@settings(deadline=None, max_examples=60)
@given(requests, st.integers(2, 50))
def test_a_programme_that_pays_all_does_not_send_work_to_the_dearest_site(
    request: Request, factor: int
) -> None:
    """A provider multiplies its price, since the public pays: what is chosen is cheapest in all.

    Prices are worked out again here, and not taken from what the search says they were.
    """
    before = place(request, SHELF, IDLE)
    greedy = before.verdict
    assert greedy is not None
    dear = tuple(
        one._replace(price_fen=one.price_fen * factor) if one.site == greedy.site else one
        for one in SHELF.entries
    )

    after = place(request, Shelf(dear), IDLE)

    gross = {
        one.offer: ceil(
            Fraction(request.cards * request.seconds * one.price_fen, one.price_card_seconds)
            * (1 - Fraction(one.discount_bp, 10_000))
        )
        for one in dear
    }
    beside = {
        one.offer: one.cost.total_fen - one.cost.price_fen for one in after.verdicts if one.cost
    }
    assert after.chosen is not None
    in_all = gross[after.chosen] + beside[after.chosen]
    assert in_all <= min(gross[offer] + fen for offer, fen in beside.items()) + 1


@settings(deadline=None, max_examples=60)
@given(requests, st.integers(1, 30_000))
def test_a_scarce_budget_never_makes_a_dearer_price_win(request: Request, scarce: int) -> None:
    plain = place(request, SHELF, IDLE, Weights()).verdict
    priced = place(replace(request, budget_bp=scarce), SHELF, IDLE, Weights()).verdict

    assert plain is not None
    assert plain.cost is not None
    assert priced is not None
    assert priced.cost is not None
    assert priced.cost.price_fen <= plain.cost.price_fen


def _twins() -> tuple[Entry, Entry]:
    one = next(one for one in SHELF.entries if one.offer == "zhongwei.h100")
    return one, one._replace(offer="twin.h100", site="twin", provider="operator-twin")


def _states(*entries: Entry) -> PoolState:
    return {(one.site, one.model): IDLE["zhongwei", "H100"] for one in entries}
