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
from policyscope.analyzers.subject import Analyzer, Comparing, Subject
from policyscope.errors import PolicyscopeError, UsageError, did_you_mean
from policyscope.policies.expectation import SUSPICIOUS, overdriven
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy
from policyscope.progress import Progress, silent
from policyscope.reports.findings import find
from policyscope.reports.report import Entry, Played, Recorded, Report
from policyscope.reports.results import Failed, NotApplicable, Result
from policyscope.rollouts.environment import Environment
from policyscope.rollouts.recording import Recording
from policyscope.rollouts.recording_files import read_recording
from policyscope.rollouts.seeds import generator

LIBRARIES = ("policyscope", "torch", "numpy", "scipy", "gymnasium", "captum")
EPISODES = 50


def analyze(  # noqa: PLR0913  the first two are what, the rest is how, with defaults
    policy: Policy | str | os.PathLike[str],
    environment: Environment | str | None = None,
    *,
    observations: Recording | str | os.PathLike[str] | None = None,
    actions: str | None = None,
    second: Policy | str | os.PathLike[str] | None = None,
    analyzers: Mapping[str, Analyzer] | None = None,
    episodes: int = EPISODES,
    seed: int = 0,
    lanes: int | None = None,
    progress: Progress = silent,
) -> Report:
    """Play a policy, or show it what was recorded; ask every analyzer; report.

    Args:
        policy: A loaded policy, or the path of a checkpoint.
        environment: What it plays in, or its gymnasium id.
        observations: What it is shown in place of an environment, or the path of a recording.
        actions: `discrete` or `continuous`, where neither the checkpoint nor the recording tells.
        second: Another policy, to say how the two differ; it needs an environment.
        analyzers: By name, with their parameters; all that are installed by default.
        episodes: How many are played for every number to rest on, at least 2.
        seed: Decides every random number.
        lanes: How many episodes are played side by side; it changes the speed, not the numbers.
        progress: Shows what is being done.

    Raises:
        PolicyscopeError: If the policy cannot be loaded or does not fit what it is to meet.
    """
    _require_sense(environment, observations, actions, episodes, seed)
    if second is not None and environment is None:
        raise UsageError("Two policies are compared in an environment; name it.")
    analyzers = configured(registry.names(registry.ANALYZERS)) if analyzers is None else analyzers
    policy = policy if isinstance(policy, Policy) else load(policy)
    timings: dict[str, float] = {}
    if environment is not None:
        environment = Environment(environment) if isinstance(environment, str) else environment
        with _timed(timings, "playing"):
            subject = Subject.observed(policy, environment, episodes, seed, lanes, progress)
        setting = _played(environment, subject)
    else:
        with _timed(timings, "reading"):
            recording = _recording(observations, seed)
            subject = Subject.recorded(policy, recording, seed, actions, progress)
        setting = _recorded(recording, subject)
    subjects = [subject]
    if second is not None and environment is not None:
        other = second if isinstance(second, Policy) else load(second)
        with _timed(timings, "playing the second"):
            subjects.append(Subject.observed(other, environment, episodes, seed, lanes, progress))
    entries: dict[str, Entry] = {}
    for name, analyzer in analyzers.items():
        with _timed(timings, name):
            entries[name] = Entry(_parameters(analyzer), _ask(name, analyzer, *subjects))
    report = Report(
        checkpoint=policy.checkpoint,
        environment=setting,
        seed=seed,
        episodes=0 if environment is None else episodes,
        versions={"python": platform.python_version(), **{n: version(n) for n in LIBRARIES}},
        notices=tuple(dict.fromkeys(n for subject in subjects for n in _notices(subject))),
        entries=entries,
        timings=timings,
        second=subjects[1].policy.checkpoint if len(subjects) > 1 else None,
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
    if wanted is tuple and isinstance(value, int | float) and not isinstance(value, bool):
        value = (value,)
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


def _ask(name: str, analyzer: Analyzer, subject: Subject, second: Subject | None = None) -> Result:
    subjects = (subject,) if second is None else (subject, second)
    needs = analyzer.needs
    unmet = [need.value for need in needs if not all(need.met_by(one) for one in subjects)]
    if unmet:
        return NotApplicable(f"needs {' and '.join(unmet)}")
    rng = generator(subject.seed, name)
    try:
        if second is None:
            return analyzer.run(subject, rng)
        if isinstance(analyzer, Comparing):
            return analyzer.compare(subject, second, rng)
        return NotApplicable("does not compare policies")
    except PolicyscopeError as error:
        return NotApplicable(str(error))
    except Exception as error:  # an analyzer, perhaps a stranger's, must not take the others along
        return Failed(f"{type(error).__name__}: {error}")


def _require_sense(
    environment: object, observations: object, actions: str | None, episodes: int, seed: int
) -> None:
    """Refuse what contradicts itself."""
    if environment is not None and observations is not None:
        raise UsageError(
            "Give an environment or recorded observations, not both: where the policy can be "
            "played, its own episodes are observed."
        )
    if environment is not None and actions is not None:
        raise UsageError(
            f"Actions were said to be {actions}, and the environment knows them: leave that away."
        )
    if episodes < 2:
        raise UsageError(f"An interval needs at least 2 episodes, not {episodes}.")
    if seed < 0:
        raise UsageError(f"The seed is {seed}, and has to be 0 or more.")


def _recording(given: Recording | str | os.PathLike[str] | None, seed: int) -> Recording:
    if given is None:
        raise UsageError(
            "There is nothing to show the policy: name its environment (--env ID) or, where there "
            "is none, recorded observations (--observations FILE)."
        )
    return given if isinstance(given, Recording) else read_recording(given, seed)


def _played(environment: Environment, subject: Subject) -> Played:
    return Played(
        id=environment.id,
        played=environment.playable,
        arguments=json.loads(json.dumps(environment.options, default=repr)),
        features=tuple(feature.label for feature in subject.features),
        actions=tuple(action.label for action in subject.actions),
    )


def _recorded(recording: Recording, subject: Subject) -> Recorded:
    known = recording.lengths is not None and not recording.sampled
    return Recorded(
        file=recording.file,
        digest=recording.digest,
        observations=len(recording.observations),
        episodes=len(recording.visited.lengths) if known else None,
        sampled=recording.sampled,
        features=tuple(feature.label for feature in subject.features),
        actions=tuple(action.label for action in subject.actions),
    )


@contextmanager
def _timed(timings: dict[str, float], what: str) -> Iterator[None]:
    start = perf_counter()
    yield
    timings[what] = round(perf_counter() - start, 3)


def _parameters(analyzer: Analyzer) -> dict[str, Any]:
    values = {f.name: getattr(analyzer, f.name) for f in dataclasses.fields(analyzer)}  # pyright: ignore
    return json.loads(json.dumps(values))  # as the report's file will have them


def _notices(subject: Subject) -> tuple[str, ...]:
    notices = [*subject.policy.checkpoint.notices]
    if isinstance(subject.seen, Recording):
        notices += subject.seen.notices
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
