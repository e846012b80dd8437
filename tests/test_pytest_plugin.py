"""The plugin is run in a pytest of its own, as its users run it."""

import subprocess
import sys


def run(pytester, examples, body):
    pytester.makepyfile(f"""
        CHECKPOINT = {str(examples / "cartpole_dqn.zip")!r}
        QUICK = ("returns", "saliency")
        {body}
    """)
    return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")


def test_a_kept_requirement_passes(pytester, examples):
    result = run(
        pytester,
        examples,
        """
        def test_policy(policyscope):
            report = policyscope.analyze(CHECKPOINT, "CartPole-v1", episodes=5, only=QUICK)
            report.require("returns.clean.mean", at_least=475)
            report.require("returns.random.mean", at_most=100)
        """,
    )
    result.assert_outcomes(passed=1)
    assert result.ret == 0


def test_a_broken_requirement_fails_with_its_sentence_alone(pytester, examples):
    result = run(
        pytester,
        examples,
        """
        def test_policy(policyscope):
            report = policyscope.analyze(CHECKPOINT, "CartPole-v1", episodes=5, only=QUICK)
            report.require("returns.clean.mean", at_least=501)
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*returns.clean.mean is 500 [[]500, 500[]] reward*required at least 501: failed.*"]
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_an_interval_that_holds_the_threshold_does_not_pass(pytester, examples):
    result = run(
        pytester,
        examples,
        """
        def test_policy(policyscope):
            report = policyscope.analyze(CHECKPOINT, "CartPole-v1", episodes=5, only=QUICK)
            mean = report.report.measure("returns.random.mean").estimate.value
            report.require("returns.random.mean", at_least=mean - 0.1)
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*undecided. About * episodes would decide.*"])


def test_a_wrong_name_or_checkpoint_is_one_sentence(pytester, examples):
    result = run(
        pytester,
        examples,
        """
        def test_measure(policyscope):
            report = policyscope.analyze(CHECKPOINT, "CartPole-v1", episodes=2, only=("returns",))
            report.require("returns.clean.maen", at_least=1)

        def test_checkpoint(policyscope):
            policyscope.analyze("nowhere.zip", "CartPole-v1")
        """,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*Did you mean returns.clean.mean*", "*There is no file*"])


def test_equal_calls_analyse_once_per_session(pytester, examples):
    result = run(
        pytester,
        examples,
        """
        def test_first(policyscope, request):
            first = policyscope.analyze(CHECKPOINT, "CartPole-v1", episodes=2, only=QUICK)
            request.config.first = first

        def test_second(policyscope, request):
            again = policyscope.analyze(CHECKPOINT, "CartPole-v1", episodes=2, only=QUICK)
            other = policyscope.analyze(CHECKPOINT, "CartPole-v1", episodes=3, only=QUICK)
            assert again is request.config.first
            assert other is not again
        """,
    )
    result.assert_outcomes(passed=2)


def test_recorded_observations_can_be_required_to_explain(pytester, examples):
    table = "a,b,c,d\n" + "".join(f"{i},{i * i % 7},{-i},1\n" for i in range(40))
    pytester.makefile(".csv", walk=table)
    result = run(
        pytester,
        examples,
        """
        def test_policy(policyscope):
            report = policyscope.analyze(CHECKPOINT, observations="walk.csv")
            report.require("saliency.importance[feature=d]", at_most=0.1)
            assert policyscope.analyze(CHECKPOINT, observations="walk.csv") is report

        def test_nothing(policyscope):
            policyscope.analyze(CHECKPOINT)
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*There is nothing to show the policy*"])


def test_an_unused_plugin_imports_nothing_heavy(pytester):
    pytester.makepyfile("""
        import sys

        def test_lightness():
            heavy = {"torch", "numpy", "gymnasium", "plotly", "rich", "policyscope.analysis"}
            assert not heavy & set(sys.modules)
    """)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:jaxtyping",
        "-p",
        "no:hypothesispytest",
        str(pytester.path),
    ]
    result = subprocess.run(command, capture_output=True, text=True, cwd=pytester.path)
    assert result.returncode == 0, result.stdout
