"""Build the wheel, install it into an environment of its own, and try it with the source out of sight."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    "flux_core",
    "flux_aws",
    "flux_azure",
    "flux_cli",
    "flux_gcp",
    "flux_otel",
    "flux_postgres",
    "flux_web",
}
FOLDERS = {
    "flux_cli/templates/": "templates/",
    "flux_cli/": "adapters/flux_cli/",
    "flux_aws/": "adapters/flux_aws/",
    "flux_azure/": "adapters/flux_azure/",
    "flux_gcp/": "adapters/flux_gcp/",
    "flux_otel/": "adapters/flux_otel/",
    "flux_postgres/": "adapters/flux_postgres/",
    "flux_web/": "adapters/flux_web/",
}
"""Folders of the wheel that stand elsewhere in the repository; the first that fits is meant."""
TRIAL = """
import json, sys
import flux_aws, flux_core
from flux_core import Engine, Workflow
for package in (flux_core, flux_aws):
    assert sys.prefix in package.__file__, package.__file__
greeting = Workflow("greeting").step("greet", lambda ctx: f"hello {ctx.input['name']}")
answer = flux_aws.handler(greeting)({"name": "Ada"})
assert answer["status"] == "completed", answer
print(json.dumps(answer))
"""
VIEWER = """
import asyncio, sys
import flux_otel, flux_web
from flux_core import App, Workflow

scope = {
    "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "root_path": "", "query_string": b"",
    "headers": [(b"host", b"localhost:4280")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 4280),
    "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"},
}
sent = []

async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}

async def send(message):
    sent.append(message)

for package in (flux_otel, flux_web):
    assert sys.prefix in package.__file__, package.__file__
app = App([Workflow("greeting").step("greet", lambda ctx: None)], trace=[flux_otel.OpenTelemetryTrace()])
asyncio.run(flux_web.asgi(app)(scope, receive, send))
assert sent[0]["status"] == 200, sent
print(f"{sum(len(message.get('body', b'')) for message in sent):,} bytes")
"""


def main() -> None:
    """Go through it, and say what is done."""
    with tempfile.TemporaryDirectory(prefix="flux-wheel-") as folder:
        home = Path(folder)
        wheel = build(home)
        check_contents(wheel)
        check_sources(wheel)
        python = install(wheel, home)
        environment = {
            "FLUX_STORE": f"sqlite:///{home}/runs.db",
            "SHOP_DB": f"{home}/shop.db",
            "PATH": "/usr/bin:/bin",
        }
        answer = json.loads(output([str(python), "-I", "-c", TRIAL], home, environment))
        print(f"  the handler answered {answer['status']}")
        print(
            f"  the viewer's page has {output([str(python), '-I', '-c', VIEWER], home, environment)}", end=""
        )
        template = home / "order-fulfillment"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(home)
        (home / "flux_cli" / "templates" / "order-fulfillment").rename(template)
        flux = str(python.with_name("flux"))
        run = [flux, "run", "order-fulfillment", "--input", "events/order.json", "--id", "o-1", "--json"]
        result = json.loads(output(run, template, environment))
        shown = output([flux, "show", "o-1"], template, environment)
        print(f"  flux run of the packed template: {result['status']}\n{shown}")


def build(home: Path) -> Path:
    """Return the wheel, built from the source."""
    output([sys.executable, "-m", "build", "--wheel", "--outdir", str(home / "dist"), str(ROOT)], ROOT, None)
    [wheel] = (home / "dist").glob("*.whl")
    print(f"  built {wheel.name}, {wheel.stat().st_size / 1024:.0f} KiB")
    return wheel


def check_contents(wheel: Path) -> None:
    """Refuse a wheel with another top level, or without the types' markers and the templates."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    top = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert top == TOP_LEVEL, top
    for name in [f"{package}/py.typed" for package in TOP_LEVEL] + [
        "flux_cli/templates/order-fulfillment/app.py",
        *(f"flux_web/_viewer/{name}" for name in ("index.html", "viewer.js", "viewer.css")),
    ]:
        assert name in names, f"{name} is not in the wheel"


def check_sources(wheel: Path) -> None:
    """Refuse a wheel with a file that git does not track: it is somebody's database, or a secret."""
    if not (ROOT / ".git").exists():
        return
    tracked = set(output(["git", "ls-files"], ROOT, None).splitlines())
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    strangers = [name for name in names if source(name) not in tracked]
    assert not strangers, f"git does not track these files of the wheel: {', '.join(strangers)}"


def source(name: str) -> str:
    """Return where a file of the wheel stands in the repository."""
    moved = (at + name.removeprefix(folder) for folder, at in FOLDERS.items() if name.startswith(folder))
    return next(moved, name)


def install(wheel: Path, home: Path) -> Path:
    """Return the Python of a new environment that has the wheel and what it needs."""
    venv.create(home / "venv", with_pip=True)
    python = home / "venv" / "bin" / "python"
    output(
        [
            str(python),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            f"{wheel}[cli,aws,otel,web]",
        ],
        home,
        None,
    )
    return python


def output(command: list[str], folder: Path, environment: dict[str, str] | None) -> str:
    """Return what the command prints, or end with what went wrong."""
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    main()
