"""`policyscope analyze`."""

from pathlib import Path
from typing import Annotated

import typer

from policyscope.cli.options import (
    Activation,
    Architecture,
    Environment,
    EnvironmentArguments,
    Episodes,
    Lanes,
    Normalisation,
    OwnPolicy,
    Seed,
    Settings,
)
from policyscope.cli.translating import assignments, policy_of, report_on, sentences
from policyscope.errors import UsageError


def analyze(  # noqa: PLR0913  one argument per option
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="[CHECKPOINT]", help="The trained policy, or a folder with one."),
    ] = None,
    env: Environment = None,
    observations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Recorded observations or their ranges, in place of --env."
        ),
    ] = None,
    actions: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="discrete or continuous, where neither the checkpoint nor a recording tells.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Report folder; by default CHECKPOINT's name and -report."
        ),
    ] = None,
    episodes: Episodes = 50,
    seed: Seed = 0,
    only: Annotated[
        str | None, typer.Option(metavar="A,B", help="Analyzers to run; by default all.")
    ] = None,
    normalisation: Normalisation = None,
    activation: Activation = None,
    architecture: Architecture = None,
    own_policy: OwnPolicy = None,
    env_arg: EnvironmentArguments = None,
    set_: Settings = None,
    lanes: Lanes = None,
) -> None:
    """Play a policy or show it recorded observations, run the analyzers, and leave a report."""
    with sentences():
        from policyscope import registry
        from policyscope.analysis import configured, literal
        from policyscope.reports.report import require_writable
        from policyscope.rollouts import environment as environments

        folder = out or Path(f"{_name(checkpoint, own_policy)}-report")
        require_writable(folder)
        names = only.split(",") if only else registry.names(registry.ANALYZERS)
        analyzers = configured(names, assignments(set_, "--set"))
        hints = {"activation": activation, "architecture": architecture}
        policy = policy_of(checkpoint, own_policy, normalisation, **hints)
        arguments = {k: literal(v) for k, v in assignments(env_arg, "--env-arg").items()}
        if arguments and env is None:
            raise UsageError("--env-arg is an argument of the environment; name that with --env.")
        environment = None if env is None else environments.Environment(env, arguments)
        report_on(
            policy,
            environment,
            folder,
            observations=observations,
            actions=actions,
            analyzers=analyzers,
            episodes=episodes,
            seed=seed,
            lanes=lanes,
        )


def _name(checkpoint: Path | None, own_policy: str | None) -> str:
    if checkpoint is not None and own_policy is None:
        return checkpoint.absolute().stem  # a folder may be named by a dot
    if checkpoint is None and own_policy is not None:
        return own_policy.rpartition(":")[2]
    raise UsageError("Give either a CHECKPOINT or --policy MODULE:NAME, code of your own.")
