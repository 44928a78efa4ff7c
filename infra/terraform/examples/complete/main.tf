# Most of what can be set, for a team that deletes.

variable "mode" {
  description = "`plan`, `archive` or `delete`."
  type        = string
  default     = "delete"
}

variable "zip_path" {
  description = "The function's zip, of a release or as `make package` builds it."
  type        = string
  default     = "../../../../dist/ecr-cleanup-arm64.zip"
}

variable "in_use" {
  description = "Where use of images is looked for."
  type        = any
  default     = { ecs = { task_definitions = "active" } }
}

variable "vpc" {
  description = "Subnets and security groups that reach private EKS endpoints. null: in no VPC."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null
}

module "ecr_cleanup" {
  source = "../.."

  name      = "ecr-cleanup-team"
  role_path = "/platform/"
  tags      = { team = "platform" }
  package   = { zip_path = var.zip_path }

  mode          = var.mode
  config_store  = "parameter"
  create_bucket = true
  vpc           = var.vpc
  config = {
    policies = [
      { repositories = ["mirror/**"], leave_alone = true },
      { repositories = ["team/**"], keep = [
        { name = "latest", tags = "(^|[._-])latest($|[._-])" },
        { name = "branches", tags = "^(?P<branch>.+)-SNAPSHOT", per = "branch", newest = 2, newest_groups = 20 },
        { name = "releases", tags = "^v?[0-9]+[.]", except = "SNAPSHOT", newest = 15, by = "version" },
        { name = "settling", untagged = true, pushed_within = "1d" },
      ] },
    ]
    in_use = var.in_use
    guards = { max_deletions_per_run = 2000, max_percent_per_repository = 80 }
    cost   = { usd_per_gb_month = 0.10 }
  }
  cleanable_repositories = ["team/*"]
  state_writers          = ["arn:aws:iam::123456789012:role/operators"]
  protect_tag            = { key = "images", value = "keep" }

  schedule             = { expression = "cron(30 2 ? * MON-FRI *)", timezone = "Europe/Berlin", flexible_window_minutes = 30 }
  timeout              = 600
  memory_size          = 256
  reserved_concurrency = 1

  log_retention_days  = 365
  alarms              = { silent_hours = 74, also = ["images-failed", "duration"], urgent_actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  notification_emails = ["platform@example.com"]
}

output "ecr_cleanup" {
  description = "Everything that the module says."
  value       = module.ecr_cleanup
}
