"""The CDK construct says what the Terraform module says: policy, configuration, event, alarms, dashboard."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from configurations import CONFIGURATIONS, DISTRIBUTED, HARDENED, ORGANIZATION_OF_300, ROLE, STATEMENT, TOO_LONG
from equals import BY_CDK_ALONE, BY_TERRAFORM_ALONE, COMPARED_AS_POLICIES, SAME, SAME_DISTRIBUTED, SAME_WHERE_ASKED, rows
from terraform import PROJECT

SHARED = PROJECT / "infra" / "shared"


# The example `complete`, but for its configuration.
COMPLETE = {
    "name": "ecr-cleanup-team",
    "rolePath": "/platform/",
    "mode": "delete",
    "configStore": "parameter",
    "createBucket": True,
    "vpc": {"subnetIds": ["subnet-00000001", "subnet-00000002"], "securityGroupIds": ["sg-00000001"]},
    "cleanableRepositories": ["team/*"],
    "protectTag": {"key": "images", "value": "keep"},
    "stateWriters": ["arn:aws:iam::123456789012:role/operators"],
    "schedule": {"expression": "cron(30 2 ? * MON-FRI *)", "timezone": "Europe/Berlin", "flexibleWindowMinutes": 30},
    "timeout": 600,
    "memorySize": 256,
    "logRetention": 365,
    "silentHours": 74,
    "alsoAlarms": ["images-failed", "duration"],
    "urgentAlarmActions": ["arn:aws:sns:eu-west-1:123456789012:on-call"],
    "notificationEmails": ["platform@example.com"],
}


# The roles of `member` in conftest.py.
MEMBER = {"functionRoleArn": "arn:aws:iam::123456789012:role/ecr-cleanup", "externalId": "team-a", "sources": ["ecs"]}
MEMBERS = {"reads": None, "cleans": {"mode": "delete", "regions": ["eu-west-1"]}}


@pytest.fixture(scope="module")
def synthesised(planned, synthesise):
    props = {name: {"mode": mode, "config": config} for name, (mode, config) in CONFIGURATIONS.items()}
    [parameter] = planned["aws_ssm_parameter"]
    props["complete"] = {**COMPLETE, "config": written(json.loads(parameter["value"]))}
    props["hardened"] = {theirs: value for (_ours, theirs), value in HARDENED.items()}
    props["no source"] = {"mode": "delete", "config": CONFIGURATIONS["plan, by rules alone"][1]}
    props |= {f"member {purpose}": {"member": {**MEMBER, "registry": registry}} for purpose, registry in MEMBERS.items()}
    pulled = {"policies": [{"repositories": ["**"], "keep": [{"newest": 5}, {"pulled_within": "30d"}]}]}
    props |= {"pulled": {"config": pulled}, "pulled, but not excluded": {"config": pulled, "excludeFromPullTimes": False}}
    props["member excluded"] = {"member": {**MEMBER, "excludeFromPullTimes": True}}
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    props["bounded"] = {"roleName": "cleaner", "permissionsBoundaryArn": boundary}
    props["no test events there"] = {"region": "il-central-1"}
    props["test events there"] = {"region": "il-central-1", "testEvents": True, "testEventRegistry": False}
    props["member bounded"] = {"member": {**MEMBER, "path": "/team/", "permissionsBoundaryArn": boundary, "organizationId": "o-abc123def4"}}
    props["bare"] = {"mode": "delete", "scheduled": False, "protectByTag": False, "reservedConcurrency": -1}
    props["misspelt"] = {"config": {"in_use": {"services": ["bach"]}}}
    props["every alarm"] = {"alsoAlarms": list(filled("alarms.json"))}
    props["no such alarm"] = {"alsoAlarms": ["guard-trips"]}
    props["state elsewhere"] = {"config": {"state": "s3://222222222222@memory/some/prefix/"}}
    props["organization"] = {"organization": {"regions": ["eu-west-1", "us-east-1"]}}
    props["distributed"] = {"distributed": {theirs: value for (_ours, theirs), value in DISTRIBUTED.items()}}
    props["distributed, as it comes"] = {"distributed": {}}
    props["distributed, no state"] = {"distributed": {"createBucket": False}}
    props["every role"] = {"rolePatterns": ["*"]}
    props["two modes"] = {"config": {"mode": "delete"}}
    return synthesise(props)


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
    role = next(role for role in only(synthesised, name, "AWS::IAM::Role") if role["RoleName"] == "ecr-cleanup-eu-west-1")
    [policy] = role["Policies"]
    assert "ManagedPolicyArns" not in role
    assert [with_lists(one) for one in policy["PolicyDocument"]["Statement"]] == json.loads(rendered[name]["policy"])["Statement"]
    [function] = only(synthesised, name, "AWS::Lambda::Function")
    document = json.loads(function["Environment"]["Variables"]["ECR_CLEANUP_CONFIG"])
    assert document == json.loads(rendered[name]["document"])
    [schedule] = only(synthesised, name, "AWS::Scheduler::Schedule")
    assert schedule["Target"]["Input"] == rendered[name]["schedule_input"]
    [events] = only(synthesised, name, "AWS::EventSchemas::Schema")
    assert json.loads(events["Content"]) == json.loads(rendered[name]["test_events"])
    assert synthesised[name]["vpcEndpoints"] == rendered[name]["vpc_endpoints"]


def written(document):
    """What somebody wrote of a configuration document: it without what the tools add."""
    guards = {name: value for name, value in document["guards"].items() if name != "expected_accounts"}
    added = ("version", "mode", "state", "report", "notify")
    return {**{name: value for name, value in document.items() if name not in added}, "guards": guards}


@pytest.mark.parametrize("kind", SAME)
def test_the_complete_example_is_the_same(synthesised, planned, kind):
    compare(only(synthesised, "complete", SAME[kind][0]), planned[kind], SAME[kind][1])


@pytest.mark.parametrize("kind", SAME_WHERE_ASKED)
def test_what_may_be_asked_for_besides_is_the_same(synthesised, hardened, kind):
    theirs, paths = SAME_WHERE_ASKED[kind]
    compare(only(synthesised, "hardened", theirs), hardened[kind], paths)


def test_the_bucket_s_policy_is_the_same(synthesised, planned):
    [policy] = [one for one in planned["aws_s3_bucket_policy"]]
    [state] = [one for one in json.loads(policy["policy"])["Statement"] if one["Sid"] == "OnlyTheFunctionWritesState"]
    [theirs] = only(synthesised, "complete", "AWS::S3::BucketPolicy")
    [found] = [one for one in theirs["PolicyDocument"]["Statement"] if one.get("Sid") == "OnlyTheFunctionWritesState"]
    assert found == state


def test_the_log_that_is_to_stay_stays(synthesised):
    kept = {name: [one["DeletionPolicy"] for one in synthesised[name]["template"]["Resources"].values() if one["Type"] == "AWS::Logs::LogGroup"] for name in ("plan", "hardened")}
    assert kept == {"plan": ["Delete"], "hardened": ["Retain"]}


def compare(found, planned, paths):
    """The same resources, at these paths, none of which is one that nothing says anything at."""
    assert rows(found, paths.values()) == rows(planned, paths)
    seen = [[row[at] for row in rows(planned, paths)] for at in range(len(paths))]
    assert [path for path, values in zip(paths, seen) if values.count(None) == len(values)] == []


@pytest.mark.parametrize("name", ["complete", "hardened"])
def test_roles_allow_the_same(synthesised, planned, hardened, name):
    planned = {"complete": planned, "hardened": hardened}[name]
    ours = [json.loads(policy["policy"])["Statement"] for policy in planned["aws_iam_role_policy"]]
    roles = only(synthesised, name, "AWS::IAM::Role")
    theirs = [policy["PolicyDocument"]["Statement"] for role in roles for policy in role["Policies"]]
    [function] = [statements for statements in theirs if statements[0]["Sid"] == "ReadRegistry"]
    assert [with_lists(one) for one in function] == [with_lists(one) for one in ours[0]] != []
    [schedule] = [statements for statements in theirs if statements[0]["Sid"] == "Invoke"]
    assert [one["Action"] for one in schedule] == [one["Action"] for one in ours[1]]
    if name == "hardened":
        assert with_lists(schedule[2]) == with_lists(ours[1][2])
        assert with_lists(function[-1]) == STATEMENT
    trusted = [with_lists(one) for role in roles for one in role["AssumeRolePolicyDocument"]["Statement"]]
    expected = [with_lists(one) for role in planned["aws_iam_role"] for one in json.loads(role["assume_role_policy"])["Statement"]]
    assert sorted(trusted, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("purpose", MEMBERS)
def test_the_role_in_another_account_is_the_same(synthesised, member, purpose):
    [role] = only(synthesised, f"member {purpose}", "AWS::IAM::Role")
    [policy] = role["Policies"]
    assert [with_lists(one) for one in policy["PolicyDocument"]["Statement"]] == json.loads(member[purpose]["policy"])["Statement"]
    assert role["AssumeRolePolicyDocument"] == json.loads(member[purpose]["trust"])
    [access] = only(synthesised, f"member {purpose}", "AWS::EKS::AccessEntry")
    assert (access["ClusterName"], access["Type"], access["KubernetesGroups"]) == ("prod", "STANDARD", ["ecr-cleanup:readers"])


def test_a_role_is_excluded_from_pull_times_where_rules_use_them(synthesised):
    names = ["plan", "pulled", "pulled, but not excluded", "member reads", "member excluded"]
    excluded = {name: len(only(synthesised, name, "AWS::ECR::PullTimeUpdateExclusion")) for name in names}
    assert excluded == {"plan": 0, "pulled": 1, "pulled, but not excluded": 0, "member reads": 0, "member excluded": 1}


def test_every_role_has_the_name_and_the_boundary_asked_for(synthesised):
    roles = [role for name in ("bounded", "member bounded") for role in only(synthesised, name, "AWS::IAM::Role")]
    expected = {("cleaner", "/"), ("cleaner-schedule", "/"), ("ecr-cleanup-reader", "/team/")}
    assert {(role["RoleName"], role["Path"]) for role in roles} == expected
    assert {role["PermissionsBoundary"] for role in roles} == {"arn:aws:iam::123456789012:policy/boundary"}
    [trust] = [one for role in roles for one in role["AssumeRolePolicyDocument"]["Statement"] if role["RoleName"] == "ecr-cleanup-reader"]
    assert trust["Condition"]["StringEquals"] == {"sts:ExternalId": "team-a", "aws:PrincipalOrgID": "o-abc123def4"}


def test_test_events_are_made_where_the_region_keeps_them(synthesised):
    kinds = ("AWS::EventSchemas::Registry", "AWS::EventSchemas::Schema")
    made = {name: [len(only(synthesised, name, kind)) for kind in kinds] for name in ("plan", "no test events there", "test events there")}
    assert made == {"plan": [1, 1], "no test events there": [0, 0], "test events there": [0, 1]}


def test_what_may_be_left_out(synthesised):
    made = {resource["Type"] for resource in synthesised["bare"]["template"]["Resources"].values()}
    assert made & {"AWS::Scheduler::Schedule", "AWS::Scheduler::ScheduleGroup"} == set()
    assert [alarm["AlarmName"] for alarm in only(synthesised, "bare", "AWS::CloudWatch::Alarm") if alarm["AlarmName"].endswith("no-run")] == []
    [function] = only(synthesised, "bare", "AWS::Lambda::Function")
    assert "ReservedConcurrentExecutions" not in function
    [role] = only(synthesised, "bare", "AWS::IAM::Role")
    sids = [one["Sid"] for one in role["Policies"][0]["PolicyDocument"]["Statement"]]
    assert "DeleteImages" in sids and "LeaveProtectedRepositories" not in sids


def test_no_resource_is_forgotten(synthesised, planned):
    assert planned.keys() == SAME.keys() | COMPARED_AS_POLICIES
    template = synthesised["complete"]["template"]["Resources"].values()
    assert {resource["Type"] for resource in template} == {theirs for theirs, _paths in SAME.values()} | BY_CDK_ALONE


@pytest.mark.parametrize("kind", SAME_DISTRIBUTED)
def test_a_distributed_run_is_the_same(synthesised, distributed, kind):
    theirs, paths = SAME_DISTRIBUTED[kind]
    compare(only(synthesised, "distributed", theirs), distributed[kind], paths)


def test_each_phase_may_do_the_same(synthesised, distributed):
    [stored] = distributed["aws_s3_object"]
    assert json.loads(synthesised["distributed"]["configuration"]) == json.loads(stored["content"])
    ours = {policy["role"]: json.loads(policy["policy"])["Statement"] for policy in distributed["aws_iam_role_policy"]}
    roles = {role["RoleName"]: role for role in only(synthesised, "distributed", "AWS::IAM::Role")}
    assert ours.keys() == roles.keys() == {f"ecr-cleanup-eu-west-1-{one}" for one in ("list", "evidence", "clean", "finish", "machine", "schedule")}
    for name, statements in ours.items():
        [policy] = roles[name]["Policies"]
        found = [with_lists(one) for one in policy["PolicyDocument"]["Statement"]]
        # Where the object is that holds the configuration.
        elsewhere = {**next((one for one in statements if one["Sid"] == "ReadConfigurationObject"), {}), "Resource": []}
        same = lambda one: elsewhere if one["Sid"] == "ReadConfigurationObject" else one
        assert [same(one)["Sid"] for one in found] == [one["Sid"] for one in statements], name
        for theirs, expected in zip(found, statements):
            if name.endswith("-schedule") and theirs["Sid"] == "KeepFailures":
                continue
            assert same(theirs) == same(expected), name
    trusted = {name: [with_lists(one) for one in role["AssumeRolePolicyDocument"]["Statement"]] for name, role in roles.items()}
    expected = {role["name"]: [with_lists(one) for one in json.loads(role["assume_role_policy"])["Statement"]] for role in distributed["aws_iam_role"]}
    assert trusted == expected


def test_nothing_of_a_distributed_run_is_forgotten(synthesised, distributed):
    assert distributed.keys() == SAME_DISTRIBUTED.keys() | COMPARED_AS_POLICIES | BY_TERRAFORM_ALONE | {"aws_s3_bucket_server_side_encryption_configuration"}
    template = synthesised["distributed"]["template"]["Resources"].values()
    assert {resource["Type"] for resource in template} == {theirs for theirs, _paths in SAME_DISTRIBUTED.values()} | BY_CDK_ALONE


def test_alarms_queries_and_dashboard_are_the_shared_ones(synthesised):
    rules = filled("alarms.json")
    found = {alarm["AlarmName"]: alarm for alarm in only(synthesised, "every alarm", "AWS::CloudWatch::Alarm")}
    assert found.keys() == {f"ecr-cleanup-{name}" for name in rules}
    for name, rule in rules.items():
        alarm = found[f"ecr-cleanup-{name}"]
        measured = [one["MetricStat"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        measured = measured or [{"Metric": alarm, "Stat": alarm["Statistic"], "Period": alarm["Period"]}]
        for of, one in zip(rule.get("metrics", {name: rule}).values(), measured, strict=True):
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in one["Metric"]["Dimensions"]}
            assert (one["Metric"]["Namespace"], one["Metric"]["MetricName"], dimensions) == (of["namespace"], of["metric"], of["dimensions"])
            assert (one["Stat"], one["Period"]) == (rule["statistic"], rule["period"])
        expressions = [one["Expression"] for one in alarm.get("Metrics", []) if "Expression" in one]
        assert expressions == [rule[key] for key in ("expression",) if key in rule]
        assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (float(rule["threshold"]), int(rule["periods"]))
        assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == (rule["comparison"], rule["missing"])
    alarms = {alarm["AlarmName"].removeprefix("ecr-cleanup-") for alarm in only(synthesised, "plan", "AWS::CloudWatch::Alarm")}
    assert alarms == {name for name, rule in rules.items() if rule["default"]}
    queries = {query["Name"]: query["QueryString"] for query in only(synthesised, "plan", "AWS::Logs::QueryDefinition")}
    assert queries == {f"ecr-cleanup/{name}": query for name, query in filled("queries.json").items()}
    [dashboard] = only(synthesised, "plan", "AWS::CloudWatch::Dashboard")
    body, template = json.loads(dashboard["DashboardBody"]), filled("dashboard.json")
    template["widgets"][1]["properties"]["alarms"] = [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:ecr-cleanup-{name}" for name in sorted(alarms | {"attention"})]
    assert body == template


def test_the_emergency_stop_is_the_object_where_there_is_a_state(synthesised):
    for name, command in (("plan", "aws lambda put-function-concurrency "), ("state elsewhere", "aws s3api put-object --bucket memory --key some/prefix/stop`")):
        [dashboard] = only(synthesised, name, "AWS::CloudWatch::Dashboard")
        assert f"Emergency stop: `{command}" in json.loads(dashboard["DashboardBody"])["widgets"][0]["properties"]["markdown"]


def test_the_dashboard_of_an_organization_is_the_same(synthesised, organization_dashboard):
    [dashboard] = only(synthesised, "organization", "AWS::CloudWatch::Dashboard")
    assert dashboard["DashboardName"] == "ecr-cleanup-organization"
    assert json.loads(dashboard["DashboardBody"]) == organization_dashboard


def test_nothing_is_found_against_it(synthesised, tmp_path):
    names = [*CONFIGURATIONS, "complete", "hardened", "distributed", "distributed, as it comes", *(f"member {purpose}" for purpose in MEMBERS)]
    assert {name: synthesised[name]["findings"] for name in names} == dict.fromkeys(names, [])
    for name in names:
        (tmp_path / f"{name}.json").write_text(json.dumps(synthesised[name]["template"]))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    # W3005: CDK writes dependencies that are there already. W3037: cfn-lint does not know the newest actions.
    lint = subprocess.run([cfn_lint, "--ignore-checks", "W3005", "W3037", "--", *tmp_path.glob("*.json")], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_what_it_refuses(synthesised):
    assert "every source of use is off" in synthesised["no source"]["error"]
    assert "no source of use is called bach" in synthesised["misspelt"]["error"]
    assert "no alarm is called guard-trips" in synthesised["no such alarm"]["error"]
    assert "`rolePatterns` are ARNs" in synthesised["every role"]["error"]
    assert "keeps its evidence in the state" in synthesised["distributed, no state"]["error"]
    assert "`config` has no `mode`" in synthesised["two modes"]["error"]


@pytest.mark.parametrize("what", TOO_LONG)
def test_the_construct_says_the_same(synthesise, what):
    config, cleanable, statement = TOO_LONG[what]
    given = {"mode": "delete", "config": config, "configStore": "s3"}
    listed = synthesise({"long": {**given, "cleanableRepositories": cleanable}, "patterns": {**given, "rolePatterns": [ROLE.format("*")]}})
    assert re.search(rf"the longest statement is `{statement}` with \d{{4,}}", listed["long"]["error"])
    assert "template" in listed["patterns"]


def test_the_construct_s_variables_have_a_limit_too(synthesise):
    config = {"in_use": {"accounts": ORGANIZATION_OF_300[:30]}}
    made = synthesise({store: {"config": config, "configStore": store} for store in ("environment", "parameter", "s3")})
    assert "4 KB of a function's variables" in made["environment"]["error"]
    resources = made["s3"]["template"]["Resources"].values()
    [function] = [one["Properties"] for one in resources if one["Type"] == "AWS::Lambda::Function"]
    assert function["Environment"]["Variables"].keys() == {"ECR_CLEANUP_CONFIG", "ECR_CLEANUP_CONFIG_SHA256"}


def with_lists(statement):
    """CDK writes a list of one as its element."""
    listed = {key: statement[key] for key in ("Action", "Resource") if key in statement}
    return {**statement, **{key: value if isinstance(value, list) else [value] for key, value in listed.items()}}


def filled(file):
    values = {"name": "ecr-cleanup", "global_name": "ecr-cleanup-eu-west-1", "mode": "PLAN", "region": "eu-west-1", "timeout": "900", "silent_hours": "26"}
    values |= {"long_run_ms": "810000", "log_group": "/aws/lambda/ecr-cleanup", "alarm_arns": ""}
    values |= {"stop_command": "aws lambda put-function-concurrency --region eu-west-1 --function-name ecr-cleanup --reserved-concurrent-executions 0"}
    values |= {"log_group_in_url": "$252Faws$252Flambda$252Fecr-cleanup", "console": "eu-west-1.console.aws.amazon.com"}
    text = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], (SHARED / file).read_text())
    return json.loads(re.sub(r'"number:(\d+)"', r"\1", text))
