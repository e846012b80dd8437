import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from policyscope.cli import app
from policyscope.reports.report import read


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command line in an empty folder, and see what it leaves there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def invoke(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


QUICK = ("--only", "returns,saliency")


@pytest.fixture
def analyzed(run, examples):
    words = (examples / "cartpole_dqn.zip", "--env", "CartPole-v1", "--episodes", 5)
    result = run("analyze", *words, *QUICK)
    assert result.exit_code == 0, result.output
    return result


def test_analyze_prints_a_summary_and_leaves_a_report(analyzed, tmp_path):
    assert "cartpole_dqn.zip in CartPole-v1" in analyzed.stdout
    assert "report: cartpole_dqn-report/report.html" in analyzed.stdout
    assert len(analyzed.stdout.splitlines()) <= 50
    files = {p.name for p in (tmp_path / "cartpole_dqn-report").iterdir()}
    assert files == {"report.json", "report.html", "timings.json", "arrays"}
    assert [p.name for p in tmp_path.iterdir()] == ["cartpole_dqn-report"]


def test_analyze_again_replaces_the_report(analyzed, run, examples):
    words = (examples / "cartpole_dqn.zip", "--env", "CartPole-v1", "--episodes", 2)
    again = run("analyze", *words, *QUICK)
    assert again.exit_code == 0
    assert "2 episodes" in run("show", "cartpole_dqn-report").stdout


def test_show_repeats_the_summary(analyzed, run):
    shown = run("show", "cartpole_dqn-report")
    assert shown.exit_code == 0
    assert shown.stdout.strip() in analyzed.stdout


def test_measures_are_listed_as_text_and_as_json(analyzed, run):
    text = run("show", "cartpole_dqn-report", "--measures").stdout
    listed = json.loads(run("show", "cartpole_dqn-report", "--measures", "--format", "json").stdout)
    assert all(measure["key"] in text for measure in listed)
    (mean,) = [m for m in listed if m["key"] == "returns.clean.mean"]
    assert mean["value"] == mean["low"] == mean["high"] == 500.0
    assert (mean["confidence"], mean["n"], mean["unit"]) == (0.95, 5, "reward")
    (angle,) = [m for m in listed if m["key"] == "saliency.importance[feature=pole_angle]"]
    assert angle["conditions"] == {"feature": "pole_angle"}


def test_show_as_json_holds_findings_and_measures(analyzed, run):
    content = json.loads(run("show", "cartpole_dqn-report", "--format", "json").stdout)
    assert {f["code"] for f in content["findings"]} >= {"R2", "S1"}
    assert content["measures"]


def test_only_and_set_and_env_arg_reach_their_places(run, examples):
    words = [
        "--only",
        "saliency",
        "--set",
        "saliency.states=20",
        "--env-arg",
        "max_episode_steps=30",
    ]
    result = run(
        "analyze",
        examples / "cartpole_ppo.zip",
        "--env",
        "CartPole-v1",
        "--episodes",
        3,
        *words,
        "--out",
        "r",
    )
    assert result.exit_code == 0, result.output
    content = json.loads(Path("r", "report.json").read_text())
    assert list(content["entries"]) == ["saliency"]
    assert content["entries"]["saliency"]["parameters"]["states"] == 20
    assert content["entries"]["saliency"]["result"]["states"]["shape"] == [20, 4]
    assert content["environment"]["arguments"] == {"max_episode_steps": 30}


def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "walk.csv"
    rows = [f"{i // 5},{i / 9},{-i},0.{i},{i % 3}" for i in range(30)]
    path.write_text("\n".join(["episode,x (m),v (m/s),angle,spin", *rows]))
    return path


def test_recorded_observations_take_the_place_of_an_environment(run, examples, tmp_path):
    checkpoint = examples / "cartpole_dqn.zip"
    result = run("analyze", checkpoint, "--observations", recorded(tmp_path), "--out", "r")
    assert result.exit_code == 0, result.output
    assert "cartpole_dqn.zip on walk.csv" in result.stdout
    assert "does not apply: needs an environment to play in" in result.stdout
    assert run("show", "r").stdout.strip() in result.stdout
    assert "[feature=spin]" in run("show", "r", "--measures").stdout
    content = json.loads(Path("r", "report.json").read_text())
    assert content["environment"]["features"][0] == "x (m)"
    assert "shown 30 recorded observations in 6 episodes" in Path("r", "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "name its environment (--env ID) or, where there is none, recorded observations"),
        (["--env", "CartPole-v1", "--observations", "walk.csv"], "not both"),
        (["--observations", "walk.csv", "--env-arg", "a=1"], "name that with --env"),
        (["--observations", "walk.csv", "--actions", "some"], "not 'some'"),
        (["--observations", "walk.csv", "--actions", "continuous"], "has discrete actions"),
        (["--observations", "none.csv"], "There is no file none.csv"),
        (["--observations", "narrow.csv"], "(4,), but narrow.csv holds (1,)"),
    ],
)
def test_what_a_policy_is_to_meet_is_said_once_and_fits(run, examples, tmp_path, words, sentence):
    recorded(tmp_path)
    (tmp_path / "narrow.csv").write_text("x\n1\n2\n3\n4\n")
    before = sorted(tmp_path.rglob("*"))
    result = run("analyze", examples / "cartpole_dqn.zip", *words)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_list_names_every_analyzer_and_its_question(run):
    assert "How good is the policy, and how good is chance?" in run("list").stdout


def test_list_of_one_shows_parameters_needs_and_measures(run):
    text = run("list", "directions").stdout
    for words in ("gradients of the scores", "states", "200", "directions.oscillation"):
        assert words in text


def test_inspect_says_what_a_file_holds(run, examples):
    text = run("inspect", examples / "pendulum_sac.zip").stdout
    for words in ("SAC", "3 → 64 → 64 → 1", "mean action", "stable-baselines3 zip"):
        assert words in text
    content = json.loads(run("inspect", examples / "pendulum_sac.zip", "--format", "json").stdout)
    assert len(content["digest"]) == 64


def test_inspect_says_what_could_not_be_inferred(run, tmp_path):
    import torch

    layers = [torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)]
    torch.save(torch.nn.Sequential(*layers).state_dict(), tmp_path / "net.pth")
    result = run("inspect", "net.pth")
    assert result.exit_code == 0
    assert "activation" in result.stdout


NET = """
from torch import nn

def actor():
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))

def act(observations):
    return observations[:, 2:]
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """A module of one's own in the folder, and weights for the network that it builds."""
    import torch

    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "own_net.py").write_text(NET)
    layers = [torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)]
    torch.save({"agent": torch.nn.Sequential(*layers).state_dict()}, tmp_path / "weights.pt")
    yield "own_net"
    sys.modules.pop("own_net", None)


def test_an_architecture_of_ones_own_is_inspected_and_analyzed(run, net, tmp_path):
    words = ("weights.pt", "--architecture", "own_net:actor")
    assert "Sequential of own_net:actor" in run("inspect", *words).stdout
    result = run("analyze", *words, "--env", "CartPole-v1", "--episodes", 2, *QUICK)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "weights-report" / "report.html").is_file()
    wrong = run("inspect", "weights.pt", "--architecture", "own_net:critic")
    assert (wrong.exit_code, wrong.stderr.startswith("policyscope: own_net has no")) == (2, True)


def test_a_function_of_ones_own_is_analyzed_in_place_of_a_checkpoint(run, net, tmp_path):
    words = ("--policy", "own_net:act", "--env", "CartPole-v1", "--episodes", 2)
    result = run("analyze", *words, *QUICK)
    assert result.exit_code == 0, result.output
    assert "own_net:act in CartPole-v1" in result.stdout
    assert (tmp_path / "act-report" / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Give either a CHECKPOINT or --policy MODULE:NAME"),
        (("weights.pt", "--policy", "own_net:act"), "Give either a CHECKPOINT or --policy"),
        (("--policy", "own_net:act", "--activation", "tanh"), "--policy is complete"),
        (("--policy", "own_net:fact"), "has no 'fact'. Did you mean act"),
        (("--policy", "own_net.act"), "give package.module:name"),
    ],
)
def test_contradictory_words_about_the_policy_are_a_sentence(run, net, words, said):
    result = run("analyze", *words, "--env", "CartPole-v1")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("policyscope: ")
    assert said in result.stderr


def test_version_is_printed(run):
    assert run("--version").stdout.startswith("policyscope 0.")


def payload(tmp_path: Path) -> Path:
    import pickle

    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = tmp_path / "bomb.pth"
    path.write_bytes(pickle.dumps(Bomb()))
    return path


def truncated(tmp_path: Path, examples: Path) -> Path:
    path = tmp_path / "cut.zip"
    path.write_bytes((examples / "cartpole_dqn.zip").read_bytes()[:20_000])
    return path


def foreign_zip(tmp_path: Path) -> Path:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat.jpg", "meow")
    return path


def rewritten(tmp_path: Path, examples: Path, member: str, change) -> Path:
    path = tmp_path / "changed.zip"
    with zipfile.ZipFile(examples / "cartpole_dqn.zip") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == member else content)
    return path


def with_nan(content: bytes) -> bytes:
    import io

    import torch

    tensors = torch.load(io.BytesIO(content), weights_only=True)
    tensors["q_net.q_net.0.weight"][0, 0] = float("nan")
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


BAD_INPUT = {
    "missing file": (lambda t, e: t / "nothing.zip", "CartPole-v1", [], "There is no file"),
    "truncated zip": (truncated, "CartPole-v1", [], "cut off"),
    "foreign zip": (lambda t, e: foreign_zip(t), "CartPole-v1", [], "cat.jpg"),
    "json cut off": (
        lambda t, e: rewritten(t, e, "data", lambda c: c[:500]),
        "CartPole-v1",
        [],
        "cannot be read",
    ),
    "tensors cut off": (
        lambda t, e: rewritten(t, e, "policy.pth", lambda c: c[:5000]),
        "CartPole-v1",
        [],
        "cut off",
    ),
    "nan weights": (lambda t, e: rewritten(t, e, "policy.pth", with_nan), "CartPole-v1", [], "NaN"),
    "payload": (lambda t, e: payload(t), "CartPole-v1", [], "import and run posix.system"),
    "wrong environment": (
        lambda t, e: e / "cartpole_dqn.zip",
        "Acrobot-v1",
        [],
        "takes observations of shape (4,)",
    ),
    "unknown environment": (
        lambda t, e: e / "cartpole_dqn.zip",
        "CartPoel-v1",
        [],
        "Did you mean CartPole-v1",
    ),
    "environment argument": (
        lambda t, e: e / "cartpole_dqn.zip",
        "CartPole-v1",
        ["--env-arg", "gravty=1"],
        "gravty",
    ),
    "folder in use": (
        lambda t, e: e / "cartpole_dqn.zip",
        "CartPole-v1",
        ["--out", "mine"],
        "is not a report",
    ),
    "bad option value": (
        lambda t, e: e / "cartpole_dqn.zip",
        "CartPole-v1",
        ["--set", "saliency"],
        "NAME=VALUE",
    ),
}


@pytest.mark.parametrize(("make", "env", "options", "words"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_one_sentence_and_exit_code_2(
    run, tmp_path, examples, make, env, options, words
):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("precious")
    checkpoint = make(tmp_path, examples)
    before = sorted(tmp_path.rglob("*"))
    result = run("analyze", checkpoint, "--env", env, "--episodes", 2, *QUICK, *options)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert result.stderr.startswith("policyscope: ")
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_normaliser_of_the_wrong_size_is_refused(run, tmp_path, examples):
    import gymnasium
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    wrapper = VecNormalize(DummyVecEnv([lambda: gymnasium.make("MountainCar-v0")]))
    wrapper.save(str(tmp_path / "vecnormalize.pkl"))
    result = run(
        "analyze",
        examples / "cartpole_dqn.zip",
        "--env",
        "CartPole-v1",
        "--normalisation",
        "vecnormalize.pkl",
    )
    assert result.exit_code == 2
    assert "do not belong together" in result.stderr


def test_an_interruption_leaves_nothing_behind(tmp_path, examples):
    # a shell that runs things in the background lets them ignore SIGINT, and Python inherits that
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from policyscope.cli import main; main()"
    )
    words = [
        "analyze",
        examples / "cartpole_dqn.zip",
        "--env",
        "CartPole-v1",
        "--episodes",
        100_000,
    ]
    with subprocess.Popen(
        [sys.executable, "-c", start, *map(str, words)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"FORCE_COLOR": "1", "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stderr is not None
        seen = b""
        while b"policy" not in seen and process.poll() is None:
            seen += process.stderr.read(16)  # the first progress shows that playing has begun
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"interrupted; nothing was written" in rest
    assert b"Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_two_policies_are_compared(run, examples, tmp_path):
    result = run(
        "compare", examples / "cartpole_dqn.zip", examples / "cartpole_ppo.zip",
        "--env", "CartPole-v1", "--episodes", "3", "--out", tmp_path / "both",
        "--set", "directions.episodes=2",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "cartpole_dqn.zip and cartpole_ppo.zip" in result.output
    assert "second against first" in result.output
    report = read(tmp_path / "both")
    assert report.second is not None and report.second.file == "cartpole_ppo.zip"
    assert set(report.entries) == {"directions", "returns"}
    assert report.measure("directions.correlation[of=rerun,on=first]").estimate.n == 2
    assert "cartpole_ppo.zip" in (tmp_path / "both" / "report.html").read_text()


def test_an_analyzer_that_does_not_compare_says_so(run, examples, tmp_path):
    policy = examples / "cartpole_dqn.zip"
    result = run(
        "compare", policy, policy, "--env", "CartPole-v1", "--episodes", "2",
        "--only", "saliency", "--out", tmp_path / "both",
    )  # fmt: skip
    assert result.exit_code == 0 and "does not compare policies" in result.output


def test_three_normalisers_for_two_policies_are_refused(run, examples, tmp_path):
    policy = examples / "cartpole_dqn.zip"
    files = ("--normalisation", "a.pkl") * 3
    result = run("compare", policy, policy, "--env", "CartPole-v1", *files, "--out", tmp_path / "x")
    assert result.exit_code == 2 and "twice: of A, then of B" in result.output
    assert not (tmp_path / "x").exists()
