"""EventBridge Schemas, where Lambda's console keeps shareable test events. Gap: moto does not have the service."""

import json
import re
from typing import Any

from werkzeug.wrappers import Request, Response

REGISTRY = re.compile(r"/v1/registries/name/(?P<registry>[^/]+)")
SCHEMA = re.compile(r"/v1/registries/name/(?P<registry>[^/]+)/schemas/name/(?P<schema>[^/]+)")
LISTED = re.compile(r"/v1/registries/name/(?P<registry>[^/]+)/schemas")
# Requests name their Region in what they are signed for.
REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/")
TAGS = re.compile(r"/tags/(?P<arn>.+)")


class Schemas:
    """Registries and schemas of one account, by Region."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}

    def answer(self, request: Request) -> Response:
        signed = REGION.search(request.headers.get("Authorization", ""))
        region = signed[1] if signed else "eu-west-1"
        return self._regions.setdefault(region, Region(region)).answer(request)


class Region:
    """Registries and schemas of one Region, by the path they are reached under."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._things: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Response:
        if LISTED.fullmatch(request.path):
            names = [thing["SchemaName"] for path, thing in self._things.items() if path.startswith(f"{request.path}/name/")]
            return _json({"Schemas": [{"SchemaName": name} for name in names]})
        tags = TAGS.fullmatch(request.path)
        if tags:
            arn = tags["arn"]
            found = next((thing for thing in self._things.values() if arn in thing.values()), {})
            return _json({"tags": found.get("tags", {})})
        described = self._described(request.path)
        if described is None:
            return _error(400, "BadRequestException", f"not simulated: {request.method} {request.path}")
        if request.method == "POST" and request.path in self._things:
            return _error(409, "ConflictException", f"{request.path} exists")
        if request.method != "POST" and request.path not in self._things:
            return _error(404, "NotFoundException", f"{request.path} does not exist")
        if request.method in ("POST", "PUT"):
            before = self._things.get(request.path, {})
            self._things[request.path] = {**before, **json.loads(request.get_data() or b"{}"), **described}
        if request.method == "DELETE":
            del self._things[request.path]
            return Response(status=204)
        return _json(self._things[request.path], 201 if request.method == "POST" else 200)

    def _described(self, path: str) -> dict[str, str] | None:
        """What the service adds to what it was given."""
        prefix = f"arn:aws:schemas:{self._name}:123456789012"
        if schema := SCHEMA.fullmatch(path):
            name = f"{schema['registry']}/{schema['schema']}"
            return {"SchemaArn": f"{prefix}:schema/{name}", "SchemaName": schema["schema"], "SchemaVersion": "1"}
        if registry := REGISTRY.fullmatch(path):
            name = registry["registry"]
            return {"RegistryArn": f"{prefix}:registry/{name}", "RegistryName": name}
        return None


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")


def _error(status: int, code: str, message: str) -> Response:
    answer = _json({"Code": code, "Message": message}, status)
    answer.headers["x-amzn-errortype"] = code
    return answer
