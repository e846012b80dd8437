"""Words on the page: text from a report is shown as it stands, never read as Markdown."""

import re
from collections.abc import Iterable

_MEANS_SOMETHING = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|$~:&])")


def plain(text: object) -> str:
    """Markdown that shows exactly this text, on one line.

    A file name, an environment's name or a notice may hold any character, brackets of a link too.
    A web address that is written out still becomes a link, to what it says.
    """
    return _MEANS_SOMETHING.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Markdown that shows this text in a fixed-width font."""
    return f"`{str(text).replace('`', chr(39))}`"


def counted(number: int, noun: str) -> str:
    """For example `1 warning`, `2 warnings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def table(heading: tuple[str, str], rows: Iterable[tuple[str, object]]) -> str:
    """A Markdown table of two columns."""
    lines = (f"| {plain(name)} | {plain(value)} |" for name, value in (heading, *rows))
    first, *others = lines
    return "\n".join((first, "|:--|:--|", *others))
