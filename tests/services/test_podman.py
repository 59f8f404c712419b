"""The containers' fixture does what it says, with a real podman."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .dynamodb_local import DynamoDBLocal
from .lambda_image import RUNTIME, make_lambda_image
from .podman import HOST, Podman

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """A podman that holds nothing but the image."""
    with Podman() as podman:
        make_lambda_image(podman)
        yield podman


def python(podman: Podman, code: str) -> str:
    """Return what the image's Python prints."""
    [image] = podman.run("images", "--format={{.Repository}}:{{.Tag}}").split()
    entry = ("--entrypoint", f"/var/lang/bin/{RUNTIME}", "--env", "PYTHONPATH=/var/runtime")
    return podman.run("run", "--rm", *entry, image, "-c", code)


def test_the_image_has_lambdas_packages_and_the_whole_standard_library(podman: Podman) -> None:
    """What needs a library of the system's is there too."""
    code = "import boto3, awslambdaric, bz2, ctypes, hashlib, lzma, sqlite3, ssl; print(boto3.__file__, ssl.__file__)"
    assert python(podman, code).split() == [
        "/var/runtime/boto3/__init__.py",
        f"/var/lang/lib/{RUNTIME}/ssl.py",
    ]


def test_a_container_reaches_a_server_on_the_host(podman: Podman) -> None:
    """One that listens on more than the loopback interface."""
    with DynamoDBLocal() as server:
        port = server.endpoint.rpartition(":")[2]
        code = f"import socket; socket.create_connection(({HOST!r}, {port}), 10); print('reached')"
        assert python(podman, code) == "reached\n"


def test_nothing_of_it_is_left() -> None:
    """Neither a mount, nor a folder, nor a process."""
    with Podman() as podman:
        folder = Path(podman.environment["CONTAINERS_CONF"]).parent
        podman.run("images")
    assert not folder.exists()
    assert str(folder) not in Path("/proc/mounts").read_text()
    listed = subprocess.run(["/bin/ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder) not in listed
