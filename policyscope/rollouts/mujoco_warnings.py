"""MuJoCo's own warnings, caught where models are compiled.

MuJoCo prints a warning itself and appends it to MUJOCO_LOG.TXT in the current folder, once per
simulator. Of most robots in gymnasium it says that their model files use an attribute which is
deprecated: nothing that a person who plays them can change. So deprecations are dropped here, and
anything else becomes a Python warning.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deprecations_dropped() -> Iterator[None]:
    """While models are compiled; without any effect where MuJoCo has not been imported."""
    mujoco = sys.modules.get("mujoco")
    if mujoco is None:
        yield
        return
    heard: list[str] = []
    before = mujoco.get_mju_user_warning()
    # MuJoCo calls it from C: an exception there, as of a warning made an error, ends the process
    mujoco.set_mju_user_warning(heard.append)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)
    for message in heard:
        if "deprecated" not in message:
            warnings.warn(f"MuJoCo: {message}", RuntimeWarning, stacklevel=2)
