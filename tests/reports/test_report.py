import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest

from policyscope.errors import ReportError, UsageError
from policyscope.reports.report import Finding, Recorded, Report, read, write
from policyscope.reports.results import Failed, NotApplicable


def same(a, b) -> bool:
    """Equality field by field, arrays included."""
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
        )
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def test_a_written_report_reads_back_field_by_field(cartpole_report, tmp_path):
    write(cartpole_report, tmp_path / "r", {"report.html": "page"})
    assert same(read(tmp_path / "r"), cartpole_report)
    assert (tmp_path / "r" / "report.html").read_text() == "page"


def test_results_without_numbers_read_back(cartpole_report, tmp_path):
    entries = {
        name: dataclasses.replace(cartpole_report.entries["returns"], result=result)
        for name, result in (("a", NotApplicable("needs images")), ("b", Failed("ValueError: x")))
    }
    report = dataclasses.replace(cartpole_report, entries=entries)
    write(report, tmp_path / "r", {})
    assert same(read(tmp_path / "r"), report)


def test_equal_reports_are_equal_byte_for_byte_but_for_timings(cartpole_report, tmp_path):
    slower = dataclasses.replace(cartpole_report, timings={"playing": 1e3})
    for name, report in (("a", cartpole_report), ("b", slower)):
        write(report, tmp_path / name, {})
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    differing = [
        str(file)
        for file in files
        if (tmp_path / "a" / file).read_bytes() != (tmp_path / "b" / file).read_bytes()
    ]
    assert differing == ["timings.json"]


def test_writing_replaces_an_older_report_whole(cartpole_report, tmp_path):
    write(cartpole_report, tmp_path / "r", {"extra.txt": "old"})
    write(cartpole_report, tmp_path / "r", {})
    assert not (tmp_path / "r" / "extra.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_folder_that_is_no_report_is_left_alone(cartpole_report, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ReportError, match="exists and is not a report"):
        write(cartpole_report, tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder_is_left_alone(cartpole_report, tmp_path):
    (tmp_path / "r").write_text("mine")
    with pytest.raises(ReportError, match="is a file"):
        write(cartpole_report, tmp_path / "r", {})
    assert (tmp_path / "r").read_text() == "mine"


def test_a_failing_write_leaves_the_older_report_and_nothing_else(cartpole_report, tmp_path):
    write(cartpole_report, tmp_path / "r", {"extra.txt": "old"})
    environment = dataclasses.replace(cartpole_report.environment, arguments={"x": object()})
    unwritable = dataclasses.replace(cartpole_report, environment=environment)
    with pytest.raises(TypeError):
        write(unwritable, tmp_path / "r", {})
    assert (tmp_path / "r" / "extra.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_missing_report_is_named():
    with pytest.raises(ReportError, match="no report.json"):
        read(Path("nowhere"))


def test_every_truncation_of_a_report_is_one_sentence(cartpole_report, tmp_path):
    write(cartpole_report, tmp_path / "r", {})
    for file in ("report.json", "arrays/returns.npz", "timings.json"):
        whole = (tmp_path / "r" / file).read_bytes()
        for length in np.linspace(0, len(whole) - 2, 15, dtype=int):
            (tmp_path / "r" / file).write_bytes(whole[:length])
            with pytest.raises(ReportError, match="damaged"):
                read(tmp_path / "r")
        (tmp_path / "r" / file).write_bytes(whole)
    assert isinstance(read(tmp_path / "r"), Report)


def test_a_report_of_another_schema_is_refused(cartpole_report, tmp_path):
    write(cartpole_report, tmp_path / "r", {})
    path = tmp_path / "r" / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))
    with pytest.raises(ReportError, match="schema 99"):
        read(tmp_path / "r")


def test_an_array_reference_cannot_leave_the_folder(cartpole_report, tmp_path):
    write(cartpole_report, tmp_path / "r", {})
    np.savez(tmp_path / "secret.npz", returns=np.ones((2, 10)))
    path = tmp_path / "r" / "report.json"
    text = path.read_text().replace('"returns/returns"', '"../../secret/returns"')
    path.write_text(text)
    with pytest.raises(ReportError, match="damaged"):
        read(tmp_path / "r")


def test_measures_have_unique_keys_and_ordered_intervals(cartpole_report):
    measures = list(cartpole_report.measures())
    assert len({measure.key for measure in measures}) == len(measures) > 10
    for measure in measures:
        assert measure.estimate.low <= measure.estimate.value <= measure.estimate.high, measure.key


def test_a_measure_is_found_by_its_key(cartpole_report):
    assert cartpole_report.measure("returns.clean.mean").estimate.value == 100.0
    measure = cartpole_report.measure("saliency.importance[feature=pole_angle]")
    assert measure.conditions == (("feature", "pole_angle"),)


def test_an_unknown_measure_suggests_near_misses(cartpole_report):
    with pytest.raises(UsageError, match="Did you mean returns.clean.mean"):
        cartpole_report.measure("returns.clean.maen")


def test_a_printed_report_is_its_findings(cartpole_report):
    head, *findings = str(cartpole_report).splitlines()
    assert head == "cartpole_dqn.zip in CartPole-v1, 10 episodes"
    assert findings == [f"{f.severity}: {f.sentence}" for f in cartpole_report.findings]


RECORDED = Recorded(
    file="walk.npz",
    digest="ab" * 32,
    observations=1234,
    episodes=5,
    sampled=False,
    features=("angle (rad)",),
    actions=("action 0",),
)


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, "1,234 recorded observations in 5 episodes"),
        ({"episodes": 1}, "1,234 recorded observations in 1 episode"),
        ({"episodes": None}, "1,234 recorded observations"),
        ({"episodes": None, "sampled": True}, "1,234 sampled observations"),
    ],
)
def test_a_report_of_recorded_observations_reads_back_and_says_how_many(
    cartpole_report, tmp_path, changes, size
):
    recorded = dataclasses.replace(RECORDED, **changes)
    report = dataclasses.replace(cartpole_report, environment=recorded, episodes=0)
    write(report, tmp_path / "r", {})
    assert same(read(tmp_path / "r"), report)
    assert str(report).startswith(f"cartpole_dqn.zip on walk.npz, {size}\n")


def test_the_summary_begins_with_what_is_grave_and_tells_the_rest_by_analyzer(cartpole_report):
    from rich.console import Console

    from policyscope.reports.text import summary

    def said(severity, evidence):
        return Finding("X1", severity, "", f"{severity} of {evidence}.", "", evidence)

    findings = (
        said("warning", "saliency.importance[feature=pole_angle]"),
        said("info", "saliency"),
        said("info", "environment"),
        said("info", "returns.clean.mean"),
    )
    printed = io.StringIO()
    report = dataclasses.replace(cartpole_report, findings=findings)
    Console(width=200, file=printed).print(summary(report))
    words = printed.getvalue()
    order = ["warning of saliency.", "info of environment.", "\nreturns\n", "info of returns.clean"]
    order += ["\nsaliency\n", "info of saliency."]
    places = [words.index(part) for part in order]
    assert places == sorted(places)
    assert all(words.count(finding.sentence) == 1 for finding in findings)


def test_the_summary_names_what_was_played_or_shown(cartpole_report):
    from rich.console import Console

    from policyscope.reports.text import summary

    shown = dataclasses.replace(cartpole_report, environment=RECORDED, episodes=0)
    for report, words in (
        (cartpole_report, ("cartpole_dqn.zip in CartPole-v1\n", "; 10 episodes, seed 0")),
        (shown, ("cartpole_dqn.zip on walk.npz\n", "; 1,234 recorded observations in 5 epi")),
    ):
        printed = io.StringIO()
        Console(width=200, file=printed).print(summary(report))
        assert all(part in printed.getvalue() for part in words)
