"""Pickles that would run code if they were unpickled: it would create a file, the marker."""

import io
import operator
import os
import pickle
from pathlib import Path

import cloudpickle
import numpy as np


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *args) -> None:
        self.parts = function, args

    def __reduce__(self):
        return self.parts


class Restorer:
    """Runs its state."""

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        exec(state["code"])


class Creator:
    """Runs its argument when it is made."""

    def __new__(cls, code="", **more):
        exec(code or more["code"])
        return super().__new__(cls)

    def __getnewargs__(self):
        return (self.code,)


class NamedCreator(Creator):
    """Likewise, with a named argument."""

    def __getnewargs_ex__(self):
        return (), {"code": self.code}


class Finalised(np.ndarray):
    """An array that runs code when numpy makes one."""

    def __array_finalize__(self, other):
        Path(os.environ["PAYLOAD_MARKER"]).touch()


class Persisting(pickle.Pickler):
    """Writes numbers as persistent ids whose computation is a call."""

    code = ""

    def persistent_id(self, obj):
        return Call(exec, self.code) if obj == 7 else None


def made(kind: type, code: str, protocol: int) -> bytes:
    """An instance's pickle, made without running its code."""
    instance = object.__new__(kind)
    instance.code = code
    return pickle.dumps(instance, protocol)


def payloads(marker: Path) -> dict[str, bytes]:
    """Every way known here by which a pickle runs code."""
    code = f"open({str(marker)!r}, 'w').close()"
    quoted = repr(code).encode()
    shell = f"touch '{marker}'"
    call = Call(exec, code)
    persisting = io.BytesIO()
    pickler = Persisting(persisting, 4)
    pickler.code = code
    pickler.dump([1, 7])
    return {
        **{f"os.system, protocol {p}": pickle.dumps(Call(os.system, shell), p) for p in range(6)},
        "builtins.exec": pickle.dumps(call),
        "builtins.eval": pickle.dumps(Call(eval, code)),
        "deep inside containers": pickle.dumps({"a": [({"b": {"c": (1, [call])}},)]}),
        "beside plain contents": pickle.dumps([np.arange(3), "text", call]),
        "a call of what a call gave": pickle.dumps(
            Call(operator.call, Call(getattr, Call(__import__, "builtins"), "exec"), code)
        ),
        "a chain of getattr": b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(S'os'\ntRS'system'\ntR"
        b"(S" + repr(shell).encode() + b"\ntR.",
        "INST": b"(S" + quoted + b"\nibuiltins\nexec\n.",
        "OBJ": b"(cbuiltins\nexec\nS" + quoted + b"\no.",
        "NEWOBJ": made(Creator, code, 2),
        "NEWOBJ_EX": made(NamedCreator, code, 4),
        "copyreg.__newobj_ex__": made(NamedCreator, code, 2),
        "BUILD": made(Restorer, code, 4),
        "BUILD, protocol 0": made(Restorer, code, 0),
        "a name with dots": b"\x80\x04\x8c\x08builtins\x8c\x0dexec.__call__\x93(S"
        + quoted
        + b"\ntR.",
        "a persistent id": persisting.getvalue(),
        "an extension": b"\x80\x02\x82\xf0(S" + quoted + b"\ntR.",
        "a set of a running map": b"cbuiltins\nset\n(cbuiltins\nmap\n(cbuiltins\nexec\n(S"
        + quoted
        + b"\nltRtR.",
        "a numpy array of a class with a hook": b"cnumpy._core.multiarray\n_reconstruct\n"
        b"(cpayloads\nFinalised\n(K\x00tS'b'\ntR.",
        "an array of objects": pickle.dumps(np.array([call, None], object)),
        "a function of cloudpickle": cloudpickle.dumps(Call(lambda c=code: exec(c))),
        "code before the end is reached": pickle.dumps(call)[:-1] + b"(",
        "a key": b"}" + pickle.dumps(Call(os.system, shell), 0)[:-1] + b"Ns.",
    }


NAMES = tuple(payloads(Path("nowhere")))
