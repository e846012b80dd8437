"""What is said of attributions: codes, severities, and the numbers in the sentences."""

import dataclasses

import numpy as np
import pytest
from explained import (
    attribution,
    continuous,
    estimate,
    faithfulness,
    image,
    recurrent,
    reliance,
    what_if,
)

from policyscope.reports.findings import find
from policyscope.reports.report import Entry


@pytest.fixture
def found(cartpole_report):
    """The findings about one answer, by code."""

    def of(result):
        plain = {"entries": {"saliency": Entry({}, result)}, "notices": ()}
        findings = find(dataclasses.replace(cartpole_report, **plain))
        assert len({finding.code for finding in findings}) == len(findings)
        return {finding.code: finding for finding in findings}

    return of


def test_a_true_and_complete_picture_gives_no_warning(found):
    findings = found(attribution())
    assert set(findings) == {"S1", "S5", "S6", "S7", "S8", "S9", "S11"}
    assert {finding.severity for finding in findings.values()} == {"info"}
    assert all(finding.advice.endswith((".", "…")) for finding in findings.values())


def test_every_finding_leads_to_evidence_that_is_there(found):
    unstable = reliance(overlaps=(estimate(0.34), estimate(0.9)))
    result = attribution(reliance=unstable, completeness_error=estimate(0.2))
    keys = [f"saliency.{measure.key}" for measure in result.measures()]
    for finding in found(result).values():
        assert any(key.startswith(finding.evidence) for key in keys), finding.evidence


def test_the_fewest_features_that_hold_half_of_the_credit_are_named(found):
    sentence = found(attribution([0.1, 0.35, 0.3, 0.25]))["S1"].sentence
    assert "sensor 1 (35% [34%, 36%] of the credit) and sensor 2" in sentence
    assert "sensor 3" not in sentence


def test_one_dominant_feature_is_named_alone(found):
    findings = found(attribution([0.005, 0.9, 0.095]))
    assert "on sensor 1 (90% [89%, 91%] of the credit)." in findings["S1"].sentence
    assert "sensor 0" in findings["S2"].sentence and "1 of the 3" in findings["S2"].sentence


def test_contributions_that_do_not_add_up_are_a_warning(found):
    finding = found(attribution(completeness_error=estimate(0.2)))["S3"]
    assert finding.severity == "warning" and "20% [19%, 21%]" in finding.sentence
    assert "S3" not in found(attribution(completeness_error=None))


def test_where_no_method_passes_no_picture_is_to_be_believed(found):
    tried = faithfulness((-0.01, -0.02, -0.1), ("no better than random", "x", "y"))
    findings = found(attribution(faithfulness=tried))
    assert findings["S4"].severity == "warning" and not {"S5", "S6"} & set(findings)
    sentence = findings["S4"].sentence
    assert "None of 3 methods" in sentence and "no better than random" in sentence
    assert "-0.01 [-0.02, 0]" in sentence.replace("0.00", "0")
    assert "should be believed" in sentence
    assert findings["S4"].evidence == "saliency.advantage[method=integrated gradients]"


def test_where_no_method_can_be_used_that_is_said(found):
    finding = found(attribution(faithfulness=faithfulness((), ())))["S4"]
    assert "No method of attribution could be used" in finding.sentence


def test_the_winner_is_named_with_its_advantage_and_the_refused_with_their_reasons(found):
    findings = found(attribution())
    sentence = findings["S5"].sentence
    assert "Of 3 methods, integrated gradients tells best" in sentence
    assert "0.3 [0.29, 0.31]" in sentence
    assert "1 of 3 methods" in findings["S6"].sentence
    assert "occlusion (no better than random)" in findings["S6"].sentence
    assert "gradient (" not in findings["S6"].sentence
    assert "S6" not in found(attribution(faithfulness=faithfulness(refused=("", "", ""))))


def test_it_acts_on_what_the_picture_shows(found):
    finding = found(attribution())["S7"]
    assert finding.sentence == (
        "With only the most important 1 of the 2 numbers that it sees left it keeps its action in "
        "90% [89%, 91%] of states, with as many left at random 50% [49%, 51%]: the picture holds "
        "what it acts on."
    )
    assert finding.evidence == "saliency.keeps_action[mask=salient,rho=0.9]"


@pytest.mark.parametrize("salient", [0.3, 0.5, 0.515])
def test_a_salient_part_that_is_not_surely_better_than_a_random_one_is_incomplete(found, salient):
    finding = found(attribution(reliance=reliance((salient, 0.4, 0.5, 0.8))))["S7"]
    assert (finding.severity, finding.title) == ("warning", "The picture is incomplete")


def test_where_a_random_part_is_enough_nothing_is_learned(found):
    finding = found(attribution(reliance=reliance((0.95, 0.9, 0.95, 0.97))))["S7"]
    assert (finding.severity, finding.title) == ("info", "Hardly anything has to be seen")


@pytest.mark.parametrize(("removed", "severity"), [(0.4, "info"), (0.79, "warning")])
def test_removing_the_salient_part_is_compared_with_removing_a_random_one(found, removed, severity):
    finding = found(attribution(reliance=reliance((0.9, removed, 0.5, 0.8))))["S8"]
    assert finding.severity == severity
    assert f"{removed:.0%}" in finding.sentence and "80% [79%, 81%]" in finding.sentence
    assert finding.evidence == "saliency.keeps_action[mask=removed,rho=0.9]"


def test_continuous_actions_stay_close(found):
    findings = found(continuous())
    assert "keeps its actions 90% [89%, 91%] close" in findings["S7"].sentence
    assert "S11" not in findings


def test_whole_episodes_are_compared_in_pairs(found):
    finding = found(attribution())["S9"]
    assert finding.severity == "info"
    assert "returns 90 [88.04, 91.96] in place of 102, and 30 [28.04, 31.96]" in finding.sentence
    assert "60 [60, 60] more, over 5 paired episodes" in finding.sentence
    same = found(attribution(reliance=reliance(earned=(90.0, 20.0, 90.0, 80.0))))["S9"]
    assert same.severity == "warning" and "no sure difference" in same.sentence
    lucky = reliance(earned=(102.0, 20.0, 102.0, 80.0))
    assert found(attribution(reliance=lucky))["S9"].title.endswith("is open")


def test_the_rho_that_is_spoken_of_is_the_nearest_to_nine_tenths(found):
    rhos = (0.5, 0.8)
    findings = found(image(reliance=reliance(rhos=rhos, played=(0.5,))))
    assert "Without the most important 20% of the pixels that it" in findings["S8"].sentence
    assert "most important 20% of the pixels" in findings["S7"].sentence
    assert "most important 50% of the pixels of every observation" in findings["S9"].sentence


def test_with_memory_every_observation_is_masked_alone(found):
    findings = found(recurrent(reliance=reliance(size=60)))
    assert "6 of the 60 numbers that it sees" in findings["S7"].sentence
    assert "2 of the 20 numbers of every observation" in findings["S9"].sentence


def test_shifts_under_which_the_mask_is_near_chance_are_named(found):
    # half of four numbers: chance is 4/6 × 1/3 + 1/6, and a quarter of the way from it to 1 is 0.54
    unstable = reliance(size=4, rho=0.5, overlaps=(estimate(0.8), estimate(0.4)))
    finding = found(attribution(reliance=unstable))["S10"]
    assert finding.severity == "warning"
    assert "Under brightness (0.40 [0.39, 0.41])" in finding.sentence
    assert "0.39" in finding.sentence and "noise" not in finding.sentence
    assert finding.evidence == "saliency.mask_overlap[shift=brightness]"


def test_a_mask_below_a_half_that_is_far_from_chance_is_not_called_unstable(found):
    small = reliance(size=20, overlaps=(estimate(0.4), estimate(0.45)))
    assert "S10" not in found(attribution(reliance=small))
    wide = reliance(overlaps=(estimate(0.45, 0.1), estimate(0.9)))
    assert "S10" not in found(attribution(reliance=wide))


def test_the_feature_that_most_often_changes_the_action_by_one_usual_change_is_named(found):
    finding = found(attribution())["S11"]
    assert "In 80% of the 5 examined states a change of sensor 1 alone by less" in finding.sentence
    assert "(0.5)" in finding.sentence and "up to 3 usual changes do in 80%" in finding.sentence
    assert finding.evidence == "saliency.turns_alone[feature=sensor_1]"
    rarer = what_if(changes=np.array([[[0.1, 9], [0.7, 0.8]]] * 5))
    assert "sensor 0 alone" in found(attribution(what_if=rarer))["S11"].sentence


def test_where_no_single_feature_changes_the_action_that_is_said(found):
    never = what_if(changes=np.full((5, 2, 2), np.inf), turns=(estimate(0.0, 0.0),) * 2)
    sentence = found(attribution(what_if=never))["S11"].sentence
    assert sentence.startswith("No change of one feature alone by up to 3 usual changes")


def test_findings_on_images_do_not_speak_of_features(found):
    unstable = reliance((0.3, 0.9, 0.5, 0.5), overlaps=(estimate(0.34), estimate(0.9)))
    for tried in (faithfulness(), faithfulness(refused=("a", "b", "c"))):
        findings = found(image(reliance=unstable, faithfulness=tried))
        assert not {"S1", "S2", "S11"} & set(findings)
        words = " ".join(f"{f.title} {f.sentence} {f.advice}" for f in findings.values())
        assert "feature" not in words and "sensor" not in words
