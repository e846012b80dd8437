"""What the documentation says is true."""

import re
from pathlib import Path

import pytest

from policyscope import registry
from policyscope.analyzers.catalogue import as_markdown

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


def test_measures_are_documented_from_the_code():
    ours = {
        name: kind
        for name, kind in registry.everything(registry.ANALYZERS)[0].items()
        if kind.__module__.startswith("policyscope")
    }
    assert (ROOT / "docs" / "measures.md").read_text() == as_markdown(ours)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_are_mentioned_exist(page):
    from policyscope import cli

    source = "\n".join(file.read_text() for file in Path(cli.__file__).parent.glob("*.py"))
    known = set(re.findall(r"--[a-z-]+", source)) | {"--help"}
    known |= {f"--{name.replace('_', '-')}" for name in re.findall(r"^    (\w+): ", source, re.M)}
    lines = [line for line in page.read_text().splitlines() if "policyscope " in line]
    mentioned = {o for line in lines for o in re.findall(r"(?<=[ `])--[a-z-]+", line)}
    assert mentioned <= known
