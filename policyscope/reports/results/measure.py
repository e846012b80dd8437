"""Measure: a number of a result, under a name that stays."""

from dataclasses import dataclass

from policyscope.statistics import Estimate


@dataclass(frozen=True)
class Measure:
    """A number that a person may want to plot or to put a threshold on."""

    name: str
    """Dotted, stable, for example `returns.clean.mean`."""
    conditions: tuple[tuple[str, str], ...]
    """For example `(("feature", "pole_angle"),)`."""
    estimate: Estimate
    unit: str

    @property
    def key(self) -> str:
        """Name and conditions as one word: `saliency.importance[feature=pole_angle]`."""
        inside = ",".join(f"{axis}={value}" for axis, value in self.conditions)
        return f"{self.name}[{inside}]" if inside else self.name
