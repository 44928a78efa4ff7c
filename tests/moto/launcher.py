"""Starts moto with the overlay in one process: an AWS on 127.0.0.1 that a test can also look behind.

    python launcher.py [PORT] [--port-file FILE]

Prints `listening on PORT` as its first line. `POST /_ctl/<command>` is its own, see control.py; everything else is
moto's.
"""

import argparse
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

import lambda_overlay
import overlay
from control import Control
from schemas import Schemas

CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


class Application:
    """The WSGI application: the control endpoint, the record of calls and the faults, in front of moto."""

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.control = Control()
        self.schemas = Schemas()

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        request = Request(environ, populate_request=False)
        if request.path.startswith("/_ctl/"):
            return self._command(request)(environ, start_response)
        call = _call(request)
        if call:
            self.control.calls.append(call)
            start_response = _noting_the_status(call, start_response)
            time.sleep(self.control.delay(call))
            fault = self._fault(request, call)
            if fault:
                return fault(environ, start_response)
            if call["service"] == "schemas":
                return self.schemas.answer(request)(environ, start_response)
        return self.moto(environ, start_response)

    def _command(self, request: Request) -> Response:
        try:
            answer = self.control.run(request.path.removeprefix("/_ctl/"), json.loads(request.get_data() or b"{}"))
        except Exception as error:  # The caller gets whatever went wrong.
            return Response(f"{type(error).__name__}: {error}\n", status=400, content_type="text/plain")
        return Response(json.dumps(answer), content_type="application/json")

    def _fault(self, request: Request, call: dict[str, Any]) -> Response | None:
        fault = self.control.fault(call)
        if fault is None:
            return None
        request.get_data()  # A connection closed with half a request unread is a reset.
        headers = {"x-amzn-errortype": fault["__type"]}
        return Response(json.dumps(fault), status=400, headers=headers, content_type="application/x-amz-json-1.1")


def _noting_the_status(call: dict[str, Any], start_response: Callable) -> Callable:
    def start(status: str, *arguments: Any) -> Any:
        call["status"] = int(status.split()[0])
        return start_response(status, *arguments)

    return start


def _call(request: Request) -> dict[str, Any] | None:
    """Who calls what, from the signature and, by protocol, the target header, the form or the path."""
    signed = CREDENTIAL.search(request.headers.get("Authorization", ""))
    if not signed:
        return None
    return {
        "account": get_account_id_from(signed["key"]),
        "region": signed["region"],
        "service": signed["service"],
        "action": _action(request),
        "function": lambda_overlay.running,
    }


def _action(request: Request) -> str:
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rsplit(".", 1)[-1]
    if request.mimetype == "application/x-www-form-urlencoded":
        body = request.get_data()
        request.environ["wsgi.input"] = io.BytesIO(body)  # For moto, which reads it again.
        return parse_qs(body.decode()).get("Action", ["?"])[0]
    return f"{request.method} {request.path}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", nargs="?", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port as well")
    arguments = parser.parse_args()

    application = Application()
    server = make_server("127.0.0.1", arguments.port, application, threaded=True, request_handler=MotoRequestHandler)
    # Where moto's state machines look for the functions they invoke.
    os.environ["MOTO_PORT"] = str(server.port)
    overlay.install(f"http://127.0.0.1:{server.port}", application.control)
    print(f"listening on {server.port}", flush=True)
    if arguments.port_file:
        arguments.port_file.write_text(str(server.port))
    server.serve_forever()


if __name__ == "__main__":
    main()
