"""Every link of a document into the repository leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "sam/*.md", "terraform/*/*.md", "templates/*/*.md")
    for path in ROOT.glob(pattern)
)


def anchors(path: Path) -> set[str]:
    """Return what GitHub calls the headings of a document."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_its_links_lead_somewhere(path: Path) -> None:
    """The file is there, and has the heading."""
    for file, _, heading in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]+))?\)", path.read_text()):
        target = path.parent / file if file else path
        assert target.exists(), file
        assert not heading or heading in anchors(target), f"{file}#{heading}"


def test_every_page_is_reached_from_the_readme() -> None:
    """A reader finds each page of docs/, by links, from the README."""
    seen: set[Path] = set()
    to_read = [ROOT / "README.md"]
    while to_read:
        path = to_read.pop()
        seen.add(path)
        linked = {
            (path.parent / file).resolve() for file in re.findall(r"\]\(([\w./-]+\.md)", path.read_text())
        }
        to_read += linked - seen - {*to_read}
    assert {*ROOT.glob("docs/*.md")} <= seen
