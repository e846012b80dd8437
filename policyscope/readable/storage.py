"""A readable policy as a JSON file that people can read too, and back.

::

    {"format": "policyscope readable policy", "version": 1,
     "says": […],                               for people; not read back
     "policy": {"form": {"exponents": …, "coefficients": …}, "features": […], …}}
"""

import json
import re
from typing import Any, NoReturn

import cattrs
import numpy as np
from jaxtyping import AbstractArray

from policyscope.readable.readable import Readable
from policyscope.readable.text import as_text

_ROW = re.compile(r"\[\n([^\[\]{}\"]*)\]")
"""A list of numbers over several lines; there is no line's end inside of a text."""
FORMAT, VERSION = "policyscope readable policy", 1


def as_json(readable: Readable) -> str:
    """The file's text. Equal policies have equal texts."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "says": as_text(readable),
        "policy": _converter().unstructure(readable),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    return _ROW.sub(lambda row: f"[{' '.join(row[1].split())}]", text) + "\n"


def from_json(text: str | bytes) -> Readable:
    """The policy in a file's text.

    Raises:
        ValueError: If it is none; with what is wrong.
    """
    try:
        content = json.loads(text, parse_constant=_refuse)
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError(f"it is no {FORMAT} of version {VERSION}")
        return _converter().structure(content["policy"], Readable)
    except cattrs.BaseValidationError as error:
        raise ValueError(cattrs.transform_error(error)[0]) from error
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"its parts are not where they should be ({error})") from error
    except OverflowError as error:
        raise ValueError("a number is too large") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)

    def is_array(kind: Any) -> bool:
        return isinstance(kind, type) and issubclass(kind, AbstractArray)

    def array(numbers: Any, kind: Any) -> np.ndarray:
        wanted = np.int64 if "int64" in kind.dtypes else np.float64
        made = np.asarray(numbers)
        if made.dtype.kind not in ("iu" if wanted is np.int64 else "iuf"):
            raise ValueError(f"{kind.dim_str} are numbers, all in rows of one length")
        return made.astype(wanted)

    converter.register_unstructure_hook_func(is_array, lambda array: array.tolist())
    converter.register_structure_hook_func(is_array, array)
    return converter
