"""What is found when methods of attribution are put to the test."""

from collections.abc import Iterator

from policyscope.reports.report import Finding
from policyscope.reports.results import Attribution


def from_faithfulness(name: str, result: Attribution) -> Iterator[Finding]:
    """S4 to S6: none is to be believed, or which is best; and which are refused."""
    faithfulness = result.faithfulness
    if not faithfulness.methods:
        yield _unbelievable(name, name, "No method of attribution could be used on this policy")
        return
    best, advantage = faithfulness.methods[0], faithfulness.advantages[0]
    evidence = f"{name}.advantage[method={best}]"
    if not faithfulness.believed:
        sentence = (
            f"None of {len(faithfulness.methods)} methods of attribution passes; the best, {best}, "
            f"is refused ({faithfulness.refused[0]}), with an advantage over random attributions "
            f"of {advantage:.2g}"
        )
        yield _unbelievable(name, evidence, sentence)
        return
    yield Finding(
        code="S5",
        severity="info",
        title="Which picture is true",
        sentence=f"Of {len(faithfulness.methods)} methods, {best} tells best what the policy acts "
        f"on: the area between its insertion and deletion curves is {advantage:.2g} larger than "
        "that of random attributions in the same states.",
        advice="Its maps are shown; ask other methods only where they agree with it.",
        evidence=evidence,
    )
    refused = [
        f"{method} ({why})"
        for method, why in zip(faithfulness.methods, faithfulness.refused, strict=True)
        if why
    ]
    if refused:
        yield Finding(
            code="S6",
            severity="info",
            title="Methods that were refused",
            sentence=f"{len(refused)} of {len(faithfulness.methods)} methods draw maps of this "
            f"policy that are not to be believed: {', '.join(refused)}.",
            advice="Do not show their maps of this policy, however convincing they look.",
            evidence=f"{name}.faithfulness",
        )


def _unbelievable(name: str, evidence: str, sentence: str) -> Finding:
    return Finding(
        code="S4",
        severity="warning",
        title="No picture here is to be believed",
        sentence=f"{sentence}: nothing here about what the policy looks at should be believed.",
        advice=f"Compare methods in more states, --set {name}.scored=…; where that does not help, "
        "trust returns under disturbances.",
        evidence=evidence,
    )
