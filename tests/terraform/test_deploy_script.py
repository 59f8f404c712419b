"""`terraform/azure/deploy.sh` puts a package on a function app, and says so if it does not get there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from terraform.files import TERRAFORM

from services.require import skip_or_fail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = TERRAFORM / "azure" / "deploy.sh"


class Deployments(ThreadingHTTPServer):
    """The deployment site of a function app: it takes a package and then tells `statuses`, one a look."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Site)
        self.statuses: list[int] = []
        self.accepts = 202
        self.earlier = 0
        """How many looks find the deployment before this one."""
        self.asked: list[tuple[str, str, str | None, bytes]] = []

    @property
    def url(self) -> str:
        """The address of the site."""
        return f"http://127.0.0.1:{self.server_port}"


class Site(BaseHTTPRequestHandler):
    """Answers a request of the script's."""

    server: Deployments

    def do_POST(self) -> None:
        """Take the package."""
        self._heard(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(self.server.accepts, "411e8e6f")

    def do_GET(self) -> None:
        """Say how far the deployment is."""
        self._heard(b"")
        self.server.earlier -= 1
        deployment, status = (
            ("0ddba11", 4) if self.server.earlier >= 0 else ("411e8e6f", self.server.statuses.pop(0))
        )
        self._answer(200, {"id": deployment, "status": status, "status_text": "", "complete": status > 2})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _heard(self, body: bytes) -> None:
        self.server.asked.append((self.command, self.path, self.headers["Authorization"], body))

    def _answer(self, status: int, document: object) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def site() -> Iterator[Deployments]:
    """Return the deployment site of a function app."""
    if shutil.which("curl") is None:
        skip_or_fail("curl is missing: apt-get install curl")
    with Deployments() as started:
        serving = Thread(target=started.serve_forever)
        serving.start()
        yield started
        started.shutdown()
        serving.join()


def deploy(site: Deployments, folder: Path, *, looks: int = 5) -> subprocess.CompletedProcess[str]:
    """Run the script, with an `az` that has the token of somebody who is logged in."""
    az = folder / "az"
    az.write_text("#!/bin/sh\necho token-of-ada\n")
    az.chmod(0o755)
    package = folder / "function.zip"
    package.write_bytes(b"PK\x00\xff")
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "PAUSE": "0", "LOOKS": str(looks)}
    command = ["sh", str(SCRIPT), site.url, str(package)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_the_package_is_sent_and_waited_for(site: Deployments, tmp_path: Path) -> None:
    """It is sent as it is, not to be built, with a token, and the script ends when it is there."""
    site.statuses = [0, 1, 4]
    ended = deploy(site, tmp_path)
    assert ended.returncode == 0, ended.stderr
    token = "Bearer token-of-ada"
    looked = ("GET", "/api/deployments/latest", token, b"")
    sent = ("POST", "/api/publish?RemoteBuild=false&Deployer=terraform", token, b"PK\x00\xff")
    assert site.asked == [sent, looked, looked, looked]


def test_the_deployment_before_is_not_taken_for_this_one(site: Deployments, tmp_path: Path) -> None:
    """The latest that the site knows of may still be the one before, which went well; this one fails."""
    site.earlier, site.statuses = 2, [3]
    ended = deploy(site, tmp_path)
    assert ended.returncode == 1
    assert "ended with status 3" in ended.stderr


@pytest.mark.parametrize("status", [-1, 3, 5, 6], ids=["cancelled", "failed", "overtaken", "in-parts"])
def test_a_deployment_that_fails_is_told(site: Deployments, tmp_path: Path, status: int) -> None:
    """The script fails with what the site said."""
    site.statuses = [1, status]
    ended = deploy(site, tmp_path)
    assert ended.returncode == 1
    assert f"ended with status {status}" in ended.stderr


def test_a_package_that_is_refused_is_told(site: Deployments, tmp_path: Path) -> None:
    """Another deployment is under way: nothing is waited for."""
    site.accepts = 409
    ended = deploy(site, tmp_path)
    assert ended.returncode != 0
    assert "409" in ended.stderr
    assert len(site.asked) == 1


def test_a_deployment_that_does_not_end_is_told(site: Deployments, tmp_path: Path) -> None:
    """After so many looks the script gives up, and says where to look on."""
    site.statuses = [1, 1]
    ended = deploy(site, tmp_path, looks=2)
    assert ended.returncode == 1
    assert f"Look at {site.url}/api/deployments/latest" in ended.stderr


def test_the_token_is_on_no_command_line() -> None:
    """Whoever lists the processes of the machine sees no token."""
    lines = [line for line in SCRIPT.read_text().splitlines() if "$token" in line]
    assert lines == ["  printf 'Authorization: Bearer %s\\n' \"$token\" |"]
