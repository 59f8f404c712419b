"""A store that is entered by identity: over https, with a token in the place of a key."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flux_azure import TableStorage
from flux_azure._account import _identity
from flux_core import RunStatus, StoreError
from flux_core.storage import Query, Record

from services.azurite import Azurite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("azurite")

RUN = Record("order-1", "order", RunStatus.RUNNING, 1, "w", 160.0, 100.0, 100.0, b"{}")


class Identity:
    """A credential whose tokens are signed by nobody."""

    def __init__(self, audience: str = "https://storage.azure.com") -> None:
        self._audience = audience
        self.scopes: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Give a token for an hour."""
        self.scopes.append(scopes)
        until = int(time.time()) + 3600
        claims = {
            "aud": self._audience,
            "iss": "https://sts.windows.net/tenant/",
            **dict.fromkeys(("iat", "nbf"), 0),
        }
        parts: tuple[dict[str, Any], ...] = ({"alg": "RS256", "typ": "JWT"}, {**claims, "exp": until}, {})
        token = ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        return AccessToken(token, until)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of this machine that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A server that lets in who brings a token, and that this process trusts."""
    paths = certificate(tmp_path_factory.mktemp("azurite"))
    with pytest.MonkeyPatch.context() as environment, Azurite(paths) as server:
        environment.setenv("REQUESTS_CA_BUNDLE", str(paths[0]))
        yield server


def test_an_identity_opens_the_table_and_the_container(
    locked: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that a store does, alone and in batches, is done with a token for Azure Storage."""
    identity = Identity()
    monkeypatch.setattr("flux_azure._account._identity", lambda: identity)
    monkeypatch.setenv("AzureWebJobsStorage__tableServiceUri", locked.table_url)
    monkeypatch.setenv("AzureWebJobsStorage__blobServiceUri", locked.blob_url)
    with closing(TableStorage(container="large")) as storage:
        storage.create_table()
        storage.create(RUN)
        saved = RUN._replace(revision=2)
        storage.save(saved, replaces=1)
        storage.put_blob(RUN.id, "key", b"value")
        assert storage.find(Query(wake_before=1e9)).records == [saved]
        assert storage.get_blob(RUN.id, "key") == b"value"
        storage.delete(RUN.id)
        assert storage.load(RUN.id) is None
    assert set(identity.scopes) == {("https://storage.azure.com/.default",)}


def test_a_token_that_opens_nothing_is_told(locked: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for something else is refused as what it is."""
    monkeypatch.setattr("flux_azure._account._identity", lambda: Identity("https://vault.azure.net"))
    with (
        closing(TableStorage(account=locked.table_url)) as storage,
        pytest.raises(StoreError, match=r"credentials"),
    ):
        storage.load(RUN.id)


def test_no_identity_anywhere_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where neither a setting nor a login gives an identity, it is said how to get one, and once."""
    monkeypatch.setenv(
        "AZURE_TOKEN_CREDENTIALS", "dev"
    )  # the logins of this machine, of which no program is found
    monkeypatch.setenv("PATH", "/nowhere")
    _identity.cache_clear()
    with closing(TableStorage("orders", account="shop")) as storage, pytest.raises(StoreError) as caught:
        storage.load(RUN.id)
    _identity.cache_clear()
    assert caplog.messages == []
    told = str(caught.value)
    assert "AzureCliCredential" not in told
    assert (
        "reading from the table 'orders' at https://shop.table.core.windows.net needs credentials of Azure"
        in told
    )
    assert "DefaultAzureCredential failed to retrieve a token" in told
    for way in ("AzureWebJobsStorage to a connection string", "managed identity", "az login"):
        assert way in told
