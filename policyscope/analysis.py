"""analyze: runs analyzers over a subject, and makes a report of their answers."""

import ast
import dataclasses
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from time import perf_counter
from typing import Any, get_origin, get_type_hints

import numpy as np
import torch

from policyscope import registry
from policyscope.analyzers.subject import Analyzer, Subject
from policyscope.errors import PolicyscopeError, UsageError, did_you_mean
from policyscope.policies.expectation import SUSPICIOUS, overdriven
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.progress import Progress, silent
from policyscope.reports.findings import find
from policyscope.reports.report import Entry, Played, Report
from policyscope.reports.results import Failed, NotApplicable, Result
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.names import Feature
from policyscope.rollouts.seeds import generator

LIBRARIES = ("policyscope", "torch", "numpy", "scipy", "gymnasium", "captum")
EPISODES = 50


def analyze(  # noqa: PLR0913  the first two are what, the rest is how, with defaults
    policy: Policy | str | os.PathLike[str],
    environment: Environment | str,
    *,
    analyzers: Mapping[str, Analyzer] | None = None,
    episodes: int = EPISODES,
    seed: int = 0,
    lanes: int | None = None,
    progress: Progress = silent,
) -> Report:
    """Play a policy, ask every analyzer, report.

    Args:
        policy: A loaded policy, or the path of a checkpoint.
        environment: What it plays in, or its gymnasium id.
        analyzers: By name, with their parameters; all that are installed by default.
        episodes: How many episodes every number rests on, at least 2.
        seed: Decides every random number.
        lanes: How many episodes are played side by side; it changes the speed, not the numbers.
        progress: Shows what is being done.

    Raises:
        PolicyscopeError: If the policy cannot be loaded or does not fit the environment.
    """
    if episodes < 2:
        raise UsageError(f"An interval needs at least 2 episodes, not {episodes}.")
    if seed < 0:
        raise UsageError(f"The seed is {seed}, and has to be 0 or more.")
    analyzers = configured(registry.names(registry.ANALYZERS)) if analyzers is None else analyzers
    environment = Environment(environment) if isinstance(environment, str) else environment
    policy = policy if isinstance(policy, Policy) else load(policy)
    timings: dict[str, float] = {}
    with _timed(timings, "playing"):
        subject = Subject.observed(policy, environment, episodes, seed, lanes, progress)
    entries: dict[str, Entry] = {}
    for name, analyzer in analyzers.items():
        with _timed(timings, name):
            entries[name] = Entry(_parameters(analyzer), _ask(name, analyzer, subject))
    report = Report(
        checkpoint=policy.checkpoint,
        environment=Played(
            id=environment.id,
            played=environment.playable,
            arguments=json.loads(json.dumps(environment.options, default=repr)),
            features=tuple(map(_labelled, subject.features)),
            actions=tuple(map(_labelled, subject.actions)),
        ),
        seed=seed,
        episodes=episodes,
        versions={"python": platform.python_version(), **{n: version(n) for n in LIBRARIES}},
        notices=_notices(subject),
        entries=entries,
        timings=timings,
    )
    return dataclasses.replace(report, findings=find(report))


def configured(
    names: Iterable[str], settings: Mapping[str, str] | None = None
) -> dict[str, Analyzer]:
    """Analyzers by name, with parameters such as `{"saliency.states": "200"}` as text.

    Raises:
        UsageError: If there is no such analyzer or parameter, or the value is none for it.
    """
    chosen: dict[str, dict[str, Any]] = {name: {} for name in names}
    kinds = {name: registry.find(registry.ANALYZERS, name) for name in chosen}
    for key, text in (settings or {}).items():
        name, _, parameter = key.partition(".")
        if name not in kinds:
            raise UsageError(
                f"--set {key}: {name!r} is not among the analyzers that run "
                f"({', '.join(kinds)}).{did_you_mean(name, kinds)}"
            )
        chosen[name][parameter] = _value(kinds[name], name, parameter, text)
    try:
        return {name: kind(**chosen[name]) for name, kind in kinds.items()}
    except ValueError as error:  # an analyzer's own judgement of its parameters
        raise UsageError(str(error)) from error


def _value(kind: type, name: str, parameter: str, text: str) -> Any:
    types = get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]
    if parameter not in known:
        raise UsageError(
            f"The analyzer {name} has no parameter {parameter!r}; it has "
            f"{', '.join(known) or 'none'}.{did_you_mean(parameter, known)}"
        )
    value = literal(text)
    wanted = get_origin(types[parameter]) or types[parameter]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise UsageError(f"--set {name}.{parameter} takes {wanted.__name__}, not {text!r}.")
    return value


def literal(text: str) -> Any:
    """The Python literal that a text spells, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _ask(name: str, analyzer: Analyzer, subject: Subject) -> Result:
    unmet = [need.value for need in analyzer.needs if not need.met_by(subject)]
    if unmet:
        return NotApplicable(f"needs {' and '.join(unmet)}")
    try:
        return analyzer.run(subject, generator(subject.seed, name))
    except PolicyscopeError as error:
        return NotApplicable(str(error))
    except Exception as error:  # an analyzer, perhaps a stranger's, must not take the others along
        return Failed(f"{type(error).__name__}: {error}")


@contextmanager
def _timed(timings: dict[str, float], what: str) -> Iterator[None]:
    start = perf_counter()
    yield
    timings[what] = round(perf_counter() - start, 3)


def _parameters(analyzer: Analyzer) -> dict[str, Any]:
    return {f.name: getattr(analyzer, f.name) for f in dataclasses.fields(analyzer)}  # pyright: ignore


def _labelled(feature: Feature) -> str:
    return f"{feature.name} ({feature.unit})" if feature.unit else feature.name


def _notices(subject: Subject) -> tuple[str, ...]:
    notices = [*subject.policy.checkpoint.notices]
    if subject.policy.scale is None:
        steps = np.arange(min(1000, len(subject.visited.observations)))
        seen = torch.from_numpy(subject.visited.inputs(steps))
        share = overdriven(subject.policy, seen)
        if share is not None and share > SUSPICIOUS:
            notices.append(
                f"The observations drive {share:.0%} of the first layer's sums beyond ±3, far from "
                "what networks are trained on: a normaliser is probably missing "
                "(--normalisation FILE)."
            )
    return tuple(notices)
