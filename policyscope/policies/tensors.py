"""Tensors from torch files, with torch's weights-only reader: no object of the file is built."""

import io
import pickle
import re
import warnings
from typing import Any

import torch

from policyscope.errors import DamagedCheckpoint, UnsafeCheckpoint, UnsupportedCheckpoint


def read_tensors(data: bytes, what: str) -> Any:
    """What `torch.save` wrote, if it is tensors and plain containers.

    Args:
        data: The file's bytes; zipped and legacy torch files are read, from any device.
        what: What the bytes are, for the error message.

    Raises:
        UnsafeCheckpoint: If it holds anything that would have to be imported and run.
        DamagedCheckpoint: If it is cut off or no torch file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old storages, which are read all the same
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(error, what) from None
    except Exception as error:  # torch reports damage as whatever its reader ran into
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedCheckpoint(
            f"{what} cannot be read as a torch file ({reason}); "
            "it is cut off or damaged, so get a fresh copy."
        ) from error


def _refusal(error: pickle.UnpicklingError, what: str) -> Exception:
    named = re.search(r"(?:GLOBAL|class|global)[: ]+'?([\w]+(?:\.[\w]+)+)", str(error))
    if named is None:
        return DamagedCheckpoint(
            f"{what} cannot be read as a torch file; it is cut off or damaged, so get a fresh copy."
        )
    if named[1].endswith(".VecNormalize"):
        return UnsupportedCheckpoint(
            f"{what} holds the statistics of observations, not a policy; give the policy's file, "
            "and this one with --normalisation."
        )
    return UnsafeCheckpoint(
        f"{what} is a pickle that would import and run {named[1]} when loaded, so it was not "
        "loaded. Save the weights alone, `torch.save(module.state_dict(), path)`, and bring those."
    )
