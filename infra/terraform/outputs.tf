output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "role_arn" {
  description = "ARN of the function's role: what EKS access entries and roles in other accounts name."
  value       = aws_iam_role.function.arn
}

output "role_name" {
  description = "Name of the function's role."
  value       = aws_iam_role.function.name
}

output "alias_arn" {
  description = "The alias that schedule and commands run; null without `publish`."
  value       = one(aws_lambda_alias.live[*].arn)
}

output "vpc_endpoints" {
  description = "What the function calls with this configuration, in a VPC without a way to the internet: the `services` to make endpoints of, named as the data source `aws_vpc_endpoint_service` takes them, and the `others`, which have none in this Region. They reach this Region alone: other Regions (`in_use.regions`, `registries`) and webhooks need a way to the internet, each EKS cluster its private endpoint. What Lambda itself does (logs, records of failed runs) needs none."
  value       = module.policy.vpc_endpoints
}

output "policy_json" {
  description = "Everything that the function may do, for review."
  value       = module.policy.json
}

output "config_json" {
  description = "The configuration document, as `ecr-cleanup check-config` reads it."
  value       = module.settings.document
}

output "log_group_name" {
  description = "Where the function logs."
  value       = aws_cloudwatch_log_group.function.name
}

output "failure_queue_urls" {
  description = "The queues of events that never reached the function (`schedule`) and of runs that failed (`function`)."
  value       = { for name, queue in aws_sqs_queue.failures : name => queue.id }
}

output "alarm_arns" {
  description = "The alarms, by name."
  value       = merge({ for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.arn }, { for alarm in aws_cloudwatch_composite_alarm.attention : "attention" => alarm.arn })
}

output "topic_arn" {
  description = "The topic that is notified of alarms and of runs; null without `notification_emails`."
  value       = one(aws_sns_topic.this[*].arn)
}

output "bucket" {
  description = "The bucket for state and reports; null without `create_bucket`."
  value       = one(aws_s3_bucket.this[*].id)
}

output "dashboard_url" {
  description = "The dashboard; null without one."
  value       = var.dashboard ? "https://${local.console}/cloudwatch/home?region=${local.region}#dashboards/dashboard/${local.global_name}" : null
}

output "invoke_commands" {
  description = "Ready to paste into a shell with the AWS CLI, version 1 or 2, by what they do. `run` does what the schedule does."
  value = {
    for name, event in {
      plan    = { mode = "plan" }
      explain = { explain = "REPOSITORY:TAG" }
      run     = { mode = var.mode }
    } : name => "echo '${jsonencode(event)}' | aws lambda invoke --region ${local.region} --function-name ${var.name}${var.publish ? " --qualifier live" : ""} --cli-read-timeout 910 --payload fileb:///dev/stdin /dev/stdout"
  }
}

output "stop_command" {
  description = "The emergency stop. With a `state`, the object that ends deletion before its next batch, in every account; `ecr-cleanup go` removes it. Without one no further run starts, until `terraform apply` undoes it."
  value       = local.stop_command
}
