"""Findings: sentences that a person can act on, derived from results.

| code | severity | when |
|---|---|---|
| N1 | warning | something about the checkpoint needs to be heard first |
| E1 | info | another version of the environment was played than was asked for |
| E2 | info | nothing was played: observations were recorded or sampled |
| R1 | critical | the policy is no better than random actions on the same episodes |
| R2 | info | how good it is, against random actions |
| R3 | info | most episodes were ended by a time limit |
| S1 | info | the features that matter most |
| S2 | info | features that hardly matter |
| S3 | warning | the contributions do not add up |
| S4 | warning | no method of attribution is better than chance, or none can be used |
| S5 | info | which method tells best, and by how much |
| S6 | info | methods whose maps are refused |
| S7 | info, warning | whether the salient part is enough for its decisions |
| S8 | info, warning | whether they need it |
| S9 | info, warning | whether it is enough to play whole episodes |
| S10 | warning | shifts under which the salient part does not stay |
| S11 | info | the smallest change of one feature that changes decisions |
| D1 | info | along which direction decisions break, and how near |
| D2 | critical, warning | a step along it costs return where random ones of its length do not |
| D2 | info | no step along it costs surely more than random ones |
| D3 | info | one direction holds nearly everything, so that Λ says little |
| D4 | info | shifts that move the direction, or that none does |
| D5 | warning | not even an independent run keeps the direction |
| G1 | info | what no adversary can take away, and which noise keeps most |
| G2 | warning | a certificate that says nothing from some budget on |
| G3 | critical, warning | noise that the policy cannot act under: a certificate of little |
| G4 | critical | an adversary got below a certificate: one of both is wrong |
| G5 | info | no adversary was played beside the certificate |
| G6 | info, warning | how far single decisions certainly stand, and in how many states not |
| G7 | info | single actions are certified, and no return: why |
| G8 | info | how far a ReLU policy is exactly linear around a state |
| L1 | info | a readable surrogate acts and returns as the network does |
| L2 | info | a linear policy returns as much, but for chance, and at most a tenth less |
| L2 | info | a linear policy returns as much, but for chance, and surely loses at most a tenth |
| L3 | warning | no readable surrogate is faithful; what the best one misses |
| L4 | info | surrogates that were refused, and why |
| A1 | critical, warning | an attack surely lowers the return; critical where half of it is lost |
| A2 | info | no attack was found that does |
| A3 | info | attacks that there was no time for |
| P1 | critical, warning | disturbed actions surely lower the return; critical where half is lost |
| P1 | critical, warning | forces on the body surely do |
| P2 | info | no disturbance, or no force, was found that does |
| P3 | info | disturbances that there was no time for |
| P4 | warning | other masses, friction or gravity under which half of the return is surely lost |
| P5 | info | under none of them it is |
| H1 | info | the features whose Shapley values carry what it does |
| H2 | info | features that contribute nothing |
| H3 | info | features that the interventional game and the one on the manifold judge otherwise |
| H4 | warning | too few visited states agree for the game on the manifold |
| H5 | warning | single values have large standard errors |
| Q1 | info | equations return as much as the network, as far as can be told |
| Q2 | warning | they surely return less: how much, and where they are most in doubt |
| Q3 | info | something simpler returns no less |
| Q4 | warning | acting, the equations leave the states that they were fitted to |
| Q5 | info | how many steps ahead equations of the dynamics can be trusted, or why there are none |
| Q6 | info | where policy and dynamics, as equations, rest, and whether that is stable |
| Q7 | warning | sudden changes that the equations cannot follow |
| Q8 | warning, info | terms that the data hardly tell apart, or not at all |

Those about two policies are listed in `comparison.py`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from policyscope.reports.findings.action_certificates import from_action_certificates
from policyscope.reports.findings.attack_outcome import from_attacks
from policyscope.reports.findings.attribution import from_attribution
from policyscope.reports.findings.certificate import from_certificate
from policyscope.reports.findings.comparison import compared_directions, compared_returns
from policyscope.reports.findings.direction_set import from_directions
from policyscope.reports.findings.disturbance_outcome import from_disturbances
from policyscope.reports.findings.episode_returns import from_returns
from policyscope.reports.findings.shapley_values import from_shapley_values
from policyscope.reports.findings.sparse_equations import from_sparse_equations
from policyscope.reports.report import Finding, Played, Recorded, Report, Setting
from policyscope.reports.results import (
    ActionCertificates,
    AttackOutcome,
    Attribution,
    Certificate,
    DirectionComparison,
    DirectionSet,
    DisturbanceOutcome,
    EpisodeReturns,
    ShapleyValues,
    SparseEquations,
)

SEVERITIES = ("critical", "warning", "info")


def find(report: Report) -> tuple[Finding, ...]:
    """All findings of a report, the gravest first."""
    finders: dict[type, Callable[[str, Any], Iterator[Finding]]] = {
        ActionCertificates: from_action_certificates,
        AttackOutcome: from_attacks,
        Attribution: from_attribution,
        Certificate: from_certificate,
        DirectionComparison: compared_directions,
        DirectionSet: from_directions,
        DisturbanceOutcome: from_disturbances,
        SparseEquations: from_sparse_equations,
        EpisodeReturns: from_returns if report.second is None else compared_returns,
        ShapleyValues: from_shapley_values,
    }
    found = [*_from_notices(report.notices), *_from_environment(report.environment)]
    for name, entry in report.entries.items():
        finder = finders.get(type(entry.result))
        if finder is not None:
            found += finder(name, entry.result)
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def _from_notices(notices: tuple[str, ...]) -> Iterator[Finding]:
    for notice in notices:
        yield Finding(
            code="N1",
            severity="warning",
            title="Before you read on",
            sentence=notice,
            advice="Settle this first: every number rests on it.",
            evidence="notices",
        )


def _from_environment(environment: Setting) -> Iterator[Finding]:
    match environment:
        case Played(id=id, played=played) if id != played:
            yield Finding(
                code="E1",
                severity="info",
                title="Another version was played",
                sentence=f"gymnasium no longer plays {id}; {played} was played instead.",
                advice="Expect returns to differ somewhat from those published for the old "
                "version.",
                evidence="environment",
            )
        case Recorded(file=file, size=size):
            yield Finding(
                code="E2",
                severity="info",
                title="Nothing was played",
                sentence=f"Every number is about the {size} of {file}: what the policy's own "
                "actions lead to is not in them.",
                advice="Give the environment with --env, where there is one.",
                evidence="environment",
            )
