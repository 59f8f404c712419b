"""A store that is made before a process forks, as servers of functions do, and is used after it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from services.firestore import FirestoreEmulator

pytestmark = pytest.mark.xdist_group("firestore")

PROGRAM = """
import os, sys
from flux_core.storage import Query
from flux_core.testing._storage_find import RUN
from flux_gcp import FirestoreStorage

storage = FirestoreStorage(project=sys.argv[1])
if sys.argv[1] == "used":
    storage.create(RUN)
children = []
for number in range(2):
    child = os.fork()
    if child == 0:
        storage.create(RUN._replace(id=f"child-{number}"))
        storage.close()
        sys.exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
assert {f"child-{number}" for number in range(2)} <= {run.id for run in storage.find(Query()).records}
storage.close()
"""


@pytest.mark.parametrize("before", ["unused", "used"])
def test_a_store_outlives_a_fork(server: FirestoreEmulator, before: str) -> None:
    """Parent and children each have a connection of their own."""
    subprocess.run(
        [sys.executable, "-c", PROGRAM, before],
        env={**os.environ, "FIRESTORE_EMULATOR_HOST": server.host},
        check=True,
        timeout=60,
    )
