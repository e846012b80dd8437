"""pytest plugin: gate a policy's robustness in CI.

::

    def test_policy_balances(policyscope):
        report = policyscope.analyze("policy.zip", "CartPole-v1", episodes=100)
        report.require("returns.clean.mean", at_least=475)

Equal calls analyse once per session. This module imports nothing heavy: a test run that does not
use the fixture does not pay for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from policyscope.reports.report import Report


class GatedReport:
    """A report that can fail a test."""

    def __init__(self, report: "Report") -> None:
        self.report = report

    def require(
        self, measure: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Fail the test unless the measure's whole interval keeps the threshold."""
        __tracebackhide__ = True
        from policyscope.errors import UsageError
        from policyscope.reports.requirements import Verdict, judge

        try:
            judgement = judge(self.report.measure(measure), at_least, at_most)
        except UsageError as error:
            pytest.fail(str(error), pytrace=False)
        if judgement.verdict is not Verdict.PASSED:
            pytest.fail(judgement.sentence, pytrace=False)


class PolicyscopeFixture:
    """Analyses checkpoints, each once."""

    def __init__(self) -> None:
        self._done: dict[tuple[Any, ...], GatedReport] = {}

    def analyze(  # noqa: PLR0913  the options of `policyscope analyze`
        self,
        checkpoint: str | Path,
        environment: str | None = None,
        *,
        observations: str | Path | None = None,
        actions: str | None = None,
        normalisation: str | Path | None = None,
        activation: str | None = None,
        only: tuple[str, ...] | None = None,
        episodes: int = 50,
        seed: int = 0,
    ) -> GatedReport:
        """Analyse a checkpoint; the arguments are the options of `policyscope analyze`."""
        __tracebackhide__ = True
        subject = (str(checkpoint), environment, str(observations), str(normalisation))
        key = (*subject, activation, actions, only, episodes, seed)
        if key not in self._done:
            from policyscope.analysis import analyze, configured
            from policyscope.errors import PolicyscopeError
            from policyscope.policies.loading import load

            try:
                report = analyze(
                    load(checkpoint, activation=activation, normalisation=normalisation),
                    environment,
                    observations=observations,
                    actions=actions,
                    analyzers=None if only is None else configured(only),
                    episodes=episodes,
                    seed=seed,
                )
            except PolicyscopeError as error:
                pytest.fail(str(error), pytrace=False)
            self._done[key] = GatedReport(report)
        return self._done[key]


@pytest.fixture(scope="session")
def policyscope() -> PolicyscopeFixture:
    """Analyse checkpoints and require something of their measures."""
    return PolicyscopeFixture()
