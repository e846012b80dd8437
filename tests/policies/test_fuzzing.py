"""Thousands of spoilt files: each is a policy that keeps its word, or a sentence.

The shipped checkpoints, one small file of every format, and published ones where they are. Nothing
else may come of any: no other exception, no program started, no file written, no wait, no gigabyte.
"""

import os
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from mutations import mutated
from specimens import Specimen, specimens

from policyscope.errors import PolicyscopeError
from policyscope.policies.loading import load
from policyscope.policies.policy import Policy, outputs_needed
from policyscope.rollouts.recording import Recording

MOST_SECONDS = 10
MOST_MEMORY = 1 << 30
HARMLESS = ("os.listdir", "os.scandir", "os.putenv", "os.unsetenv")
LARGEST = 200_000


class Watch:
    """What Python reports of programs started, files written, sockets and unpickling."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None

    def __call__(self, event: str, arguments: tuple) -> None:
        if self.seen is None or event in HARMLESS:
            return
        if event == "open":
            if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.seen.append(f"writes {arguments[0]}")
        elif event.partition(".")[0] in ("os", "subprocess", "socket", "shutil", "pickle", "pty"):
            self.seen.append(f"{event}{arguments}")


@pytest.fixture(scope="session")
def watch() -> Watch:
    """Hears of nothing until a list is put into it; Python cannot take a hook out again."""
    watch = Watch()
    sys.addaudithook(watch)
    return watch


@pytest.fixture(scope="session")
def intact(tmp_path_factory, examples) -> list[Specimen]:
    """What is to be spoilt."""
    shipped = [p for p in sorted(examples.iterdir()) if p.suffix in (".zip", ".cleanrl_model")]
    return [
        *specimens(tmp_path_factory.mktemp("specimens")),
        *(Specimen(path.name, path.read_bytes(), load) for path in shipped),
    ]


@pytest.fixture(scope="session")
def theirs(published) -> list[Specimen]:
    """Checkpoints that other people published, not the largest ones."""

    def read(path: Path) -> Policy:
        if path.name.endswith(".vecnormalize.pkl"):
            beside = path.name.replace(".vecnormalize.pkl", ".zip")
            return load(published / beside, normalisation=path)
        recorded = path.suffix in (".zip", ".pt", ".onnx")
        return load(path, activation=None if recorded else "relu")

    kinds = (".zip", ".pkl", ".pt", ".pth", ".onnx", ".model", ".tar")
    files = [path for path in sorted(published.iterdir()) if path.suffix in kinds]
    return [
        Specimen(path.name, path.read_bytes(), read)
        for path in files
        if path.stat().st_size < LARGEST
    ]


def test_all_of_them_are_intact(intact, tmp_path):
    for specimen in intact:
        (tmp_path / specimen.name).write_bytes(specimen.content)
        keeps_its_word(specimen.read(tmp_path / specimen.name))


def test_a_spoilt_file_is_a_policy_that_keeps_its_word_or_a_sentence(intact, watch, tmp_path):
    counted = fuzzed(intact, watch, tmp_path, seed=1, number=400)
    assert counted["policy"] > 30
    assert counted["sentence"] > 200


@pytest.mark.slow
def test_thousands_of_spoilt_files_are(intact, watch, tmp_path):
    assert fuzzed(intact, watch, tmp_path, seed=2, number=2000).total() == 2000


@pytest.mark.slow
def test_published_files_that_were_spoilt_are(theirs, watch, tmp_path):
    assert fuzzed(theirs, watch, tmp_path, seed=3, number=500).total() == 500


def fuzzed(intact: list[Specimen], watch: Watch, folder: Path, seed: int, number: int) -> Counter:
    """Spoil and read so many; the seed of each is in the name of what fails."""
    results: Counter = Counter()
    for case in range(number):
        rng = random.Random(f"{seed}-{case}")
        specimen, other = rng.choice(intact), rng.choice(intact)
        path = folder / specimen.name
        path.write_bytes(mutated(rng, specimen.content, other.content))
        try:
            results[outcome(specimen, path, watch)] += 1
        except Exception as error:
            raise AssertionError(f"case {seed}-{case}, a {specimen.name}") from error
        assert list(folder.iterdir()) == [path]
        path.unlink()
    return results


def outcome(specimen: Specimen, path: Path, watch: Watch) -> str:
    """What comes of a spoilt file, after everything that it must not do was looked for."""
    watch.seen, before, began = [], memory(), time.process_time()
    try:
        read = specimen.read(path)
    except PolicyscopeError as error:
        read = error
    finally:
        events, watch.seen = watch.seen, None
    assert time.process_time() - began < MOST_SECONDS
    assert memory() - before < MOST_MEMORY
    assert not events
    if isinstance(read, PolicyscopeError):
        assert 20 < len(str(read)) < 1200
        assert str(read).isprintable()
        return "sentence"
    keeps_its_word(read)
    return "policy"


def memory() -> int:
    """The most bytes that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def keeps_its_word(read: Policy | Recording) -> None:
    """Observations and memory of the shapes that it names give as many scores as it names."""
    if isinstance(read, Recording):
        assert np.isfinite(read.observations).all()
        return
    assert all(parameter.isfinite().all() for parameter in read.network.parameters())
    if read.outputs is not None and read.action_space is not None:
        assert read.outputs == outputs_needed(read.action_space)
    if read.observation_shape is None:
        return
    generator = torch.Generator().manual_seed(0)
    observations = torch.randint(0, 256, (3, *read.observation_shape), generator=generator)
    observations = observations.byte() if read.takes_bytes else observations / 255
    with torch.no_grad():
        scores, memory = read.scores(observations, read.initial_memory(3))
    assert scores.shape == (3, read.outputs or scores.shape[1])
    assert tuple(part.shape[1:] for part in memory) == read.memory_shapes
    if read.action_space is not None:
        assert len(read.actions(scores)) == 3
