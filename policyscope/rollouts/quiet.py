"""What simulators say while they are made, without what nobody who plays them can change.

gymnasium advises newer versions, and old simulators warn on import. MuJoCo prints its warnings
itself and appends them to MUJOCO_LOG.TXT in the current folder, once per simulator: of most robots
in gymnasium, that their model files use a deprecated attribute. All this is dropped; anything else
that MuJoCo says becomes a Python warning.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """While a simulator is imported or made; MuJoCo is heard only where it was imported before."""
    with warnings.catch_warnings(), _mujoco_heard() as heard:
        warnings.simplefilter("ignore")
        yield
    for message in heard:
        if "deprecated" not in message:
            warnings.warn(f"MuJoCo: {message}", RuntimeWarning, stacklevel=3)


@contextmanager
def _mujoco_heard() -> Iterator[list[str]]:
    """What MuJoCo warns of, kept from the terminal and from its log."""
    heard: list[str] = []
    mujoco = sys.modules.get("mujoco")
    if mujoco is None:
        yield heard
        return
    before = mujoco.get_mju_user_warning()
    # MuJoCo calls it from C: an exception there, as of a warning made an error, ends the process
    mujoco.set_mju_user_warning(heard.append)
    try:
        yield heard
    finally:
        mujoco.set_mju_user_warning(before)
