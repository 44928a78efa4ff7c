"""Configurations that the tests render, by name: mode, and the rest of the document."""

NOTHING = {"ecs": False, "eks": False, "lambda": False, "cloudformation": False, "services": False, "regions": "own"}
ECS = {**NOTHING, "ecs": {}}
BY_RULES_ALONE = {"allow_no_usage": True}
STATE = {"state": "s3://memory/prefix"}
REPORTS = {"report": "s3://reports"}
EVIDENCE = {"publish": "s3://evidence/published"}
NOTIFICATION = {"notify": "arn:aws:sns:eu-west-1:123456789012:runs"}
WEBHOOKS = {"notify": ["ssm:/runs/slack", "secret:teams"]}
HISTORY = {"document": "s3://evidence/git/app.json", "repository": "github.com/org/app"}
GIT = {"policies": [{"repositories": ["shop/**"], "git": HISTORY}, {"repositories": ["**"]}]}
ROLE = "arn:aws:iam::{}:role/ecr-cleanup-reader"
CLEANED, READ = ({"role_arn": ROLE.format(account), "external_id": "team-a"} for account in ("222222222222", "333333333333"))
ORGANIZATION = {"role_name": "ecr-cleanup-reader", "external_id": "team-a"}
CONFIGURATIONS = {
    "plan": ("plan", {}),
    "delete": ("delete", {}),
    "archive": ("archive", {}),
    "plan, ECS alone": ("plan", {"in_use": ECS}),
    "delete, ECS alone": ("delete", {"in_use": ECS}),
    "plan, EKS alone": ("plan", {"in_use": {**NOTHING, "eks": {}}}),
    "plan, Lambda alone": ("plan", {"in_use": {**NOTHING, "lambda": {}}}),
    "plan, CloudFormation alone": ("plan", {"in_use": {**NOTHING, "cloudformation": {}}}),
    "plan, rules and schedules alone": ("plan", {"in_use": {**NOTHING, "services": ["eventbridge", "scheduler"]}}),
    "plan, every Region": ("plan", {"in_use": {**NOTHING, "regions": "auto"}, "guards": BY_RULES_ALONE}),
    "plan, by rules alone": ("plan", {"in_use": NOTHING}),
    "delete, by rules alone": ("delete", {"in_use": NOTHING, "guards": BY_RULES_ALONE}),
    "plan, tagged repositories": ("plan", {"in_use": ECS, "policies": [{"repository_tags": {"team": "a*"}}, {"repositories": ["**"]}]}),
    "delete, policies by tag": ("delete", {"in_use": ECS, "policy_tag": "ecr-cleanup"}),
    "delete, state": ("delete", {"in_use": ECS, **STATE}),
    "plan, reports": ("plan", {"in_use": ECS, **REPORTS}),
    "plan, evidence": ("plan", {"in_use": ECS, **EVIDENCE}),
    "plan, keep lists": ("plan", {"in_use": {**ECS, "keep_lists": ["s3://lists/in-use/*.json"]}}),
    "plan, one keep list": ("plan", {"in_use": {**ECS, "keep_lists": ["s3://lists/in-use/one.json"]}}),
    "plan, Git history": ("plan", {"in_use": ECS, **GIT}),
    "plan, notification": ("plan", {"in_use": ECS, **NOTIFICATION}),
    "plan, webhooks": ("plan", {"in_use": ECS, **WEBHOOKS}),
    "delete, other accounts": ("delete", {"registries": [{"region": "eu-west-1"}, CLEANED], "in_use": {**ECS, "accounts": [READ]}}),
    "delete, organization": ("delete", {"in_use": {**ECS, "organization": ORGANIZATION}}),
    "delete, everything": (
        "delete",
        {
            "in_use": {**ECS, "eks": {}, "keep_lists": ["s3://lists/*/*.json", "s3://lists/in-use/one.json"]},
            **GIT,
            **STATE,
            **REPORTS,
            **EVIDENCE,
            **NOTIFICATION,
        },
    ),
}

# What somebody may ask for besides, by Terraform's name and by the construct's.
KEY = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-00000000000"
KEYS = {what: f"{KEY}{number}" for number, what in enumerate(("bucket", "topic", "queues", "environment"))}
SIGNED = "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0d4518bd353a0a7c6"
STATEMENT = {"Sid": "NotOnFridays", "Effect": "Deny", "Action": ["ecr:BatchDeleteImage"], "Resource": ["*"]}
HARDENED = {
    ("mode", "mode"): "delete",
    ("create_bucket", "createBucket"): True,
    ("notification_emails", "notificationEmails"): ["platform@example.com"],
    ("kms_key_arns", "kmsKeyArns"): KEYS,
    ("code_signing_config_arn", "codeSigningConfigArn"): SIGNED,
    ("publish", "publish"): True,
    ("keep_log_group", "keepLogGroup"): True,
    ("extra_statements", "extraStatements"): [STATEMENT],
}

# A distributed run of which everything is asked for, by Terraform's name and by the construct's.
DISTRIBUTED = {
    ("mode", "mode"): "delete",
    ("config", "config"): {"registries": [{"region": "eu-west-1"}, CLEANED], "in_use": {"organization": {**ORGANIZATION, "regions": ["eu-west-1"]}, "accounts": [READ]}, **WEBHOOKS},
    ("concurrency", "concurrency"): 200,
    ("tracing", "tracing"): True,
    ("role_path", "rolePath"): "/platform/",
    ("state_writers", "stateWriters"): ["arn:aws:iam::123456789012:role/operators"],
    ("cleanable_repositories", "cleanableRepositories"): ["team/*"],
    ("memory_size", "memorySize"): {"clean": 3008},
    ("notification_emails", "notificationEmails"): ["platform@example.com"],
    ("kms_key_arns", "kmsKeyArns"): {what: f"{KEY}{number}" for number, what in enumerate(("bucket", "topic", "machine", "environment"))},
}

FOUR_REGIONS = ["eu-central-1", "eu-north-1", "eu-west-1", "us-east-1"]
ORGANIZATION_OF_300 = [{"role_arn": ROLE.format(f"2{number:011}"), "external_id": "team-a", "regions": FOUR_REGIONS} for number in range(300)]

# What is too long, the statement that is, and what helps.
TOO_LONG = {
    "roles": ({"in_use": {"accounts": ORGANIZATION_OF_300}}, ["*"], "AssumeRoles"),
    "repositories": ({}, [f"team-{number}/*" for number in range(300)], "ArchiveImages"),
}
