locals {
  # Those of one function that are about runs, and those of the state machine.
  of_runs = [for name, rule in jsondecode(file("${local.shared}/alarms.json")) : name if contains(["EcrCleanup", "AWS/Logs", "AWS/Scheduler"], try(rule.namespace, "")) && name != "no-run"]
  filled = { for name, file in { runs = "alarms.json", machine = "alarms-machine.json" } : name => jsondecode(templatefile("${local.shared}/${file}", {
    name         = var.name
    global_name  = local.global_name
    log_group    = local.log_group
    machine_arn  = local.machine_arn
    silent_hours = var.alarms.silent_hours
    long_run_ms  = 0
  })) }
  alarms = merge({ for name in local.of_runs : name => local.filled.runs[name] }, local.filled.machine)
  # Without a schedule nobody expects runs.
  wanted_alarms = sort([for name, rule in local.alarms : name if var.alarms.enabled && (rule.default || contains(var.alarms.also, name)) && (name != "evidence-old" || try(var.schedule.enabled, false))])
  # These ring together, by an alarm of their own: one refusal rings once.
  quiet_alarms = [for name in local.wanted_alarms : name if !local.alarms[name].urgent]
  every_alarm  = sort(concat(local.wanted_alarms, [for name in ["attention"] : name if length(local.quiet_alarms) > 0]))
  alarm_arns   = [for name in local.every_alarm : "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.name}-${name}"]
  actions      = concat(var.alarms.actions, local.topic[*])

  regions = jsondecode(file("${local.shared}/regions.json"))
  console = "${local.region}.${lookup(local.regions.consoles, local.partition, "console.aws.amazon.com")}"
  dashboard = jsondecode(templatefile("${local.shared}/dashboard-machine.json", {
    name             = var.name
    global_name      = local.global_name
    mode             = upper(var.mode)
    region           = local.region
    console          = local.console
    log_group        = local.log_group
    log_group_in_url = replace(local.log_group, "/", "$252F")
    machine_arn      = local.machine_arn
    stop_command     = "aws s3api put-object --bucket ${local.state[0]} --key ${join("/", concat(slice(local.state, 1, length(local.state)), ["stop"]))}"
    alarm_arns       = join("\",\"", local.alarm_arns)
  }))
}

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:Alarms cannot publish to a topic that is encrypted by the key of SNS; `kms_key_arns`
  count = length(var.notification_emails) > 0 ? 1 : 0

  name              = "${var.name}-notifications"
  kms_master_key_id = var.kms_key_arns.topic
  tags              = var.tags
}

resource "aws_sns_topic_subscription" "this" {
  for_each = toset(var.notification_emails)

  topic_arn = aws_sns_topic.this[0].arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = toset(local.wanted_alarms)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = local.alarms[each.key].description
  namespace           = local.alarms[each.key].namespace
  metric_name         = local.alarms[each.key].metric
  dimensions          = local.alarms[each.key].dimensions
  statistic           = local.alarms[each.key].statistic
  period              = local.alarms[each.key].period
  comparison_operator = local.alarms[each.key].comparison
  threshold           = local.alarms[each.key].threshold
  evaluation_periods  = local.alarms[each.key].periods
  treat_missing_data  = local.alarms[each.key].missing
  alarm_actions       = local.alarms[each.key].urgent ? local.actions : null
  ok_actions          = local.alarms[each.key].urgent ? local.actions : null
  tags                = var.tags
}

resource "aws_cloudwatch_composite_alarm" "attention" {
  count = length(local.quiet_alarms) > 0 ? 1 : 0

  alarm_name        = "${var.name}-attention"
  alarm_description = "One or more alarms of ${var.name} went off; it rings for the first of them. Runbook: Alarms."
  alarm_rule        = join(" OR ", [for name in local.quiet_alarms : "ALARM(\"${var.name}-${name}\")"])
  alarm_actions     = local.actions
  ok_actions        = local.actions
  tags              = var.tags

  depends_on = [aws_cloudwatch_metric_alarm.this]

  lifecycle {
    precondition {
      condition     = length(setsubtract(var.alarms.also, keys(local.alarms))) == 0
      error_message = "`alarms.also` names an alarm that there is not; there are ${join(", ", keys(local.alarms))}."
    }
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = local.global_name
  dashboard_body = jsonencode(merge(local.dashboard, {
    widgets = [for widget in local.dashboard.widgets : widget if widget.type != "alarm" || length(local.alarm_arns) > 0]
  }))
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = var.dashboard ? jsondecode(file("${local.shared}/queries.json")) : {}

  name            = "${var.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.function.name]
  query_string    = each.value
}
