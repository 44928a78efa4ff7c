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
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:111111111111:t" }
  }
}

variables {
  package = { s3 = { bucket = "code", key = "ecr-cleanup.zip", object_version = "1" } }
}

run "as_it_comes" {
  command = apply

  assert {
    condition     = !strcontains(aws_iam_role_policy.function.policy, "BatchDeleteImage") && !strcontains(aws_iam_role_policy.function.policy, "UpdateImageStorageClass")
    error_message = "a function that plans may delete"
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 1 && aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    error_message = "runs overlap or repeat"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 4 && length(aws_cloudwatch_composite_alarm.attention) == 1 && length(aws_sqs_queue.failures) == 2 && length(aws_s3_bucket.this) == 0
    error_message = "other resources than expected"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["no-run"].evaluation_periods == 26
    error_message = "the alarm does not follow the schedule"
  }
  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget if widget.type == "alarm"][0].properties.alarms) == 5
    error_message = "the dashboard does not show the alarms"
  }
  assert {
    condition = [aws_iam_role.function.name, aws_iam_role.schedule[0].name, aws_cloudwatch_dashboard.this[0].dashboard_name, aws_scheduler_schedule_group.this[0].name] == [
      "ecr-cleanup-eu-west-1", "ecr-cleanup-eu-west-1-schedule", "ecr-cleanup-eu-west-1", "ecr-cleanup-eu-west-1",
    ]
    error_message = "another Region of the account would take the same names"
  }
}

run "another_partition_has_another_console" {
  command = plan

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn" }
  }
  override_data {
    target = data.aws_region.current
    values = { id = "cn-north-1" }
  }

  assert {
    condition     = startswith(output.dashboard_url, "https://cn-north-1.console.amazonaws.cn/") && !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "aws.amazon.com")
    error_message = aws_cloudwatch_dashboard.this[0].dashboard_body
  }
}

run "a_region_without_test_events" {
  command = plan

  override_data {
    target = data.aws_region.current
    values = { id = "il-central-1" }
  }

  assert {
    condition     = length(aws_schemas_schema.test_events) + length(aws_schemas_registry.test_events) == 0
    error_message = "the Region has no EventBridge Schemas"
  }
}

run "test_events_where_they_are_demanded" {
  command = plan

  variables {
    test_events = { create = true, create_registry = false }
  }

  override_data {
    target = data.aws_region.current
    values = { id = "il-central-1" }
  }

  assert {
    condition     = length(aws_schemas_schema.test_events) == 1 && length(aws_schemas_registry.test_events) == 0
    error_message = "not what was asked for"
  }
}

run "as_little_as_possible" {
  command = apply

  variables {
    schedule             = null
    dashboard            = false
    alarms               = { enabled = false }
    test_events          = { create = false }
    reserved_concurrency = null
  }

  assert {
    condition     = length(aws_scheduler_schedule.this) + length(aws_iam_role.schedule) + length(aws_cloudwatch_metric_alarm.this) + length(aws_cloudwatch_composite_alarm.attention) + length(aws_cloudwatch_dashboard.this) + length(aws_cloudwatch_query_definition.this) + length(aws_schemas_schema.test_events) + length(aws_schemas_registry.test_events) == 0
    error_message = "something is made that was not asked for"
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "concurrency is reserved"
  }
}

run "one_refusal_rings_once" {
  command = plan

  variables {
    alarms = { actions = ["arn:aws:sns:eu-west-1:111111111111:day"], urgent_actions = ["arn:aws:sns:eu-west-1:111111111111:night"], also = ["errors", "duration"] }
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => [for arn in coalesce(alarm.alarm_actions, []) : split(":", arn)[5]] } == {
      "missing-images" = ["night"], "no-run" = [], "nothing-deleted" = [], "queues" = [], "errors" = [], "duration" = []
    }
    error_message = "an alarm rings besides the one for all of them, or an urgent one does not"
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.attention[0].alarm_actions == toset(["arn:aws:sns:eu-west-1:111111111111:day"])
    error_message = "the alarm for all of them rings elsewhere"
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.attention[0].alarm_rule == join(" OR ", [for name in ["duration", "errors", "no-run", "nothing-deleted", "queues"] : "ALARM(\"ecr-cleanup-${name}\")"])
    error_message = aws_cloudwatch_composite_alarm.attention[0].alarm_rule
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["duration"].threshold == 810000
    error_message = "the alarm does not follow the timeout"
  }
}

run "an_alarm_that_there_is_not" {
  command = plan

  variables {
    alarms = { also = ["guard-trips"] }
  }

  expect_failures = [aws_cloudwatch_composite_alarm.attention]
}

run "as_much_as_possible" {
  command = apply

  variables {
    name                     = "ecr_cleanup-2"
    role_name                = "cleaner"
    role_path                = "/team/"
    permissions_boundary_arn = "arn:aws:iam::111111111111:policy/boundary"
    mode                     = "delete"
    create_bucket            = true
    config_store             = "parameter"
    notification_emails      = ["a@example.com", "b@example.com"]
    vpc                      = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    schedule                 = { expression = "rate(6 hours)", flexible_window_minutes = 0 }
  }

  assert {
    condition = [for role in [aws_iam_role.function, aws_iam_role.schedule[0]] : [role.name, role.path, role.permissions_boundary]] == [
      for name in ["cleaner", "cleaner-schedule"] : [name, "/team/", "arn:aws:iam::111111111111:policy/boundary"]
    ]
    error_message = "the roles are not named as asked for"
  }
  assert {
    condition     = aws_s3_bucket.this[0].bucket == "ecr-cleanup-2-111111111111-eu-west-1"
    error_message = aws_s3_bucket.this[0].bucket
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap({ ECR_CLEANUP_CONFIG = "ssm:/ecr_cleanup-2/config", ECR_CLEANUP_CONFIG_SHA256 = sha256(aws_ssm_parameter.config[0].value) })
    error_message = "the parameter is not pinned"
  }
  assert {
    condition     = aws_scheduler_schedule.this[0].flexible_time_window[0].mode == "OFF" && length(aws_sns_topic_subscription.this) == 2 && length(aws_lambda_function.this.vpc_config) == 1
    error_message = "not everything is there"
  }
}

run "without_state_no_run_starts_any_more" {
  command = plan

  assert {
    condition     = startswith(output.stop_command, "aws lambda put-function-concurrency ") && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, output.stop_command)
    error_message = output.stop_command
  }
}

run "an_object_in_the_state_stops_every_account" {
  command = plan

  variables {
    config = { state = "s3://222222222222@bucket/some/prefix/" }
  }

  assert {
    condition     = output.stop_command == "aws s3api put-object --bucket bucket --key some/prefix/stop" && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, output.stop_command)
    error_message = output.stop_command
  }
}

run "only_the_function_writes_state" {
  command = apply

  variables {
    create_bucket = true
    role_path     = "/team/"
    state_writers = ["arn:aws:iam::111111111111:role/operators"]
  }

  assert {
    condition     = output.stop_command == "aws s3api put-object --bucket ecr-cleanup-111111111111-eu-west-1 --key state/stop"
    error_message = output.stop_command
  }
  assert {
    condition = jsondecode(aws_s3_bucket_policy.this[0].policy).Statement[1] == {
      Sid       = "OnlyTheFunctionWritesState", Effect = "Deny", Principal = "*", Action = "s3:PutObject"
      Resource  = "arn:aws:s3:::ecr-cleanup-111111111111-eu-west-1/state/*/*"
      Condition = { ArnNotLike = { "aws:PrincipalArn" = ["arn:aws:iam::111111111111:role/team/ecr-cleanup-eu-west-1", "arn:aws:iam::111111111111:role/operators"] } }
    }
    error_message = aws_s3_bucket_policy.this[0].policy
  }
}

run "rules_by_pull_time_exclude_the_role" {
  command = apply

  variables {
    config = { policies = [{ repositories = ["mirror/**"], leave_alone = true }, { repositories = ["**"], keep = [{ newest = 5 }, { newest = 5, by = "pulled" }] }] }
  }

  assert {
    condition     = one(aws_cloudcontrolapi_resource.pull_time_update_exclusion[*].desired_state) == jsonencode({ PrincipalArn = "arn:aws:iam::111111111111:role/r" })
    error_message = "the function's own reading counts as pulls"
  }
}

run "other_rules_exclude_nobody" {
  command = apply

  variables {
    config = { policies = [{ repositories = ["**"], keep = [{ newest = 5 }] }] }
  }

  assert {
    condition     = length(aws_cloudcontrolapi_resource.pull_time_update_exclusion) == 0
    error_message = "a role is excluded for no reason"
  }
}

run "nobody_is_excluded_against_the_will" {
  command = apply

  variables {
    config                  = { policies = [{ repositories = ["**"], keep = [{ pulled_within = "30d" }] }] }
    exclude_from_pull_times = false
  }

  assert {
    condition     = length(aws_cloudcontrolapi_resource.pull_time_update_exclusion) == 0
    error_message = "a role is excluded though that is off"
  }
}

run "a_plan_needs_no_use" {
  command = plan

  variables {
    config = { in_use = { ecs = false, eks = false, lambda = false, services = false, cloudformation = false } }
  }
}

run "deleting_needs_use" {
  command = plan

  variables {
    mode   = "delete"
    config = { in_use = { ecs = false, eks = false, lambda = false, services = false, cloudformation = false } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_document_too_large_for_variables" {
  command = plan

  variables {
    config = { policies = [for number in range(80) : { repositories = ["team-${number}/a-rather-long-name/**"] }] }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_document_that_fits_nowhere_else" {
  command = apply

  variables {
    config_store  = "s3"
    create_bucket = true
    config        = { policies = [for number in range(200) : { repositories = ["team-${number}/a-rather-long-name/**"] }] }
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      ECR_CLEANUP_CONFIG        = "s3://ecr-cleanup-111111111111-eu-west-1/config.json"
      ECR_CLEANUP_CONFIG_SHA256 = sha256(aws_s3_object.config[0].content)
    })
    error_message = "the object is not pinned"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.function.policy, "arn:aws:s3:::ecr-cleanup-111111111111-eu-west-1/config.json")
    error_message = "the function may not read its configuration"
  }
}

run "an_object_needs_a_bucket" {
  command = plan

  variables {
    config_store = "s3"
  }

  expect_failures = [aws_lambda_function.this]
}

run "wrong_values" {
  command = plan

  variables {
    name                   = "with space"
    package                = {}
    architecture           = "arm"
    mode                   = "dry-run"
    config                 = { mode = "delete" }
    config_store           = "file"
    cleanable_repositories = []
    schedule               = { expression = "daily" }
    timeout                = 30
    memory_size            = 64
    reserved_concurrency   = 5
    vpc                    = { subnet_ids = [], security_group_ids = ["sg-1"] }
    log_retention_days     = 8
    log_level              = "WARN"
    alarms                 = { silent_hours = 200 }
    role_name              = join("", [for number in range(56) : "x"])
    role_path              = "team"
    role_patterns          = ["*"]
  }

  expect_failures = [
    var.name, var.package, var.architecture, var.mode, var.config, var.config_store, var.cleanable_repositories, var.schedule,
    var.timeout, var.memory_size, var.reserved_concurrency, var.vpc, var.log_retention_days, var.log_level, var.alarms, var.role_name, var.role_path, var.role_patterns,
  ]
}

run "an_object_that_terraform_could_not_see_change" {
  command = plan

  variables {
    package = { s3 = { bucket = "code", key = "ecr-cleanup.zip" } }
  }

  expect_failures = [var.package]
}

run "a_misspelt_key" {
  command = plan

  variables {
    config = { polices = [] }
  }

  expect_failures = [var.config]
}

run "a_window_too_long" {
  command = plan

  variables {
    schedule = { flexible_window_minutes = 1441 }
  }

  expect_failures = [var.schedule]
}

run "a_hash_in_hexadecimal" {
  command = plan

  variables {
    package = { download = { url = "https://example.com/ecr-cleanup-arm64.zip", sha256_base64 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" } }
  }

  expect_failures = [var.package]
}
