"""The project's lock for one cloud, `requirements.TARGET.lock`: pip's own format, with a digest for each wheel."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from flux_core import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

_MADE_BY: Final = (
    "# flux build --target {}: what the requirements came to; commit it. --upgrade makes it anew."
)
_INPUTS: Final = "# inputs: sha256:"
_EXTRAS: Final = "# extras of Flux: "
_FOR_FLUX: Final = "  # for Flux alone"
_PIN: Final = re.compile(
    rf"(?P<name>[^\s=]+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{{64}})(?P<for_flux>{_FOR_FLUX})?"
)


class Pin(NamedTuple):
    """One distribution, down to the digest of its wheel."""

    name: str
    version: str
    sha256: str
    for_flux: bool
    """Whether nothing requires it but Flux and what Flux requires."""

    def __str__(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


class Lock(NamedTuple):
    """What a project's requirements came to."""

    target: str
    inputs: str
    """A digest of all that it was made from."""
    extras: tuple[str, ...]
    """Flux's extras that the function has."""
    pins: tuple[Pin, ...]

    @classmethod
    def read(cls, file: Path, target: str) -> Self | None:
        """Return the lock in the file, None if there is no such file.

        Raises:
            InvalidInput: the file is something else; the message names it and the line.
        """
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise InvalidInput(f"the lock {file} cannot be read: {error}") from error
        inputs, extras, pins = "", "", []
        for number, line in enumerate(lines, start=1):
            if line.startswith(_INPUTS):
                inputs = line.removeprefix(_INPUTS)
            elif line.startswith(_EXTRAS):
                extras = line.removeprefix(_EXTRAS)
            elif pin := _PIN.fullmatch(line):
                pins.append(Pin(pin["name"], pin["version"], pin["sha256"], bool(pin["for_flux"])))
            elif line and not line.startswith("#"):
                raise InvalidInput(f"{file}:{number} is no line of a lock; --upgrade makes it anew: {line}")
        return cls(target, inputs, tuple(extras.split()), tuple(pins))

    def write(self, file: Path) -> None:
        """Write the lock to the file.

        Raises:
            InvalidInput: it cannot be written.
        """
        lines = [
            _MADE_BY.format(self.target),
            _INPUTS + self.inputs,
            _EXTRAS + " ".join(self.extras),
            *(f"{pin}{_FOR_FLUX if pin.for_flux else ''}" for pin in self.pins),
        ]
        try:
            file.write_text("\n".join([*lines, ""]), encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"the lock {file} cannot be written: {error.strerror}") from error

    def requirements(self) -> str:
        """Return the pins as a requirements file, for an installer that verifies digests."""
        return "".join(f"{pin}\n" for pin in self.pins)


def digest(inputs: Any) -> str:
    """Return the SHA-256 of plain data, in hexadecimal."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
