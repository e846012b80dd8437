"""What stable-baselines3 makes of an observation before its fully connected layers.

| features extractor | what it does |
|---|---|
| FlattenExtractor | nothing: observations are flat already |
| NatureCNN | the convolutions of `convolutions.py` |
| CombinedExtractor | one of the two for each part of a Dict, concatenated in the space's order |

Before any of them, images are divided by 255; behind them may be an LSTM.

Source: https://stable-baselines3.readthedocs.io/en/master/guide/custom_policy.html
"""

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from policyscope.errors import DamagedCheckpoint, UnsupportedCheckpoint
from policyscope.policies import recurrent
from policyscope.policies.convolutions import Pixels, nature_cnn
from policyscope.policies.policy import FeedForward
from policyscope.policies.sb3_families import Family, Saved
from policyscope.policies.sb3_spaces import Part

_EXTRACTOR = re.compile(r"<class 'stable_baselines3\.common\.torch_layers\.(\w+)'>")


class Combined(nn.Module):
    """Every part of a flat observation through layers of its own, one after the other again."""

    def __init__(self, sizes: list[int], extractors: list[nn.Module]) -> None:
        super().__init__()
        self.sizes = sizes
        self.extractors = nn.ModuleList(extractors)

    def forward(self, observations: Tensor) -> Tensor:
        """From (batch, number) to (batch, feature)."""
        parts = observations.split(self.sizes, 1)
        pairs = zip(self.extractors, parts, strict=True)
        return torch.cat([extractor(part) for extractor, part in pairs], 1)


@dataclass(frozen=True, eq=False)
class Front:
    """What comes before the fully connected layers."""

    features: nn.Sequential
    """Empty where observations are only flattened."""
    lstm: nn.LSTM | None
    width: int
    """How many numbers come out of it."""
    words: tuple[str, ...]
    """Its layers, for people."""

    def before(self, body: nn.Module) -> nn.Module:
        """The whole network."""
        if self.lstm is None:
            return FeedForward(nn.Sequential(*self.features, body) if len(self.features) else body)
        return recurrent.Recurrent(self.features, self.lstm, body)


def front(saved: Saved, family: Family) -> Front:
    """The layers before the fully connected ones.

    Raises:
        CheckpointError: If they are not the library's own, or do not fit.
    """
    features, width, words = _features(saved, family.features)
    if family.memory is None:
        return Front(features, None, width, words)
    lstm = recurrent.rebuilt(nn.LSTM, saved.tensors, family.memory)
    if lstm.input_size != width:
        raise DamagedCheckpoint(
            f"The LSTM takes {lstm.input_size} numbers where there are {width}; the file mixes "
            "parts of different networks."
        )
    words = (*words, str(width), *("LSTM",) * lstm.num_layers)
    return Front(features, lstm, lstm.hidden_size, words)


def _features(saved: Saved, prefix: str) -> tuple[nn.Sequential, int, tuple[str, ...]]:
    """The features extractor, how many features come out of it, and its layers for people."""
    kind = _extractor(saved)
    if not saved.parts:
        extractor, width = _extracting(saved, saved.whole, prefix, kind == "NatureCNN")
        words = (saved.whole.size_in_words, "NatureCNN") if kind == "NatureCNN" else ()
        return extractor, width, words
    extractors, widths, words = [], [], []
    for key, part in saved.parts.items():
        inner = f"{prefix}.extractors.{key}"
        seen = f"{inner}.cnn.0.weight" in saved.tensors
        extractor, width = _extracting(saved, part, inner, seen)
        extractors.append(extractor)
        widths.append(width)
        words.append(f"{key} {part.size_in_words}{' NatureCNN' if seen else ''}")
    sizes = [part.size for part in saved.parts.values()]
    return nn.Sequential(Combined(sizes, extractors)), sum(widths), (" + ".join(words),)


def _extracting(
    saved: Saved, part: Part, prefix: str, convolutions: bool
) -> tuple[nn.Sequential, int]:
    """What is done to one array, and how many features come out."""
    modules: list[nn.Module] = []
    if part.image and saved.says("normalize_images", True):
        modules.append(Pixels())
    width = part.size
    if convolutions:
        layers, width = nature_cnn(saved.tensors, prefix, part.shape)
        modules += layers
    return nn.Sequential(*modules), width


def _extractor(saved: Saved) -> str:
    """Name of the library's class that extracts features.

    Raises:
        UnsupportedCheckpoint: If it is a class of somebody else's.
    """
    asked = saved.keywords.get("features_extractor_class")
    # the default depends on the class of the policy, and shows in the names
    traces = any("features_extractor." in name for name in saved.tensors)
    named = _EXTRACTOR.fullmatch(str(asked))
    default = "CombinedExtractor" if saved.parts else "NatureCNN" if traces else "FlattenExtractor"
    if named and named[1] in ("FlattenExtractor", "NatureCNN", "CombinedExtractor"):
        return named[1]
    if asked is None and (_own_class(saved) or not traces):
        return default
    raise UnsupportedCheckpoint(
        f"This policy's features extractor is {asked or 'of a class of its own'}, whose code "
        "is not in the file; only the library's own (flat observations, NatureCNN and "
        "CombinedExtractor) can be rebuilt."
    )


def _own_class(saved: Saved) -> bool:
    policy = saved.data.get("policy_class")
    module = str(policy.get("__module__")) if isinstance(policy, dict) else ""
    return module.startswith(("stable_baselines3.", "sb3_contrib."))
