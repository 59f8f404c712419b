"""Each module's README lists the variables and outputs that there are, as the files describe them."""

from __future__ import annotations

import re

import pytest
from terraform.files import CLOUDS, TERRAFORM, example_of

ROW = re.compile(r"^\| `(\w+)` \| (.+?) \|(?: (.*?)\|)?$", re.MULTILINE)
BLOCK = re.compile(r'^(?:variable|output) "(\w+)" {\n(.*?)^}', re.MULTILINE | re.DOTALL)
ARGUMENT = r"^  {name} += (.+)$"
EACH_CLOUD = pytest.mark.parametrize("cloud", CLOUDS)


def argument(block: str, name: str) -> str | None:
    """Return what is assigned in a block, as it stands there."""
    found = re.search(ARGUMENT.format(name=name), block, re.MULTILINE)
    return found[1] if found else None


def blocks(cloud: str, file: str) -> dict[str, str]:
    """Return what stands in each variable or output of a module's file."""
    return dict(BLOCK.findall((TERRAFORM / cloud / file).read_text()))


def described(cloud: str, file: str) -> dict[str, tuple[str, str | None]]:
    """Return the description and the default of each variable or output of a module's file."""
    return {
        name: ((argument(block, "description") or "").strip('"'), argument(block, "default"))
        for name, block in blocks(cloud, file).items()
    }


def listed(cloud: str, heading: str) -> dict[str, tuple[str, str | None]]:
    """Return the description and the default of each row below a heading of a module's README."""
    section = (
        (TERRAFORM / cloud / "README.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    )
    return {
        name: (description, default.strip("` ") or None)
        for name, description, default in ROW.findall(section)
    }


@EACH_CLOUD
@pytest.mark.parametrize(("file", "heading"), [("variables.tf", "Inputs"), ("outputs.tf", "Outputs")])
def test_the_readme_lists_what_there_is(cloud: str, file: str, heading: str) -> None:
    """Each variable and each output has its row, in the order of the file, with its description and default."""
    assert described(cloud, file)
    assert list(listed(cloud, heading).items()) == list(described(cloud, file).items())


@EACH_CLOUD
def test_the_readme_names_every_file(cloud: str) -> None:
    """What a module makes is told file by file."""
    files = {file.name for file in (TERRAFORM / cloud).glob("*.tf")} - {
        "main.tf",
        "outputs.tf",
        "variables.tf",
        "versions.tf",
    }
    section = (
        (TERRAFORM / cloud / "README.md")
        .read_text()
        .partition("\n## What it makes\n")[2]
        .partition("\n## ")[0]
    )
    assert set(re.findall(r"`(\w+\.tf)`", section)) >= files


@EACH_CLOUD
def test_every_variable_is_described_and_typed(cloud: str) -> None:
    """A variable says what it is, in a sentence, and of what type."""
    for name, block in blocks(cloud, "variables.tf").items():
        assert (argument(block, "description") or "").endswith('."'), name
        assert argument(block, "type"), name


def test_what_is_the_same_has_one_name() -> None:
    """A variable that two modules have is of one type in both, and what each must have, each has."""
    types = {
        cloud: {name: argument(block, "type") for name, block in blocks(cloud, "variables.tf").items()}
        for cloud in CLOUDS
    }
    shared = set.intersection(*map(set, types.values()))
    assert shared >= {
        "name",
        "package",
        "timeout",
        "memory_size",
        "environment",
        "public",
        "workflows",
        "notify",
    }
    for one in types.values():
        for other in types.values():
            assert {name: one[name] for name in one.keys() & other.keys()} == {
                name: other[name] for name in one.keys() & other.keys()
            }


@pytest.mark.parametrize(
    "name", ["function_name", "store_url", "http_url", "queue", "dead_orders", "logs", "identity"]
)
def test_every_module_says_the_same_of_what_it_made(name: str) -> None:
    """Whoever changes clouds reads the same outputs."""
    assert [cloud for cloud in CLOUDS if name not in blocks(cloud, "outputs.tf")] == []


@EACH_CLOUD
def test_the_example_packs_what_it_deploys(cloud: str) -> None:
    """`make package` builds for the cloud the file that the example's `package` is by default."""
    packed = (example_of(cloud) / "Makefile").read_text()
    assert f"build --target {cloud}" in packed
    assert f"--out build/{cloud}.zip" in packed
    assert f'"build/{cloud}.zip"' in (example_of(cloud) / "main.tf").read_text()
