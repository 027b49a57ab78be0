"""From evidences to entries, probabilities and one word, on cases worked by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from recognizer.decision import verdict
from recognizer.decision.verdict import (
    EVIDENCES,
    SIGNS,
    UNLIKE,
    Measured,
    Ranking,
    decide,
    evidences,
    scores,
    signs,
    without_pin,
)
from recognizer.errors import ModelError
from recognizer.types import Box, CatalogueEntry, Hit, Match, Recognition, Verdict

BOX = Box(3, 5, 103, 205)
A, B, C, D = (CatalogueEntry(name, title=name) for name in "ABCD")
GOLD, CHROME = (CatalogueEntry(name, family="звезда") for name in ("gold", "chrome"))


def ranking(
    agreed: tuple[float, ...] = (0, 0, 0, 1, 0, 0, 0, 0),
    apart: tuple[float, ...] = (0, 0, 0, 1, 0, 0, 0, 0),
    lead: float = 0.0,
    bias: float = 0.0,
    lacking: float = 0.0,
    match: float = 0.9,
) -> Ranking:
    """By appearance alone unless told otherwise, as sure of every drawing as `bias` says."""
    weights = tuple(lead if name.endswith("_lead") else 0.0 for name in SIGNS)
    never = -50.0 if lacking == 0 else logit(lacking)
    return Ranking(agreed, apart, weights, bias, (0.0,) * len(UNLIKE), never, (match, match), 0.5, 0.6)


def answer(hits: list[Hit], entries: Mapping[int, CatalogueEntry], model: Ranking, k: int = 5) -> Recognition:
    return decide(BOX, hits, entries, model, k)


def ids(recognition: Recognition) -> list[str]:
    return [match.entry.entry_id for match in recognition.matches]


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


# Evidences and scores


def test_evidences_are_similarity_share_of_votes_inliers_and_what_pictures_say_laid_over_one_another() -> None:
    hits = [Hit(1, 0.5, 0.2, 9, 0.25, 0.75, 0.9, -7.0, silhouette=0.8), Hit(2, 0.7, 0.05, 0, -0.5, -0.25)]
    table, agreement = evidences(hits)
    assert table.shape == (2, len(EVIDENCES))
    assert table[0] == pytest.approx([0.5, math.log(1 + 0.05), math.log(10), 0.25, 0.75, 0.9, -3.0, 0.8])
    assert table[1] == pytest.approx([0.7, math.log(0.25 + 0.05), 0, -0.5, -0.25, 0, 0, 0])
    assert 0 < agreement < 1


def test_agreement_goes_from_none_to_full_with_the_inliers_of_the_best_candidate() -> None:
    found = [evidences([Hit(1, inliers=n), Hit(2, inliers=n // 2)])[1] for n in range(60)]
    assert found[0] == 0
    assert found[-1] == 1
    assert found == sorted(found)


def test_votes_count_by_their_share_whatever_the_size_of_the_catalogue() -> None:
    few, many = [Hit(1, votes=0.4), Hit(2, votes=0.1)], [Hit(1, votes=0.004), Hit(2, votes=0.001)]
    assert evidences(few)[0] == pytest.approx(evidences(many)[0])
    assert np.isfinite(evidences([Hit(1), Hit(2)])[0]).all()  # nobody voted


def test_scores_weigh_by_one_set_apart_and_by_the_other_agreed() -> None:
    model = ranking(agreed=(0, 0, 1, 0, 0, 0, 0, 0), apart=(1, 0, 0, 0, 0, 0, 0, 0.5))
    apart = [Hit(1, similarity=0.9), Hit(2, similarity=0.4)]
    assert scores(apart, model) == pytest.approx([0.9, 0.4])
    assert scores([Hit(1, similarity=0.9, silhouette=0.3), Hit(2)], model) == pytest.approx([1.05, 0.0])
    agreed = [Hit(1, similarity=0.9), Hit(2, similarity=0.4, inliers=60)]
    assert scores(agreed, model) == pytest.approx([0.0, math.log(61)])
    assert scores([], model).shape == (0,)


def test_signs_are_worked_against_the_best_photo_of_another_entry() -> None:
    hits = [Hit(1, 0.5, 0.2, 10, 0.25, 0.75, 0.5, -1.5), Hit(2, 0.7, 0.1, 3, 0.2), Hit(3, 0.6, 0.05, 2, 0.1)]
    found = dict(zip(SIGNS, signs(hits, np.array([2.0, 1.5, 0.5]), ["A", "A", "B"]), strict=True))
    # 10 inliers are half way from 6 to 14; the lead is over the photo of B, the second photo of A is no rival
    assert found["agreement"] == pytest.approx(0.5)
    assert found["agreed_lead"] == found["apart_lead"] == pytest.approx(0.5 * 1.5)
    assert found["agreed_inliers"] == pytest.approx(0.5 * math.log(11))
    assert found["agreed_appearance"] == pytest.approx(0.5 * 0.25)
    assert found["agreed_overlap"] == pytest.approx(0.5 * 0.5)
    assert found["agreed_similarity"] == pytest.approx(0.5 * 0.5)
    assert found["apart_ahead"] == pytest.approx(0.5 * 1.5)  # B is all there is behind it
    assert found["apart_inliers"] == pytest.approx(0.5 * math.log(11))


def test_signs_are_bounded_and_finite_without_a_rival() -> None:
    found = dict(zip(SIGNS, signs([Hit(1, 0.5, 5.0, 999, 0.9)], np.array([50.0]), ["A"]), strict=True))
    assert np.isfinite(list(found.values())).all()
    assert found["agreed_lead"] == 5
    assert found["agreed_inliers"] == pytest.approx(math.log(101))
    assert np.isfinite(signs([Hit(1), Hit(2)], np.zeros(2), ["A", "B"])).all()


# Decisions


def test_entries_are_ordered_by_score_and_probabilities_worked_by_hand() -> None:
    hits = [Hit(1, appearance=0.2), Hit(2, appearance=0.9), Hit(3, appearance=0.5)]
    found = answer(hits, {1: A, 2: B, 3: C}, ranking(bias=logit(0.6)))
    assert found.box == BOX
    assert ids(found) == ["B", "C", "A"]
    # the rest, .4, is shared by exp(score difference), against at least 1
    weights = [math.exp(0.5 - 0.9), math.exp(0.2 - 0.9)]
    expected = [0.6, *(0.4 * weight / max(sum(weights), 1) for weight in weights)]
    assert [match.probability for match in found.matches] == pytest.approx(expected)
    assert [match.image_id for match in found.matches] == [2, 3, 1]
    assert [match.hit for match in found.matches] == [hits[1], hits[2], hits[0]]


def test_the_best_photo_of_an_entry_speaks_for_it() -> None:
    hits = [Hit(1, appearance=0.1), Hit(2, appearance=0.5), Hit(3, appearance=0.9), Hit(4, appearance=0.2)]
    found = answer(hits, {1: A, 2: B, 3: A, 4: B}, ranking())
    assert [(match.entry, match.image_id) for match in found.matches] == [(A, 3), (B, 2)]


def test_a_second_photo_of_the_same_entry_is_no_rival() -> None:
    model = ranking(lead=4.0, bias=-2.0)
    alone = answer([Hit(1, appearance=0.9), Hit(3, appearance=0.2)], {1: A, 3: B}, model)
    with_more = answer(
        [Hit(1, appearance=0.9), Hit(2, appearance=0.89), Hit(3, appearance=0.2)], {1: A, 2: A, 3: B}, model
    )
    assert with_more.matches[0].probability == pytest.approx(alone.matches[0].probability)
    assert with_more.matches[0].probability == pytest.approx(1 / (1 + math.exp(-(4 * 0.7 - 2))))


@pytest.mark.parametrize("bias", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("seed", range(8))
def test_probabilities_are_ordered_and_add_up_to_at_most_one(seed: int, bias: float) -> None:
    rng = np.random.default_rng(seed)
    hits = [
        Hit(at, float(rng.uniform(-1, 1)), float(rng.gamma(1)), int(rng.integers(0, 80)), float(rng.uniform(-1, 1)))
        for at in range(1, 30)
    ]
    entries = {hit.image_id: replace(A, entry_id=f"e{hit.image_id // 2}") for hit in hits}
    for model in (
        ranking(bias=bias, lead=0.5),
        replace(verdict.ranking(), drawing_bias=verdict.ranking().drawing_bias + bias),
    ):
        given = [match.probability for match in answer(hits, entries, model, k=50).matches]
        assert len(given) == 15
        assert all(0 <= probability <= 1 for probability in given)
        assert given == sorted(given, reverse=True)
        assert sum(given) <= 1 + 1e-9


def test_no_second_entry_is_surer_than_the_first() -> None:
    hits = [Hit(1, appearance=0.500001), Hit(2, appearance=0.5)]
    found = answer(hits, {1: A, 2: B}, ranking(bias=logit(0.1)))
    assert [match.probability for match in found.matches] == pytest.approx([0.1, 0.1])


def test_only_the_best_k_are_given_and_they_do_not_depend_on_k() -> None:
    hits = [Hit(at, appearance=at / 10) for at in range(1, 8)]
    entries = {at: replace(A, entry_id=f"e{at}") for at in range(1, 8)}
    everything = answer(hits, entries, ranking(), k=50).matches
    assert len(everything) == 7
    for k in (1, 3, 7):
        assert answer(hits, entries, ranking(), k=k).matches == everything[:k]


def test_photos_of_no_known_entry_do_not_count() -> None:
    model = ranking(lead=1.0)
    hits = [Hit(9, appearance=1.0, inliers=200, votes=5.0), Hit(1, appearance=0.5), Hit(2, appearance=0.1)]
    assert answer(hits, {1: A, 2: B}, model) == answer(hits[1:], {1: A, 2: B}, model)


@pytest.mark.parametrize("hits", [[], [Hit(9, appearance=0.9)]], ids=["no hits", "hits of no entry"])
def test_nothing_to_answer_with_is_unknown(hits: list[Hit]) -> None:
    assert answer(hits, {1: A}, ranking()) == Recognition(BOX, (), Verdict.UNKNOWN)


def test_the_order_of_hits_does_not_matter() -> None:
    hits = [Hit(at, similarity=at / 9, votes=at / 3, inliers=3 * at, appearance=0.9 - at / 9) for at in range(1, 7)]
    entries = {at: replace(A, entry_id=f"e{at % 4}") for at in range(1, 7)}
    assert answer(hits, entries, verdict.ranking()) == answer(hits[::-1], entries, verdict.ranking())


# The word


def test_a_sure_first_answer_is_a_match_from_the_threshold_on() -> None:
    hits = [Hit(1, appearance=0.9), Hit(2, appearance=0.1)]
    for probability, word in ((0.95, Verdict.MATCH), (0.901, Verdict.MATCH), (0.899, Verdict.UNKNOWN)):
        assert answer(hits, {1: A, 2: B}, ranking(bias=logit(probability))).verdict is word


def test_a_choice_is_left_open_from_a_lower_chance_of_the_drawing_on() -> None:
    hits = [Hit(1, appearance=0.9), Hit(2, appearance=0.89)]
    for chance, word in ((0.51, Verdict.FAMILY), (0.49, Verdict.UNKNOWN)):
        assert answer(hits, {1: GOLD, 2: CHROME}, ranking(bias=logit(chance))).verdict is word


def test_a_single_entry_is_never_a_family() -> None:
    hits = [Hit(1, inliers=60, appearance=0.9, overlap=0.9), Hit(2, appearance=0.1)]
    for chance in (0.3, 0.6, 0.85, 0.95):
        found = answer(hits, {1: A, 2: B}, ranking(bias=logit(chance)))
        assert found.verdict is not Verdict.FAMILY
        assert found.members == ()


def test_a_variant_that_the_catalogue_lacks_is_told_beside_the_match_and_above_its_threshold_instead_of_it() -> None:
    hits = [Hit(1, inliers=60, appearance=0.9, overlap=0.9), Hit(2, appearance=0.1)]
    for lacking, word in ((0.3, Verdict.MATCH), (0.7, Verdict.NEW_VARIANT)):
        found = answer(hits, {1: A, 2: B}, ranking(bias=logit(0.95), lacking=lacking))
        assert found.verdict is word
        assert (found.drawing, found.lacking) == pytest.approx((0.95, lacking))
        assert found.matches[0].probability == pytest.approx(0.95 * (1 - lacking))


def test_where_nothing_agrees_no_variant_is_said_to_be_lacking() -> None:
    found = answer([Hit(1, appearance=0.9), Hit(2)], {1: A, 2: B}, ranking(bias=logit(0.95), lacking=0.9))
    assert (found.verdict, found.lacking) == (Verdict.MATCH, 0.0)


def test_of_those_that_show_the_drawing_only_the_ones_in_question_are_members() -> None:
    hits = [Hit(1, appearance=4.0), Hit(2, appearance=3.9), Hit(3, appearance=0.5)]
    silver = replace(GOLD, entry_id="silver")
    found = answer(hits, {1: GOLD, 2: CHROME, 3: silver}, ranking(bias=logit(0.95)))
    assert found.members == ("gold", "chrome")
    assert found.variants == ("gold", "chrome", "silver")


def test_each_kind_of_answer_has_its_own_threshold() -> None:
    model = replace(ranking(bias=logit(0.8)), match=(0.9, 0.7))
    assert answer([Hit(1, inliers=40), Hit(2)], {1: A, 2: B}, model).verdict is Verdict.UNKNOWN
    assert answer([Hit(1, inliers=2), Hit(2)], {1: A, 2: B}, model).verdict is Verdict.MATCH


def test_a_photo_without_a_pin_is_none_unless_an_entry_is_likely_or_agrees() -> None:
    box = Box(0, 0, 10, 10)
    unlike, agreeing = Hit(1, similarity=0.2), Hit(1, similarity=0.2, inliers=40)
    assert without_pin(Recognition(box, (), Verdict.UNKNOWN), [unlike]).verdict is Verdict.NOT_A_PIN
    assert without_pin(Recognition(box, (), Verdict.UNKNOWN), [agreeing]).verdict is Verdict.UNKNOWN
    for said in (Verdict.MATCH, Verdict.FAMILY):
        assert without_pin(Recognition(box, (), said), [unlike]).verdict is said


def test_twins_of_a_curators_family_share_the_chance_of_the_drawing() -> None:
    hits = [Hit(1, appearance=0.9), Hit(2, appearance=0.89), Hit(3, appearance=-9.0)]
    found = answer(hits, {1: GOLD, 2: CHROME, 3: A}, ranking(bias=logit(0.9)))
    assert found.verdict is Verdict.FAMILY
    assert found.members == ("gold", "chrome")
    first = 1 / (1 + math.exp(-0.01))
    assert [match.probability for match in found.matches[:2]] == pytest.approx([0.9 * first, 0.9 * (1 - first)])


def test_a_family_is_told_whole_even_where_one_entry_is_asked_for() -> None:
    hits = [Hit(1, appearance=0.9), Hit(2, appearance=0.89), Hit(3, appearance=0.5)]
    found = answer(hits, {1: GOLD, 2: CHROME, 3: A}, ranking(bias=logit(0.9)), k=1)
    assert ids(found) == ["gold", "chrome"]


def test_a_sure_twin_is_a_match_not_a_family() -> None:
    hits = [Hit(1, appearance=9.0), Hit(2, appearance=0.1)]
    found = answer(hits, {1: GOLD, 2: CHROME}, ranking(bias=logit(0.97)))
    assert (found.verdict, found.members) == (Verdict.MATCH, ())


def test_entries_that_look_the_same_in_the_same_place_are_variants_without_a_curator() -> None:
    own = Hit(1, inliers=80, appearance=0.9, overlap=0.9)
    twin = Hit(2, inliers=30, appearance=0.6, overlap=0.8)
    neighbour = Hit(3, inliers=30, appearance=0.6, overlap=0.1)  # half a pin that reaches into the crop
    frame = Hit(4, inliers=20, appearance=0.1, overlap=0.9)  # the same shape around another drawing
    hits = [own, twin, neighbour, frame]
    score = np.array([3.0, 2.0, 1.0, 0.0])
    assert verdict.variants(hits, score, ["A", "B", "C", "D"], {}) == {"A", "B"}


def test_where_no_drawing_is_seen_only_the_curator_names_variants() -> None:
    hits = [Hit(1, inliers=3, appearance=0.9, overlap=0.9), Hit(2, inliers=3, appearance=0.9, overlap=0.9)]
    score = np.array([1.0, 0.0])
    assert verdict.variants(hits, score, ["A", "B"], {}) == {"A"}
    assert verdict.variants(hits, score, ["A", "B"], {"A": "star", "B": "star"}) == {"A", "B"}
    assert verdict.variants(hits, score, ["A", "B"], {"A": "star", "B": "moon"}) == {"A"}


# The operating point


MEASURED = Measured(known=((0.75, 0.9, 0.99), (0.72, 0.8)), unknown=((0.3, 0.95), tuple(np.linspace(0.1, 0.7, 8))))


@pytest.mark.parametrize(("rate", "false"), [(0.0, 0), (0.1, 1), (0.2, 2), (1.0, 10)])
def test_no_more_unknown_pins_than_the_rate_reach_the_thresholds(rate: float, false: int) -> None:
    match = MEASURED.thresholds(rate)
    assert MEASURED.false(match) <= rate
    assert MEASURED.false(match) * 10 <= false


def test_a_higher_rate_keeps_more_of_the_right_answers() -> None:
    kept = [MEASURED.kept(MEASURED.thresholds(rate)) for rate in (0.0, 0.1, 0.3, 1.0)]
    assert kept == sorted(kept)
    # 0.99 is above every unknown pin with agreement, 0.72 and 0.8 above those without
    assert kept[0] == pytest.approx(3 / 5)
    assert kept[-1] == 1


def test_the_rate_is_spent_where_it_keeps_most() -> None:
    measured = Measured(known=((0.75, 0.78, 0.8), (0.9,)), unknown=((0.85,), (0.95,)))
    assert measured.kept(measured.thresholds(0.5)) == pytest.approx(3 / 4)


def test_a_threshold_lies_halfway_to_the_unknown_pin_that_may_pass() -> None:
    measured = Measured(known=((0.9, 0.99), ()), unknown=((0.8, 0.6, 0.4), ()))
    assert measured.thresholds(1 / 3)[0] == pytest.approx((0.8 + 0.6) / 2)
    assert measured.thresholds(0.0)[0] == pytest.approx(0.8)


def test_an_operating_point_needs_unknown_pins_to_be_measured_on() -> None:
    with pytest.raises(ModelError, match="znachki calibrate"):
        ranking().at(0.01)
    assert replace(ranking(), measured=MEASURED).at(0.0).match == MEASURED.thresholds(0.0)


def test_new_variants_are_told_as_far_as_the_pins_that_the_catalogue_has_allow() -> None:
    measured = Measured(same=tuple(np.linspace(0.0, 0.3, 100)), lacking=(0.02, 0.5, 0.6, 0.7))
    assert measured.new_variant(0.0, 1.0) == pytest.approx(0.02)  # all of them found, whatever it costs
    least = measured.new_variant(0.0, 0.03)
    assert sum(value >= least for value in measured.same) <= 3
    assert least < 0.5
    assert Measured().new_variant(0.05, 0.03) > 1  # never, where nothing was measured


# The ranking that ships


def test_the_shipped_ranking_tells_a_clear_case_from_a_hopeless_one() -> None:
    clear = [Hit(1, 0.9, 0.5, 80, 0.9, 0.9, 0.95, 2.0), Hit(2, 0.5, 0.05, 3, 0.0), Hit(3, 0.4, 0.02, 2, 0.0)]
    hopeless = [Hit(1, 0.45, 0.03, 3, 0.0), Hit(2, 0.45, 0.03, 3, 0.0), Hit(3, 0.44, 0.03, 3, 0.0)]
    entries = {1: A, 2: B, 3: C}
    sure, unsure = (answer(hits, entries, verdict.ranking()) for hits in (clear, hopeless))
    assert (sure.matches[0].entry, sure.verdict) == (A, Verdict.MATCH)
    assert unsure.verdict is Verdict.UNKNOWN
    assert unsure.matches[0].probability < 0.5 < sure.matches[0].probability


@pytest.mark.parametrize("inliers", [0, 40], ids=["apart", "agreed"])
@pytest.mark.parametrize("evidence", ["similarity", "inliers", "appearance", "colour"])
def test_more_of_an_evidence_never_lowers_a_shipped_score(evidence: str, inliers: int) -> None:
    base = Hit(1, 0.5, 0.1, 5, 0.3, 0.3)
    more = replace(base, **{evidence: getattr(base, evidence) * 1.5})
    third = Hit(3, 0.1, 0.1, inliers, 0.0)
    score = scores([base, replace(more, image_id=2), third], verdict.ranking())
    assert score[1] >= score[0]


def test_a_ranking_comes_from_json_and_names_what_is_missing() -> None:
    held = {
        "agreed": dict.fromkeys(EVIDENCES, 1),
        "apart": dict.fromkeys(EVIDENCES, 2.5),
        "drawing": dict.fromkeys(SIGNS, 3),
        "drawing_bias": -4,
        "unlike": dict.fromkeys(UNLIKE, 5),
        "unlike_bias": -6,
        "match": {"agreed": 0.9, "apart": 0.8},
        "family": 0.5,
        "new_variant": 0.4,
        "measured": {
            "known": {"agreed": [0.9], "apart": []},
            "unknown": {"agreed": [], "apart": [0.1, 0.2]},
            "same": [0.1],
            "lacking": [0.7],
        },
        "fitted_on": ["whatever else it tells"],
    }
    found = verdict.ranking_from(held)
    ones, weights = (1.0,) * len(EVIDENCES), (2.5,) * len(EVIDENCES)
    measured = Measured(((0.9,), ()), ((), (0.1, 0.2)), (0.1,), (0.7,))
    assert found == Ranking(
        ones, weights, (3.0,) * len(SIGNS), -4.0, (5.0,) * len(UNLIKE), -6.0, (0.9, 0.8), 0.5, 0.4, measured
    )
    for name in ("agreed", "apart", "drawing", "unlike", "unlike_bias", "match", "family", "new_variant", "measured"):
        with pytest.raises(ModelError, match=f"ranking.json: '{name}' is missing"):
            verdict.ranking_from({key: value for key, value in held.items() if key != name})
    with pytest.raises(ModelError, match=r"training\.rank"):
        verdict.ranking_from(held | {"drawing_bias": "four"})
    with pytest.raises(ModelError, match="'appearance' is missing"):
        verdict.ranking_from(held | {"agreed": {"similarity": 1, "votes": 1, "inliers": 1}})


def test_matches_name_the_evidence_that_they_rest_on() -> None:
    hit = Hit(1, 0.9, 0.5, 80, 0.9)
    (match,) = answer([hit], {1: D}, verdict.ranking()).matches
    assert match == Match(D, 1, match.probability, hit)
