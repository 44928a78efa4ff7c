locals {
  alarms = jsondecode(templatefile("${local.shared}/alarms.json", {
    name         = var.name
    global_name  = local.global_name
    log_group    = local.log_group
    silent_hours = var.alarms.silent_hours
    long_run_ms  = var.timeout * 900
  }))
  # Known before the Region is, which it is not while the module waits for something (`depends_on`).
  alarm_rules = jsondecode(file("${local.shared}/alarms.json"))
  # Without a schedule nobody expects runs.
  wanted_alarms = [for name, rule in local.alarm_rules : name if var.alarms.enabled && (rule.default || contains(var.alarms.also, name)) && (name != "no-run" || try(var.schedule.enabled, false))]
  # These ring together, by an alarm of their own: one refusal rings once.
  quiet_alarms = [for name in local.wanted_alarms : name if !local.alarm_rules[name].urgent]
  every_alarm  = sort(concat(local.wanted_alarms, [for name in ["attention"] : name if length(local.quiet_alarms) > 0]))
  alarm_arns   = [for name in local.every_alarm : "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.name}-${name}"]
  actions      = concat(var.alarms.actions, local.topic[*])
  urgent       = length(var.alarms.urgent_actions) > 0 ? var.alarms.urgent_actions : local.actions

  # A placeholder is part of a string, also where CloudWatch takes only a number.
  dashboard = jsondecode(replace(templatefile("${local.shared}/dashboard.json", {
    name             = var.name
    global_name      = local.global_name
    mode             = upper(var.mode)
    region           = local.region
    console          = local.console
    timeout          = var.timeout
    log_group        = local.log_group
    stop_command     = local.stop_command
    log_group_in_url = replace(local.log_group, "/", "$252F")
    alarm_arns       = join("\",\"", local.alarm_arns)
  }), "/\"number:([0-9]+)\"/", "$1"))
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
  namespace           = try(local.alarms[each.key].namespace, null)
  metric_name         = try(local.alarms[each.key].metric, null)
  dimensions          = try(local.alarms[each.key].dimensions, null)
  statistic           = can(local.alarms[each.key].expression) ? null : local.alarms[each.key].statistic
  period              = can(local.alarms[each.key].expression) ? null : local.alarms[each.key].period
  comparison_operator = local.alarms[each.key].comparison
  threshold           = local.alarms[each.key].threshold
  evaluation_periods  = local.alarms[each.key].periods
  treat_missing_data  = local.alarms[each.key].missing
  alarm_actions       = local.alarms[each.key].urgent ? local.urgent : null
  ok_actions          = local.alarms[each.key].urgent ? local.urgent : null
  tags                = var.tags

  dynamic "metric_query" {
    for_each = try(local.alarms[each.key].metrics, {})
    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = local.alarms[each.key].statistic
        period      = local.alarms[each.key].period
      }
    }
  }

  dynamic "metric_query" {
    for_each = try([local.alarms[each.key].expression], [])
    content {
      id          = "all"
      expression  = metric_query.value
      label       = each.key
      return_data = true
    }
  }
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
      condition     = length(setsubtract(var.alarms.also, keys(local.alarm_rules))) == 0
      error_message = "`alarms.also` names an alarm that there is not; there are ${join(", ", keys(local.alarm_rules))}."
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

# Where Lambda's console keeps shareable test events.
resource "aws_schemas_registry" "test_events" {
  count = local.test_events && var.test_events.create_registry ? 1 : 0

  name        = "lambda-testevent-schemas"
  description = "Shareable test events of Lambda functions"
  tags        = var.tags
}

resource "aws_schemas_schema" "test_events" {
  count = local.test_events ? 1 : 0

  name          = "_${var.name}-schema"
  registry_name = try(aws_schemas_registry.test_events[0].name, "lambda-testevent-schemas")
  type          = "OpenApi3"
  description   = "Shareable test events of ${var.name}"
  content       = module.settings.test_events
  tags          = var.tags
}
