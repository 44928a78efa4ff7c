locals {
  # A placeholder is part of a string, also where Step Functions takes only a number.
  definition = replace(templatefile("${local.shared}/cleanup.asl.json", merge(local.function_arns, {
    partition   = local.partition
    concurrency = var.concurrency
  })), "/\"number:([0-9]+)\"/", "$1")
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284:Whether it is traced is `tracing`
  #checkov:skip=CKV_AWS_285:Errors are logged, without what was worked on
  name       = var.name
  role_arn   = aws_iam_role.machine.arn
  type       = "STANDARD"
  definition = local.definition
  tags       = var.tags

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.machine.arn}:*"
  }

  tracing_configuration {
    enabled = var.tracing
  }

  dynamic "encryption_configuration" {
    for_each = var.kms_key_arns.machine[*]
    content {
      type                              = "CUSTOMER_MANAGED_KMS_KEY"
      kms_key_id                        = encryption_configuration.value
      kms_data_key_reuse_period_seconds = 900
    }
  }

  depends_on = [aws_iam_role_policy.machine, aws_lambda_function.this]
}

# Step Functions writes to groups of this prefix without a policy that grows with each of them.
resource "aws_cloudwatch_log_group" "machine" {
  #checkov:skip=CKV_AWS_338:How long is `log_retention_days`
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "machine" {
  name                 = "${local.global_name}-machine"
  path                 = var.role_path
  description          = "What the state machine ${var.name} may do"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        # Of its children too.
        ArnLike = { "aws:SourceArn" = ["${local.machine_arn}", "${local.machine_arn}/*"] }
      }
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  #checkov:skip=CKV_AWS_290:The delivery of logs and traces has no resource to name
  #checkov:skip=CKV_AWS_355:The delivery of logs and traces has no resource to name
  #checkov:skip=CKV_AWS_289:The delivery of logs has no resource to name
  name = "machine"
  role = aws_iam_role.machine.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      { Sid = "Invoke", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = sort(values(local.function_arns)) },
      { Sid = "ReadLocations", Effect = "Allow", Action = ["s3:GetObject"], Resource = [local.locations] },
      { Sid = "StartChildren", Effect = "Allow", Action = ["states:StartExecution"], Resource = [local.machine_arn] },
      {
        Sid      = "WatchChildren"
        Effect   = "Allow"
        Action   = ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"]
        Resource = ["${replace(local.machine_arn, ":stateMachine:", ":execution:")}/*"]
      },
      {
        Sid    = "DeliverLogs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
          "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ]
        Resource = ["*"]
      },
      ],
      [for on in [var.tracing] : {
        Sid      = "Trace"
        Effect   = "Allow"
        Action   = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = ["*"]
      } if on],
      [for keys in [compact([var.kms_key_arns.machine, local.bucket == null ? null : var.kms_key_arns.bucket])] : {
        Sid      = "UseKeys"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = keys
    } if length(keys) > 0])
  })
}

# A group of its own: its metrics are this deployment's, and only its schedules may use the role.
resource "aws_scheduler_schedule_group" "this" {
  count = var.schedule == null ? 0 : 1

  name = local.global_name
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:Nothing in the event is secret
  count = var.schedule == null ? 0 : 1

  name                         = var.name
  description                  = "Starts ${var.name}"
  group_name                   = aws_scheduler_schedule_group.this[0].name
  schedule_expression          = var.schedule.expression
  schedule_expression_timezone = var.schedule.timezone
  state                        = var.schedule.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode                      = var.schedule.flexible_window_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.schedule.flexible_window_minutes == 0 ? null : var.schedule.flexible_window_minutes
  }

  # By name: started twice is started once. `jsonencode` escapes < and >, which Scheduler needs to see.
  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:sfn:startExecution"
    role_arn = aws_iam_role.schedule[0].arn
    input    = replace(replace(jsonencode({ StateMachineArn = local.machine_arn, Name = "<aws.scheduler.execution-id>", Input = "{}" }), "\\u003c", "<"), "\\u003e", ">")

    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 3600
    }

    dead_letter_config {
      arn = aws_sqs_queue.failures.arn
    }
  }

  depends_on = [aws_iam_role_policy.schedule, aws_sfn_state_machine.this]
}

resource "aws_iam_role" "schedule" {
  count = var.schedule == null ? 0 : 1

  name                 = "${local.global_name}-schedule"
  path                 = var.role_path
  description          = "What the schedule of ${var.name} may do"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = {
        "aws:SourceAccount" = local.account_id
        "aws:SourceArn"     = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${local.global_name}"
      } }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  count = var.schedule == null ? 0 : 1

  name = "schedule"
  role = aws_iam_role.schedule[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      { Sid = "Start", Effect = "Allow", Action = ["states:StartExecution"], Resource = [local.machine_arn] },
      { Sid = "KeepFailures", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [local.queue_arn] },
      ], [for key in var.kms_key_arns.queues[*] : { Sid = "EncryptFailures", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [key] }
    ])
  })
}

# Of events that never reached the state machine.
resource "aws_sqs_queue" "failures" {
  name                      = local.queue
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.kms_key_arns.queues == null ? true : null
  kms_master_key_id         = var.kms_key_arns.queues
  tags                      = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncrypted"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = local.queue_arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
