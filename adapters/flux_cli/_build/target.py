"""The clouds that a project is built for: what each needs in the package, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MEBIBYTE: Final = 1024 * 1024


class Limit(NamedTuple):
    """A size that the cloud takes; None where it names none."""

    zipped: int | None
    unpacked: int | None


@dataclass(frozen=True)
class Target:
    """A cloud's functions: `name` is also the name of Flux's extra, and `flux_{name}` that of its package."""

    name: str
    platform: str
    fronts: tuple[str, ...]
    """Files that the platform looks for at the root; none where the function's settings name the module."""
    lines: str
    """The front of a project that has none yet."""
    site: str
    """The folder of the package from which what the project needs is imported; empty for its root."""
    installs: bool
    """Whether the platform itself installs what `requirements.txt` names, when it takes the package."""
    provided: frozenset[str]
    """Distributions that the runtime has."""
    unused: Mapping[str, tuple[str, ...]]
    """By distribution: patterns of its files that Flux never imports; kept if the project requires it itself."""
    glibc: Mapping[str, int]
    """By Python version: the minor version of the runtime's glibc 2."""
    architectures: tuple[str, ...]
    limit: Limit
    next_step: str
    """What to type once there is a zip; `{out}` is its path."""
    next_step_of_folder: str

    @property
    def adapter(self) -> str:
        """The package of Flux's part for this cloud."""
        return f"flux_{self.name}"


AWS: Final = Target(
    name="aws",
    platform="AWS Lambda",
    fronts=(),
    lines="""app.py:
    import flux_aws
    from workflow import order
    handler = flux_aws.handler(order)""",
    site="",
    installs=False,
    provided=frozenset({"boto3", "botocore", "jmespath", "s3transfer"}),
    unused={
        "aws-lambda-powertools": (
            "aws_lambda_powertools/event_handler/*",
            "aws_lambda_powertools/utilities/[!j]*/*",  # all but jmespath_utils, which its logger imports
        )
    },
    # Amazon Linux 2, then 2023: docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
    glibc={"3.11": 26, "3.12": 34, "3.13": 34, "3.14": 34},
    architectures=("x86_64", "arm64"),
    # docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; a larger zip goes through S3
    limit=Limit(50 * MEBIBYTE, 250 * MEBIBYTE),
    next_step="aws lambda update-function-code --function-name NAME --zip-file fileb://{out}",
    next_step_of_folder="sam deploy, or terraform apply: either packs the folder itself",
)

GCP: Final = Target(
    name="gcp",
    platform="Cloud Run functions",
    fronts=("main.py",),
    lines="""main.py:
    import flux_gcp
    from workflow import order
    orders = flux_gcp.http(order)""",
    site="",
    installs=True,
    provided=frozenset(),
    unused={},
    # Ubuntu 22.04, then 24.04: docs.cloud.google.com/run/docs/runtimes/python
    glibc={"3.11": 35, "3.12": 35, "3.13": 35, "3.14": 39},
    architectures=("x86_64",),
    # none in the second generation: docs.cloud.google.com/functions/quotas
    limit=Limit(None, None),
    next_step="terraform apply, with the zip in a bucket; gcloud wants a folder: --out DIR",
    next_step_of_folder="gcloud run deploy NAME --source {out} --function FUNCTION --base-image python313",
)

AZURE: Final = Target(
    name="azure",
    platform="Azure Functions",
    fronts=("function_app.py", "host.json"),
    lines="""function_app.py:
    import azure.functions
    import flux_azure
    from workflow import order
    app = azure.functions.FunctionApp()
    app.register_functions(flux_azure.blueprint(order, http="orders"))
host.json:
    {"version": "2.0", "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}}""",  # noqa: E501 (one line of a file)
    # where a package that was built beforehand has them: learn.microsoft.com/azure/azure-functions/python-build-options
    site=".python_packages/lib/site-packages/",
    installs=False,
    provided=frozenset(),
    unused={},
    glibc={"3.11": 31, "3.12": 31, "3.13": 31},  # Debian 11 at least
    architectures=("x86_64",),
    # the disk of an instance of Flex Consumption: learn.microsoft.com/azure/azure-functions/functions-scale
    limit=Limit(None, 800 * MEBIBYTE),
    next_step="terraform apply, with package = {out}; func wants a folder: --out DIR",
    next_step_of_folder="cd {out} && func azure functionapp publish NAME --no-build",
)

TARGETS: Final = {target.name: target for target in (AWS, GCP, AZURE)}
PYTHONS: Final = tuple(AWS.glibc)
ARCHITECTURES: Final = AWS.architectures
