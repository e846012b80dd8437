"""Readable policies drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from policyscope.readable.equations import Equations
from policyscope.readable.tree import LEAF, Tree

NUMBERS = st.floats(-100, 100, width=32)


@st.composite
def equations(draw, features: int, outputs: int) -> Equations:
    terms = draw(st.integers(1, 6))
    exponents = draw(arrays.arrays(np.int64, (terms, features), elements=st.integers(0, 3)))
    return Equations(exponents, draw(arrays.arrays(float, (terms, outputs), elements=NUMBERS)))


@st.composite
def trees(draw, features: int, outputs: int) -> Tree:
    """A leaf, split again and again."""
    asked, below, above = [LEAF], [LEAF], [LEAF]
    for _ in range(draw(st.integers(0, 6))):
        leaf = draw(st.sampled_from([i for i, feature in enumerate(asked) if feature == LEAF]))
        asked[leaf] = draw(st.integers(0, features - 1))
        below[leaf], above[leaf] = len(asked), len(asked) + 1
        asked += [LEAF, LEAF]
        below += [LEAF, LEAF]
        above += [LEAF, LEAF]
    nodes = len(asked)
    return Tree(
        np.array(asked),
        draw(arrays.arrays(float, nodes, elements=NUMBERS)),
        np.array(below),
        np.array(above),
        draw(arrays.arrays(float, (nodes, outputs), elements=NUMBERS)),
    )


@st.composite
def parts(draw) -> dict:
    """What a `Readable` is made of; made outside, for the checker of shapes draws by chance."""
    features = draw(st.integers(1, 4))
    groups = draw(st.sampled_from([(), (2,), (3,), (2, 3)]))
    outputs = sum(groups) or draw(st.integers(1, 3))
    form = draw(equations(features, outputs) | trees(features, outputs))
    names = tuple(draw(st.lists(st.text(max_size=12), min_size=features, max_size=features)))
    bound = st.none() | st.floats(-50, 50, width=32)
    bounds = [(draw(bound), draw(bound)) for _ in range(0 if groups else outputs)]
    return dict(
        form=form,
        features=names,
        actions=tuple(f"action {i}" for i in range(outputs)),
        groups=groups,
        starts=tuple(draw(st.integers(-1, 2)) for _ in groups),
        low=tuple(None if low is None else min(low, high or low) for low, high in bounds),
        high=tuple(None if high is None else max(high, low or high) for low, high in bounds),
        environment=draw(st.sampled_from(["", "CartPole-v1"])),
    )


def observations(features: int, rows: int = 20) -> np.ndarray:
    """Of float32, as environments give them; some exactly zero."""
    drawn = np.random.default_rng(features).normal(0, 2, (rows, features)).astype(np.float32)
    drawn[0] = 0
    return drawn.astype(float)
