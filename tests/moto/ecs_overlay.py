"""ECS as documented, where moto is simpler: pages, limits, all containers of a task, service revisions."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import Container, EC2ContainerServiceBackend, Task
from moto.ecs.responses import EC2ContainerServiceResponse

from paging import at_most, page


def install() -> None:
    response = EC2ContainerServiceResponse
    response.list_clusters = _paged(response.list_clusters, "clusterArns", default=100)
    response.list_task_definitions = _paged(response.list_task_definitions, "taskDefinitionArns", default=100)
    response.list_services = _paged(list_services, "serviceArns", default=10)
    response.list_tasks = _paged(list_tasks, "taskArns", default=100)
    response.describe_clusters = _limited(response.describe_clusters, "clusters", 100)
    response.describe_services = _limited(response.describe_services, "services", 10)
    response.describe_tasks = _limited(describe_tasks, "tasks", 100)
    response.describe_service_revisions = _by_arn("service_revisions", "serviceRevisionArns", "serviceRevisions")
    response.describe_service_deployments = _by_arn(
        "service_deployments", "serviceDeploymentArns", "serviceDeployments"
    )
    # Filled by the control command `service`.
    EC2ContainerServiceBackend.service_revisions = property(lambda self: self.__dict__.setdefault("_revisions", {}))
    EC2ContainerServiceBackend.service_deployments = property(lambda self: self.__dict__.setdefault("_deployments", {}))
    Task.__init__ = _with_all_containers(Task.__init__)


def list_services(self: EC2ContainerServiceResponse) -> ActionResult:
    """Of this cluster alone; moto takes those of `shop-prod` for `prod`'s as well."""
    cluster = self.ecs_backend._get_cluster(self._get_param("cluster", "default"))
    services = [one for one in self.ecs_backend.services.values() if one.cluster_name == cluster.name]
    return ActionResult({"serviceArns": sorted(service.arn for service in services)})


def list_tasks(self: EC2ContainerServiceResponse) -> ActionResult:
    """Of this cluster alone, and of desired status RUNNING unless told otherwise."""
    cluster = self.ecs_backend._get_cluster(self._get_param("cluster", "default"))
    status = self._get_param("desiredStatus", "RUNNING")
    tasks = self.ecs_backend.tasks.get(cluster.name, {}).values()
    return ActionResult({"taskArns": [task.task_arn for task in tasks if task.desired_status == status]})


def describe_tasks(self: EC2ContainerServiceResponse) -> ActionResult:
    """Names the missing ones and leaves the others in the state they are in."""
    cluster = self.ecs_backend._get_cluster(self._get_param("cluster", "default"))
    by_id = {arn.split("/")[-1]: task for arn, task in self.ecs_backend.tasks.get(cluster.name, {}).items()}
    answer: dict[str, Any] = {"tasks": [], "failures": []}
    for name in self._get_param("tasks"):
        task = by_id.get(name.split("/")[-1])
        if task is None:
            answer["failures"].append({"arn": name, "reason": "MISSING"})
        else:
            answer["tasks"].append(task)
    return ActionResult(answer)


def _paged(list_all: Callable, key: str, default: int) -> Callable:
    def one_page(self: EC2ContainerServiceResponse) -> ActionResult:
        items = list_all(self).result[key]
        max_results, token = self._get_param("maxResults"), self._get_param("nextToken")
        return ActionResult(page(items, max_results, token, default, 100, InvalidParameterException).answer(key))

    return one_page


def _limited(describe: Callable, parameter: str, limit: int) -> Callable:
    def describe_some(self: EC2ContainerServiceResponse) -> ActionResult:
        at_most(limit, self._get_param(parameter), parameter, InvalidParameterException)
        return describe(self)

    return describe_some


def _by_arn(store: str, parameter: str, key: str) -> Callable:
    def describe(self: EC2ContainerServiceResponse) -> ActionResult:
        arns = self._get_param(parameter)
        at_most(20, arns, parameter, InvalidParameterException)
        known = getattr(self.ecs_backend, store)
        return ActionResult(
            {
                key: [known[arn] for arn in arns if arn in known],
                "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in known],
            }
        )

    return describe


def _with_all_containers(original: Callable) -> Callable:
    def init(self: Task, cluster: Any, task_definition: Any, *args: Any, **kwargs: Any) -> None:
        original(self, cluster, task_definition, *args, **kwargs)
        self.containers = [
            Container(SimpleNamespace(arn=task_definition.arn, container_definitions=[definition]))
            for definition in task_definition.container_definitions
        ]

    return init
