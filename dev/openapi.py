"""Writes openapi.yaml from the declared operations, or says whether it is in step. The service serves the file as checked in and never makes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from dev.bootstrap import ROOT
from dev.openapi_codes import codes_of
from service.app import DOORS
from service.cardguard import formats
from service.errors import Advice, Code, DeclineReason
from service.web.operation import Operation
from service.web.problems import MEDIA_TYPE, STATUS

FILE = ROOT / "openapi.yaml"
DESCRIPTION = """\
Paid signups through BlueSnap's hosted payment fields, without ever touching card data.

The platform's backend opens a checkout session with its API key; the session's page mounts BlueSnap's fields with the
session's payment-fields token and completes the session with the session's own secret. All times are RFC 3339 in UTC,
all money is text in major units. Errors are problems (RFC 9457) with a stable `code`; docs/errors.md explains each.
"""
SCHEMES = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "A platform's API key, `pk_…`."},
    "client_secret": {"type": "http", "scheme": "bearer", "description": "A session's client secret, `pcs_…`."},
    "identity": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A person's identity with a second factor, signed by the deployment's issuer (OpenID Connect).",
    },
    "bluesnap_signature": {
        "type": "apiKey",
        "in": "header",
        "name": "bls-signature",
        "description": "Hex HMAC-SHA256 over the text of `bls-ipn-timestamp` followed by the raw body.",
    },
}
CODES = sorted(code.value for code in Code)
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details. Nothing that was sent is repeated.",
    "required": ["type", "title", "status", "code", "request_id"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": CODES},
        "request_id": {"type": "string"},
        "version": {"type": "integer", "description": "The subscription's current version."},
        "reason": {"type": "string", "enum": sorted({word.value for word in (*Advice, *DeclineReason)})},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code"],
                "additionalProperties": False,
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, made of our own field names only."},
                    "code": {"type": "string", "enum": CODES},
                },
            },
        },
    },
}
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A UUID. The same key with the same body is answered once; a new card attempt is a new key.",
    "schema": {"type": "string", "format": "uuid"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The version that the caller has read, as in `ETag`; another one is refused with 412.",
    "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
}
FORM = {"application/x-www-form-urlencoded": {"schema": {"type": "object", "additionalProperties": {"type": "string"}}}}
#: What is no JSON of ours: its media type, and what a reader of that type finds.
TEXTS = ("/metrics", "/.well-known/security.txt")
RAW = {"/openapi.yaml": ("application/yaml", "object")} | dict.fromkeys(TEXTS, ("text/plain", "string"))
PATH_PATTERNS = {
    "account": formats.ACCOUNT,
    "charge_id": formats.CHARGE_ID,
    "grant_id": formats.GRANT_ID,
    "session_id": f"cs_[{formats.ALPHABET}]{{{formats.ID_LENGTH}}}",
}


def build() -> dict[str, Any]:
    """The description as a document."""
    spec = APISpec(
        title="Panless",
        version="1",
        openapi_version="3.1.0",
        info={"description": DESCRIPTION},
        plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)],
    )
    for name, scheme in SCHEMES.items():
        spec.components.security_scheme(name, scheme)
    spec.components.schema("Problem", PROBLEM)
    for operation in (item for door in DOORS for item in door.operations):
        spec.path(path=operation.path, operations={operation.method.lower(): _operation(operation)})
    document: dict[str, Any] = spec.to_dict()
    return document


def _schema_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Out").removesuffix("In")


def _operation(operation: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [_path_parameter(name) for name in _names(operation.path)]
    described: dict[str, Any] = {
        "operationId": operation.name.replace(".", "_"),
        "summary": operation.summary,
        "tags": [operation.name.split(".")[0]],
        "security": [{scheme: []} for scheme in operation.lock.schemes],
        "responses": _responses(operation),
    }
    if operation.query is not None:
        parameters.append({"in": "query", "schema": operation.query})  # the plugin makes one parameter of each field
    if operation.idempotent:
        parameters.append(KEY_PARAMETER)
    if operation.matches:
        parameters.append(IF_MATCH)
    if "bluesnap_signature" in operation.lock.schemes:
        parameters.append(
            {
                "name": "bls-ipn-timestamp",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "minLength": 1},
            }
        )
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
    if operation.form:
        described["requestBody"] = {"required": True, "content": FORM}
    return described


def _names(path: str) -> Iterable[str]:
    return (part[1:-1] for part in path.split("/") if part.startswith("{"))


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": f"^{PATH_PATTERNS[name]}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, schema in operation.answers.items():
        found[str(status)] = {"description": _sentence(schema), **_content(operation, schema)}
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes_of(operation)):
        by_status.setdefault(STATUS[code], []).append(code.value)
    for status, codes in sorted(by_status.items()):
        text = "One of the codes " + ", ".join(f"`{code}`" for code in codes) + "."
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        found[str(status)] = {"description": text, "content": content}
    return found


def _sentence(schema: type[Schema] | None) -> str:
    return (schema.__doc__ or "").splitlines()[0] if schema is not None else "Fine."


def _content(operation: Operation, schema: type[Schema] | None) -> dict[str, Any]:
    if operation.path in RAW:
        media_type, kind = RAW[operation.path]
        return {"content": {media_type: {"schema": {"type": kind}}}}
    return {"content": {"application/json": {"schema": schema}}} if schema is not None else {}


class _Dumper(yaml.SafeDumper):
    """No anchors: the file is read by people."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def text() -> str:
    """The file's text: the same for the same code, whatever the hash seed."""
    return yaml.dump(build(), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=110)


def main(arguments: list[str] | None = None, file: Path = FILE) -> int:
    """Write the file; with `--check` only compare, and answer 1 if it is out of step."""
    if "--check" in (arguments if arguments is not None else sys.argv[1:]):
        if file.exists() and file.read_text(encoding="utf-8") == text():
            return 0
        print("openapi.yaml is out of step with the code: run `make openapi`", file=sys.stderr)
        return 1
    file.write_text(text(), encoding="utf-8")
    return 0
