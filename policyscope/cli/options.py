"""Options that several commands take."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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
Environment = Annotated[
    str | None, typer.Option("--env", metavar="ID", help="Gymnasium id, such as CartPole-v1.")
]
EnvironmentArguments = Annotated[
    list[str] | None,
    typer.Option(
        "--env-arg", metavar="NAME=VALUE", help="Argument of the environment; repeatable."
    ),
]
Episodes = Annotated[int, typer.Option(help="Episodes that are played.")]
Seed = Annotated[int, typer.Option(help="Decides every random number.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="ANALYZER.NAME=VALUE", help="Parameter of an analyzer; repeatable."
    ),
]
Lanes = Annotated[
    int | None,
    typer.Option(help="Episodes played side by side; changes the speed, not the numbers."),
]
