import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policyscope.moments import SIZE, Block, moments, principal, quotient


def blocks(rows, groups, size, weights=None):
    weights = np.ones(len(rows)) if weights is None else weights
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        parts = (rows[part], weights[part], groups[:, part])
        yield Block(*map(torch.from_numpy, parts))


def decaying(count, features, rng, power=1.0):
    scale = np.arange(1, features + 1) ** -power
    turned = np.linalg.qr(rng.standard_normal((features, features)))[0]
    return (rng.standard_normal((count, features)) * scale) @ turned


@settings(deadline=None, max_examples=30)
@given(
    features=st.integers(1, SIZE),
    count=st.integers(1, 200),
    size=st.integers(1, 90),
    seed=st.integers(0, 1000),
)
def test_moments_of_few_features_are_exact_however_the_stream_is_cut(features, count, size, seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((count, features))
    weights = rng.standard_normal(count)
    groups = np.sort(rng.integers(0, 3, (2, count))) + [[0], [3]]
    found = moments(blocks(rows, groups, size, weights), 6, count)
    rows = rows * weights[:, None]
    basis = found.basis.numpy()
    whole = basis.T @ np.diag(found.values.numpy()) @ basis
    np.testing.assert_allclose(whole, rows.T @ rows, atol=1e-9 * (1 + count))
    for number, (group, trace) in enumerate(zip(found.groups.numpy(), found.traces, strict=True)):
        mine = rows[(groups == number).any(0)]
        by_hand = mine.T @ mine
        np.testing.assert_allclose(basis.T @ group @ basis, by_hand, atol=1e-9 * (1 + count))
        assert float(trace) == pytest.approx(np.trace(by_hand), abs=1e-9)
    assert found.lost == 0
    assert found.trace == pytest.approx(np.sum(rows**2))
    np.testing.assert_allclose(found.squares, np.sum(rows**2, 1))


def test_the_streamed_subspace_agrees_with_an_exact_decomposition():
    rng = np.random.default_rng(0)
    rows = decaying(3000, 400, rng).astype(np.float32)
    groups = np.stack([np.arange(3000) * 3 // 3000, 3 + np.arange(3000) % 2])
    weights = rng.uniform(0.5, 2, 3000)
    found = moments(blocks(rows, groups, 256, weights), 5, 3000)
    rows = (rows * weights[:, None]).astype(np.float32)
    values, vectors = np.linalg.eigh(rows.astype(np.float64).T @ rows)
    values, vectors = values[::-1], vectors[:, ::-1]
    np.testing.assert_allclose(found.values[:10], values[:10], rtol=1e-4)
    angles = np.linalg.svd(found.basis[:5].double().numpy() @ vectors[:, :5], compute_uv=False)
    assert angles.min() > 1 - 1e-4
    assert found.trace == pytest.approx(np.sum(rows.astype(np.float64) ** 2), rel=1e-6)
    squares = np.sum(rows.astype(np.float64) ** 2, 1)
    np.testing.assert_allclose(found.squares, squares, rtol=1e-4)
    leading = found.basis[:5].double().numpy()
    for number, group in enumerate(found.groups.numpy()):
        mine = rows[(groups == number).any(0)]
        exact = leading @ mine.T @ mine @ leading.T
        np.testing.assert_allclose(group[:5, :5], exact, atol=1e-3 * values[0])


def test_what_is_cut_off_is_bounded():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((500, 150)).astype(np.float32)  # flat: much is lost
    found = moments(blocks(rows, np.zeros((1, 500), int), 100), 1, 500)
    exact = rows.astype(np.float64).T @ rows
    basis = found.basis.double().numpy()
    for v in (*rng.standard_normal((20, 150)), *basis[:5]):
        v = v / np.linalg.norm(v)
        missing = v @ exact @ v - np.sum(found.values.numpy() * (basis @ v) ** 2)
        assert -1e-3 <= missing <= found.lost * (1 + 1e-6)
    assert found.lost > 0


def test_directions_without_any_weight_are_no_trouble():
    rows = np.zeros((100, 200), np.float32)
    rows[:, 7] = 1
    found = moments(blocks(rows, np.zeros((1, 100), int), 30), 1, 100)
    assert torch.isfinite(found.basis).all() and torch.isfinite(found.groups).all()
    assert abs(float(found.basis[0, 7])) == pytest.approx(1)
    assert float(found.values[0]) == pytest.approx(100, rel=1e-4)
    nothing = moments(blocks(0 * rows, np.zeros((1, 100), int), 30), 1, 100)
    assert nothing.trace == 0 and torch.isfinite(nothing.basis).all()


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        moments(iter(()), 1, 0)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 8))
def test_the_quotient_is_between_0_and_1_and_1_along_the_principal_direction(seed, size):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((size + 2, size))
    moment = rows.T @ rows
    values, first = principal(moment)
    assert quotient(moment, first) == pytest.approx(1)
    direction = rng.standard_normal(size)
    direction /= np.linalg.norm(direction)
    by_hand = direction @ moment @ direction / np.linalg.eigvalsh(moment)[-1]
    assert quotient(moment, direction) == pytest.approx(by_hand)
    assert 0 <= quotient(moment, direction) <= 1
    np.testing.assert_allclose(values, np.linalg.eigvalsh(moment)[::-1])
