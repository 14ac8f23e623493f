"""The OpenAPI document of the admin API (https://spec.openapis.org/oas/v3.1.0): its schemas are those of the fields."""

from typing import Any

import msgspec

from extproc import __version__
from extproc.admin.routes import ROUTES, Route

_REF = "#/components/schemas/{name}"
_ERROR = {
    "description": "What is wrong.",
    "content": {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}},
}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "the field at fault"},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def openapi() -> dict[str, Any]:
    """The document, as JSON-able values."""
    types = [type_ for route in ROUTES for type_ in (route.asks, route.answers)]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    queries = {route.asks.__name__ for route in ROUTES if route.method == "GET"}
    posted = {route.asks.__name__ for route in ROUTES if route.method == "POST"}
    kept = {name: schema for name, schema in schemas.items() if name not in queries - posted}
    return {
        "openapi": "3.1.0",
        "info": {"title": "LLM gateway: admin API", "version": __version__},
        "security": [{"admin_token": []}],
        "paths": {route.path: {route.method.lower(): _operation(route, schemas)} for route in ROUTES},
        "components": {
            "schemas": {**kept, "Error": _ERROR_SCHEMA},
            "securitySchemes": {"admin_token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    answer = {"schema": {"$ref": _REF.format(name=route.answers.__name__)}}
    operation: dict[str, Any] = {
        "operationId": route.path.removeprefix("/").replace("/", "_"),
        "tags": [route.path.split("/")[1]],
        "summary": route.summary,
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": answer}},
            "default": _ERROR,
        },
    }
    asked = schemas[route.asks.__name__]
    if route.method == "GET":
        return {**operation, "parameters": _parameters(asked)}
    body = {"schema": {"$ref": _REF.format(name=route.asks.__name__)}}
    content = {"required": bool(asked.get("required")), "content": {"application/json": body}}
    return {**operation, "requestBody": content}


def _parameters(asked: dict[str, Any]) -> list[dict[str, Any]]:
    required = asked.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in asked["properties"].items()
    ]
