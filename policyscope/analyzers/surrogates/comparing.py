"""Surrogates side by side: all that were fitted, and what each makes of the policy's episodes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from policyscope.analyzers.subject import Subject
from policyscope.analyzers.surrogates.evolved import NAME, evolved
from policyscope.analyzers.surrogates.judging import Judge
from policyscope.analyzers.surrogates.lessons import CLOSE, Lessons
from policyscope.analyzers.surrogates.school import School
from policyscope.analyzers.surrogates.students import students
from policyscope.readable.equations import Equations
from policyscope.readable.readable import Readable
from policyscope.reports.results.surrogates import Surrogates
from policyscope.rollouts.visited import Visited


@dataclass(frozen=True)
class Schooling:
    """How surrogates are fitted, and what is asked of them."""

    steps: int
    """Of the policy, for lessons and again for exams."""
    rounds: int
    """In which they learn from states that they got into."""
    leaves: tuple[int, ...]
    """Of trees."""
    degree: int
    """Of polynomials, at most."""
    tries: int
    """Linear policies that are played in search of a higher return."""
    agreement: float
    """From which on a surrogate is called faithful."""
    confidence: float


def compared(
    subject: Subject,
    schooling: Schooling,
    given: Mapping[str, Readable],
    refused: tuple[str, ...],
    rng: np.random.Generator,
) -> Surrogates:
    """Fit readable policies, and judge them beside those that are given.

    Args:
        subject: Whom they stand in for; its observations are vectors.
        schooling: How they are fitted.
        given: Others, by name.
        refused: What others were not made, and why.
        rng: Draws rows, candidates and resamples.
    """
    readables = {**_taught(subject, schooling, rng), **given}
    judge = Judge.of(subject, _held_out(subject), rng, schooling.confidence)
    judgements = [judge.judged(readable, name) for name, readable in readables.items()]
    missed = [_missed(readable, judge.lessons) for readable in readables.values()]
    return Surrogates(
        models=tuple(readables),
        readables=tuple(readables.values()),
        agreements=tuple(judgement.agreement for judgement in judgements),
        own_agreements=tuple(j.own_agreement for j in judgements if j.own_agreement is not None),
        errors=tuple(judgement.error for judgement in judgements if judgement.error is not None),
        clean=np.empty(0) if subject.environment is None else subject.rollouts.returns,
        returns=np.stack([judgement.returns for judgement in judgements]),
        by_action=np.stack([by_action for by_action, _ in missed]),
        by_feature=np.stack([by_feature for _, by_feature in missed]),
        parameters=subject.policy.checkpoint.parameters,
        wanted=schooling.agreement,
        refused=refused,
        confidence=schooling.confidence,
    )


def _taught(
    subject: Subject, schooling: Schooling, rng: np.random.Generator
) -> dict[str, Readable]:
    school = School.of(subject, schooling.steps, rng)
    everyone = students(schooling.leaves, schooling.degree)
    taught = {form.name: form for form in school.taught(everyone, schooling.rounds)}
    gone_further = evolved(school, taught["linear"], schooling.tries, rng)
    if gone_further is not None:
        taught[NAME] = gone_further
    return _different({name: form.readable for name, form in taught.items()})


def _different(readables: dict[str, Readable]) -> dict[str, Readable]:
    """Without those of the same terms as one before: of nothing that could be left out."""
    known: set[bytes] = set()
    different = {}
    for name, readable in readables.items():
        form = readable.form
        if isinstance(form, Equations) and name != NAME:
            terms = np.unique(form.exponents[form.coefficients.any(1)], axis=0).tobytes()
            if terms in known:
                continue
            known.add(terms)
        different[name] = readable
    return different


def _held_out(subject: Subject) -> Visited:
    """Of recorded steps the last half, see `School.of`; else the policy's episodes, all of them."""
    visited = subject.visited
    if subject.environment is not None:
        return visited
    steps = int(visited.lengths.sum())
    ends = np.cumsum(visited.lengths)
    lengths = np.diff(np.clip(ends, steps // 2, None), prepend=steps // 2)
    return Visited(lengths[lengths > 0], visited.observations[steps // 2 :])


def _missed(
    readable: Readable, lessons: Lessons
) -> tuple[Float[np.ndarray, " output"], Float[np.ndarray, " feature"]]:
    """Agreement by action, and what is different about the states where it acts otherwise."""
    decided = readable.decisions(lessons.observations)
    alike = lessons.same(decided)
    if lessons.groups:
        hits = decided == lessons.actions
        parts = [
            _share(hits[lessons.actions[:, i] == lessons.starts[i] + alternative, i])
            for i, count in enumerate(lessons.groups)
            for alternative in range(count)
        ]
    else:
        near = np.abs(decided - lessons.actions) / lessons.units <= CLOSE
        parts = [_share(column) for column in near.T]
    return np.array(parts), _moved(lessons.observations, alike)


def _share(hits: Bool[np.ndarray, " row"]) -> float:
    return float(hits.mean()) if len(hits) else np.nan


def _moved(
    observations: Float[np.ndarray, " row feature"], alike: Bool[np.ndarray, " row"]
) -> Float[np.ndarray, " feature"]:
    spread = observations.std(0)
    if alike.all() or not alike.any():
        return np.zeros(observations.shape[1])
    apart = observations[~alike].mean(0) - observations[alike].mean(0)
    return np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)
