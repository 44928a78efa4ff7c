mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-west-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111111111111:role/r" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111111111111:function:f" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111111111111:q" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111111111111:log-group:g" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:111111111111:t" }
  }
}

variables {
  package = { s3 = { bucket = "code", key = "ecr-cleanup.zip", object_version = "1" } }
  config  = { in_use = { organization = { role_name = "ecr-cleanup-reader", external_id = "x", regions = ["eu-west-1"] } } }
}

run "planning_changes_nothing" {
  command = apply

  assert {
    condition     = !anytrue([for policy in values(output.policy_json) : strcontains(policy, "BatchDeleteImage") || strcontains(policy, "UpdateImageStorageClass")])
    error_message = "a function that plans may delete"
  }
  assert {
    condition     = { for phase, function in aws_lambda_function.this : function.function_name => function.environment[0].variables.ECR_CLEANUP_PHASE } == { for phase in ["list", "evidence", "clean", "finish"] : "ecr-cleanup-${phase}" => phase }
    error_message = "a function is told another phase than its own"
  }
  assert {
    condition     = jsonencode(keys(aws_cloudwatch_metric_alarm.this)) == jsonencode([for name in ["evidence-old", "executions-failed", "executions-timed-out", "missing-images", "not-started", "nothing-deleted"] : name])
    error_message = "other alarms than expected"
  }
  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.Evidence.MaxConcurrency == 50 && aws_sfn_state_machine.this.logging_configuration[0].level == "ERROR" && !aws_sfn_state_machine.this.logging_configuration[0].include_execution_data
    error_message = "the state machine is another than expected"
  }
  assert {
    condition     = jsondecode(aws_scheduler_schedule.this[0].target[0].input) == { StateMachineArn = "arn:aws:states:eu-west-1:111111111111:stateMachine:ecr-cleanup", Name = "<aws.scheduler.execution-id>", Input = "{}" } && !strcontains(aws_scheduler_schedule.this[0].target[0].input, "\\u003c")
    error_message = aws_scheduler_schedule.this[0].target[0].input
  }
  assert {
    condition     = output.function_role_arn == "arn:aws:iam::111111111111:role/ecr-cleanup-eu-west-1-*"
    error_message = output.function_role_arn
  }
}

run "only_clean_deletes" {
  command = plan

  variables {
    mode = "delete"
  }

  assert {
    condition     = [for phase, policy in output.policy_json : phase if strcontains(policy, "BatchDeleteImage") || strcontains(policy, "UpdateImageStorageClass")] == ["clean"]
    error_message = "another phase than `clean` may delete"
  }
  assert {
    condition     = [for phase, policy in output.policy_json : phase if strcontains(policy, "organizations:ListAccounts")] == ["evidence", "list"] && [for phase, policy in output.policy_json : phase if strcontains(policy, "sts:AssumeRole")] == ["evidence"]
    error_message = "a phase may more than it does"
  }
  assert {
    # It may write nothing but evidence and caches: nothing that decides on a deletion.
    condition = length(setsubtract(
      flatten([for one in jsondecode(output.policy_json.evidence).Statement : one.Resource if contains(one.Action, "s3:PutObject")]),
      [for path in ["runs/*/evidence/*", "*/functions.json.gz", "*/stack-templates.json.gz", "*/task-definitions.json.gz"] : "arn:aws:s3:::ecr-cleanup-111111111111-eu-west-1/state/${path}"],
    )) == 0
    error_message = "`evidence` may write what it should not"
  }
}

run "registries_of_other_accounts_are_cleaned_by_clean_alone" {
  command = plan

  variables {
    mode = "delete"
    config = {
      registries = [{ role_arn = "arn:aws:iam::222222222222:role/cleaner", external_id = "x" }]
      in_use     = { organization = { role_name = "reader", external_id = "x", list_role_arn = "arn:aws:iam::333333333333:role/lister" } }
      notify     = "arn:aws:sns:eu-west-1:111111111111:runs"
    }
  }

  assert {
    condition     = [for phase, policy in output.policy_json : phase if strcontains(policy, "role/cleaner")] == ["clean"] && [for phase, policy in output.policy_json : phase if strcontains(policy, "role/lister")] == ["evidence", "list"]
    error_message = "a role is for another phase"
  }
  assert {
    condition     = [for phase, policy in output.policy_json : phase if strcontains(policy, "sns:Publish")] == ["finish"]
    error_message = "another phase than `finish` notifies"
  }
}

run "as_it_is_asked_for" {
  command = plan

  variables {
    concurrency         = 200
    tracing             = true
    notification_emails = ["platform@example.com"]
    alarms              = { also = ["truncated"] }
    kms_key_arns        = { bucket = "arn:aws:kms:eu-west-1:111111111111:key/b", machine = "arn:aws:kms:eu-west-1:111111111111:key/m" }
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this.definition).States.Evidence.MaxConcurrency == 200 && aws_sfn_state_machine.this.tracing_configuration[0].enabled
    error_message = "not what was asked for"
  }
  assert {
    condition     = aws_sfn_state_machine.this.encryption_configuration[0].kms_key_id == "arn:aws:kms:eu-west-1:111111111111:key/m" && strcontains(aws_iam_role_policy.machine.policy, "key/m") && strcontains(aws_iam_role_policy.machine.policy, "xray:")
    error_message = aws_iam_role_policy.machine.policy
  }
}

run "without_a_state" {
  command = plan

  variables {
    create_bucket = false
    config_bucket = "elsewhere"
  }

  expect_failures = [aws_s3_object.config]
}

run "an_alarm_that_there_is_not" {
  command = plan

  variables {
    alarms = { also = ["duration"] }
  }

  expect_failures = [aws_cloudwatch_composite_alarm.attention]
}
