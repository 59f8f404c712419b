"""The emulators of Google's Cloud SDK: jars that come as Debian packages, or with the SDK itself."""

from __future__ import annotations

import shutil
from pathlib import Path

from .require import skip_or_fail

_KNOWN = (Path("/usr/lib/google-cloud-sdk"), Path("/opt/google-cloud-sdk"), Path.home() / "google-cloud-sdk")
JAVA = ("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Java for a server that lives as long as some tests."""


def emulator_jar(pattern: str, component: str) -> Path:
    """Return the jar below the SDK's folder of platforms; the component is what brings it."""
    if shutil.which("java") is None:
        skip_or_fail(
            f"the {component} needs Java 17 or newer, and there is no `java` on the PATH; install a JRE"
        )
    gcloud = shutil.which("gcloud")
    beside = [] if gcloud is None else [Path(gcloud).resolve().parent.parent]
    jars = (jar for sdk in (*beside, *_KNOWN) for jar in sdk.glob(f"platform/{pattern}"))
    jar = next(jars, None)
    if jar is None:
        skip_or_fail(
            f"the {component} is missing below {', '.join(map(str, _KNOWN))};"
            f" apt-get install google-cloud-cli-{component}, or: gcloud components install cloud-{component}"
        )
    return jar
