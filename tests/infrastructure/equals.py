"""Which resource of CloudFormation is which of Terraform's, and which properties of both have to say the same."""

import json

# Terraform's type: CloudFormation's, and paths of properties.
SAME = {
    "aws_lambda_function": (
        "AWS::Lambda::Function",
        {
            "function_name": "FunctionName",
            "description": "Description",
            "runtime": "Runtime",
            "handler": "Handler",
            "architectures": "Architectures",
            "timeout": "Timeout",
            "memory_size": "MemorySize",
            "reserved_concurrent_executions": "ReservedConcurrentExecutions",
            "environment.0.variables.ECR_CLEANUP_CONFIG": "Environment.Variables.ECR_CLEANUP_CONFIG",
            "logging_config.0.log_format": "LoggingConfig.LogFormat",
            "logging_config.0.application_log_level": "LoggingConfig.ApplicationLogLevel",
            "logging_config.0.system_log_level": "LoggingConfig.SystemLogLevel",
            "vpc_config.0.subnet_ids": "VpcConfig.SubnetIds",
            "vpc_config.0.security_group_ids": "VpcConfig.SecurityGroupIds",
        },
    ),
    "aws_lambda_function_event_invoke_config": (
        "AWS::Lambda::EventInvokeConfig",
        {
            "maximum_retry_attempts": "MaximumRetryAttempts",
            "maximum_event_age_in_seconds": "MaximumEventAgeInSeconds",
        },
    ),
    "aws_iam_role": ("AWS::IAM::Role", {"name": "RoleName", "path": "Path", "description": "Description"}),
    "aws_cloudwatch_log_group": (
        "AWS::Logs::LogGroup",
        {"name": "LogGroupName", "retention_in_days": "RetentionInDays"},
    ),
    "aws_cloudwatch_query_definition": (
        "AWS::Logs::QueryDefinition",
        {"name": "Name", "query_string": "QueryString"},
    ),
    "aws_sqs_queue": (
        "AWS::SQS::Queue",
        {
            "name": "QueueName",
            "message_retention_seconds": "MessageRetentionPeriod",
            "sqs_managed_sse_enabled": "SqsManagedSseEnabled",
        },
    ),
    "aws_scheduler_schedule_group": ("AWS::Scheduler::ScheduleGroup", {"name": "Name"}),
    "aws_scheduler_schedule": (
        "AWS::Scheduler::Schedule",
        {
            "name": "Name",
            "description": "Description",
            "schedule_expression": "ScheduleExpression",
            "schedule_expression_timezone": "ScheduleExpressionTimezone",
            "state": "State",
            "flexible_time_window.0.mode": "FlexibleTimeWindow.Mode",
            "flexible_time_window.0.maximum_window_in_minutes": "FlexibleTimeWindow.MaximumWindowInMinutes",
            "target.0.input": "Target.Input",
            "target.0.retry_policy.0.maximum_retry_attempts": "Target.RetryPolicy.MaximumRetryAttempts",
            "target.0.retry_policy.0.maximum_event_age_in_seconds": "Target.RetryPolicy.MaximumEventAgeInSeconds",
        },
    ),
    "aws_ssm_parameter": (
        "AWS::SSM::Parameter",
        {"name": "Name", "description": "Description", "type": "Type", "tier": "Tier", "value": "Value"},
    ),
    "aws_sns_topic": ("AWS::SNS::Topic", {"name": "TopicName"}),
    "aws_sns_topic_subscription": ("AWS::SNS::Subscription", {"protocol": "Protocol", "endpoint": "Endpoint"}),
    "aws_cloudwatch_metric_alarm": (
        "AWS::CloudWatch::Alarm",
        {
            "alarm_name": "AlarmName",
            "alarm_description": "AlarmDescription",
            "namespace": "Namespace",
            "metric_name": "MetricName",
            "statistic": "Statistic",
            "comparison_operator": "ComparisonOperator",
            "threshold": "Threshold",
            "period": "Period",
            "evaluation_periods": "EvaluationPeriods",
            "treat_missing_data": "TreatMissingData",
            "alarm_actions": "AlarmActions",
            "ok_actions": "OKActions",
        },
    ),
    "aws_cloudwatch_composite_alarm": (
        "AWS::CloudWatch::CompositeAlarm",
        {
            "alarm_name": "AlarmName",
            "alarm_description": "AlarmDescription",
            "alarm_rule": "AlarmRule",
            "alarm_actions": "AlarmActions",
            "ok_actions": "OKActions",
        },
    ),
    "aws_cloudwatch_dashboard": (
        "AWS::CloudWatch::Dashboard",
        {"dashboard_name": "DashboardName", "dashboard_body": "DashboardBody"},
    ),
    "aws_schemas_registry": ("AWS::EventSchemas::Registry", {"name": "RegistryName", "description": "Description"}),
    "aws_schemas_schema": (
        "AWS::EventSchemas::Schema",
        {"name": "SchemaName", "type": "Type", "description": "Description", "content": "Content"},
    ),
    "aws_s3_bucket": ("AWS::S3::Bucket", {"bucket": "BucketName"}),
    "aws_s3_bucket_versioning": (
        "AWS::S3::Bucket",
        {"versioning_configuration.0.status": "VersioningConfiguration.Status"},
    ),
    "aws_s3_bucket_public_access_block": (
        "AWS::S3::Bucket",
        {
            "block_public_acls": "PublicAccessBlockConfiguration.BlockPublicAcls",
            "block_public_policy": "PublicAccessBlockConfiguration.BlockPublicPolicy",
            "ignore_public_acls": "PublicAccessBlockConfiguration.IgnorePublicAcls",
            "restrict_public_buckets": "PublicAccessBlockConfiguration.RestrictPublicBuckets",
        },
    ),
    "aws_s3_bucket_lifecycle_configuration": (
        "AWS::S3::Bucket",
        {
            "rule.0.id": "LifecycleConfiguration.Rules.0.Id",
            "rule.0.status": "LifecycleConfiguration.Rules.0.Status",
            "rule.0.filter.0.prefix": "LifecycleConfiguration.Rules.0.Prefix",
            "rule.0.expiration.0.days": "LifecycleConfiguration.Rules.0.ExpirationInDays",
            "rule.1.id": "LifecycleConfiguration.Rules.1.Id",
            "rule.1.status": "LifecycleConfiguration.Rules.1.Status",
            "rule.1.abort_incomplete_multipart_upload.0.days_after_initiation": "LifecycleConfiguration.Rules.1.AbortIncompleteMultipartUpload.DaysAfterInitiation",
            "rule.1.noncurrent_version_expiration.0.noncurrent_days": "LifecycleConfiguration.Rules.1.NoncurrentVersionExpiration.NoncurrentDays",
        },
    ),
}

# What somebody may ask for besides.
SAME_WHERE_ASKED = {
    "aws_lambda_function": ("AWS::Lambda::Function", {"kms_key_arn": "KmsKeyArn", "code_signing_config_arn": "CodeSigningConfigArn"}),
    "aws_lambda_alias": ("AWS::Lambda::Alias", {"name": "Name", "description": "Description"}),
    "aws_lambda_function_event_invoke_config": ("AWS::Lambda::EventInvokeConfig", {"qualifier": "Qualifier"}),
    "aws_sqs_queue": ("AWS::SQS::Queue", {"kms_master_key_id": "KmsMasterKeyId"}),
    "aws_sns_topic": ("AWS::SNS::Topic", {"kms_master_key_id": "KmsMasterKeyId"}),
    "aws_s3_bucket_server_side_encryption_configuration": (
        "AWS::S3::Bucket",
        {
            "rule.0.bucket_key_enabled": "BucketEncryption.ServerSideEncryptionConfiguration.0.BucketKeyEnabled",
            "rule.0.apply_server_side_encryption_by_default.0.sse_algorithm": "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.SSEAlgorithm",
            "rule.0.apply_server_side_encryption_by_default.0.kms_master_key_id": "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.KMSMasterKeyID",
        },
    ),
}

# Of a distributed run, besides what is in both.
SAME_DISTRIBUTED = {
    **{kind: same for kind, same in SAME.items() if kind not in {"aws_lambda_function_event_invoke_config", "aws_ssm_parameter", "aws_schemas_registry", "aws_schemas_schema"}},
    "aws_lambda_function": (
        "AWS::Lambda::Function",
        {
            **{ours: theirs for ours, theirs in SAME["aws_lambda_function"][1].items() if not ours.startswith(("vpc_config", "environment", "reserved"))},
            "environment.0.variables.ECR_CLEANUP_PHASE": "Environment.Variables.ECR_CLEANUP_PHASE",
            "kms_key_arn": "KmsKeyArn",
        },
    ),
    "aws_sfn_state_machine": (
        "AWS::StepFunctions::StateMachine",
        {
            "name": "StateMachineName",
            "type": "StateMachineType",
            "definition": "DefinitionString",
            "logging_configuration.0.level": "LoggingConfiguration.Level",
            "logging_configuration.0.include_execution_data": "LoggingConfiguration.IncludeExecutionData",
            "tracing_configuration.0.enabled": "TracingConfiguration.Enabled",
            "encryption_configuration.0.type": "EncryptionConfiguration.Type",
            "encryption_configuration.0.kms_key_id": "EncryptionConfiguration.KmsKeyId",
            "encryption_configuration.0.kms_data_key_reuse_period_seconds": "EncryptionConfiguration.KmsDataKeyReusePeriodSeconds",
        },
    ),
    "aws_s3_bucket_lifecycle_configuration": (
        "AWS::S3::Bucket",
        {
            f"rule.{number}.{ours}": f"LifecycleConfiguration.Rules.{number}.{theirs}"
            for number in (0, 1)
            for ours, theirs in {"id": "Id", "status": "Status", "filter.0.prefix": "Prefix", "expiration.0.days": "ExpirationInDays"}.items()
        },
    ),
}
# A configuration as an object is one of CDK's assets, in CloudFormation.
BY_TERRAFORM_ALONE = {"aws_s3_object"}

# Policies of roles, queues and the bucket are resources of their own in one of the two, or lie within another.
COMPARED_AS_POLICIES = {"aws_iam_role_policy", "aws_s3_bucket_policy"}
BY_CDK_ALONE = {"AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"}


def rows(resources, paths):
    """What each resource says at these paths, with JSON decoded, in an order of its own."""
    return sorted([[_plain(_at(one, path)) for path in paths] for one in resources], key=str)


def _at(value, path):
    for step in path.split("."):
        if value is None:
            return None
        value = value[int(step)] if isinstance(value, list) else value.get(step)
    return value


def _plain(value):
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        return float(value)
    return sorted(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value
