"""The CDK construct says what the Terraform module says: policy, configuration, event, alarms, dashboard."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from configurations import CONFIGURATIONS
from terraform import PROJECT

CDK = PROJECT / "infra" / "cdk"
SHARED = PROJECT / "infra" / "shared"


@pytest.fixture(scope="module")
def synthesised():
    if not shutil.which("node") or not (CDK / "node_modules").exists():
        pytest.skip("the CDK construct is NOT tested: `make test-cdk` installs what it needs, with npm")
    props = {name: {"mode": mode, "config": config} for name, (mode, config) in CONFIGURATIONS.items()}
    props["no source"] = {"mode": "delete", "config": CONFIGURATIONS["plan, by rules alone"][1]}
    props["two modes"] = {"config": {"mode": "delete"}}
    command = ["node", str(CDK / "test" / "synth.js"), json.dumps(props)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def resolved(value):
    """The template with this partition filled in and its parts joined."""
    if isinstance(value, dict):
        if value == {"Ref": "AWS::Partition"}:
            return "aws"
        if list(value) == ["Fn::Join"]:
            separator, parts = value["Fn::Join"]
            return separator.join(str(resolved(part)) for part in parts)
        return {key: resolved(item) for key, item in value.items()}
    return [resolved(item) for item in value] if isinstance(value, list) else value


def only(synthesised, name, kind):
    resources = resolved(synthesised[name]["template"])["Resources"].values()
    return [resource["Properties"] for resource in resources if resource["Type"] == kind]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_renders_what_terraform_renders(synthesised, rendered, name):
    role = next(role for role in only(synthesised, name, "AWS::IAM::Role") if role["RoleName"] == "ecr-cleanup")
    [policy] = role["Policies"]
    lists = [{**one, "Action": listed(one["Action"]), "Resource": listed(one["Resource"])} for one in policy["PolicyDocument"]["Statement"]]
    assert "ManagedPolicyArns" not in role
    assert lists == json.loads(rendered[name]["policy"])["Statement"]
    [function] = only(synthesised, name, "AWS::Lambda::Function")
    document = json.loads(function["Environment"]["Variables"]["ECR_CLEANUP_CONFIG"])
    assert document == json.loads(rendered[name]["document"])
    [schedule] = only(synthesised, name, "AWS::Scheduler::Schedule")
    assert schedule["Target"]["Input"] == rendered[name]["schedule_input"]
    [events] = only(synthesised, name, "AWS::EventSchemas::Schema")
    assert json.loads(events["Content"]) == json.loads(rendered[name]["test_events"])


def test_alarms_queries_and_dashboard_are_the_shared_ones(synthesised):
    alarms = {alarm["AlarmName"]: alarm for alarm in only(synthesised, "plan", "AWS::CloudWatch::Alarm")}
    expected = filled("alarms.json")
    assert alarms.keys() == {f"ecr-cleanup-{name}" for name in expected}
    for name, rule in expected.items():
        alarm = alarms[f"ecr-cleanup-{name}"]
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        assert (alarm["Namespace"], alarm["MetricName"], dimensions) == (rule["namespace"], rule["metric"], rule["dimensions"])
        assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (float(rule["threshold"]), rule["period"], int(rule["periods"]))
        assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["TreatMissingData"]) == (rule["statistic"], rule["comparison"], rule["missing"])
    queries = {query["Name"]: query["QueryString"] for query in only(synthesised, "plan", "AWS::Logs::QueryDefinition")}
    assert queries == {f"ecr-cleanup/{name}": query for name, query in filled("queries.json").items()}
    [dashboard] = only(synthesised, "plan", "AWS::CloudWatch::Dashboard")
    body, template = json.loads(dashboard["DashboardBody"]), filled("dashboard.json")
    template["widgets"][1]["properties"]["alarms"] = [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:ecr-cleanup-{name}" for name in expected]
    assert body == template


def test_nothing_is_found_against_it(synthesised, tmp_path):
    assert {name: synthesised[name]["findings"] for name in CONFIGURATIONS} == dict.fromkeys(CONFIGURATIONS, [])
    for name in CONFIGURATIONS:
        (tmp_path / f"{name}.json").write_text(json.dumps(synthesised[name]["template"]))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    # W3005: CDK writes dependencies that are there already.
    lint = subprocess.run([cfn_lint, "--ignore-checks", "W3005", "--", *tmp_path.glob("*.json")], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_what_it_refuses(synthesised):
    assert "every source of use is off" in synthesised["no source"]["error"]
    assert "`config` has no `mode`" in synthesised["two modes"]["error"]


def listed(value):
    return value if isinstance(value, list) else [value]


def filled(file):
    values = {"name": "ecr-cleanup", "mode": "PLAN", "region": "eu-west-1", "timeout": "900", "silent_hours": "26"}
    values |= {"long_run_ms": "810000", "log_group": "/aws/lambda/ecr-cleanup", "alarm_arns": ""}
    values |= {"log_group_in_url": "$252Faws$252Flambda$252Fecr-cleanup"}
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], (SHARED / file).read_text()))
