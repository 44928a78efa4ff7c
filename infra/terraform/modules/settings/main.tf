# What the function is told: its configuration document, its schedule's event, the console's test events. No provider,
# so that every decision in here is tested in milliseconds.

variable "mode" {
  description = "See the root module."
  type        = string
}

variable "config" {
  description = "See the root module."
  type        = any
}

variable "account_id" {
  description = "The account that the function runs in. Images are touched in it and in the accounts of the registries, unless `guards` say otherwise."
  type        = string
}

variable "bucket" {
  description = "The bucket for state and reports, or null."
  type        = string
}

variable "topic" {
  description = "The topic that is notified of runs, or null."
  type        = string
}

variable "events_dir" {
  description = "The folder of the program's event files."
  type        = string
}

locals {
  # The account of a registry is in the ARN of the role that cleans it.
  expected = distinct(concat([var.account_id], [for registry in try(var.config.registries, []) : split(":", registry.role_arn)[4] if can(length(registry.role_arn))]))
  guards   = merge({ expected_accounts = local.expected }, try(var.config.guards, {}))
  created = merge(
    { for name, folder in { state = "state", report = "reports" } : name => "s3://${coalesce(var.bucket, "none")}/${folder}" if var.bucket != null },
    { for topic in var.topic[*] : "notify" => topic },
  )
  # The topic besides whoever is told already.
  told     = try(tolist(var.config.notify), [var.config.notify], [])
  notified = length(local.told) > 0 && var.topic != null ? { notify = distinct(concat([var.topic], local.told)) } : {}
  document = merge({ version = 1 }, local.created, var.config, local.notified, { mode = var.mode, guards = local.guards })

  # What Scheduler sends without an input, spelt out: what is tested is what arrives. `jsonencode` escapes < and >,
  # which Scheduler needs to see.
  scheduled_event = jsonencode({
    version       = "0"
    id            = "<aws.scheduler.execution-id>"
    "detail-type" = "Scheduled Event"
    source        = "aws.scheduler"
    time          = "<aws.scheduler.scheduled-time>"
    resources     = ["<aws.scheduler.schedule-arn>"]
    detail        = {}
  })

  # A click on "Test" offers deleting only where deleting is what the function is for.
  event_files = [for file in fileset(var.events_dir, "*.json") : file if var.mode == "delete" || !contains(["manual-delete.json", "manual-saved-plan.json"], file)]
}

output "document" {
  description = "The configuration document, as the program reads it."
  value       = jsonencode(local.document)
}

output "schedule_input" {
  description = "The event that the schedule sends."
  value       = replace(replace(local.scheduled_event, "\\u003c", "<"), "\\u003e", ">")
}

output "test_events" {
  description = "The console's shareable test events, as the schema that Lambda's console reads them from."
  value = jsonencode({
    openapi = "3.0.0"
    info    = { title = "Event", version = "1.0.0" }
    paths   = {}
    components = {
      schemas  = { Event = { type = "object" } }
      examples = { for file in local.event_files : trimsuffix(file, ".json") => { value = jsondecode(file("${var.events_dir}/${file}")) } }
    }
  })
}
