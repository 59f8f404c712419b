"""`flux build`: a project made ready to deploy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.table import Table
from rich.text import Text

from flux_cli import _terminal
from flux_cli._build.platform import Platform
from flux_cli._build.target import ARCHITECTURES, PYTHONS, TARGETS
from flux_cli._exit import ExitCode
from flux_cli._options import json_option
from flux_core import InvalidInput

if TYPE_CHECKING:
    from flux_cli._build.build import Built, Wish
    from flux_cli._build.target import Target

LARGEST: Final = 8  # parts that are listed by name


class Doing:
    """The line that says what is being done."""

    def __init__(self) -> None:
        self._text = ""

    def __call__(self, text: str) -> None:
        """Say it from now on."""
        self._text = text

    def __rich__(self) -> Text:
        return Text(f"flux build {self._text} …")


@click.command
@click.option("--target", type=click.Choice([*TARGETS]), required=True, help="The cloud.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A zip if it ends in .zip, else a folder, new or empty. Default: build/TARGET.zip in the project.",
)
@click.option(
    "--python", type=click.Choice(PYTHONS), default="3.13", show_default=True, help="The function's."
)
@click.option("--architecture", type=click.Choice(ARCHITECTURES), default="x86_64", show_default=True)
@click.option(
    "--with-boto3", is_flag=True, help="Pack boto3 too, which is in Lambda's own Python: 15 MB more."
)
@click.option("--upgrade", is_flag=True, help="Take the newest versions, and write the lock anew.")
@json_option
@click.argument("project", type=click.Path(path_type=Path), default=Path())
def build(
    project: Path,
    *,
    target: str,
    out: Path | None,
    python: str,
    architecture: str,
    with_boto3: bool,
    upgrade: bool,
    as_json: bool,
) -> ExitCode:
    """Build the package that is deployed.

    It holds the project's files, Flux's engine and its part for the cloud, and what they need on the cloud's Linux.
    Versions are pinned in requirements.TARGET.lock, in the project: with it, the same files give the same bytes.

    Not packed are hidden files, keys and secrets, tests, databases, what belongs to the project's own making, and
    modules that import another cloud's part of Flux. [tool.flux.build] in pyproject.toml may exclude and include more:
    lists of patterns as in .gitignore.
    """
    from flux_cli._build.build import Wish
    from flux_cli._build.build import build as make
    from flux_cli._build.project import Project

    cloud = TARGETS[target]
    wish = Wish(
        Project.read(project),
        cloud,
        _platform(cloud, python, architecture),
        out or project / "build" / f"{target}.zip",
        with_provided=_with_provided(cloud, asked=with_boto3),
        upgrade=upgrade,
    )
    doing = Doing()
    with _terminal.live(doing):
        built = make(wish, doing)
    if as_json:
        click.echo(json.dumps(_document(wish, built), indent=2))
    else:
        _show(wish, built)
    return ExitCode.DONE


def _platform(cloud: Target, python: str, architecture: str) -> Platform:
    if python not in cloud.glibc:
        raise InvalidInput(
            f"{cloud.platform} has {', '.join(cloud.glibc)}, and not {python}", path="--python"
        )
    if architecture not in cloud.architectures:
        raise InvalidInput(
            f"{cloud.platform} has {', '.join(cloud.architectures)}, and not {architecture}",
            path="--architecture",
        )
    return Platform(python, architecture, cloud.glibc[python])


def _with_provided(cloud: Target, *, asked: bool) -> bool:
    if asked and not cloud.provided:
        raise click.UsageError(
            f"--with-boto3 is for --target aws; {cloud.platform} brings nothing that Flux needs"
        )
    return asked


def _document(wish: Wish, built: Built) -> dict[str, Any]:
    return {
        "target": wish.target.name,
        "python": wish.platform.python,
        "architecture": wish.platform.architecture,
        "out": str(wish.out),
        "zipped": built.zipped,
        "unpacked": built.unpacked,
        "sizes": dict(built.sizes),
        "files": [*built.files.taken],
        "left_out": {"secrets": built.files.secrets, "other_clouds": built.files.foreign},
        "requirements": [f"{pin.name}=={pin.version}" for pin in built.lock.pins],
    }


def _show(wish: Wish, built: Built) -> None:
    """Write where the package is, its sizes beside the cloud's limits, and what to do next."""
    cloud = wish.target
    limit = cloud.limit.zipped
    where = "installed by the platform" if cloud.installs else "packed"
    told = "new: commit it" if built.is_new_lock else "as it was"
    step = cloud.next_step if wish.is_zip else cloud.next_step_of_folder
    click.echo(f"{wish.out}: for {cloud.platform}, {wish.platform}")
    _terminal.say(_terminal.stdout(), _sizes(wish, built))
    click.echo(f"{len(built.files.taken)} files of the project")
    if built.files.foreign:
        click.echo(f"left out for importing another cloud's part of Flux: {', '.join(built.files.foreign)}")
    if built.files.secrets:
        click.echo(
            f"left out as secrets: {', '.join(built.files.secrets)}; include under [tool.flux.build] takes them"
        )
    click.echo(f"{len(built.lock.pins)} packages, {where}, pinned in requirements.{cloud.name}.lock ({told})")
    if wish.without:
        click.echo(f"left to the runtime: {', '.join(sorted(wish.without))}")
    if limit is not None and built.zipped > limit:
        click.echo(f"over {_size(limit)} zipped: it must go through a bucket, as sam deploy does it")
    click.echo(f"next: {step.format(out=wish.out)}")


def _sizes(wish: Wish, built: Built) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    zipped, unpacked = wish.target.limit
    table.add_row("zipped", _size(built.zipped), _of(zipped))
    table.add_row("unpacked", _size(built.unpacked), _of(unpacked))
    for owner, size in built.sizes[:LARGEST]:
        table.add_row(f"  {owner}", _size(size))
    if rest := built.sizes[LARGEST:]:
        table.add_row(f"  {len(rest)} more", _size(sum(size for _, size in rest)))
    return table


def _of(limit: int | None) -> str:
    return "" if limit is None else f"of {_size(limit)}"


def _size(size: int) -> str:
    """Return bytes as people read them: `312 KB`, `14.2 MB`, `250 MB`."""
    kibibytes = size / 1024
    if kibibytes < 1000:  # noqa: PLR2004 (three digits)
        return f"{kibibytes:.0f} KB"
    return f"{kibibytes / 1024:.3g} MB"
