"""Report: results and where they came from, in one folder that stands alone.

::

    DIR/report.json     everything but arrays; the same seed gives the same bytes
    DIR/arrays/*.npz    one file of arrays per analyzer
    DIR/report.html     the same, to look at
    DIR/timings.json    how long each part took

Every view reads this folder and nothing else. It is written beside its place and moved there at
the end, so that a folder is a whole report or none.
"""

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cattrs
import numpy as np
from cattrs.strategies import configure_tagged_union
from jaxtyping import AbstractArray

from policyscope.errors import ReportError, UsageError, did_you_mean
from policyscope.provenance import Checkpoint
from policyscope.reports.results import Measure, Result

SCHEMA = 5
"""Version of the folder's layout; raised when an older reader would misread it."""


@dataclass(frozen=True)
class Finding:
    """A sentence that a person can act on."""

    code: str
    """Stable, for example `R1`."""
    severity: str
    """`critical`, `warning` or `info`."""
    title: str
    sentence: str
    """With the number in it."""
    advice: str
    """What to do."""
    evidence: str
    """The measure, or the part of the report, that shows it."""


@dataclass(frozen=True)
class Played:
    """The environment that a policy was played in."""

    id: str
    """As it was asked for."""
    played: str
    """As gymnasium plays it."""
    arguments: dict[str, Any]
    features: tuple[str, ...]
    """Name of each observation feature, with its unit."""
    actions: tuple[str, ...]
    """Name of each action, or of each dimension of it."""


@dataclass(frozen=True)
class Recorded:
    """The observations that a policy was shown in place of an environment."""

    file: str
    """Name of the file or folder."""
    digest: str | None
    """SHA-256 of the file, in hexadecimal; None for arrays that came from no file."""
    observations: int
    episodes: int | None
    """None where it was not recorded where they begin, or where nobody played any."""
    sampled: bool
    """Whether they were drawn from stated ranges, and never visited."""
    features: tuple[str, ...]
    """Name of each observation feature, with its unit."""
    actions: tuple[str, ...]
    """Name of each action, or of each dimension of it."""

    @property
    def size(self) -> str:
        """How much there is, in words."""
        if self.sampled:
            return f"{self.observations:,} sampled observations"
        plural = "" if self.episodes == 1 else "s"
        many = "" if self.episodes is None else f" in {self.episodes:,} episode{plural}"
        return f"{self.observations:,} recorded observations{many}"


Setting = Played | Recorded
"""What the numbers of a report are about."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One analyzer's answer."""

    parameters: dict[str, Any]
    """With what it was asked."""
    result: Result


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that one analysis found."""

    checkpoint: Checkpoint
    environment: Setting
    """What the policy was played in, or what it was shown where nothing could be played."""
    seed: int
    episodes: int
    """How many were played; 0 where there was no environment."""
    versions: dict[str, str]
    """Of policyscope and the libraries that computed the numbers."""
    notices: tuple[str, ...]
    """What a person should hear before they trust a number."""
    entries: dict[str, Entry]
    """By the analyzer's name."""
    timings: dict[str, float]
    """Seconds of wall time, by what took them; the only part that differs between equal runs."""
    findings: tuple[Finding, ...] = ()
    second: Checkpoint | None = None
    """The policy that the first was compared with, if any."""

    def measures(self) -> Iterator[Measure]:
        """Every number of every analyzer, in a stable order."""
        for name, entry in self.entries.items():
            for measure in entry.result.measures():
                yield Measure(
                    f"{name}.{measure.name}", measure.conditions, measure.estimate, measure.unit
                )

    def measure(self, key: str) -> Measure:
        """One number, by its key such as `returns.clean.mean`.

        Raises:
            UsageError: If there is none of that key.
        """
        known = {measure.key: measure for measure in self.measures()}
        if key not in known:
            raise UsageError(
                f"This report has no measure {key!r}; `policyscope show DIR --measures` lists "
                f"all {len(known)}.{did_you_mean(key, known)}"
            )
        return known[key]

    def owner(self, finding: Finding) -> str | None:
        """The analyzer that gave a finding its evidence; None where none did."""
        owners = [n for n in self.entries if f"{finding.evidence}.".startswith(f"{n}.")]
        return max(owners, key=len, default=None)

    @property
    def title(self) -> str:
        """The file, or both files, that the report is about."""
        if self.second is None:
            return self.checkpoint.file
        return f"{self.checkpoint.file} and {self.second.file}"

    @property
    def where(self) -> str:
        """The environment or the recording, after a preposition."""
        at = self.environment
        return f"in {at.played}" if isinstance(at, Played) else f"on {at.file}"

    @property
    def size(self) -> str:
        """How much the numbers rest on, in words."""
        at = self.environment
        return f"{self.episodes} episodes" if isinstance(at, Played) else at.size

    def __str__(self) -> str:
        head = f"{self.title} {self.where}, {self.size}"
        return "\n".join([head, *(f"{f.severity}: {f.sentence}" for f in self.findings)])


def write(report: Report, folder: Path, files: Mapping[str, str]) -> None:
    """Write a report, replacing one that is there.

    Args:
        report: What to write.
        folder: Where; it may exist only as an older report or empty.
        files: Texts to lay beside it, by file name.

    Raises:
        ReportError: If the folder exists and is something else.
    """
    require_writable(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        fresh = Path(scratch, "new")
        _write_into(report, fresh)
        for name, text in files.items():
            (fresh / name).write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rename(Path(scratch, "old"))
        fresh.rename(folder)


def require_writable(folder: Path) -> None:
    """Refuse a place that holds something other than a report.

    Raises:
        ReportError: If it does.
    """
    if folder.is_dir() and not (folder / "report.json").is_file() and any(folder.iterdir()):
        raise ReportError(
            f"The folder {folder} exists and is not a report, so nothing was written; give "
            "another --out, or empty it."
        )
    if folder.exists() and not folder.is_dir():
        raise ReportError(f"{folder} is a file; give a folder with --out.")


def read(folder: Path) -> Report:
    """Read a report.

    Raises:
        ReportError: If the folder is none, is damaged, or is of a newer version.
    """
    path = folder / "report.json"
    if not path.is_file():
        raise ReportError(f"{folder} is not a report: there is no report.json in it.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content.pop("schema")
        if schema != SCHEMA:
            raise ReportError(
                f"{path} is of schema {schema}, and this policyscope reads {SCHEMA}; "
                "analyze the checkpoint again."
            )
        content["timings"] = json.loads((folder / "timings.json").read_text(encoding="utf-8"))
        return _converter(folder / "arrays").structure(content, Report)
    except cattrs.BaseValidationError as error:
        raise _damaged(folder, cattrs.transform_error(error)[0]) from error
    except (ValueError, KeyError, TypeError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise _damaged(folder, str(error) or type(error).__name__) from error


def _damaged(folder: Path, reason: str) -> ReportError:
    return ReportError(f"The report {folder} is damaged ({reason}); analyze again.")


def _write_into(report: Report, folder: Path) -> None:
    (folder / "arrays").mkdir(parents=True)
    content = {"schema": SCHEMA, **_converter(folder / "arrays").unstructure(report)}
    for name, entry in content["entries"].items():
        arrays: dict[str, np.ndarray] = {}
        entry["result"] = _take_arrays(entry["result"], name, "", arrays)
        if arrays:
            np.savez_compressed(folder / "arrays" / f"{name}.npz", **arrays)  # pyright: ignore
    for file, part in (("timings", content.pop("timings")), ("report", content)):
        text = json.dumps(part, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / f"{file}.json").write_text(text + "\n", encoding="utf-8")


def _take_arrays(value: Any, file: str, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """Replace arrays by references of the form {"array": "file/path"}, collecting them."""
    match value:
        case dict():
            return {
                key: _take_arrays(inner, file, f"{path}.{key}".lstrip("."), arrays)
                for key, inner in value.items()
            }
        case list() | tuple():
            return [_take_arrays(v, file, f"{path}.{i}", arrays) for i, v in enumerate(value)]
        case np.ndarray():
            arrays[path] = value
            return {"array": f"{file}/{path}", "shape": list(value.shape)}
    return value


def _converter(arrays: Path) -> cattrs.Converter:
    """JSON to results and back; arrays are left for `_take_arrays`, and fetched when reading."""
    converter = cattrs.Converter(forbid_extra_keys=True)

    def is_array(kind: Any) -> bool:
        return isinstance(kind, type) and issubclass(kind, AbstractArray)

    def fetch(reference: dict[str, str], _: Any) -> np.ndarray:
        file, _, name = reference["array"].rpartition("/")
        # only names: a report that somebody sent must not reach outside its folder
        with (
            (arrays / f"{Path(file).name}.npz").open("rb") as opened,
            np.load(opened, allow_pickle=False) as stored,
        ):
            return stored[name]

    converter.register_unstructure_hook_func(is_array, lambda array: array)
    converter.register_structure_hook_func(is_array, fetch)
    configure_tagged_union(Result, converter, tag_name="type")
    configure_tagged_union(Setting, converter, tag_name="type")
    return converter
