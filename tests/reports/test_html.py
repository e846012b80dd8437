import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import explained
import numpy as np
import pytest

from policyscope.provenance import Checkpoint
from policyscope.reports import figures
from policyscope.reports.html import SHORT, page
from policyscope.reports.report import Entry, Finding, Played, Recorded, Report
from policyscope.reports.results import Attribution, EpisodeReturns, Failed, NotApplicable
from policyscope.statistics import Estimate

LIBRARY = "/* the plotting library, 5 MB of it */"
ATTACK = "\"'></script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>"


def attribution(features=("position", "angle")) -> Attribution:
    shares = (Estimate(0.5, 0.49, 0.51, 0.9, 7, "bootstrap"),) * len(features)
    result = explained.attribution((0.5,) * len(features), 4, features=features)
    return dataclasses.replace(result, importance=shares)


def returns(arms=("clean", "random")) -> EpisodeReturns:
    return EpisodeReturns(
        arms=arms,
        returns=np.array([[45678.9, 9.0, 8.0], [1.0, 2.0, 4.0]]),
        lengths=np.array([[5, 6, 7], [1, 2, 3]]),
        truncated=np.array([[True, True, False], [False] * 3]),
        confidence=0.95,
    )


def finding(severity, evidence="returns.clean.mean", sentence="A sentence.") -> Finding:
    return Finding("X1", severity, f"{severity} title", sentence, "Do something.", evidence)


def report(**changes) -> Report:
    plain = Report(
        checkpoint=Checkpoint(
            file="cart.zip",
            digest="0123456789abcdef" * 4,
            format="stable-baselines3 zip",
            algorithm="DQN",
            library="2.9.2",
            architecture="2 → 64 → 2, ReLU",
            parameters=4610,
            observations="(2,) float32",
            actions="2 discrete actions",
            scores="q-values",
            unknown=("the exploration rate",),
        ),
        environment=Played(
            id="Cart-v0",
            played="Cart-v1",
            arguments={"max_episode_steps": 200},
            features=("position (m)", "angle (rad)"),
            actions=("push left", "push right"),
        ),
        seed=17,
        episodes=3,
        versions={"policyscope": "0.1.0", "torch": "2.13.0+cpu"},
        notices=("the normaliser is missing",),
        entries={
            "returns": Entry({"confidence": 0.95}, returns()),
            "saliency": Entry({"states": 1000}, attribution()),
        },
        timings={"playing": 1.5},
        findings=(finding("info"), finding("critical"), finding("warning", "notices")),
    )
    return dataclasses.replace(plain, **changes)


@pytest.fixture(autouse=True)
def small_library(monkeypatch):
    monkeypatch.setattr(figures, "library", lambda: LIBRARY)


class Tags(HTMLParser):
    """What a browser would make of a page: its elements, its texts, its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words, self.scripts, self.data = "", [], []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            (self.data if dict(attrs).get("type") else self.scripts).append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            is_data = self.elements[-1][1].get("type") == "application/json"
            (self.data if is_data else self.scripts)[-1] += data
        elif self._inside != "style":
            self.words += data

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.elements if attribute in attrs]

    @property
    def policy(self) -> str:
        (value,) = (a["content"] for t, a in self.elements if t == "meta" and "http-equiv" in a)
        return value or ""


def test_equal_reports_give_equal_pages_whatever_time_they_took():
    assert page(report()) == page(report(timings={"playing": 99.0}))


def test_the_page_loads_nothing_and_its_policy_forbids_it():
    text = page(report())
    tags = Tags(text)
    assert not tags.values("src")
    assert all(target.startswith("#") for target in tags.values("href"))
    assert not {"link", "iframe", "object", "embed", "base", "img"} & {t for t, _ in tags.elements}
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style and "@import" not in style
    assert tags.policy.startswith("default-src 'none'; ")


def test_the_policy_knows_every_script_that_runs_and_no_other():
    tags = Tags(page(report()))
    digests = [hashlib.sha256(script.encode()).digest() for script in tags.scripts]
    allowed = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)
    assert f"script-src {allowed};" in tags.policy
    assert tags.scripts[0] == LIBRARY and len(tags.scripts) == 2


def test_the_real_library_is_inlined_once(monkeypatch):
    monkeypatch.undo()
    text = page(report())
    assert text.count(figures.library()) == 1
    assert len(text) < 6e6


def hostile() -> Report:
    """A report in which every text that can come from outside is an attack."""
    plain = report()
    played = dataclasses.replace(
        plain.environment, id=ATTACK, features=(f"{ATTACK} (m)",), actions=(ATTACK, ATTACK)
    )
    entries = {
        ATTACK: Entry({ATTACK: ATTACK}, attribution((ATTACK, "angle"))),
        "returns": Entry({}, returns((ATTACK, "random"))),
        "failed": Entry({}, Failed(ATTACK)),
        "idle": Entry({}, NotApplicable(ATTACK)),
    }
    return dataclasses.replace(
        plain,
        checkpoint=dataclasses.replace(
            plain.checkpoint, file=ATTACK, algorithm=ATTACK, unknown=(ATTACK,), digest=ATTACK
        ),
        environment=played,
        notices=(ATTACK,),
        versions={ATTACK: ATTACK},
        entries=entries,
        findings=(Finding(ATTACK, ATTACK, ATTACK, ATTACK, ATTACK, f"{ATTACK}.importance"),),
    )


def test_nothing_in_a_report_becomes_markup_or_code():
    plain, attacked = Tags(page(report())), Tags(page(hostile()))
    usual = {tag for tag, _ in plain.elements} | {"strong"}  # of an analyzer without an answer
    assert {tag for tag, _ in attacked.elements} <= usual
    assert attacked.scripts == plain.scripts
    assert not [a for _, attrs in attacked.elements for a in attrs if a.startswith("on")]
    assert all(target.startswith("#") for target in attacked.values("href"))
    assert attacked.words.count(ATTACK) >= 15
    assert all(json.loads(data) for data in attacked.data)


def test_every_measure_is_on_the_page_with_its_value_and_unit():
    tags = Tags(page(report()))
    values = [float(value) for value in tags.values("value")]
    measures = list(report().measures())
    assert values == [measure.estimate.value for measure in measures]
    for measure in measures:
        assert measure.key in tags.words and measure.unit in tags.words
    assert "[0.49, 0.51]" in tags.words and "bootstrap" in tags.words and "90%" in tags.words


def test_figures_on_the_page_are_those_of_the_results():
    tags = Tags(page(report()))
    drawn = [
        one
        for name, entry in report().entries.items()
        for one in figures.draw(name, entry.result, report().environment)
    ]
    assert [json.loads(data) for data in tags.data] == [
        json.loads(str(one.figure.to_json())) for one in drawn
    ]
    for one in drawn:
        assert one.title in tags.words and one.caption in tags.words


def test_findings_come_gravest_first_with_a_word_and_a_sign_for_their_severity():
    words = Tags(page(report())).words
    places = [words.index(f"{severity} title") for severity in ("critical", "warning", "info")]
    assert places == sorted(places)
    assert re.search(r"■\s+critical", words) and re.search(r"▲\s+warning", words)


def test_findings_that_differ_only_in_their_sentence_share_a_frame():
    findings = (finding("info", sentence="One."), finding("info", sentence="Two."))
    text = page(report(findings=findings))
    assert text.count("info title") == 1
    assert "<p>One.</p>" in text and "<p>Two.</p>" in text


def test_a_severity_that_is_not_known_yet_is_shown_last():
    words = Tags(page(report(findings=(finding("odd"), finding("info"))))).words
    assert words.index("info title") < words.index("odd title")


@pytest.mark.parametrize(
    ("evidence", "place"),
    [
        ("notices", "notices"),
        ("environment", "provenance"),
        ("returns.clean.mean", "analyzer-returns"),
        ("saliency", "analyzer-saliency"),
        ("long name.x", "analyzer-long name"),
        ("long name.own.x", "analyzer-long name.own"),
    ],
)
def test_evidence_is_a_link_to_a_place_on_the_page(evidence, place):
    failed = Entry({}, Failed("x"))
    entries = report().entries | dict.fromkeys(("long name", "long name.own"), failed)
    tags = Tags(page(report(entries=entries, findings=(finding("info", evidence),))))
    (target,) = tags.values("href")
    assert unquote(target) == f"#{place}"
    assert place in tags.values("id")


def test_evidence_that_is_nowhere_on_the_page_is_only_named():
    tags = Tags(page(report(findings=(finding("info", "returnsome.thing"),))))
    assert not tags.values("href")
    assert "returnsome.thing" in tags.words


def test_what_has_no_answer_says_why_and_needs_no_library():
    entries = {
        "shapley": Entry({}, NotApplicable("needs gradients")),
        "sindy": Entry({}, Failed("ValueError: singular")),
    }
    text = page(report(entries=entries))
    words = Tags(text).words
    assert "Does not apply. needs gradients" in words
    assert "Failed. ValueError: singular" in words
    assert LIBRARY not in text and "script-src 'none';" in Tags(text).policy


def test_parameters_are_folded_and_left_out_where_there_are_none():
    entries = {"a": Entry({"states": 1000}, Failed("x")), "b": Entry({}, Failed("x"))}
    tags = Tags(page(report(entries=entries)))
    assert [attrs for tag, attrs in tags.elements if tag == "details"] == [{}]
    assert "a.states" in tags.words and "1000" in tags.words


def test_long_tables_are_folded_and_short_ones_are_not():
    folds = {}
    for result in (returns(), attribution()):
        tags = Tags(page(report(entries={"some": Entry({}, result)})))
        short = len(list(result.measures())) <= SHORT
        folds[short] = ["open" in attrs for tag, attrs in tags.elements if tag == "details"]
    assert folds == {True: [True], False: [False]}


def test_the_page_says_where_its_numbers_came_from():
    words = Tags(page(report())).words
    for fact in (
        *("cart.zip", "Cart-v1, in place of Cart-v0", "DQN", "2 → 64 → 2, ReLU", "17"),
        *("0123456789ab…", report().checkpoint.digest, "the exploration rate", "4,610"),
        *("torch 2.13.0+cpu", "{'max_episode_steps': 200}", "the normaliser is missing"),
    ):
        assert fact in words


def test_numbers_keep_the_digits_before_the_point():
    # the mean of 45678.9, 9 and 8
    assert '<data value="15231.966666666667">15,232</data>' in page(report())


def test_recorded_observations_are_named_where_an_environment_would_be():
    recorded = Recorded(
        f"walk{ATTACK}.npz", "fedc" * 16, 1234, 5, False, ("position (m)", "angle (rad)"), ("a 0",)
    )
    text = page(report(environment=recorded, episodes=0))
    words = " ".join(Tags(text).words.split())
    assert "shown 1,234 recorded observations in 5 episodes" in words
    assert f"Observations ofwalk{ATTACK}.npz Episodes5 Seed17" in words
    assert f"SHA-256 of walk{ATTACK}.npz {'fedc' * 16}" in words
    assert ATTACK not in text
    assert "Environment" not in words
    anywhere = dataclasses.replace(recorded, episodes=None, digest=None)
    words = " ".join(Tags(page(report(environment=anywhere, episodes=0))).words.split())
    assert f"Observations ofwalk{ATTACK}.npz Seed17" in words
    assert "SHA-256 of" not in words


def test_what_cannot_be_read_on_a_narrow_screen_scrolls_there():
    tags = Tags(page(report()))
    rooms = [
        one.room
        for name, entry in report().entries.items()
        for one in figures.draw(name, entry.result, report().environment)
    ]
    styles = [a["style"] or "" for _, a in tags.elements if "plot" in (a.get("class") or "")]
    assert [
        f"min-width: {room}rem" in style for room, style in zip(rooms, styles, strict=True)
    ] == [room > 0 for room in rooms]
    assert 0 < sum(room > 0 for room in rooms) < len(rooms)
