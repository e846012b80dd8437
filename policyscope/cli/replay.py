"""`policyscope replay`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policyscope.cli.options import (
    Activation,
    Architecture,
    Normalisation,
    OwnPolicy,
    ReportFolder,
)
from policyscope.cli.translating import policy_of, sentences
from policyscope.errors import ReportError, UsageError

if TYPE_CHECKING:
    from policyscope.policies.policy import Policy
    from policyscope.reports.counterexamples import Found
    from policyscope.reports.report import Report
    from policyscope.reports.results import AttackOutcome
    from policyscope.rollouts.environment import Environment
    from policyscope.rollouts.goal import Goal
    from policyscope.rollouts.reenactment import Reenactment
    from policyscope.rollouts.rollouts import Rollouts
    from policyscope.rollouts.shrinking import Case


def replay(  # noqa: PLR0913  one argument per option
    folder: ReportFolder,
    counterexample: Annotated[
        str, typer.Argument(metavar="COUNTEREXAMPLE", help="Its name, such as counterexample-1.")
    ],
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The policy, to see whether it acts the same again."),
    ] = None,
    normalisation: Normalisation = None,
    activation: Activation = None,
    architecture: Architecture = None,
    own_policy: OwnPolicy = None,
    env: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The environment, where it is made by a module."),
    ] = None,
    render: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a film: out.gif or out.mp4.")
    ] = None,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Find fewer steps and a smaller epsilon that do.")
    ] = False,
    harm: Annotated[
        float, typer.Option(help="With --shrink: the share of the harm that has to be left.")
    ] = 0.9,
    goal: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:NAME", help="With --shrink: the goal, where it is code of your own."
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="With --shrink: of processor time, to search.")
    ] = 2.0,
) -> None:
    """Play an episode under attack again, bit for bit, from a report."""
    with sentences():
        from policyscope import terminal
        from policyscope.reports.counterexamples import find
        from policyscope.reports.report import read
        from policyscope.rollouts.actors import Greedy
        from policyscope.rollouts.film import film, require_writable
        from policyscope.rollouts.reenactment import reenacted
        from policyscope.rollouts.shrinking import Case

        if render is not None:
            require_writable(render)
        report = read(folder)
        found = find(report, counterexample)
        environment = _environment(report, env)
        hints = {"activation": activation, "architecture": architecture}
        policy = _policy(environment, checkpoint, own_policy, normalisation, hints)
        if shrink and policy is None:
            raise UsageError("--shrink plays the policy again and again: add --checkpoint FILE.")
        again = reenacted(found.kept, environment)
        terminal.print_counterexample(found, again.rollouts)
        rollouts = _same(again, "Played again, it is the same", report)
        if policy is not None:
            case = Case(found.kept, rollouts, Greedy(policy), environment)
            _ask(case, policy, report)
            if shrink:
                case = replace(case, goal=_goal(found.outcome, environment, goal))
                rollouts = _shrink(case, found, harm, minutes)
        if render is not None:
            with terminal.progress_bars() as progress:
                count = film(found.kept, rollouts, environment, render, progress)
            typer.echo(f"film: {render}, {count} frames")


def _environment(report: "Report", named: str | None) -> "Environment":
    """Where the report was made; a module is imported only where the person names it as well."""
    from policyscope.reports.report import Played
    from policyscope.rollouts.environment import Environment

    setting = report.environment
    if not isinstance(setting, Played):
        raise ReportError("Nothing was played for this report, so nothing can be played again.")
    if named is not None and named != setting.id:
        raise UsageError(f"The report was made in {setting.id!r}, not in {named!r}.")
    if named is None and ":" in setting.id:
        raise UsageError(
            f"The report was made in {setting.id!r}, and would have this module imported: name it "
            "with --env if you trust it."
        )
    return Environment(setting.id, setting.arguments)


def _goal(outcome: "AttackOutcome", environment: "Environment", named: str | None) -> "Goal":
    """What the adversary was after; a module is imported only where the person names it as well."""
    from policyscope.rollouts.features import features_of
    from policyscope.rollouts.goal import asked_for

    text = "" if outcome.forced else outcome.goal
    if named is not None and named != text:
        raise UsageError(f"The goal was {text or 'another'!r}, not {named!r}.")
    if named is None and ":" in text:
        raise UsageError(
            f"The goal of the attack was {text!r}, and shrinking it would import this module: name "
            "it with --goal if you trust it."
        )
    features = features_of(environment.playable, environment.spaces()[0])
    return asked_for(text, outcome.forced, features)


def _policy(
    environment: "Environment",
    checkpoint: Path | None,
    own_policy: str | None,
    normalisation: Path | None,
    hints: dict[str, str | None],
) -> "Policy | None":
    """The policy, if the person gave it."""
    if checkpoint is not None and own_policy is not None:
        raise UsageError("Give either --checkpoint or --policy MODULE:NAME, code of your own.")
    if checkpoint is None and own_policy is None:
        if normalisation is not None or any(hints.values()):
            raise UsageError("Normalisation, activation and architecture belong to --checkpoint.")
        return None
    policy = policy_of(checkpoint, own_policy, normalisation, **hints)
    return policy.fitted_to(*environment.spaces(), environment.id)


def _ask(case: "Case", policy: "Policy", report: "Report") -> None:
    """Whether the policy acts as it did, when it is shown what it was shown and when not."""
    from policyscope.rollouts.reenactment import reenacted, unharmed

    name = policy.checkpoint.file
    if policy.checkpoint.digest != report.checkpoint.digest:
        typer.echo(f"{name} is not the file that the report is about: its SHA-256 is another.")
    whom = (case.kept, case.environment, case.actor)
    asked = reenacted(*whom)
    asked = replace(asked, difference=asked.difference or unharmed(*whom))
    _same(asked, f"{name} acts the same, attacked and not", report)


def _same(again: "Reenactment", sentence: str, report: "Report") -> "Rollouts":
    """Say that it is the same, or where it is not; that ends the command with 1."""
    if again.difference is None and again.rollouts is not None:
        typer.echo(f"{sentence}, bit for bit.")
        return again.rollouts
    typer.echo(f"policyscope: {again.difference}{_other_versions(report)}", err=True)
    raise typer.Exit(1)


def _other_versions(report: "Report") -> str:
    """What was computed with other libraries than there are, as a sentence."""
    from importlib.metadata import version

    from policyscope.analysis import LIBRARIES

    then = {name: report.versions.get(name, "none") for name in LIBRARIES}
    others = [f"{n} {old}, now {version(n)}" for n, old in then.items() if old != version(n)]
    return f" The report was made with {'; '.join(others)}." if others else ""


def _shrink(case: "Case", found: "Found", harm: float, minutes: float) -> "Rollouts":
    """Find less that still does the harm, say it, and give the episode under it."""
    from policyscope import terminal
    from policyscope.rollouts.shrinking import shrunken

    with terminal.progress_bars() as progress:
        left = shrunken(case, harm, 60 * minutes, progress)
    terminal.print_shrunken(found, left)
    return left.rollouts
