"""From words to what is called with them, and from failures to sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from policyscope.errors import PolicyscopeError, UsageError

if TYPE_CHECKING:
    from policyscope.policies.policy import Policy
    from policyscope.rollouts.environment import Environment


@contextmanager
def sentences() -> Iterator[None]:
    """Expected failures, and an interruption, as one sentence and exit code 2."""
    try:
        yield
    except PolicyscopeError as error:
        typer.echo(f"policyscope: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("policyscope: interrupted; nothing was written.", err=True)
        raise typer.Exit(2) from None


def assignments(texts: list[str] | None, option: str) -> dict[str, str]:
    """NAME=VALUE, as a table."""
    pairs = [text.partition("=") for text in texts or ()]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise UsageError(f"{option} takes NAME=VALUE, not {name + sign + value!r}.")
    return {name: value for name, _, value in pairs}


def policy_of(
    checkpoint: Path | None, own_policy: str | None, normalisation: Path | None, **hints: str | None
) -> "Policy":
    """The policy in a file, or in a person's own code."""
    if checkpoint is not None:
        from policyscope.policies.loading import load

        return load(checkpoint, normalisation=normalisation, **hints)
    from policyscope.policies.callables import from_callable
    from policyscope.policies.own_code import imported

    if own_policy is None or any(hints.values()):
        raise UsageError("--policy is complete: leave --activation and --architecture away.")
    return from_callable(imported(own_policy), own_policy, normalisation=normalisation)


def report_on(
    policy: "Policy", environment: "Environment | None", folder: Path, **asked: Any
) -> None:
    """Analyze, write the report and print its summary.

    Exits with 1 where an analyzer broke off, or an attack got below a certificate.

    Args:
        policy: Whom to analyze.
        environment: What it plays.
        folder: Where the report goes; it can be written to.
        asked: The other arguments of `policyscope.analysis.analyze`.
    """
    from policyscope.analysis import analyze
    from policyscope.reports.html import page
    from policyscope.reports.readables import files
    from policyscope.reports.report import write
    from policyscope.reports.results import Certificate, Failed
    from policyscope.terminal import print_summary, progress_bars

    with progress_bars() as progress:
        report = analyze(policy, environment, **asked, progress=progress)
    write(report, folder, {"report.html": page(report), **files(report)})
    print_summary(report)
    typer.echo(f"\nreport: {folder / 'report.html'}")
    results = [entry.result for entry in report.entries.values()]
    failed = any(isinstance(result, Failed) for result in results)
    wrong = any(isinstance(result, Certificate) and result.contradictions for result in results)
    raise typer.Exit(int(failed or wrong))
