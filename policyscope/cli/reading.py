"""`policyscope show`, `list`, `inspect` and `dashboard`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from policyscope.cli.options import (
    Activation,
    Architecture,
    CheckpointPath,
    Format,
    Normalisation,
    OutputFormat,
    ReportFolder,
)
from policyscope.cli.translating import policy_of, sentences
from policyscope.errors import ActivationUnknown


def show(
    folder: ReportFolder,
    measures: Annotated[bool, typer.Option("--measures", help="List every number.")] = False,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Read a report."""
    with sentences():
        from policyscope import terminal
        from policyscope.reports.report import read

        report = read(folder)
        if output is Format.JSON:
            terminal.print_report_json(report, measures_alone=measures)
        elif measures:
            terminal.print_measures(report)
        else:
            terminal.print_summary(report)


def list_(
    analyzer: Annotated[str | None, typer.Argument(metavar="[ANALYZER]")] = None,
) -> None:
    """List analyzers, or one with its parameters, needs and measures."""
    with sentences():
        from policyscope import registry, terminal

        if analyzer is not None:
            terminal.print_analyzer(analyzer, registry.find(registry.ANALYZERS, analyzer))
            return
        working, broken = registry.everything(registry.ANALYZERS)
        terminal.print_analyzers(working)
        for sentence in broken:
            typer.echo(sentence, err=True)


def inspect(
    checkpoint: CheckpointPath,
    activation: Activation = None,
    normalisation: Normalisation = None,
    architecture: Architecture = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Say what a file holds, without an environment."""
    with sentences():
        from policyscope import terminal

        hints = {"activation": activation, "architecture": architecture}
        try:
            found = policy_of(checkpoint, None, normalisation, **hints).checkpoint
        except ActivationUnknown as error:
            found = error.checkpoint
        if output is Format.JSON:
            terminal.print_json(asdict(found))
        else:
            terminal.print_checkpoint(found)


def dashboard(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A report's folder, or a folder of reports.")
    ],
    port: Annotated[
        int | None, typer.Option(help="Port on this machine; by default a free one.")
    ] = None,
) -> None:
    """Look around in a report, in the browser."""
    with sentences():
        from subprocess import run

        from policyscope_app.launch import command

        raise typer.Exit(run(command(folder, port), check=False).returncode)
