"""CloudWatch Logs. Gap: moto has no saved queries of Insights."""

import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

FIELDS = ("name", "queryString", "logGroupNames", "queryLanguage")


def install() -> None:
    LogsBackend.saved_queries = property(lambda self: self.__dict__.setdefault("_saved_queries", {}))
    LogsResponse.put_query_definition = put
    LogsResponse.describe_query_definitions = describe
    LogsResponse.delete_query_definition = delete


def put(self: LogsResponse) -> ActionResult:
    identifier = self._get_param("queryDefinitionId") or str(uuid.uuid4())
    given: dict[str, Any] = {name: self._get_param(name) for name in FIELDS}
    query = {name: value for name, value in given.items() if value is not None}
    self.logs_backend.saved_queries[identifier] = {"queryDefinitionId": identifier, **query}
    return ActionResult({"queryDefinitionId": identifier})


def describe(self: LogsResponse) -> ActionResult:
    prefix = self._get_param("queryDefinitionNamePrefix") or ""
    queries = self.logs_backend.saved_queries.values()
    return ActionResult({"queryDefinitions": [query for query in queries if query["name"].startswith(prefix)]})


def delete(self: LogsResponse) -> ActionResult:
    if self.logs_backend.saved_queries.pop(self._get_param("queryDefinitionId"), None) is None:
        raise ResourceNotFoundException()
    return ActionResult({"success": True})
