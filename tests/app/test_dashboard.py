"""The page, run without a browser by Streamlit's own test driver."""

import csv
import dataclasses
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from outcomes import outcome
from policyscope_app import dashboard, reading
from shared_out import shapley_values
from streamlit.testing.v1 import AppTest

from policyscope.errors import ReportError
from policyscope.reports.report import SCHEMA, Entry, Recorded, write
from policyscope.reports.results import Counterexample

AWKWARD = "[run](https://example.org) *4* $x$ <b>_v2_</b> | 50% ±3 --normalisation"
"""Text that Markdown would take for something else."""


def texts(page: AppTest) -> str:
    """All words on the page, without the backslashes that keep Markdown from reading them."""
    kinds = ("title", "subheader", "markdown", "caption", "error", "warning", "info", "code")
    words = [element.value for kind in kinds for element in page.get(kind)]
    return "\n".join(words).replace("\\", "")


def keys(page: AppTest) -> list[str]:
    (table,) = page.dataframe
    return list(table.value["key"])


def test_every_finding_is_shown_with_its_severity_and_its_advice(page, tmp_path, made):
    report = made(better=0.0, notices=("37% are beyond ±3", "a file was not used"))
    write(report, tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert not shown.exception
    words = texts(shown)
    assert {finding.severity for finding in report.findings} == {"critical", "warning", "info"}
    for finding in report.findings:
        assert f"{finding.severity.capitalize()}: {finding.title}" in words
        assert finding.sentence in words
        assert finding.advice in words
    for severity in ("critical", "warning", "info"):
        number = sum(finding.severity == severity for finding in report.findings)
        assert f"{severity.capitalize()}: {number}" in words


def test_findings_of_each_severity_are_told_apart_by_more_than_colour(page, tmp_path, made):
    write(made(better=0.0, notices=("odd",)), tmp_path / "r", {})
    shown = page(tmp_path / "r")
    icons = {shown.error[0].icon, shown.warning[0].icon, shown.info[0].icon}
    assert len(icons) == 3 and "" not in icons


def test_a_notice_without_a_finding_is_shown(page, tmp_path, made):
    report = dataclasses.replace(made(notices=("something is odd",)), findings=())
    write(report, tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert "Notice: something is odd" in shown.warning[0].value.replace("*", "")
    assert "no findings" in texts(shown)


def test_each_counterexample_is_told_with_the_command_that_plays_it(page, tmp_path, made):
    one = Counterexample(
        attack="fgsm",
        epsilon=0.3,
        norm="linf",
        scale=np.ones(2),
        seed=0,
        episode=1,
        clean=100.0,
        harm=97.0,
        digests=np.zeros(3, np.uint64),
        changes=np.ones((3, 2), np.uint32),
        actions=np.zeros(3, np.int64),
        otherwise=np.ones(3, np.int64),
        rewards=np.ones(3),
        terminated=True,
        truncated=False,
    )
    attacked = Entry({}, outcome(counterexamples=(one, dataclasses.replace(one, epsilon=0.1))))
    report = dataclasses.replace(made(), entries={"attacks": attacked})
    write(report, tmp_path / "r", {})
    words = texts(page(tmp_path / "r"))
    for number, epsilon in ((1, 0.3), (2, 0.1)):
        assert f"`counterexample-{number}`: fgsm of {epsilon} (" in words
        assert "takes an episode from a return of 100 to 3." in words
        assert f"`policyscope replay DIR counterexample-{number}`" in words


def test_the_readable_policy_is_told_and_can_be_taken(page, tmp_path, made):
    answered = Entry({}, shapley_values())
    write(dataclasses.replace(made(), entries={"shapley": answered}), tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert not shown.exception
    said = [block.value for block in shown.code]
    assert "if sensor 0 ≤ 0.5: left\nif 0.5 < sensor 0: right" in said
    buttons = [element.proto.label for element in shown.get("download_button")]
    assert buttons[:2] == ["shapley-surrogate.json", "shapley-surrogate.py"]


def test_each_analyzer_has_a_tab_with_its_figures_and_parameters(page, tmp_path, made):
    write(made(), tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert [tab.label.replace("\\", "") for tab in shown.tabs] == [
        "Findings",
        "returns",
        "saliency",
        "pixels (not applicable)",
        "broken (failed)",
        "Measures",
        "Provenance",
    ]
    drawn = {tab.label: len(tab.get("plotly_chart")) for tab in shown.tabs}
    assert drawn["returns"] >= 1 and drawn["saliency"] >= 1
    assert sum(drawn.values()) == drawn["returns"] + drawn["saliency"]
    words = texts(shown)
    assert "Parameters: `states = 30`, `steps = 50`" in words
    assert "Parameters: none" in words


def test_what_has_no_answer_says_why(page, tmp_path, made):
    write(made(), tmp_path / "r", {})
    words = texts(page(tmp_path / "r"))
    assert "**Not applicable:** needs images, and these are 2 numbers" in words
    assert "**Failed:** ValueError: k must be even" in words


def test_header_and_provenance_say_what_was_analysed(page, tmp_path, made):
    write(made(), tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert shown.title[0].value == r"cartpole\.zip"
    words = texts(shown)
    for expected in (
        "not recorded",
        "2 → 8 → 2, tanh",
        "Cart-v0 (gravity=9.8), played as Cart-v1",
        "`0123456789ab…`",
        "0123456789abcdef" * 4,
        "1,234",
        "the version that wrote it",
        "| numpy | 2.4.6 |",
        "| Seed | 7 |",
        "| playing | 1.50 |",
    ):
        assert expected in words


def test_text_from_a_report_is_not_read_as_markdown(page, tmp_path, made):
    write(made(file=AWKWARD, notices=(AWKWARD,)), tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert not shown.exception
    assert AWKWARD in shown.title[0].value.replace("\\", "")
    for element in (shown.title[0], shown.warning[0]):
        assert "](" not in element.value and "$x" not in element.value.replace("\\$", "")


def test_all_measures_are_in_the_table_with_their_numbers(page, tmp_path, made):
    report = made()
    write(report, tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert keys(shown) == [measure.key for measure in report.measures()]
    row = shown.dataframe[0].value.iloc[0]
    estimate = report.measure("returns.clean.mean").estimate
    assert (row["value"], row["low"], row["high"]) == (estimate.value, estimate.low, estimate.high)
    assert (row["confidence"], row["n"], row["unit"]) == (0.95, 20, "reward")


def test_the_filter_keeps_keys_that_hold_every_word(page, tmp_path, made):
    write(made(), tmp_path / "r", {})
    shown = page(tmp_path / "r")
    shown.text_input[0].input("Importance angle").run()
    assert keys(shown) == ["saliency.importance[feature=pole_angle]"]
    count = len(list(made().measures()))
    assert f"1 of {count} measures" in texts(shown)
    shown.text_input[0].input("nothing like it").run()
    assert not shown.exception
    assert len(shown.dataframe[0].value) == 0


def test_the_download_holds_the_rows_that_are_shown(made):
    from policyscope_app import measures

    rows = [measures._row(measure) for measure in made().measures()]
    read_back = list(csv.DictReader(io.StringIO(measures._as_csv(rows))))
    assert list(read_back[0]) == ["key", "value", "low", "high", "confidence", "n", "unit"]
    assert [row["key"] for row in read_back] == [row["key"] for row in rows]
    assert [float(row["value"]) for row in read_back] == [row["value"] for row in rows]


def test_a_folder_of_reports_lets_one_choose(page, tmp_path, made):
    write(made("a.zip"), tmp_path / "a", {})
    write(made("b.zip", better=0.0), tmp_path / "b", {})
    (tmp_path / "no report").mkdir()
    shown = page()
    (selector,) = shown.sidebar.selectbox
    assert selector.options == ["a", "b"]
    assert shown.title[0].value == r"a\.zip" and not shown.error[0].value.startswith("**Critical")
    shown.sidebar.selectbox[0].select_index(1).run()
    assert not shown.exception
    assert shown.title[0].value == r"b\.zip" and shown.error[0].value.startswith("**Critical")


def test_one_damaged_report_does_not_hide_the_others(page, tmp_path, made):
    write(made("a.zip"), tmp_path / "a", {})
    write(made("b.zip"), tmp_path / "b", {})
    (tmp_path / "a" / "report.json").write_text("{")
    shown = page()
    assert "is damaged" in texts(shown) and not shown.exception
    shown.sidebar.selectbox[0].select_index(1).run()
    assert shown.title[0].value == r"b\.zip"


def test_a_report_that_is_written_again_is_read_again(page, tmp_path, made):
    write(made("old.zip"), tmp_path / "r", {})
    shown = page(tmp_path / "r")
    write(made("new.zip"), tmp_path / "r", {})
    assert shown.run().title[0].value == r"new\.zip"


def test_a_report_is_read_once(tmp_path, monkeypatch, made):
    write(made(), tmp_path / "r", {})
    read = []
    monkeypatch.setattr(reading.report, "read", lambda folder: read.append(folder) or made())
    reading.opened(tmp_path / "r")
    reading.opened(tmp_path / "r")
    os.utime(tmp_path / "r" / "report.json", ns=(1, 1))
    reading.opened(tmp_path / "r")
    assert len(read) == 2


def damage(folder: Path, how: str) -> None:
    path = folder / "report.json"
    match how:
        case "cut off":
            path.write_text(path.read_text()[:500])
        case "newer":
            path.write_text(path.read_text().replace(f'"schema": {SCHEMA}', '"schema": 99'))
        case "without arrays":
            (folder / "arrays" / "saliency.npz").unlink()
        case "without a field":
            path.write_text(path.read_text().replace('"seed": 7,', ""))


@pytest.mark.parametrize("how", ["cut off", "newer", "without arrays", "without a field"])
def test_a_report_that_cannot_be_read_gives_one_sentence(page, tmp_path, how, made):
    write(made(), tmp_path / "r", {})
    damage(tmp_path / "r", how)
    shown = page(tmp_path / "r")
    assert not shown.exception
    (error,) = shown.error
    assert "analyze" in error.value and "\n" not in error.value
    assert not shown.title


def test_a_folder_without_reports_gives_one_sentence(page, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, sentence in (("empty", "is not a report"), ("missing", "There is no folder")):
        shown = page(tmp_path / folder)
        assert not shown.exception
        assert sentence in shown.error[0].value and folder in shown.error[0].value


def test_without_a_folder_the_command_is_named(page, monkeypatch):
    monkeypatch.setattr(sys, "argv", [dashboard.__file__])
    shown = AppTest.from_file(dashboard.__file__, default_timeout=30).run()
    assert "policyscope dashboard DIR" in texts(shown)


def test_a_folder_that_vanishes_while_it_is_shown_is_reported(tmp_path):
    with pytest.raises(ReportError, match="not a report"):
        reading.opened(tmp_path / "gone")


def test_recorded_observations_are_named_where_an_environment_would_be(page, tmp_path, made):
    recorded = Recorded(f"walk {AWKWARD}.npz", "fedc" * 16, 1234, None, False, ("a", "b"), ("c",))
    report = dataclasses.replace(made(), environment=recorded, episodes=0)
    write(report, tmp_path / "r", {})
    shown = page(tmp_path / "r")
    assert not shown.exception
    words = texts(shown)
    assert f"Observations of]  \nwalk {AWKWARD}.npz" in words
    assert "Shown]  \n1,234 recorded observations" in words
    assert "fedc" * 16 in words
    assert "Environment" not in words
