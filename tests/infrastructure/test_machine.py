"""The state machine of a distributed run: its laws, read off its definition, and what it does where functions answer, fail and are killed."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from account import ACCOUNT_ID, REGION
from executions import ended, run_of
from terraform import PROJECT

ASL = PROJECT / "infra/shared/cleanup.asl.json"
PHASES = ("list", "evidence", "clean", "finish")
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:ecr-cleanup-"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:ecr-cleanup"
# "Service quotas", AWS Step Functions Developer Guide.
PAYLOAD, HISTORY, CHILDREN, LABEL = 256 * 1024, 25_000, 10_000, 40


def definition(concurrency=50):
    """As Terraform and CDK fill it in."""
    values = {"partition": "aws", "concurrency": str(concurrency), **{phase: FUNCTION + phase for phase in PHASES}}
    text = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], ASL.read_text())
    return re.sub(r'"number:(\d+)"', r"\1", text)


def machines(machine):
    """It, and those that its maps run for each item."""
    yield machine
    for state in machine["States"].values():
        if state["Type"] == "Map":
            yield from machines(state["ItemProcessor"])


EVERY = list(machines(json.loads(definition())))
STATES = [(name, state, machine) for machine in EVERY for name, state in machine["States"].items()]
TASKS = [(name, state, machine) for name, state, machine in STATES if state["Type"] == "Task"]


def successors(state):
    """Where it goes on when nothing fails."""
    found = [choice["Next"] for choice in state.get("Choices", [])]
    return found + [state[key] for key in ("Next", "Default") if key in state]


def test_cfn_lint_finds_nothing_against_it(tmp_path):
    properties = {"RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/machine", "Definition": json.loads(definition())}
    template = tmp_path / "machine.json"
    template.write_text(json.dumps({"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    lint = subprocess.run([cfn_lint, "--", template], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_every_function_is_invoked_with_its_own_phase():
    invoked = {(state["Parameters"]["FunctionName"].removeprefix(FUNCTION), state["Parameters"]["Payload"]["phase"]) for _name, state, _machine in TASKS}
    assert invoked == {("list", "list"), ("list", "fresh"), ("evidence", "evidence"), ("clean", "clean"), ("finish", "finish")}
    runs = {state["Parameters"]["Payload"]["run.$"] for _name, state, _machine in TASKS}
    selected = {state["ItemSelector"]["run.$"] for _name, state, _machine in STATES if state["Type"] == "Map"}
    assert (runs, selected) == ({"$$.Execution.Name", "$.run"}, {"$$.Execution.Name"})


def test_whatever_fails_is_tried_again_and_leads_to_the_end_of_the_run():
    for name, state, machine in TASKS:
        errors = [set(one["ErrorEquals"]) for one in state["Retry"]]
        assert {"Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.SdkClientException", "Lambda.AWSLambdaException"} in errors
        assert any({"Runtime.ExitError", "Sandbox.Timedout"} <= one for one in errors)
        # What fails on purpose (a document that was tampered with) is not.
        assert not any({"States.ALL", "States.TaskFailed"} & one for one in errors)
        for one in state["Retry"]:
            assert one["BackoffRate"] > 1 and one["JitterStrategy"] == "FULL" and 0 < one["MaxAttempts"] <= 8
        assert state["TimeoutSeconds"] > 900, "a function may take 900 seconds"
    top = EVERY[0]
    for name, state, machine in STATES:
        if state["Type"] in ("Task", "Map") and name != "Finish":
            [caught] = state["Catch"]
            assert (caught["ErrorEquals"], caught["ResultPath"]) == (["States.ALL"], "$.error")
            after = "Finish" if machine is top else machine["States"][caught["Next"]]
            assert caught["Next"] == "Finish" or after["Type"] == "Fail" or after.get("End"), name
    # It ends the run, and its failure is that of the run.
    assert top["States"]["Finish"]["End"] and "Catch" not in top["States"]["Finish"]


def test_every_loop_is_bounded():
    bounded = set()
    for machine in EVERY:
        states = machine["States"]
        for name, state in states.items():
            for loop in loops(states, name, [name]):
                # One of its choices leaves it by a number that grows.
                choices = [one for one in loop if states[one]["Type"] == "Choice"]
                leaving = [test for one in choices for test in numbers(states[one]) if test[0] in ("$.turn.turns", "$.pass")]
                assert leaving, loop
                bounded.add(frozenset(loop))
    assert len(bounded) == 3
    assert all(machine["States"][one]["Type"] != "Wait" for machine in EVERY for one in machine["States"])
    assert EVERY[0]["TimeoutSeconds"] < 24 * 3600, "the next night would find it under way"


def loops(states, first, path):
    for after in successors(states[path[-1]]):
        if after == first:
            yield path
        elif after not in path:
            yield from loops(states, first, [*path, after])


def numbers(choice):
    """The comparisons of a choice with numbers."""
    for rule in choice["Choices"]:
        for one in rule.get("And", [rule]):
            for operator in ("NumericGreaterThanEquals", "NumericLessThan"):
                if operator in one:
                    yield one["Variable"], operator, one[operator]


def test_nothing_grows_with_the_number_of_locations():
    for name, state, machine in STATES:
        if state["Type"] == "Task":
            assert state["ResultSelector"] and state["ResultPath"] not in ("$", None), f"{name} keeps the whole answer"
        if state["Type"] == "Map":
            assert state["ResultPath"] is None, f"{name} keeps what its items answer"
            ends = [one for one in state["ItemProcessor"]["States"].values() if one.get("End")]
            # `{}` and a comma: 10,000 locations are far from the limit.
            assert ends and all(one["Result"] == {} for one in ends) and 3 * 80_000 < PAYLOAD


def test_it_keeps_to_the_quotas():
    [reading] = [state for _name, state, _machine in STATES if state.get("Label")]
    assert len(reading["Label"]) <= LABEL and reading["MaxConcurrency"] <= CHILDREN
    assert reading["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "Express ends after 5 minutes"
    # One that fails does not stop the others: what is missing is what the core finds missing.
    assert reading["ToleratedFailurePercentage"] == 100
    # Registries are cleaned in the history of the run itself: a turn is seven events.
    [cleaning] = [state for _name, state, _machine in STATES if state.get("ItemsPath")]
    [turns] = [most for _variable, _operator, most in numbers(cleaning["ItemProcessor"]["States"]["Is it clean?"])]
    assert 100 * (7 * turns + 20) < HISTORY
    assert all(len(name) <= 80 for name, _state, _machine in STATES)


def test_a_number_where_the_emulator_takes_no_other():
    assert '"ToleratedFailurePercentage": 100.0' in ASL.read_text()


# A function that answers by a table, as a program in the place of the real one.
FAKE = """#!{python}
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
with urllib.request.urlopen(api + "next") as answer:
    request, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
print(json.dumps({{"event": "invoked", **event}}), flush=True)
table = json.loads(os.environ["ANSWERS"])
turn = event.get("turn", {{}}).get("turns", 0)
of = event.get("location") or event.get("registry") or {{}}
key = "/".join([event["phase"], *of.values()])
said = table.get(key, table.get(event["phase"]))
said = said[min(turn, len(said) - 1)] if isinstance(said, list) else said
if said == "die" or (said == "die once" and not os.path.exists(os.environ["MARKS"] + key.replace("/", "-"))):
    open(os.environ["MARKS"] + key.replace("/", "-"), "w").close()
    os._exit(1)
said = {{"done": True}} if said == "die once" else said
def post(path, body):
    urllib.request.urlopen(urllib.request.Request(api + request + path, json.dumps(body).encode(), method="POST")).close()
if "errorType" in said:
    post("/error", said)
else:
    post("/response", {{"turns": turn + 1, "unread": 0, "status": "completed", "deleted": 0, "bytes": 0, **said}})
urllib.request.urlopen(api + "next")
"""

LOCATIONS = [{"account": str(number) * 12, "region": REGION} for number in (1, 2, 3)]
TAMPERED = {"errorType": "Tampered", "errorMessage": "not what was written"}
USUAL = {
    "list": {"sha256": "ab", "locations": {"bucket": "runs", "key": "locations.json", "count": 3}, "registries": LOCATIONS[:2]},
    "evidence": {"done": True},
    "fresh": {"again": False},
    "clean": {"done": True},
    "finish": {"status": "completed"},
}


@pytest.fixture
def execute(account, tmp_path):
    """Executes the machine with functions that answer by a table; answers how it ended, and the events that they got."""
    package = tmp_path / "function.zip"
    with zipfile.ZipFile(package, "w") as packed:
        packed.writestr("bootstrap", FAKE.format(python=sys.executable))
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = account.client("iam").create_role(RoleName="machine", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    s3 = account.client("s3")
    s3.create_bucket(Bucket="runs", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="runs", Key="locations.json", Body=json.dumps(LOCATIONS))

    def execute(name="night-1", **answers):
        variables = {"ANSWERS": json.dumps({**USUAL, **{key.replace("__", "/"): value for key, value in answers.items()}}), "MARKS": f"{tmp_path}/"}
        for phase in PHASES:
            account.client("lambda").create_function(
                FunctionName=f"ecr-cleanup-{phase}", Role=role, Runtime="provided.al2023", Handler="bootstrap", Timeout=30,
                Code={"ZipFile": package.read_bytes()}, Environment={"Variables": variables},
                LoggingConfig={"LogFormat": "JSON", "LogGroup": "/aws/lambda/ecr-cleanup"},
            )
        account.client("stepfunctions").create_state_machine(name="ecr-cleanup", definition=definition(), roleArn=role)
        run = run_of(account, MACHINE, name)
        return ended(account, run), invoked(account)

    return execute


def invoked(account):
    """Every event that a function got."""
    logs, found = account.client("logs"), []
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/ecr-cleanup")["logGroups"]:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
            lines = [json.loads(line["message"]) for line in page["events"] if line["message"].startswith('{"event": "invoked"')]
            found += [{name: value for name, value in line.items() if name != "event"} for line in lines]
    return found


def of_phase(events, phase):
    return [event for event in events if event["phase"] == phase]


def test_a_night(execute):
    execution, events = execute()
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", {"status": "completed"})
    first = {"done": False, "turns": 0}
    assert of_phase(events, "list") == [{"phase": "list", "run": "night-1"}]
    read = of_phase(events, "evidence")
    assert sorted(event["location"]["account"] for event in read) == [one["account"] for one in LOCATIONS]
    for event in read:
        assert event == {"phase": "evidence", "run": "night-1", "sha256": "ab", "pass": 1, "location": event["location"], "turn": first}
    assert of_phase(events, "fresh") == [{"phase": "fresh", "run": "night-1", "sha256": "ab"}]
    cleaned = of_phase(events, "clean")
    assert sorted(event["registry"]["account"] for event in cleaned) == [one["account"] for one in LOCATIONS[:2]]
    assert all(event == {"phase": "clean", "run": "night-1", "sha256": "ab", "registry": event["registry"], "turn": first} for event in cleaned)
    assert of_phase(events, "finish") == [{"phase": "finish", "run": "night-1", "error": None}]


def test_a_location_is_asked_until_it_is_done_but_not_for_ever(execute):
    twice, never = ("evidence__111111111111__eu-west-1", "evidence__222222222222__eu-west-1")
    execution, events = execute(**{twice: [{"done": False}, {"done": True}], never: {"done": False}, "clean": [{"done": False, "deleted": 7}, {"done": True}]})
    assert execution["status"] == "SUCCEEDED"
    turns = {}
    for event in of_phase(events, "evidence"):
        turns.setdefault(event["location"]["account"], []).append(event["turn"]["turns"])
    assert turns == {"1" * 12: [0, 1], "2" * 12: list(range(8)), "3" * 12: [0]}
    again = [event["turn"] for event in of_phase(events, "clean") if event["turn"]["turns"]]
    assert again == [{"done": False, "turns": 1, "status": "completed", "deleted": 7, "bytes": 0}] * 2


def test_what_is_old_is_read_once_more_and_no_more_than_that(execute):
    execution, events = execute(fresh={"again": True})
    assert execution["status"] == "SUCCEEDED"
    assert sorted(event["pass"] for event in of_phase(events, "evidence")) == [1, 1, 1, 2, 2, 2]
    assert len(of_phase(events, "fresh")) == 2 and len(of_phase(events, "clean")) == 2


def test_a_location_that_is_killed_is_read_again_and_one_that_fails_stops_no_other(execute):
    killed, tampered = ("evidence__111111111111__eu-west-1", "evidence__222222222222__eu-west-1")
    execution, events = execute(**{killed: "die once", tampered: TAMPERED, "clean__111111111111__eu-west-1": TAMPERED})
    assert execution["status"] == "SUCCEEDED"
    count = {}
    for event in of_phase(events, "evidence"):
        count[event["location"]["account"]] = count.get(event["location"]["account"], 0) + 1
    # Tampering is no reason to try again.
    assert count == {"1" * 12: 2, "2" * 12: 1, "3" * 12: 1}
    assert len(of_phase(events, "clean")) == 2 and of_phase(events, "finish")[0]["error"] is None


@pytest.mark.parametrize(("phase", "phases"), [("list", ["list", "finish"]), ("fresh", ["list", "evidence", "evidence", "evidence", "fresh", "finish"])])
def test_the_run_is_ended_whatever_fails(execute, phase, phases):
    failure = {"errorType": "Internal", "errorMessage": "broken"}
    execution, events = execute(**{phase: failure, "finish": failure})
    assert sorted(event["phase"] for event in events) == sorted(phases)
    [last] = of_phase(events, "finish")
    assert last["error"]["Error"] == "Internal" and "broken" in last["error"]["Cause"]
    assert (execution["status"], execution["error"]) == ("FAILED", "Internal")


def test_a_start_with_the_same_name_is_no_second_run(execute, account):
    _execution, events = execute()
    client = account.client("stepfunctions")
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(stateMachineArn=MACHINE, name="night-1", input='{"other": 1}')
    assert len(invoked(account)) == len(events)
