"""The Runtime API server, against a small runtime in Python that does what its event says."""

import os
import stat
import sys

import pytest

from runtime_api import Function, invoke

BOOTSTRAP = """#!{python}
import http.client, json, os, sys, time

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
base = "/2018-06-01/runtime/"
count = 0

def call(method, path, body=None, chunked=False):
    api.request(method, base + path, body=body, encode_chunked=chunked, headers={chunked_header} if chunked else {{}})
    answer = api.getresponse()
    return answer.headers, answer.read()

if "FAIL_TO_START" in os.environ:
    call("POST", "init/error", json.dumps({{"errorType": "InvalidConfig", "errorMessage": "no"}}))
    sys.exit(1)
while True:
    headers, body = call("GET", "invocation/next")
    event, request_id = json.loads(body), headers["Lambda-Runtime-Aws-Request-Id"]
    count += 1
    print("event", count, flush=True)
    if event == "exit":
        sys.exit(3)
    if event == "hang":
        time.sleep(60)
    if event == "fail":
        call("POST", f"invocation/{{request_id}}/error", json.dumps({{"errorType": "Refused", "errorMessage": "no"}}))
    elif event == "environment":
        call("POST", f"invocation/{{request_id}}/response", json.dumps(dict(os.environ)))
    else:
        left = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
        answer = json.dumps({{"count": count, "event": event, "left": left}})
        parts = [answer[:7].encode(), answer[7:].encode()]
        call("POST", f"invocation/{{request_id}}/response", iter(parts), chunked=True)
    print("done", count, flush=True)
"""


@pytest.fixture
def bootstrap(tmp_path):
    path = tmp_path / "bootstrap"
    path.write_text(BOOTSTRAP.format(python=sys.executable, chunked_header='{"Transfer-Encoding": "chunked"}'))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_one_event(bootstrap):
    answer = invoke(bootstrap, {"mode": "plan"}, {}, timeout=30)
    assert answer.error is None
    assert answer.payload["event"] == {"mode": "plan"}
    assert 25 < answer.payload["left"] <= 30
    assert answer.log == "event 1\ndone 1\n"


def test_a_warm_process_answers_event_after_event(bootstrap):
    with Function(bootstrap, {}, timeout=30) as function:
        first, failed, second = function.invoke("a"), function.invoke("fail"), function.invoke("b")
    assert (first.payload["count"], second.payload["count"]) == (1, 3)
    assert failed.payload is None and failed.error["errorType"] == "Refused"
    assert failed.log == "event 2\ndone 2\n"


@pytest.mark.parametrize(
    "event, environment, timeout, error",
    [
        ("exit", {}, 30, "Runtime.ExitError"),
        ("hang", {}, 1, "Sandbox.Timedout"),
        ("never read", {"FAIL_TO_START": "1"}, 30, "InvalidConfig"),
    ],
)
def test_a_process_that_does_not_answer(bootstrap, event, environment, timeout, error):
    with Function(bootstrap, environment, timeout) as function:
        answer = function.invoke(event)
        process = function._process
    assert answer.error["errorType"] == error
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_the_process_gets_lambdas_variables_alone(bootstrap, monkeypatch):
    monkeypatch.setenv("OF_THE_CALLER", "1")
    variables = invoke(bootstrap, "environment", {"ECR_CLEANUP_CONFIG": "{}"}, timeout=30).payload
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "ecr-cleanup"
    assert variables["ECR_CLEANUP_CONFIG"] == "{}"
    assert "OF_THE_CALLER" not in variables
