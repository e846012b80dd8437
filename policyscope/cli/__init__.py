"""`policyscope …`: translates words into calls, and answers into text.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

from typing import Annotated

import typer

from policyscope import __version__
from policyscope.cli.analyze import analyze
from policyscope.cli.compare import compare
from policyscope.cli.reading import dashboard, inspect, list_, show
from policyscope.cli.replay import replay

__all__ = ["app", "main"]

app = typer.Typer(
    name="policyscope",
    help="Understand a trained neural policy and decide whether to trust it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (analyze, compare, show, replay, inspect, dashboard):
    app.command()(command)
app.command("list")(list_)


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
