"""`policyscope …`: translates words into calls, and answers into text.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from policyscope import __version__
from policyscope.errors import ActivationUnknown, PolicyscopeError, UsageError

if TYPE_CHECKING:
    from policyscope.policies.policy import Policy
    from policyscope.reports.report import Report

app = typer.Typer(
    name="policyscope",
    help="Understand a trained neural policy and decide whether to trust it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How an answer is printed."""

    TEXT = "text"
    JSON = "json"


CheckpointPath = Annotated[
    Path, typer.Argument(metavar="CHECKPOINT", help="The trained policy, or a folder with one.")
]
ReportFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A report's folder.")]
Activation = Annotated[
    str | None,
    typer.Option(help="Activation between layers, for files that do not record it: tanh, relu, …"),
]
Normalisation = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="VecNormalize statistics of the observations (.pkl)."),
]
Architecture = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:NAME",
        help="Your code, in this folder or installed, that builds the network for the weights.",
    ),
]
OwnPolicy = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="MODULE:NAME",
        help="Your code in place of CHECKPOINT: a function from an array of observations to one "
        "of scores, or an nn.Module; imported from this folder or what is installed.",
    ),
]
OutputFormat = Annotated[Format, typer.Option("--format", help="Print text or JSON.")]


def main() -> None:
    """Run the command line."""
    app()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"policyscope {__version__}")
        raise typer.Exit


@app.command()
def analyze(  # noqa: PLR0913  one argument per option
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="[CHECKPOINT]", help="The trained policy, or a folder with one."),
    ] = None,
    env: Annotated[
        str | None, typer.Option(metavar="ID", help="Gymnasium id, such as CartPole-v1.")
    ] = None,
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
    episodes: Annotated[int, typer.Option(help="Episodes that are played.")] = 50,
    seed: Annotated[int, typer.Option(help="Decides every random number.")] = 0,
    only: Annotated[
        str | None, typer.Option(metavar="A,B", help="Analyzers to run; by default all.")
    ] = None,
    normalisation: Normalisation = None,
    activation: Activation = None,
    architecture: Architecture = None,
    own_policy: OwnPolicy = None,
    env_arg: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Argument of the environment; repeatable."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="ANALYZER.NAME=VALUE", help="Parameter of an analyzer; repeatable."
        ),
    ] = None,
    lanes: Annotated[
        int | None,
        typer.Option(help="Episodes played side by side; changes the speed, not the numbers."),
    ] = None,
) -> None:
    """Play a policy or show it recorded observations, run the analyzers, and leave a report."""
    with _sentences():
        from policyscope import registry
        from policyscope.analysis import analyze as analyze_policy
        from policyscope.analysis import configured, literal
        from policyscope.reports.html import page
        from policyscope.reports.report import require_writable, write
        from policyscope.rollouts.environment import Environment
        from policyscope.terminal import print_summary, progress_bars

        folder = out or Path(f"{_name(checkpoint, own_policy)}-report")
        require_writable(folder)
        names = only.split(",") if only else registry.names(registry.ANALYZERS)
        analyzers = configured(names, _assignments(set_, "--set"))
        hints = {"activation": activation, "architecture": architecture}
        policy = _policy(checkpoint, own_policy, normalisation, **hints)
        arguments = {k: literal(v) for k, v in _assignments(env_arg, "--env-arg").items()}
        if arguments and env is None:
            raise UsageError("--env-arg is an argument of the environment; name that with --env.")
        environment = None if env is None else Environment(env, arguments)
        with progress_bars() as progress:
            report = analyze_policy(
                policy,
                environment,
                observations=observations,
                actions=actions,
                analyzers=analyzers,
                episodes=episodes,
                seed=seed,
                lanes=lanes,
                progress=progress,
            )
        write(report, folder, {"report.html": page(report)})
        print_summary(report)
        typer.echo(f"\nreport: {folder / 'report.html'}")
    raise typer.Exit(_failures(report))


@app.command()
def show(
    folder: ReportFolder,
    measures: Annotated[bool, typer.Option("--measures", help="List every number.")] = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Read a report."""
    with _sentences():
        from policyscope import terminal
        from policyscope.reports.report import read

        report = read(folder)
        if output is Format.JSON:
            terminal.print_report_json(report, measures_alone=measures)
        elif measures:
            terminal.print_measures(report)
        else:
            terminal.print_summary(report)


@app.command("list")
def list_(
    analyzer: Annotated[str | None, typer.Argument(metavar="[ANALYZER]")] = None,
) -> None:
    """List analyzers, or one with its parameters, needs and measures."""
    with _sentences():
        from policyscope import registry, terminal

        if analyzer is not None:
            terminal.print_analyzer(analyzer, registry.find(registry.ANALYZERS, analyzer))
            return
        working, broken = registry.everything(registry.ANALYZERS)
        terminal.print_analyzers(working)
        for sentence in broken:
            typer.echo(sentence, err=True)


@app.command()
def inspect(
    checkpoint: CheckpointPath,
    activation: Activation = None,
    normalisation: Normalisation = None,
    architecture: Architecture = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Say what a file holds, without an environment."""
    with _sentences():
        from policyscope import terminal

        hints = {"activation": activation, "architecture": architecture}
        try:
            found = _policy(checkpoint, None, normalisation, **hints).checkpoint
        except ActivationUnknown as error:
            found = error.checkpoint
        if output is Format.JSON:
            terminal.print_json(asdict(found))
        else:
            terminal.print_checkpoint(found)


@app.command()
def dashboard(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A report's folder, or a folder of reports.")
    ],
    port: Annotated[
        int | None, typer.Option(help="Port on this machine; by default a free one.")
    ] = None,
) -> None:
    """Look around in a report, in the browser."""
    with _sentences():
        from subprocess import run

        from policyscope_app.launch import command

        raise typer.Exit(run(command(folder, port), check=False).returncode)


def _name(checkpoint: Path | None, own_policy: str | None) -> str:
    if checkpoint is not None and own_policy is None:
        return checkpoint.absolute().stem  # a folder may be named by a dot
    if checkpoint is None and own_policy is not None:
        return own_policy.rpartition(":")[2]
    raise UsageError("Give either a CHECKPOINT or --policy MODULE:NAME, code of your own.")


def _policy(
    checkpoint: Path | None, own_policy: str | None, normalisation: Path | None, **hints: str | None
) -> "Policy":
    if checkpoint is not None:
        from policyscope.policies.loading import load

        return load(checkpoint, normalisation=normalisation, **hints)
    from policyscope.policies.callables import from_callable
    from policyscope.policies.own_code import imported

    if own_policy is None or any(hints.values()):
        raise UsageError("--policy is complete: leave --activation and --architecture away.")
    return from_callable(imported(own_policy), own_policy, normalisation=normalisation)


@contextmanager
def _sentences() -> Iterator[None]:
    """Expected failures, and an interruption, as one sentence and exit code 2."""
    try:
        yield
    except PolicyscopeError as error:
        typer.echo(f"policyscope: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("policyscope: interrupted; nothing was written.", err=True)
        raise typer.Exit(2) from None


def _assignments(texts: list[str] | None, option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise UsageError(f"{option} takes NAME=VALUE, not {name + sign + value!r}.")
    return {name: value for name, _, value in pairs}


def _failures(report: "Report") -> int:
    from policyscope.reports.results import Failed

    return int(any(isinstance(entry.result, Failed) for entry in report.entries.values()))
