"""`policyscope compare`."""

from pathlib import Path
from typing import Annotated

import typer

from policyscope.cli.options import (
    Activation,
    EnvironmentArguments,
    Episodes,
    Lanes,
    Seed,
    Settings,
)
from policyscope.cli.translating import assignments, policy_of, report_on, sentences
from policyscope.errors import UsageError


def compare(  # noqa: PLR0913  one argument per option
    first: Annotated[Path, typer.Argument(metavar="A", help="A trained policy.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    env: Annotated[str, typer.Option(metavar="ID", help="The environment that both play.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Report folder; by default A-against-B-report."),
    ] = None,
    episodes: Episodes = 50,
    seed: Seed = 0,
    only: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Analyzers to run; by default all that compare."),
    ] = None,
    normalisation: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="VecNormalize statistics: once for both, or of A and then of B."
        ),
    ] = None,
    activation: Activation = None,
    env_arg: EnvironmentArguments = None,
    set_: Settings = None,
    lanes: Lanes = None,
) -> None:
    """Say how two policies differ, on the same episodes."""
    with sentences():
        from policyscope import registry
        from policyscope.analysis import configured, literal
        from policyscope.analyzers.subject import Comparing
        from policyscope.reports.report import require_writable
        from policyscope.rollouts.environment import Environment

        both = "-against-".join(path.absolute().stem for path in (first, second))
        folder = out or Path(f"{both}-report")
        require_writable(folder)
        kinds, _ = registry.everything(registry.ANALYZERS)
        comparing = [name for name, kind in kinds.items() if issubclass(kind, Comparing)]
        names = only.split(",") if only else comparing
        analyzers = configured(names, assignments(set_, "--set"))
        one, two = (
            policy_of(path, None, statistics, activation=activation)
            for path, statistics in zip((first, second), _of_both(normalisation), strict=True)
        )
        arguments = {k: literal(v) for k, v in assignments(env_arg, "--env-arg").items()}
        report_on(
            one,
            Environment(env, arguments),
            folder,
            second=two,
            analyzers=analyzers,
            episodes=episodes,
            seed=seed,
            lanes=lanes,
        )


def _of_both(files: list[Path] | None) -> tuple[Path | None, Path | None]:
    match files or []:
        case []:
            return None, None
        case [both]:
            return both, both
        case [first, second]:
            return first, second
    raise UsageError("--normalisation is given once for both policies, or twice: of A, then of B.")
