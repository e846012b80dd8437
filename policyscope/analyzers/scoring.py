"""Scoring: which method of attribution tells the truth about this policy?

Every method explains the decision in the same states, and so do random attributions. Each is held
against what the policy does:

    insertion, deletion    areas under the curves of the kept action        `attributions.curves`
    AIM AUM PGI PGU RIS    the scores of XRL-Bench                `attributions.benchmark_scores`
    infidelity, sensitivity                                             `attributions.infidelity`
    completeness error                                                `attributions.completeness`
    randomised weights     do maps change when the weights do?       `attributions.randomisation`

Methods are ranked by the area between insertion and deletion, less that of chance in the same
states. A method is refused where that advantage is not surely above 0, and where its maps hardly
change when the network's weights are shuffled.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from policyscope.analyzers.averaging import Averaging
from policyscope.analyzers.subject import Subject
from policyscope.attributions.benchmark_scores import benchmark_scores
from policyscope.attributions.catalogue import METHODS
from policyscope.attributions.chance import Chance
from policyscope.attributions.completeness import COMPLETE, incompleteness
from policyscope.attributions.curves import Curves, curves
from policyscope.attributions.decision import decision
from policyscope.attributions.glimpses import Glimpses
from policyscope.attributions.infidelity import infidelity, sensitivity
from policyscope.attributions.method import Maps, Method, Reference, Targets
from policyscope.attributions.randomisation import resemblance, shuffled
from policyscope.attributions.slopes import values
from policyscope.reports.results import CHANCE, Faithfulness
from policyscope.statistics import Estimate

SCORES = (
    "insertion",
    "deletion",
    "AIM",
    "AUM",
    "PGI",
    "PGU",
    "RIS",
    "infidelity",
    "sensitivity",
    "completeness error",
    "randomised weights",
)
UNCHANGED = 0.8
"""Rank correlation with maps of shuffled weights, surely above which a method is refused."""
