import dataclasses

import pytest
import torch
from policyscope_attacks.ascent import ascend, few
from policyscope_attacks.budget import NORMS, Budget
from policyscope_attacks.methods.mad import Mad
from policyscope_attacks.methods.pgd import Pgd
from policyscope_attacks.objectives import aimed
from scenes import SPACES, scene, small

UNITS = torch.tensor([0.5, 2.0, 1.0, 0.0])


def with_others(at, kept):
    """The same scene, in which the rows that are not kept hold others."""
    others = at.observations.flip(0) + 1
    column = kept[:, None]
    return dataclasses.replace(at, observations=torch.where(column, at.observations, others))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("attack", [Pgd(steps=6, restarts=3), Mad(steps=6)])
def test_rows_of_many_know_nothing_of_each_other_whoever_is_done_first(attack, kind, norm):
    at = scene(small(kind), Budget(0.2, UNITS, norm), rows=300, draws=attack.draws)
    kept = torch.arange(300) % 3 == 0
    delta = attack.delta(at)
    assert torch.equal(delta[kept], attack.delta(with_others(at, kept))[kept])
    assert not torch.equal(delta[~kept], attack.delta(with_others(at, kept))[~kept])


@pytest.mark.parametrize("norm", NORMS)
def test_what_is_found_among_many_is_what_is_found_among_few(norm):
    attack = Pgd(steps=6, restarts=3)
    at = scene(small("discrete"), Budget(0.2, UNITS, norm), rows=320, draws=attack.draws)
    delta = attack.delta(at)
    for rows in torch.arange(320).split(32):
        assert torch.equal(delta[rows], attack.delta(at.at(rows)))


def test_rows_are_left_out_in_batches():
    wanted = torch.zeros(100, dtype=torch.bool)
    assert len(few(wanted)) == 0
    wanted[[7, 30]] = True
    assert few(wanted).tolist() == [7, 30] + 30 * [7]
    wanted[:64] = True
    assert few(wanted).tolist() == list(range(64))
    wanted[70] = True
    assert len(few(wanted)) == 96
    wanted[:97] = True
    assert few(wanted).tolist() == list(range(100))


@pytest.mark.parametrize(("norm", "size"), [("linf", 0.2), ("l2", 2.0)])
def test_no_row_is_computed_after_it_is_done(norm, size, monkeypatch):
    """For linf most rows are soon moved no more; for l2 only those that flipped are done."""
    victim = small("discrete")
    at = scene(victim, Budget(size, UNITS, norm), rows=320)
    batches = []
    scores = type(victim).scores

    def counted(self, observations, memory=()):
        batches.append(len(observations))
        return scores(self, observations, memory)

    monkeypatch.setattr(type(victim), "scores", counted)
    found, value = ascend(at, aimed(at, ()), torch.zeros_like(at.observations), 20, 0.0)
    assert batches[:2] == [320, 320] and batches == sorted(batches, reverse=True)
    assert sum(batches) < 5 * 320 and batches[-1] <= 64
    monkeypatch.undo()
    torch.testing.assert_close(aimed(at, ())(at.scores(found)), value, atol=1e-6, rtol=1e-5)
