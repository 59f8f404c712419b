"""The module for Google Cloud declares the indexes and the expiry that `FirestoreStorage` counts on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from terraform.files import TERRAFORM

from flux_gcp._firestore.indexes import COMPOSITE, EXPIRY, FACETS, PART_FIELDS, RUN_FIELDS, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from terraform.runs import Resources, Tested

pytestmark = pytest.mark.xdist_group("terraform")


@pytest.fixture
def made(tested: Callable[[Path], Tested]) -> Resources:
    """Return what the module makes by default."""
    return tested(TERRAFORM / "gcp").made["by_default"]


def of_kind(made: Resources, kind: str) -> list[dict[str, Any]]:
    """Return the resources of a kind."""
    return [one for address, one in made.items() if address.startswith(f"{kind}.")]


def test_the_composite_indexes_are_those_of_the_queries(made: Resources) -> None:
    """Each is over the facets of a run and then a time, in the direction in which it is read."""
    declared = [
        [(field["field_path"], field["array_config"], field["order"]) for field in index["fields"]]
        for index in of_kind(made, "google_firestore_index")
    ]
    assert sorted(declared, key=str) == sorted(
        [[(FACETS, "CONTAINS", None), (index.time, None, index.direction)] for index in COMPOSITE], key=str
    )


def test_no_other_field_is_indexed(made: Resources) -> None:
    """Every field that is written is exempt from the index that Firestore makes by itself."""
    declared = [(one["collection"], one["field"]) for one in of_kind(made, "google_firestore_field")]
    runs = "flux-runs"
    assert sorted(declared) == sorted(
        [*((runs, field) for field in RUN_FIELDS), *((parts_of(runs), field) for field in PART_FIELDS)]
    )
    assert all(one["index_config"] == [{"indexes": []}] for one in of_kind(made, "google_firestore_field"))


def test_what_has_ended_expires(made: Resources) -> None:
    """The field that says when a document may go has a policy, in both collections, and no other field has."""
    expiring = [
        (one["collection"], one["field"])
        for one in of_kind(made, "google_firestore_field")
        if one["ttl_config"]
    ]
    assert sorted(expiring) == [("flux-runs", EXPIRY), (parts_of("flux-runs"), EXPIRY)]
