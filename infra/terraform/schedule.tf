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
  description                  = "Runs ${var.name}"
  group_name                   = aws_scheduler_schedule_group.this[0].name
  schedule_expression          = var.schedule.expression
  schedule_expression_timezone = var.schedule.timezone
  state                        = var.schedule.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode                      = var.schedule.flexible_window_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.schedule.flexible_window_minutes == 0 ? null : var.schedule.flexible_window_minutes
  }

  target {
    arn      = var.publish ? aws_lambda_alias.live[0].arn : aws_lambda_function.this.arn
    role_arn = aws_iam_role.schedule[0].arn
    input    = module.settings.schedule_input

    retry_policy {
      maximum_retry_attempts       = 2
      maximum_event_age_in_seconds = 3600
    }

    dead_letter_config {
      arn = aws_sqs_queue.failures["schedule"].arn
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}

resource "aws_iam_role" "schedule" {
  count = var.schedule == null ? 0 : 1

  name                 = "${local.role_name}-schedule"
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
      { Sid = "Invoke", Effect = "Allow", Action = "lambda:InvokeFunction", Resource = var.publish ? "${local.function_arn}:live" : local.function_arn },
      { Sid = "KeepFailures", Effect = "Allow", Action = "sqs:SendMessage", Resource = local.queue_arns["schedule"] },
      ], [for key in var.kms_key_arns.queues[*] : { Sid = "EncryptFailures", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = key }
    ])
  })
}
