"""A folder gives its one checkpoint, behind the statistics that lie in it, or a sentence."""

import json
import os
import shutil
import zipfile

import pytest
import torch
from originals import SENSORS, normalising
from safetensors.torch import save_file
from torch import nn

from policyscope.errors import CheckpointError, PolicyscopeError
from policyscope.policies.loading import load

OBSERVATIONS = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def zoo(originals, tmp_path):
    """What the RL Zoo publishes for one policy."""
    folder = tmp_path / "ppo-Sensors-v0"
    folder.mkdir()
    shutil.copy(originals["PPO"].path, folder / "ppo-Sensors-v0.zip")
    with zipfile.ZipFile(folder / "ppo-Sensors-v0.zip") as opened:
        opened.extractall(folder / "ppo-Sensors-v0")
    with zipfile.ZipFile(folder / "train_eval_metrics.zip", "w") as opened:
        opened.writestr("evaluations.npz", b"")
    for name in ("README.md", "args.yml", "config.yml", "env_kwargs.yml", ".gitattributes"):
        (folder / name).write_text("---\nlibrary_name: stable-baselines3\n---\n")
    (folder / "results.json").write_text(json.dumps({"mean_reward": 500.0}))
    (folder / "replay.mp4").write_bytes(bytes(99))
    return folder


def test_the_checkpoint_among_other_files_is_found(zoo):
    policy = load(zoo)
    alone = load(zoo / "ppo-Sensors-v0.zip")
    assert policy.checkpoint.digest == alone.checkpoint.digest
    assert "ppo-Sensors-v0.zip was taken from the folder." in policy.checkpoint.notices
    assert torch.equal(policy.scores(OBSERVATIONS)[0], alone.scores(OBSERVATIONS)[0])
    assert load(f"{zoo}/").checkpoint == policy.checkpoint


@pytest.mark.parametrize(
    "name", ["vec_normalize.pkl", "vecnormalize.pkl", "ppo-Sensors-v0.vecnormalize.pkl"]
)
def test_the_statistics_in_the_folder_are_applied_and_said(zoo, name):
    normalising(SENSORS).save(str(zoo / name))
    policy = load(zoo)
    given = load(zoo / "ppo-Sensors-v0.zip", normalisation=zoo / name)
    assert torch.equal(policy.scores(OBSERVATIONS)[0], given.scores(OBSERVATIONS)[0])
    assert policy.checkpoint.normaliser == name
    assert policy.checkpoint.notices == (
        f"ppo-Sensors-v0.zip was taken from the folder, behind the statistics of {name}.",
    )
    plain = load(zoo / "ppo-Sensors-v0.zip").scores(OBSERVATIONS)[0]
    assert not torch.allclose(policy.scores(OBSERVATIONS)[0], plain)


def test_statistics_that_were_given_come_before_those_in_the_folder(zoo, tmp_path):
    normalising(SENSORS).save(str(tmp_path / "mine.pkl"))
    normalising(SENSORS).save(str(zoo / "vec_normalize.pkl"))
    policy = load(zoo, normalisation=tmp_path / "mine.pkl")
    assert policy.checkpoint.normaliser == "mine.pkl"


def test_several_checkpoints_are_listed(zoo):
    shutil.copy(zoo / "ppo-Sensors-v0.zip", zoo / "best_model.zip")
    with pytest.raises(CheckpointError) as error:
        load(zoo)
    assert str(error.value) == (
        f"{zoo} holds 2 checkpoints: best_model.zip, ppo-Sensors-v0.zip; give one of them."
    )


def test_a_folder_of_cleanrl_is_read(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "dqn.cleanrl_model")
    (tmp_path / "dqn.py").write_text("raise SystemExit('this is not to be run')")
    (tmp_path / "videos").mkdir()
    policy = load(tmp_path, activation="tanh")
    torch.testing.assert_close(policy.scores(OBSERVATIONS[:, :4])[0], network(OBSERVATIONS[:, :4]))


def test_the_same_weights_twice_are_read_once(network, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    torch.save({"state": {}}, tmp_path / "optimizer.pt")
    assert load(tmp_path, activation="tanh").checkpoint.file == "model.safetensors"


def test_an_unpacked_zip_is_called_so(zoo):
    with pytest.raises(CheckpointError, match="is an unpacked stable-baselines3 zip; give the zip"):
        load(zoo / "ppo-Sensors-v0")


def test_a_folder_without_a_checkpoint_says_what_is_in_it(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint that can be read: no files"):
        load(tmp_path)
    for i in range(7):
        (tmp_path / f"{i}.txt").touch()
    with pytest.raises(CheckpointError, match=r": 0.txt, 1.txt, .*4.txt and 2 more; give the"):
        load(tmp_path)


def test_the_only_file_that_it_could_be_says_what_is_wrong_with_it(tmp_path):
    (tmp_path / "README.md").write_text("a policy")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (tmp_path / "policy.zip").write_text(pointer)
    with pytest.raises(CheckpointError, match="policy.zip looks like a Git LFS pointer"):
        load(tmp_path)


def test_nothing_in_the_folder_is_run(zoo, marker):
    from payloads import payloads

    for name, payload in payloads(marker).items():
        (zoo / "vec_normalize.pkl").write_bytes(payload)
        (zoo / "more.pkl").write_bytes(payload)
        with pytest.raises(PolicyscopeError):
            load(zoo)
        assert not marker.exists(), name


def test_a_network_of_ones_own_is_filled_from_a_folder(network, tmp_path):
    torch.save({"anything": nn.Linear(5, 2).state_dict()}, tmp_path / "linear.pt")
    torch.save(network.state_dict(), tmp_path / "optimizer.pt")
    with pytest.raises(PolicyscopeError, match="linear.pt does not fit torch.nn:Identity"):
        load(tmp_path, architecture="torch.nn:Identity")


def test_links_that_lead_out_of_the_folder_are_not_followed(zoo, tmp_path):
    outside = shutil.move(zoo / "ppo-Sensors-v0.zip", tmp_path / "secret.zip")
    (zoo / "ppo-Sensors-v0.zip").symlink_to(outside)
    with pytest.raises(CheckpointError, match="train_eval_metrics.zip is a zip archive of eval"):
        load(zoo)
    (zoo / "train_eval_metrics.zip").unlink()
    with pytest.raises(CheckpointError, match="a folder with no checkpoint") as error:
        load(zoo)
    assert "ppo-Sensors-v0.zip" not in str(error.value).replace(str(zoo), "")


def test_statistics_behind_a_link_that_leads_out_are_refused(zoo, tmp_path):
    normalising(SENSORS).save(str(tmp_path / "secret.pkl"))
    (zoo / "vec_normalize.pkl").symlink_to(tmp_path / "secret.pkl")
    with pytest.raises(CheckpointError, match="a link that leads out of its folder; give the file"):
        load(zoo)


def test_links_that_lead_nowhere_or_in_circles_are_no_files(zoo):
    (zoo / "a.zip").symlink_to(zoo / "b.zip")
    (zoo / "b.zip").symlink_to(zoo / "a.zip")
    (zoo / "c.zip").symlink_to(zoo / "nothing")
    (zoo / "d.zip").symlink_to("/dev/zero")
    (zoo / "e.zip").symlink_to(zoo)
    os.mkfifo(zoo / "f.zip")
    assert "ppo-Sensors-v0.zip was taken from the folder." in load(zoo).checkpoint.notices


def test_a_snapshot_of_hugging_face_s_cache_leads_to_its_blobs(zoo, tmp_path):
    snapshot, blobs = (tmp_path / "models--a--b" / name for name in ("snapshots/0f", "blobs"))
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    shutil.move(zoo / "ppo-Sensors-v0.zip", blobs / "d1gest")
    (snapshot / "policy.zip").symlink_to("../../blobs/d1gest")
    assert "policy.zip was taken from the folder." in load(snapshot).checkpoint.notices


def test_very_many_files_are_not_looked_into(tmp_path):
    for i in range(1001):
        (tmp_path / f"{i}.zip").touch()
    with pytest.raises(CheckpointError, match="holds 1,001 files that may be checkpoints; give"):
        load(tmp_path)
