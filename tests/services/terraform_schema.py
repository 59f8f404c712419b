"""The schema of a Terraform provider, read from the bindings that CDK Terrain generates from it.

The wheels `cdktn-provider-*` carry a jsii assembly: a JSON description of a class for each resource and data
source, and of an interface for each block of arguments: https://aws.github.io/jsii/specification/2-type-system/
What an argument is called in Terraform stands in its documentation, as the anchor of a link to the registry.
"""

from __future__ import annotations

import gzip
import json
import re
import tarfile
import zipfile
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Type = str | list[Any]
"""A type as Terraform writes it in JSON: `"string"`, `["list", "number"]`; `"dynamic"` takes anything."""
Node = dict[str, Any]
"""A part of the jsii assembly."""


class Attribute(NamedTuple):
    """An argument that is assigned, or a value that the provider computes."""

    type: Type
    required: bool
    computed: bool


class NestedBlock(NamedTuple):
    """A block inside a block."""

    block: Block
    repeated: bool
    required: bool


class Block(NamedTuple):
    """What may stand in a resource, a data source, a provider's configuration or a block of theirs."""

    attributes: dict[str, Attribute]
    blocks: dict[str, NestedBlock]


class ProviderSchema(NamedTuple):
    """All that a provider offers, by the names that Terraform files use."""

    version: str
    provider: Block
    resources: dict[str, Block]
    data_sources: dict[str, Block]


_PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool"}
_META_ARGUMENTS = {"connection", "count", "dependsOn", "forEach", "lifecycle", "provider", "provisioners"}
"""What Terraform itself takes in every resource; `alias`, in a provider's configuration, is one more."""
_DEEPEST = 6
"""Some blocks contain themselves (a rule of a firewall, a query of a filter): there the description ends."""
_REGISTRY = re.compile(
    r"registry\.terraform\.io/providers/[\w-]+/[\w-]+/([\d.]+)/docs(?:/([a-z-]+)/\w+)? (\w+)}"
)
"""A link of a class to the registry: the provider's version, what it is (such as `resources`), and its name."""
_ANCHOR = re.compile(r"{@link https://registry\.terraform\.io/\S+#(\w+) ")


def read_schema(wheel: Path) -> ProviderSchema:
    """Return the schema that a `cdktn-provider-*` wheel describes; that of AWS takes ten seconds."""
    types = _assembly(wheel)["types"]
    provider, version = Block({}, {}), ""
    found: defaultdict[str, dict[str, Block]] = defaultdict(dict)
    for name, node in types.items():
        link = _REGISTRY.search(node.get("docs", {}).get("summary", ""))
        if link is None or node["kind"] != "class" or f"{name}Config" not in types:
            continue
        version, kind, terraform_name = link.groups()
        arguments = _block(types, f"{name}Config")
        if kind is None:
            provider = arguments
        else:
            found[kind][terraform_name] = _with_computed(arguments, node)
    return ProviderSchema(version, provider, found["resources"], found["data-sources"])


def _assembly(wheel: Path) -> Node:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
        with archive.open(name) as packed, tarfile.open(fileobj=packed) as package:
            files = (member for member in package if member.name.startswith("package/.jsii"))
            read = {file.name: _content(package, file) for file in files}
            assembly: Node = json.loads(read["package/.jsii"])
            if "filename" in assembly:  # a stub, which names the compressed file beside it
                assembly = json.loads(gzip.decompress(read[f"package/{assembly['filename']}"]))
    return assembly


def _content(package: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = package.extractfile(member)
    return file.read() if file else b""


def _block(types: dict[str, Node], interface: str, depth: int = 0) -> Block:
    block = Block({}, {})
    for argument in types[interface].get("properties", []):
        if depth == 0 and argument["name"] in _META_ARGUMENTS:
            continue
        name, required = _terraform_name(argument), not argument.get("optional", False)
        inner, repeated = _interface_in(types, argument["type"])
        if inner is None or not _is_block(argument):
            block.attributes[name] = Attribute(_type(argument["type"]), required, computed=False)
        elif depth < _DEEPEST:
            block.blocks[name] = NestedBlock(_block(types, inner, depth + 1), repeated, required)
    return block


def _with_computed(block: Block, node: Node) -> Block:
    """Add what the class offers to read and takes from nobody."""
    taken = {name.replace("_", "") for name in (*block.attributes, *block.blocks)}
    attributes = dict(block.attributes)
    for value in node.get("properties", []):
        name = value["name"]
        if value.get("static") or name.endswith("Input") or name.lower() in taken:
            continue
        # Terraform's own spelling stands nowhere here, and after a digit there are two: base64sha256, ipv6_address.
        for spelling in (_snake(name), _snake(name, after="a-z")):
            attributes[spelling] = Attribute(_type(value["type"]), required=False, computed=True)
    attributes.setdefault("id", Attribute("string", required=False, computed=True))
    return block._replace(attributes=attributes)


def _terraform_name(argument: Node) -> str:
    docs = argument["docs"]
    anchor = _ANCHOR.search(f"{docs.get('summary', '')} {docs.get('remarks', '')}")
    return anchor[1] if anchor else _snake(argument["name"])


def _is_block(argument: Node) -> bool:
    return str(argument["docs"].get("summary", "")).endswith(" block.")


def _snake(name: str, after: str = "a-z0-9") -> str:
    return re.sub(rf"(?<=[{after}])(?=[A-Z])", "_", name).lower()


def _interface_in(types: dict[str, Node], node: Node) -> tuple[str | None, bool]:
    """Return the name of the interface that a type is or repeats, if it does, and whether it repeats it."""
    if types.get(node.get("fqn", ""), {}).get("kind") == "interface":
        return node["fqn"], False
    for member in node.get("union", {}).get("types", []):
        interface, repeated = _interface_in(types, member)
        if interface:
            return interface, repeated
    if "collection" in node:
        return _interface_in(types, node["collection"]["elementtype"])[0], True
    return None, False


def _type(node: Node) -> Type:
    if "primitive" in node:
        return _PRIMITIVES.get(node["primitive"], "dynamic")
    if "union" in node:  # of what the argument takes with a token that stands for it
        types = [_type(member) for member in node["union"]["types"]]
        return next((type_ for type_ in types if type_ != "dynamic"), "dynamic")
    if "collection" in node:
        element = _type(node["collection"]["elementtype"])
        return (
            "dynamic"
            if element == "dynamic"
            else [node["collection"]["kind"].replace("array", "list"), element]
        )
    return "dynamic"
