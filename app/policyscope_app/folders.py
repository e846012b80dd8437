"""Which reports a folder holds; nothing heavy is imported to find out."""

from pathlib import Path

from policyscope.errors import ReportError


def reports_in(folder: Path) -> tuple[Path, ...]:
    """The folder itself if it is a report, otherwise the reports directly inside it, by name.

    Raises:
        ReportError: If there is no such folder, or no report in it.
    """
    if _is_report(folder):
        return (folder,)
    if not folder.is_dir():
        raise ReportError(
            f"There is no folder {folder}; give one that `policyscope analyze` wrote."
        )
    found = tuple(sorted(filter(_is_report, folder.iterdir())))
    if not found:
        raise ReportError(
            f"{folder} is not a report, and no folder directly inside it is one: "
            "there is no report.json. Write one with `policyscope analyze`."
        )
    return found


def _is_report(folder: Path) -> bool:
    return (folder / "report.json").is_file()
