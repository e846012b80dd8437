"""`policyscope replay`: a counterexample of a report is played again, or it is said where not."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from outcomes import outcome
from test_cli import run  # noqa: F401  the fixture
from typer.testing import CliRunner

from policyscope.cli import app
from policyscope.cli.replay import _goal
from policyscope.errors import UsageError
from policyscope.reports.counterexamples import found
from policyscope.reports.report import read
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.goal import AdversarialReward, ForceAction, LowerReturn
from policyscope.rollouts.rollouts import Rollouts
from policyscope.terminal import _decision, _in_steps, _largest

ATTACKS = ("--only", "attacks", "--set", "attacks.only=('fgsm',)", "--set", "attacks.episodes=3")


@pytest.fixture(scope="module")
def analysed(examples, tmp_path_factory):
    """A report with two counterexamples."""
    folder = tmp_path_factory.mktemp("report") / "report"
    words = (examples / "cartpole_ppo.zip", "--env", "CartPole-v1", "--episodes", 3, *ATTACKS)
    more = ("--set", "attacks.epsilons=(3.0,20.0)", "--env-arg", "max_episode_steps=80")
    result = CliRunner().invoke(app, [str(w) for w in ("analyze", *words, *more, "--out", folder)])
    assert result.exit_code == 0, result.output
    assert "policyscope replay DIR counterexample-2" in " ".join(result.stdout.split())
    return folder


@pytest.fixture
def report(analysed, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(analysed, tmp_path / "report")


def altered(report, change):
    """Plant a mistake in the arrays of the first counterexample."""
    path = report / "arrays" / "attacks.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    change({k.rpartition(".")[2]: v for k, v in arrays.items() if "counterexamples.0" in k})
    np.savez_compressed(path, **arrays)


def test_an_episode_is_played_again_from_the_report_alone(run, report):  # noqa: F811
    before = {path: path.read_bytes() for path in report.rglob("*.*")}
    result = run("replay", report, "counterexample-1")
    assert result.exit_code == 0, result.output
    one = found(read(report))[0].kept
    steps = len(one.rewards)
    for words in (
        f"{one.clean:g} without the attack, {one.returned:g} with it",
        f"{steps} of {steps} steps: 0–{steps - 1}",
        f"turned in {one.turned.sum()} of {steps} steps",
        "of 3 (standard deviations, L∞ per step)",
        "Played again, it is the same, bit for bit.",
    ):
        assert words in " ".join(result.stdout.split())
    assert before == {path: path.read_bytes() for path in report.rglob("*.*")}


def test_the_policy_is_asked_shrunk_and_filmed(run, report, examples, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    words = ("--checkpoint", examples / "cartpole_ppo.zip", "--shrink", "--render", "out.gif")
    result = run("replay", report, "counterexample-1", *words)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "cartpole_ppo.zip acts the same, attacked and not, bit for bit." in said
    assert "until no step could be left out" in said
    assert "film: out.gif" in said
    assert (tmp_path / "out.gif").stat().st_size > 1000


def test_another_policy_is_found_out(run, report, examples):  # noqa: F811
    words = ("--checkpoint", examples / "cartpole_dqn.zip")
    result = run("replay", report, "counterexample-1", *words)
    assert result.exit_code == 1
    assert "is not the file that the report is about" in result.stdout
    assert "the action was" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("part", ["rewards", "changes", "digests", "actions"])
def test_a_planted_mistake_is_found_in_its_step(run, report, part):  # noqa: F811
    def change(arrays):
        values = arrays[part]
        values[2] = 1 - values[2] if part == "actions" else values[2] + values.dtype.type(1)

    altered(report, change)
    result = run("replay", report, "counterexample-1")
    assert result.exit_code == 1
    step = 3 if part == "actions" else 2
    assert result.stderr.startswith(f"policyscope: The two first differ in step {step}: ")
    assert "Traceback" not in result.output


def test_a_clean_return_that_was_never_reached_is_found_out(run, report, examples):  # noqa: F811
    path = report / "report.json"
    content = json.loads(path.read_text())
    content["entries"]["attacks"]["result"]["counterexamples"][0]["clean"] = 81.0
    path.write_text(json.dumps(content))
    words = ("--checkpoint", examples / "cartpole_ppo.zip")
    result = run("replay", report, "counterexample-1", *words)
    assert result.exit_code == 1
    assert "returned 81.0 and returns 80.0" in result.stderr


def test_other_versions_are_named_where_something_differs(run, report):  # noqa: F811
    path = report / "report.json"
    path.write_text(path.read_text().replace('"gymnasium": "', '"gymnasium": "0.'))
    assert run("replay", report, "counterexample-1").exit_code == 0
    altered(report, lambda arrays: arrays["rewards"].fill(2))
    result = run("replay", report, "counterexample-1")
    assert "The report was made with gymnasium 0." in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("counterexample-9",), "there is counterexample-1, counterexample-2."),
        (("counterexample-1", "--shrink"), "add --checkpoint FILE"),
        (("counterexample-1", "--render", "out.avi"), "a .gif or .mp4 file"),
        (("counterexample-1", "--env", "Acrobot-v1"), "made in 'CartPole-v1', not in 'Acrobot-v1'"),
        (("counterexample-1", "--activation", "relu"), "belong to --checkpoint"),
        (("counterexample-1", "--checkpoint", "none.zip"), "There is no file none.zip"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, report, words, said):  # noqa: F811
    result = run("replay", report, *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_share_that_is_none_is_a_sentence(run, report, examples):  # noqa: F811
    words = ("--checkpoint", examples / "cartpole_ppo.zip", "--shrink", "--harm", 2)
    result = run("replay", report, "counterexample-1", *words)
    assert (result.exit_code, "at most 1, not 2.0" in result.stderr) == (2, True)


def edited(report, change):
    path = report / "report.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def one(content):
    return content["entries"]["attacks"]["result"]["counterexamples"][0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["environment"].update(id="no_such_module:X-v0"), "name it with --env"),
        (lambda c: c["environment"].update(id="Nowhere-v0"), "There is no environment"),
        (lambda c: c["environment"].update(id="Acrobot-v1", arguments={}), "of shape (4,)"),
        (lambda c: c["environment"]["arguments"].update(speed=9), "cannot be made"),
        (lambda c: one(c).update(episode=-1), "is damaged"),
        (lambda c: one(c).update(episode=2**40), "is damaged"),
        (lambda c: one(c).update(changes=one(c)["rewards"]), "is damaged"),
        (lambda c: one(c).update(rewards={"array": "../../x"}), "is damaged"),
        (lambda c: one(c).pop("seed"), "is damaged"),
        (
            lambda c: c["entries"]["attacks"]["result"].update(counterexamples=[]),
            "There is no counterexample in this report",
        ),
    ],
)
def test_a_report_that_somebody_tampered_with_is_one_sentence(run, report, change, said):  # noqa: F811
    edited(report, change)
    result = run("replay", report, "counterexample-1")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_every_truncation_of_the_arrays_is_one_sentence(run, report):  # noqa: F811
    path = report / "arrays" / "attacks.npz"
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 2, 7, dtype=int):
        path.write_bytes(whole[:length])
        result = run("replay", report, "counterexample-1")
        assert (result.exit_code, "damaged" in result.stderr) == (2, True)


def test_a_report_of_recordings_has_nothing_to_play(run, examples, tmp_path):  # noqa: F811
    np.save(tmp_path / "seen.npy", np.random.default_rng(0).normal(size=(20, 4)))
    words = (examples / "cartpole_ppo.zip", "--observations", "seen.npy", "--out", "r", *ATTACKS)
    assert run("analyze", *words).exit_code == 0
    result = run("replay", "r", "counterexample-1")
    assert (result.exit_code, "There is no counterexample" in result.stderr) == (2, True)


def test_the_page_names_each_counterexample_and_its_command(report):
    page = (report / "report.html").read_text()
    for name in ("counterexample-1", "counterexample-2"):
        assert f"<code>policyscope replay DIR {name}</code>" in page


def test_a_report_with_counterexamples_reads_back_field_by_field(report, tmp_path):
    from policyscope.reports.report import write

    first = read(report)
    write(first, tmp_path / "again", {})
    ours, theirs = (found(one)[0].kept for one in (first, read(tmp_path / "again")))
    for name in vars(ours):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def test_a_whole_episodes_budget_and_continuous_actions_are_told_in_their_own_words(report):
    first = found(read(report))[0]
    kept = dataclasses.replace(
        first.kept, actions=np.full((9, 2), 0.25), otherwise=np.tile([0.25, 1.0], (9, 1))
    )
    outcome = dataclasses.replace(first.outcome, whole_episode=True, norm="l2")
    one = dataclasses.replace(first, kept=dataclasses.replace(kept, norm="l2"), outcome=outcome)
    assert _decision(one) == "moved by up to 0.75, in step 0; mean 0.75"
    still = np.zeros((9, 4), np.float32)
    shown = still + (one.kept.scale * [3.0, 0, 4.0, 0]).astype(np.float32)
    rollouts = Rollouts(0, np.array([9]), still, shown, *[np.zeros(9)] * 2, *[np.ones(1, bool)] * 2)
    assert _largest(one, rollouts).startswith("5, 15 in all steps together, of 3 (standard dev")
    assert _largest(one, rollouts).endswith("L2 per episode)")


def test_steps_are_listed_as_stretches():
    chosen = np.zeros(50, bool)
    chosen[[0, 1, 2, 5]] = True
    assert _in_steps(chosen) == "4 of 50 steps: 0–2, 5"
    assert _in_steps(~chosen[:1]) == "0 of 1 steps"
    assert _in_steps(np.arange(50) % 2 == 0).endswith(", 20, 22, …")


def test_under_a_goal_shrinking_keeps_what_the_adversary_gains(run, examples, tmp_path):  # noqa: F811
    words = (examples / "cartpole_ppo.zip", "--env", "CartPole-v1", "--episodes", 3, *ATTACKS)
    goal = ("--set", "attacks.goal=a[0] - 1", "--set", "attacks.force=(1,)")
    more = ("--set", "attacks.epsilons=(20.0,)", "--env-arg", "max_episode_steps=40")
    assert run("analyze", *words, *goal, *more, "--out", tmp_path / "r").exit_code == 0
    shrinking = ("--checkpoint", examples / "cartpole_ppo.zip", "--shrink", "--harm", 0.5)
    result = run("replay", tmp_path / "r", "counterexample-1", *shrinking)
    assert result.exit_code == 0, result.output
    harm = found(read(tmp_path / "r"))[0].kept.harm
    (line,) = [line for line in result.stdout.splitlines() if "with all" in line]
    assert f"{harm:g} with all" in line
    left = float(line.partition("with all,")[2].split()[0])
    assert 0.5 * harm <= left <= harm


CARTPOLE = Environment("CartPole-v1")


def test_the_goal_of_a_report_is_known_again():
    assert isinstance(_goal(outcome(), CARTPOLE, None), LowerReturn)
    forced = _goal(outcome(goal="share of the action left", forced=(0.0,)), CARTPOLE, None)
    assert forced == ForceAction((0.0,))
    assert isinstance(_goal(outcome(goal="-pole_angle"), CARTPOLE, None), AdversarialReward)


def test_code_that_a_report_names_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "mine.py").write_text("def right(o, a, r):\n    return 1.0 * a\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="would import this module: name it with --goal"):
        _goal(outcome(goal="evil:right"), CARTPOLE, None)
    with pytest.raises(UsageError, match="The goal was 'evil:right', not 'mine:right'"):
        _goal(outcome(goal="evil:right"), CARTPOLE, "mine:right")
    assert isinstance(_goal(outcome(goal="mine:right"), CARTPOLE, "mine:right"), AdversarialReward)
