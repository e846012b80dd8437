"""Imitation: equations in a network's place, fitted where they lead themselves too.

A network's own states are a thin set, and small errors lead off it. So equations are fitted to its
states, to the same with noise in the unit of each feature, and, round by round, to the states that
the equations themselves visit when they play, each answered by the network (DAgger: Ross, Gordon &
Bagnell 2011, https://arxiv.org/abs/1011.0686). A quarter of the episodes of every round is held
out for the choice of sparsity.

Of the front, every candidate plays the same episodes as the network. Those within one standard
error of its return, or of the best return where none gets there, do the same job, unless they
surely fall short of the network and others do not. Chosen is the sparsest of them that is also
faithful on held-out states: in absolute terms, or beside the most faithful of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int

from policyscope.errors import PolicyscopeError
from policyscope.readable.equations import Equations, monomials
from policyscope.rollouts.actors import Actor, Greedy
from policyscope.rollouts.rollouts import Rollouts
from policyscope.rollouts.visited import Visited
from policyscope.sindy.circles import circles, on_circles
from policyscope.sindy.fitting import Candidate, States, fitted, front
from policyscope.sindy.imitated import Imitated
from policyscope.sindy.playing import Playing
from policyscope.sindy.regression import Ensemble, ensemble

FAIR = 1.5
"""How many times the least error is faithful in any case."""
SURELY = 2.0
"""Standard errors behind the network beyond which a candidate surely falls short."""
EVERY = 4
"""One of so many episodes is held out."""


class NothingFound(PolicyscopeError):
    """There is no equation to be found, and why."""


@dataclass(frozen=True)
class Search:
    """How equations are looked for."""

    rounds: int
    """In which the equations' own states are added."""
    noise: float
    """Deviation of what is added to states, in units of each feature."""
    rows: int
    """States that are fitted, at most, before noise doubles them."""
    most: int
    """Terms that are allowed."""
    shown: int
    """Candidates of the front that are played."""
    faithful: float
    """Error up to which a candidate is faithful."""
    models: int
    dropped: int


@dataclass(frozen=True, eq=False)
class Contender:
    """A candidate of the front after its ensemble has voted and it has played."""

    candidate: Candidate
    fit: Ensemble
    error: float
    """On held-out states."""
    returns: Float[np.ndarray, " trial"]

    @property
    def size(self) -> int:
        """How many terms it has."""
        return int(np.count_nonzero(self.fit.coefficients))


@dataclass(frozen=True, eq=False)
class Found:
    """Equations of several sizes, and the choice among them."""

    contenders: tuple[Contender, ...]
    """From large to small."""
    chosen: int
    reference: Float[np.ndarray, " trial"]
    """Returns of the network on the episodes that the contenders played."""
    training: States
    """All states that were fitted."""
    held_out: States
    seen: tuple[Rollouts, ...]
    """Episodes of the network, and of the equations of every round."""


def imitated_by(  # noqa: PLR0913  whom, where, with what dictionary, how
    imitated: Imitated,
    playing: Playing,
    terms: Int[np.ndarray, " term variable"],
    unit: Float[np.ndarray, " feature"],
    search: Search,
    rng: np.random.Generator,
) -> Found:
    """Find equations that act in a network's place."""
    seen = [playing(Greedy(imitated.policy), 0)]
    training, held_out = _data(imitated, seen, unit, search, rng)
    for number in range(search.rounds):
        best = min(fitted(imitated, training, held_out, terms), key=_within_size(search.most))
        own = imitated.played(equations(imitated, terms, best.coefficients))
        seen.append(playing(Greedy(own), number + 1))
        training, held_out = _data(imitated, seen, unit, search, rng)
    found = front(fitted(imitated, training, held_out, terms), search.most, search.shown)
    trial = partial(playing, number=search.rounds + 1)
    contenders = [
        contender
        for candidate in found
        if (contender := _tried(imitated, candidate, terms, held_out, trial, search, rng))
    ]
    if not contenders:
        raise NothingFound("the network answers the same everywhere: there is no equation to find")
    reference = trial(Greedy(imitated.policy)).returns
    chosen = best_of(contenders, reference, search.faithful)
    return Found(tuple(contenders), chosen, reference, training, held_out, tuple(seen))


def _within_size(most: int) -> Callable[[Candidate], tuple[bool, float]]:
    """Orders candidates: those of few enough terms first, then by error."""
    return lambda candidate: (candidate.size > most, candidate.error)


def _tried(  # noqa: PLR0913  see `imitated_by`
    imitated: Imitated,
    candidate: Candidate,
    terms: Int[np.ndarray, " term variable"],
    held_out: States,
    trial: Callable[[Actor], Rollouts],
    search: Search,
    rng: np.random.Generator,
) -> Contender | None:
    """A candidate with its ensemble; none where no term is kept by enough members."""
    choices = [candidate.choice] * imitated.equations
    fit = ensemble(candidate.moments, choices, search.models, search.dropped, rng)
    if not fit.coefficients.any():
        return None
    form = equations(imitated, terms, fit.coefficients)
    errors = imitated.errors(form_scores(form, held_out.states), held_out.scores)
    returns = trial(Greedy(imitated.played(form))).returns
    return Contender(candidate, fit, imitated.summary(errors), returns)


def best_of(
    contenders: Sequence[Contender], reference: Float[np.ndarray, " trial"], faithful: float
) -> int:
    """The sparsest that does the same job, see above."""
    returns = np.stack([contender.returns for contender in contenders])
    # to return more than the network is no part of the job
    goal = min(returns[returns.mean(1).argmax()], reference, key=np.mean)
    good = set(_within(goal - returns, 1.0))
    # what surely falls short of the network is taken only where everything does
    good = good & set(_within(reference - returns, SURELY)) or good
    enough = max(faithful, FAIR * min(contenders[i].error for i in good))
    faithfully = [i for i in good if contenders[i].error <= enough]
    return min(faithfully, key=lambda i: (contenders[i].size, contenders[i].error))


def _within(behind: Float[np.ndarray, " contender trial"], errors: float) -> list[int]:
    """Those whose mean is at most so many standard errors behind."""
    allowance = errors * behind.std(1, ddof=1) / np.sqrt(behind.shape[1])
    return np.flatnonzero(behind.mean(1) <= allowance).tolist()


def equations(
    imitated: Imitated,
    terms: Int[np.ndarray, " term variable"],
    coefficients: Float[np.ndarray, " equation term"],
) -> Equations:
    """As scores, without the terms that no equation has."""
    used = np.any(coefficients, axis=0)
    if not used.any():
        used = ~terms.any(1)  # the constant, at 0
    return Equations(terms[used], (imitated.mixing @ coefficients[:, used]).T.copy())


def form_scores(
    form: Equations, states: Float[np.ndarray, " row feature"]
) -> Float[np.ndarray, " row output"]:
    """The equations' scores, by one multiplication a term."""
    return monomials(states, form.exponents) @ form.coefficients


def _data(
    imitated: Imitated,
    seen: Sequence[Rollouts],
    unit: Float[np.ndarray, " feature"],
    search: Search,
    rng: np.random.Generator,
) -> tuple[States, States]:
    """What is fitted, noise and all, and what is held out; each row beside its noisy copy."""
    parts = [_split(rollouts.visited) for rollouts in seen]
    mine, held_out = (
        _thinned(np.concatenate(states), search.rows) for states in zip(*parts, strict=True)
    )
    pairs = circles(mine)
    noisy = mine + search.noise * unit * rng.standard_normal(mine.shape)
    both = np.stack([mine, on_circles(noisy, pairs)], 1).reshape(-1, mine.shape[1])
    return States.of(both, imitated), States.of(held_out, imitated)


def _split(visited: Visited) -> tuple[np.ndarray, np.ndarray]:
    observations = visited.observations.astype(float)
    held_out = visited.episode_of_step % EVERY == EVERY - 1
    return observations[~held_out], observations[held_out]


def _thinned(rows: np.ndarray, most: int) -> np.ndarray:
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
    return rows[places]
