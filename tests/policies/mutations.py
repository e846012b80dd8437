"""Files of every format, spoilt where it matters: behind their checksums, in what they mean.

Bytes flipped anywhere mostly test the checksum of a zip. So archives are taken apart, one member is
spoilt according to what it is (a pickle's opcodes, a value of a JSON, a field of a protobuf, a
number in a program's text, raw numbers), and the archive is made again.
"""

import gzip
import io
import json
import pickletools
import random
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from zips import archive

EXTREMES = (0, 1, -1, 2, 7, 255, 2**15, 2**31 - 1, -(2**31), 2**32, 2**63 - 1, -(2**63), 2**64)
STRANGE = (*EXTREMES, None, True, "", "x", "../../x", "/etc/passwd", 1e308, [], {}, [[]], "Ω" * 99)
OPCODES = bytes(ord(opcode.code) for opcode in pickletools.opcodes)


def mutated(random: random.Random, content: bytes, other: bytes) -> bytes:
    """The content with one to three of its parts spoilt; `other` is what it may be spliced with."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content = _within(random, content, other)
    return content


def _within(random: random.Random, content: bytes, other: bytes) -> bytes:
    """One mutation, that of the content's kind more often than one of plain bytes."""
    if random.random() < 0.15:
        return _bytes(random, content, other)
    for recognised, mutate in _KINDS:
        if recognised(content):
            try:
                return mutate(random, content, other)
            except Exception:  # what was spoilt before may be of no kind any more
                break
    return _bytes(random, content, other)


def _bytes(random: random.Random, content: bytes, other: bytes) -> bytes:
    """Flips, cuts, repeats, swaps, splices, and extreme numbers."""
    spoilt = bytearray(content)
    at, to = sorted(random.randrange(max(len(spoilt), 1)) for _ in range(2))
    block = random.choice((1, 4, 8, 64, 300))
    first, second = spoilt[at : at + block], spoilt[to : to + block]
    match random.choice("flip flip cut repeat swap drop splice number".split()):
        case "flip":
            for _ in range(random.choice((1, 2, 8)) if spoilt else 0):
                spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
        case "cut":
            del spoilt[at:]
        case "repeat":
            spoilt[at:at] = first
        case "swap":
            spoilt[at : at + block], spoilt[to : to + block] = second, first
        case "drop":
            del spoilt[at : at + block]
        case "splice":
            start = random.randrange(max(len(other), 1))
            spoilt[at:] = other[start : start + random.choice((8, 64, len(other)))]
        case _:
            spoilt[at : at + 8] = _number(random)
    return bytes(spoilt)


def _number(random: random.Random) -> bytes:
    width, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
    return (random.choice(EXTREMES) % 256**width).to_bytes(width, order)


def _zip(random: random.Random, content: bytes, other: bytes) -> bytes:
    parts = _members(content)
    name = random.choice(_weighted(parts))
    match random.randrange(12):
        case 0:
            del parts[name]
        case 1:
            parts[random.choice((f"{name}x", f"../../{name}", f"/{name}", ""))] = parts.pop(name)
        case 2:
            twin = random.choice(list(parts))
            parts[name], parts[twin] = parts[twin], parts[name]
        case 3 if other.startswith(b"PK"):
            others = _members(other)
            same = [n for n in others if n.rpartition("/")[2] == name.rpartition("/")[2]]
            parts[name] = others[random.choice(same or list(others))]
        case _:
            parts[name] = _within(random, parts[name], random.choice(list(parts.values())))
    return archive(parts, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _weighted(parts: dict[str, bytes]) -> list[str]:
    """Names, those of a structure many times, those of a training's leftovers never."""
    told = ("data", ".pkl", ".json", ".py", "policy.pth", ".pt")
    left = ("optimizer.pth", "debug_pkl", "system_info.txt", "sample_inputs/model.pt")
    kept = [name for name in parts if not name.endswith(left)] or list(parts)
    return [name for name in kept for _ in range(8 if name.endswith(told) else 1)]


def _pickle(random: random.Random, content: bytes, other: bytes) -> bytes:
    """Opcodes left out, doubled, exchanged, replaced, or with another argument."""
    steps, rest = _opcodes(content)
    at, to = (random.randrange(1, len(steps) - 1) for _ in range(2))
    match random.randrange(9):
        case 0:
            del steps[at]
        case 1:
            steps.insert(to, steps[at])
        case 2:
            steps[at], steps[to] = steps[to], steps[at]
        case 3:
            steps[at] = bytes([random.choice(OPCODES)]) + steps[at][1:]
        case 4:
            steps[at:at] = steps[to : to + random.choice((2, 5, 20))]
        case 5 if other[:1] == b"\x80":
            taken, _ = _opcodes(other)
            start = random.randrange(len(taken))
            steps[at:at] = taken[start : start + random.choice((1, 3, 10))]
        case _:
            numbered = [i for i, step in enumerate(steps) if step[:1] in b"KMJ\x8a"] or [at]
            number = random.choice(EXTREMES)
            steps[random.choice(numbered)] = b"\x8a\x0a" + number.to_bytes(
                10, "little", signed=True
            )
    return b"".join(steps) + rest


def _opcodes(content: bytes) -> tuple[list[bytes], bytes]:
    """The steps of all pickles that follow each other, and what is behind them."""
    starts, end, stream = [], 0, io.BytesIO(content)
    try:
        while end < len(content):
            found = [at for _, _, at in pickletools.genops(stream)]
            starts, end = starts + [at for at in found if at is not None], stream.tell()
    except Exception:  # where the storages of an old torch file begin
        starts = [at for at in starts if at < end]
    return [content[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)], content[end:]


def _json(random: random.Random, content: bytes, other: bytes) -> bytes:
    whole = json.loads(content)
    _spoil(random, whole)
    return json.dumps(whole).encode()


def _spoil(random: random.Random, whole: Any) -> None:
    """Leave a value out, double it, or put something strange or another value in its place."""
    places = list(_places(whole))
    holder, key = random.choice(places)
    match random.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case 2 | 3:
            twin, name = random.choice(places)
            holder[key] = twin[name] if twin is not holder[key] else None
        case 4 if isinstance(holder[key], str):
            holder[key] = _numbered(random, holder[key])
        case _:
            numbers = [(h, k) for h, k in places if type(h[k]) is int]
            holder, key = random.choice(numbers or places)
            holder[key] = random.choice(STRANGE)


def _places(value: Any, depth: int = 0):
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield value, key
        if depth < 60:
            yield from _places(value[key], depth + 1)


def _numbered(random: random.Random, text: str) -> str:
    """Another number, or another word of the same text, in one place."""
    found = list(re.finditer(r"\d+|\w+", text))
    if not found:
        return "x"
    place = random.choice([m for m in found if m[0].isdigit()] or found)
    new = random.choice((str(random.choice(EXTREMES)), random.choice(found)[0]))
    return text[: place.start()] + new + text[place.end() :]


def _safetensors(random: random.Random, content: bytes, other: bytes) -> bytes:
    start = 8 + int.from_bytes(content[:8], "little")
    header = _json(random, content[8:start], other)
    return struct.pack("<Q", len(header)) + header + content[start:]


def _text(random: random.Random, content: bytes, other: bytes) -> bytes:
    """Lines exchanged, doubled or left out, or a number or a word replaced."""
    lines = content.decode().splitlines(keepends=True)
    at, to = (random.randrange(len(lines)) for _ in range(2))
    kind = random.randrange(6)
    if not _reordered(kind, lines, at, to):
        lines[at] = _numbered(random, lines[at].rstrip("\n")) + "\n"
    return "".join(lines).encode()


def _reordered(kind: int, items: list, at: int, to: int) -> bool:
    """Leave one out, double it or exchange two; whether the kind is one of these."""
    match kind:
        case 0:
            del items[at]
        case 1:
            items.insert(to, items[at])
        case 2:
            items[at], items[to] = items[to], items[at]
    return kind < 3


def _gzip(random: random.Random, content: bytes, other: bytes) -> bytes:
    return gzip.compress(_within(random, gzip.decompress(content), other), mtime=0)


def _onnx(random: random.Random, content: bytes, other: bytes) -> bytes:
    """Fields of any message set to something else, left out, doubled or exchanged."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    messages = list(_messages(model))
    fields = [
        (message, field)
        for message in messages
        for field, _ in message.ListFields()
        if field.name not in ("doc_string", "producer_name")
    ]
    message, field = random.choice(fields)
    values = getattr(message, field.name)
    if not _repeated(values):
        _set(random, message, field, values)
    else:
        _rearrange(random, message, field, values)
    return model.SerializeToString()


def _repeated(values: Any) -> bool:
    return hasattr(values, "append")


def _rearrange(random: random.Random, message: Any, field: Any, values: Any) -> None:
    kept = list(values)
    at, to = (random.randrange(len(kept)) for _ in range(2))
    kind = random.randrange(4)
    if not _reordered(kind, kept, at, to) and field.type != field.TYPE_MESSAGE:
        kept[at] = _other(random, field, kept[to])
    kept = [
        type(v).FromString(v.SerializeToString()) if hasattr(v, "ListFields") else v for v in kept
    ]
    message.ClearField(field.name)
    try:
        getattr(message, field.name).extend(kept)
    except ValueError:  # more than the field holds
        return


def _set(random: random.Random, message: Any, field: Any, value: Any) -> None:
    if field.type == field.TYPE_MESSAGE or random.random() < 0.2:
        message.ClearField(field.name)
        return
    try:
        setattr(message, field.name, _other(random, field, value))
    except (ValueError, TypeError):  # more than the field holds
        message.ClearField(field.name)


OPERATORS = "Gemm MatMul Tanh Loop If Scan Expand Tile Range ConstantOfShape Pad Resize".split()
OPERATORS += "Split Reshape Concat Gather OneHot LSTM GRU Conv RandomNormal Where Cast".split()


def _other(random: random.Random, field: Any, value: Any) -> Any:
    if isinstance(value, bytes):
        return _bytes(random, value, value)
    if isinstance(value, str):
        return random.choice((*OPERATORS, "x", "../../x", _numbered(random, value)))
    number = random.choice((*EXTREMES, value + 1, value - 1))
    return float(number) if isinstance(value, float) else number


def _messages(message: Any):
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for inner in value if _repeated(value) else [value]:
                yield from _messages(inner)


def _is_text(content: bytes) -> bool:
    return b"\x00" not in content and content.isascii() and content.count(b"\n") > 1


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[..., bytes]], ...] = (
    (lambda content: content.startswith(b"PK"), _zip),
    (lambda content: content.startswith(b"\x1f\x8b"), _gzip),
    (lambda content: content.startswith(b"\x80"), _pickle),
    (lambda content: content[8:9] == b"{", _safetensors),
    (lambda content: content.startswith((b"{", b"[")), _json),
    (lambda content: content.startswith(b"\x08"), _onnx),
    (_is_text, _text),
)
