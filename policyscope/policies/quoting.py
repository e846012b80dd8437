"""Texts from files of strangers, fit for a terminal."""


def printable(text: str) -> str:
    """A text from the file, without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)[:200].strip()


def first_line(error: Exception) -> str:
    """What an exception says first."""
    lines = str(error).strip().splitlines()
    return printable(lines[0]) if lines else type(error).__name__
