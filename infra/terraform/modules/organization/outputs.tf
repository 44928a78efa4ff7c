output "state_machine_arn" {
  description = "The state machine, which `aws stepfunctions start-execution` starts too."
  value       = aws_sfn_state_machine.this.arn
}

output "role_arns" {
  description = "ARNs of the functions' roles, by phase."
  value       = { for phase, role in aws_iam_role.function : phase => role.arn }
}

output "function_role_arn" {
  description = "All of these as one pattern, for `function_role_arn` of the roles in other accounts that only read. A role that cleans there takes `role_arns.clean`."
  value       = "arn:${local.partition}:iam::${local.account_id}:role${var.role_path}${local.role_name}"
}

output "policy_json" {
  description = "Everything that the functions may do, by phase, for review."
  value       = { for phase, policy in module.policy : phase => policy.json }
}

output "config_json" {
  description = "The configuration document, as `ecr-cleanup check-config` reads it."
  value       = module.settings.document
}

output "bucket" {
  description = "The bucket for state, evidence and reports; null without `create_bucket`."
  value       = one(aws_s3_bucket.this[*].id)
}

output "failure_queue_url" {
  description = "The queue of events that never reached the state machine."
  value       = aws_sqs_queue.failures.id
}

output "alarm_arns" {
  description = "The alarms, by name."
  value       = merge({ for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.arn }, { for alarm in aws_cloudwatch_composite_alarm.attention : "attention" => alarm.arn })
}

output "topic_arn" {
  description = "The topic that is notified of alarms and of runs; null without `notification_emails`."
  value       = one(aws_sns_topic.this[*].arn)
}

output "dashboard_url" {
  description = "The dashboard; null without one."
  value       = var.dashboard ? "https://${local.console}/cloudwatch/home?region=${local.region}#dashboards/dashboard/${local.global_name}" : null
}

output "start_command" {
  description = "Starts a run now. With `--name`, a second start of the same name is no second run."
  value       = "aws stepfunctions start-execution --region ${local.region} --state-machine-arn ${local.machine_arn}"
}

output "stop_command" {
  description = "The emergency stop: the object that ends deletion before its next batch, in every account; `ecr-cleanup go` removes it."
  value       = "aws s3api put-object --bucket ${local.state[0]} --key ${join("/", concat(slice(local.state, 1, length(local.state)), ["stop"]))}"
}
