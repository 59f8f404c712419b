"""The Linux and the Python that a package is built for, whichever build it."""

from __future__ import annotations

from typing import Final, NamedTuple

_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
_OLDEST: Final = 5
"""The glibc 2 of the first `manylinux`."""


class Platform(NamedTuple):
    """A function's runtime, as far as it decides which wheels run there."""

    python: str
    """Such as `3.13`."""
    architecture: str
    glibc: int
    """The minor version of its glibc 2."""

    def __str__(self) -> str:
        return f"Python {self.python}, {self.architecture}"

    def pip_options(self) -> list[str]:
        """Return what has pip take wheels for this platform, the newest `manylinux` first."""
        machine = _MACHINES[self.architecture]
        tags = [f"manylinux_2_{minor}_{machine}" for minor in range(self.glibc, _OLDEST - 1, -1)]
        platforms = [option for tag in (*tags, f"manylinux2014_{machine}") for option in ("--platform", tag)]
        return ["--only-binary=:all:", "--python-version", self.python, *platforms]

    def markers(self) -> dict[str, str]:
        """Return the variables of environment markers, by PEP 508."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": _MACHINES[self.architecture],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }
