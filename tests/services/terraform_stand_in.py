"""A stand-in for Terraform's providers: it serves their schemas over plugin protocol 5, and does nothing else.

    python terraform_stand_in.py aws=aws.json google=google.json

runs in an environment of its own with grpcio, protobuf and tfplugin-proto-all. It writes one line, the value that
TF_REATTACH_PROVIDERS takes, and serves until its standard input is closed. `terraform validate` and, with mocked
providers, `terraform test` need no more: https://developer.hashicorp.com/terraform/plugin/debugging
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-not-found, import-untyped, unused-ignore]
from tfplugin_proto import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
    tfplugin5_5_pb2 as protocol,
)

SINGLE = {"timeouts"}
"""Blocks that the providers' framework itself defines, one value each; all others are lists of values."""
SETTLED_BY_PROVIDER = {"id", "region", "tags_all"}
"""Arguments that a provider computes for who leaves them out."""


def block(schema: list[Any]) -> Any:
    """Return a block as the protocol describes it."""
    attributes, blocks = schema
    return protocol.Schema.Block(
        attributes=[attribute(name, *rest) for name, rest in attributes.items()],
        block_types=[nested(name, *rest) for name, rest in blocks.items()],
    )


def attribute(name: str, type_: Any, required: bool, computed: bool) -> Any:  # noqa: FBT001 (a row of JSON)
    """Return an argument, or a value that is computed."""
    return protocol.Schema.Attribute(
        name=name,
        type=json.dumps(type_).encode(),
        required=required,
        optional=not required and not computed,
        computed=computed or (name in SETTLED_BY_PROVIDER and not required),
    )


def nested(name: str, inner: list[Any], repeated: bool, required: bool) -> Any:  # noqa: FBT001 (a row of JSON)
    """Return a block inside a block."""
    nesting = protocol.Schema.NestedBlock
    if name in SINGLE:
        return nesting(type_name=name, block=block(inner), nesting=nesting.SINGLE)
    bounds = {"min_items": int(required), "max_items": 0 if repeated else 1}
    return nesting(type_name=name, block=block(inner), nesting=nesting.LIST, **bounds)


def answers(schema: list[Any]) -> dict[str, tuple[Any, Any]]:
    """Return, for each call that Terraform makes, the message that it sends and the answer."""
    _, provider, resources, data_sources = schema
    offer = protocol.GetProviderSchema.Response(
        provider=protocol.Schema(block=block(provider)),
        resource_schemas={name: protocol.Schema(block=block(inner)) for name, inner in resources.items()},
        data_source_schemas={
            name: protocol.Schema(block=block(inner)) for name, inner in data_sources.items()
        },
    )
    accepted = ("ValidateResourceTypeConfig", "ValidateDataSourceConfig", "Configure", "Stop")
    return {
        "GetSchema": (protocol.GetProviderSchema, lambda _: offer),
        "PrepareProviderConfig": (
            protocol.PrepareProviderConfig,
            lambda request: protocol.PrepareProviderConfig.Response(prepared_config=request.config),
        ),
        **{
            name: (getattr(protocol, name), lambda _, name=name: getattr(protocol, name).Response())
            for name in accepted
        },
    }


def serve(schema: list[Any]) -> tuple[Any, int]:
    """Start a server of the schema on loopback; return it with its port."""
    methods = {
        name: grpc.unary_unary_rpc_method_handler(
            lambda request, _, answer=answer: answer(request),
            request_deserializer=message.Request.FromString,
            response_serializer=message.Response.SerializeToString,
        )
        for name, (message, answer) in answers(schema).items()
    }
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("tfplugin5.Provider", methods)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main() -> None:
    """Serve each of the schemas that the command line names, `name=file`."""
    schemas = dict(argument.split("=", 1) for argument in sys.argv[1:])
    servers = {name: serve(json.loads(Path(file).read_text())) for name, file in schemas.items()}
    reattach = {
        f"registry.terraform.io/hashicorp/{name}": {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
        }
        for name, (_, port) in servers.items()
    }
    print(json.dumps(reattach), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
