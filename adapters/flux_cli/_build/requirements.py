"""What a function needs beside Flux: what its project and Flux's part for the cloud require, for its platform."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flux_cli._build.flux import DISTRIBUTION, installed, write_stand_in
from flux_cli._build.lock import Pin
from flux_cli._build.requirement_lines import unconditional
from flux_cli._build.target import TARGETS
from flux_core import InvalidInput, __version__

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from flux_cli._build.pip import Pip
    from flux_cli._build.platform import Platform
    from flux_cli._build.requirement_lines import Asked
    from flux_cli._build.target import Target

NOT_IN_FUNCTIONS: Final = frozenset({"cli"})


class Resolved(NamedTuple):
    """What was found."""

    extras: tuple[str, ...]
    """Those of Flux that the function has."""
    pins: tuple[Pin, ...]
    """The distributions to install, by name."""


def resolve(pip: Pip, asked: Asked, target: Target, platform: Platform, without: Collection[str]) -> Resolved:
    """Return what a project's requirements come to on the platform.

    Pip judges environment markers by the Python and the system that it runs on. So what it finds is walked through
    with the platform's own: what only this machine would need is left out, and what only the platform needs is
    asked for, until nothing is missing.

    Args:
        pip: for the platform.
        asked: what the project requires.
        target: the cloud, whose extra of Flux is needed in any case.
        platform: the function's.
        without: distributions that the runtime provides; what only these need is left out with them.

    Raises:
        InvalidInput: a requirement cannot be met, or not be pinned.
        PipFailed: pip is missing, or cannot reach the index.
    """
    markers = platform.markers()
    with tempfile.TemporaryDirectory(prefix="flux-build-") as folder:
        write_stand_in(installed(target.adapter), Path(folder))
        options = ["--find-links", folder]
        for option, lines in (("--requirement", asked.requirements), ("--constraint", asked.constraints)):
            file = Path(folder, f"{option[2:]}s.txt")
            file.write_text("\n".join(lines), encoding="utf-8")
            options += [option, str(file)]
        wanted = [f"{DISTRIBUTION}[{target.name}]=={__version__}"]
        while True:
            found = pip.resolve([*options, *wanted])
            walk = _Walk(found, target, markers, without)
            if not walk.missing:
                return walk.resolved()
            wanted += sorted(walk.missing)


class _Walk:
    """A way through pip's report, from what was asked for to all that it needs."""

    def __init__(
        self,
        report: Sequence[Mapping[str, Any]],
        target: Target,
        markers: Mapping[str, str],
        without: Collection[str],
    ) -> None:
        self.missing: set[str] = set()
        self._found: dict[str, Mapping[str, Any]] = {
            canonicalize_name(item["metadata"]["name"]): item for item in report
        }
        self._markers = markers
        self._without = without
        self._users: dict[str, set[str]] = {}
        self._passed: set[tuple[str, str]] = set()
        others = NOT_IN_FUNCTIONS | (TARGETS.keys() - {target.name})
        for name, item in self._found.items():
            if item["requested"]:
                extras = set(item.get("requested_extras", ()))
                self._visit(name, extras - others if name == DISTRIBUTION else extras, by="")
        flux = self._found[canonicalize_name(DISTRIBUTION)].get("requested_extras", ())
        self._extras = tuple(sorted(set(flux) - others))

    def resolved(self) -> Resolved:
        """Return what was passed by."""
        needed = sorted(self._users.keys() - {DISTRIBUTION})
        theirs = self._for_others()
        return Resolved(self._extras, tuple(self._pin(name, for_flux=name not in theirs) for name in needed))

    def _for_others(self) -> set[str]:
        """Return what the project requires, by itself or by way of others, but not by way of Flux."""
        users = {name: by for name, by in self._users.items() if name != DISTRIBUTION}
        found = {""}
        while more := {name for name, by in users.items() if name not in found and by & found}:
            found |= more
        return found

    def _visit(self, name: str, extras: set[str], *, by: str) -> None:
        if name in self._without:
            return
        self._users.setdefault(name, set()).add(by)
        for extra in ("", *extras):
            if (name, extra) not in self._passed:
                self._passed.add((name, extra))
                self._visit_all(name, extra)

    def _visit_all(self, name: str, extra: str) -> None:
        for line in self._found[name]["metadata"].get("requires_dist", ()):
            needed = Requirement(line)
            if needed.marker and not needed.marker.evaluate({**self._markers, "extra": extra}):
                continue
            if (other := canonicalize_name(needed.name)) in self._found or other in self._without:
                self._visit(other, needed.extras, by=name)
            else:
                self.missing.add(unconditional(needed))

    def _pin(self, name: str, *, for_flux: bool) -> Pin:
        item = self._found[name]
        version = item["metadata"]["version"]
        digest = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if digest is None:
            raise InvalidInput(
                f"{name} comes from {item['download_info']['url']}, which has no digest to pin: copy what it"
                " has into the project, or publish it as a wheel",
                path="requirements",
            )
        return Pin(name, version, digest, for_flux=for_flux)
