"""The launcher's own commands, which set what no AWS call can: push times, service revisions, faults; and the record.

`POST /_ctl/<command>` with a JSON body; the answer is JSON, an error is a 400 with its text.
The account is moto's own unless the body names another; the Region is eu-west-1.
"""

from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.ecr.models import ecr_backends
from moto.ecs.models import ecs_backends

REGION = "eu-west-1"


class Control:
    """One method per command; its keyword arguments are the body."""

    def __init__(self) -> None:
        self.faults: dict[str, dict[str, Any]] = {}
        self.delays: list[dict[str, Any]] = []
        self.invoked: list[dict[str, Any]] = []
        # Of the functions of a distributed run.
        self.killed: list[dict[str, str]] = []
        self.tampered: list[dict[str, str]] = []
        self.calls: list[dict[str, Any]] = []

    def run(self, command: str, body: dict[str, Any]) -> Any:
        return getattr(self, f"do_{command}")(**body)

    def do_image(self, repository: str, digest: str, pushed_at: int, account: str = DEFAULT_ACCOUNT_ID) -> Any:
        """Sets the push time of an image, in seconds since the epoch."""
        [image] = [
            image
            for image in ecr_backends[account][REGION].repositories[repository].images
            if image.image_digest == digest
        ]
        image.image_pushed_at = pushed_at
        return {}

    def do_service(
        self,
        cluster: str,
        service: str,
        attributes: Any = (),
        revisions: Any = (),
        deployments: Any = (),
        account: str = DEFAULT_ACCOUNT_ID,
    ) -> Any:
        """Sets attributes of a service, and adds service revisions and deployments to be described by their ARNs."""
        backend = ecs_backends[account][REGION]
        for name, value in dict(attributes).items():
            setattr(backend.services[f"{cluster}:{service}"], name, value)
        for revision in revisions:
            backend.service_revisions[revision["serviceRevisionArn"]] = revision
        for deployment in deployments:
            backend.service_deployments[deployment["serviceDeploymentArn"]] = deployment
        return {}

    def do_fault(self, operation: str = "", code: str = "", **where: str) -> Any:
        """Fails all calls to an operation of a JSON service with this code, in this `account` and `region`. With no operation: ends all faults."""
        if operation:
            self.faults[operation] = {"where": where, "answer": {"__type": code, "message": "a fault on purpose"}}
        else:
            for kind in (self.faults, self.delays, self.killed, self.tampered):
                kind.clear()
        return {}

    def do_delay(self, operation: str, seconds: float, **where: str) -> Any:
        """Answers the next call to an operation in this `account` and `region` late."""
        self.delays.append({"action": operation, "seconds": seconds, "where": where})
        return {}

    def do_kill(self, account: str, region: str) -> Any:
        """Ends the function that reads this location before it answers, once."""
        self.killed.append({"account": account, "region": region})
        return {}

    def do_tamper(self, account: str, region: str) -> Any:
        """Lets the evidence of a location say that nothing is used there, after each function that read it."""
        self.tampered.append({"account": account, "region": region})
        return {}

    def fault(self, call: dict[str, Any]) -> dict[str, str] | None:
        """What a call is answered on purpose."""
        fault = self.faults.get(call["action"])
        return fault["answer"] if fault and _is_in(call, fault["where"]) else None

    def delay(self, call: dict[str, Any]) -> float:
        for one in self.delays:
            if one["action"] == call["action"] and _is_in(call, one["where"]):
                self.delays.remove(one)
                return one["seconds"]
        return 0


    def do_invoked(self) -> Any:
        """Every event of a function so far."""
        return {"events": self.invoked}

    def do_record(self, clear: bool = False) -> Any:
        """Every call so far: account, region, service, action, status of the answer, the function that made it."""
        calls = list(self.calls)
        if clear:
            self.calls.clear()
        return {"calls": calls}


def _is_in(call: dict[str, Any], where: dict[str, str]) -> bool:
    return all(call[key] == value for key, value in where.items())
