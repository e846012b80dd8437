"""What is found in returns under attack."""

from collections.abc import Iterator

from policyscope import statistics
from policyscope.reports.report import Finding
from policyscope.reports.results import AttackOutcome

GRAVE = 0.5
"""The part of the return whose surely proven loss is critical."""


def from_attacks(name: str, result: AttackOutcome) -> Iterator[Finding]:
    """A1 to A5."""
    # corrected for the number of epsilons that are looked at
    sure = 1 - (1 - result.confidence) / len(result.epsilons)
    won = [
        statistics.mean(gains - result.held_out_clean_gains, sure).low
        for gains in result.held_out_gains
    ]
    successful = [j for j, least in enumerate(won) if least > 0]
    if result.goal:
        yield _led(name, result, successful[0]) if successful else _not_led(name, result)
    else:
        yield _lowered(name, result, successful[0], won) if successful else _nothing(name, result)
    if result.left_out:
        yield Finding(
            code="A3",
            severity="info",
            title="Attacks were left out",
            sentence=f"For want of time {_several(result.left_out)} "
            f"{'was' if len(result.left_out) == 1 else 'were'} not run: the return may be lower "
            "still.",
            advice="Give more time with --set attacks.minutes=10.",
            evidence=name,
        )


def _lowered(name: str, result: AttackOutcome, least: int, won: list[float]) -> Finding:
    clean = statistics.mean(result.held_out_clean, result.confidence)
    return Finding(
        code="A1",
        severity="critical" if won[least] > GRAVE * abs(clean.value) else "warning",
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


def _several(attacks: tuple[str, ...]) -> str:
    *others, last = map(_plain, attacks)
    return f"{', '.join(others)} and {last}" if others else last
