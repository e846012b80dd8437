"""What becomes of every file in a folder?

    python benchmarks/loading.py FOLDER [--episodes 10]

For each file of the folder: its format, what was inferred, and whether it loads, plays, or is
refused and why; the return against the published one where MANIFEST.csv gives one, which also names
environments, normalisers, and, in its notes, the activations that state dicts do not record. What
only the authors' code says of a file is in `BY_ITS_AUTHORS`.
"""

import argparse
import csv
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from policyscope.errors import PolicyscopeError
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.rollouts.actors import Greedy
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.play import play

COLUMNS = ("file", "format", "inferred", "environment", "published", "here", "outcome")
EXAMPLES = Path(__file__).parents[1] / "examples"
BY_ITS_AUTHORS = {
    "a3c-gru-PongDeterministic-v4.tar": {
        "environment": "baby_a3c_pong:BabyA3CPong-v4",
        "note": "activation elu",
    },
    # with tanh it falls, at -112; with ReLU it lands, at 230
    "xrl-bench-LunarLander.pth": {"environment": "LunarLander-v2", "note": "activation relu"},
}
"""Instead of a manifest's columns; environments of one's own are among the examples."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--episodes", type=int, default=10)
    arguments = parser.parse_args()
    sys.path.append(str(EXAMPLES))
    table = Table(title=f"Files in {arguments.folder.name}, {arguments.episodes} episodes each")
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    known = manifest(arguments.folder)
    for path in sorted(p for p in arguments.folder.iterdir() if p.is_file()):
        if path.name not in known and path.suffix in (".csv", ".md", ".pkl"):
            continue  # the manifest itself, and statistics that belong to a policy
        table.add_row(path.name, *row(path, known.get(path.name, {}), arguments.episodes))
    Console(width=200).print(table)


def manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / "MANIFEST.csv"
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    return {line["file"]: line | BY_ITS_AUTHORS.get(line["file"], {}) for line in lines}


def row(path: Path, line: dict[str, str], episodes: int) -> tuple[str, ...]:
    published = line.get("published_return_mean") or ""
    try:
        policy = opened(path, line)
    except PolicyscopeError as error:
        return "", "", line.get("environment", ""), published, "", f"refused: {error}"
    checkpoint = policy.checkpoint
    inferred = f"{checkpoint.algorithm or ''} {checkpoint.architecture}".strip()
    asked = environment_of(line)
    here = (checkpoint.format, inferred, asked or "none", published)
    if asked is None:
        return *here, "", "loads"
    try:
        environment = Environment(asked)
        fitted = policy.fitted_to(*environment.spaces(), asked)
        returns = play(Greedy(fitted), environment, episodes).returns
    except PolicyscopeError as error:
        return *here, "", f"loads, does not play: {error}"
    return *here, f"{returns.mean():.1f} ± {returns.std(ddof=1):.1f}", "plays"


def opened(path: Path, line: dict[str, str]) -> Policy:
    said = re.search(
        r"activation (\w+)|(tanh|relu) MLP", f"{line.get('note')} {line.get('format')}"
    )
    normaliser = line.get("normalisation")
    return load(
        path,
        activation=next(filter(None, said.groups())) if said else None,
        normalisation=path.with_name(normaliser) if normaliser else None,
    )


def environment_of(line: dict[str, str]) -> str | None:
    """The first id in the manifest's words, `HalfCheetah-v2 (play HalfCheetah-v4)`."""
    found = re.match(r"[\w:/-]+-v\d+", line.get("environment", ""))
    return found[0] if found else None


if __name__ == "__main__":
    main()
