"""What is found in returns under attack."""

from collections.abc import Iterator

from policyscope import statistics
from policyscope.reports.findings.lowered import first_won, left_out, severity, surely_won
from policyscope.reports.report import Finding
from policyscope.reports.results import AttackOutcome


def from_attacks(name: str, result: AttackOutcome) -> Iterator[Finding]:
    """A1 to A5."""
    won = surely_won(result.held_out_gains, result.held_out_clean_gains, result.confidence)
    least = first_won(won)
    if result.goal:
        yield _not_led(name, result) if least is None else _led(name, result, least)
    else:
        yield _nothing(name, result) if least is None else _lowered(name, result, least, won)
    if result.left_out:
        called = [_plain(attack) for attack in result.left_out]
        yield left_out(name, "A3", "Attacks were left out", called)


def _lowered(name: str, result: AttackOutcome, least: int, won: list[float]) -> Finding:
    clean = statistics.mean(result.held_out_clean, result.confidence)
    return Finding(
        code="A1",
        severity=severity(won[least], clean.value),
        title="An adversary lowers the return",
        sentence=f"Changes of {result.epsilons[least]:g} ({result.unit}) lower the return from "
        f"{clean} to {result.worst_return(least)}, by {_plain(result.strongest[least])} "
        f"({clean.n} held-out episodes).",
        advice="Judge whether sensors can be off, or be tampered with, by so much; train "
        "against such changes, or bound them.",
        evidence=f"{name}.worst.return[epsilon={result.epsilons[least]:g}]",
    )


def _nothing(name: str, result: AttackOutcome) -> Finding:
    clean = statistics.mean(result.held_out_clean, result.confidence)
    largest = len(result.epsilons) - 1
    return Finding(
        code="A2",
        severity="info",
        title="No attack was found that lowers the return",
        sentence=f"None of {len(result.attacks)} attacks surely lowers the return, up to "
        f"{result.epsilons[largest]:g} ({result.unit}): {result.worst_return(largest)} against "
        f"{clean} ({clean.n} held-out episodes).",
        advice="This proves nothing: give more time (--set attacks.minutes=10), or ask for a "
        "certificate.",
        evidence=f"{name}.worst.return[epsilon={result.epsilons[largest]:g}]",
    )


def _led(name: str, result: AttackOutcome, least: int) -> Finding:
    clean = statistics.mean(result.held_out_clean_gains, result.confidence)
    return Finding(
        code="A4",
        severity="warning",
        title="An adversary has its own way",
        sentence=f"Changes of {result.epsilons[least]:g} ({result.unit}) raise the adversarial "
        f"reward {result.goal!r} from {clean} to {result.worst_gain(least)}, by "
        f"{_plain(result.strongest[least])} ({clean.n} held-out episodes); the return is "
        f"{result.worst_return(least)}.",
        advice="Judge who could change what the policy sees by so much, and what they would want.",
        evidence=f"{name}.worst.gain[epsilon={result.epsilons[least]:g}]",
    )


def _not_led(name: str, result: AttackOutcome) -> Finding:
    clean = statistics.mean(result.held_out_clean_gains, result.confidence)
    largest = len(result.epsilons) - 1
    return Finding(
        code="A5",
        severity="info",
        title="No attack was found that reaches the adversary's goal",
        sentence=f"None of {len(result.attacks)} attacks surely raises the adversarial reward "
        f"{result.goal!r}, up to {result.epsilons[largest]:g} ({result.unit}): "
        f"{result.worst_gain(largest)} against {clean} ({clean.n} held-out episodes).",
        advice="This proves nothing: give more time (--set attacks.minutes=10).",
        evidence=f"{name}.worst.gain[epsilon={result.epsilons[largest]:g}]",
    )


def _plain(attack: str) -> str:
    return attack.replace("_", " ")
