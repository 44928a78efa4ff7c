variable "name" {
  description = "Prefix of the functions, the state machine and everything else."
  type        = string
  default     = "ecr-cleanup"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,39}$", var.name))
    error_message = "`name` is 1 to 39 letters, digits, - and _."
  }
}

variable "tags" {
  description = "Tags for every resource that takes them."
  type        = map(string)
  default     = {}
}

variable "package" {
  description = "The functions' code, one for all: `zip_path`, a file of a release or of `make package`; or `s3`, an object in a bucket of this Region, of which `sha256_base64` or `object_version` makes a new object an update."
  type = object({
    zip_path = optional(string)
    s3       = optional(object({ bucket = string, key = string, object_version = optional(string), sha256_base64 = optional(string) }))
  })

  validation {
    condition     = length([for one in [var.package.zip_path, var.package.s3] : one if one != null]) == 1
    error_message = "`package` needs one of `zip_path` and `s3`."
  }

  validation {
    condition     = try(var.package.s3.object_version != null || var.package.s3.sha256_base64 != null, true)
    error_message = "`package.s3` needs `object_version` or `sha256_base64`; without one, Terraform does not see that the object changed."
  }
}

variable "architecture" {
  description = "What the package was built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "`architecture` is `arm64` or `x86_64`."
  }
}

variable "mode" {
  description = "The most that a run may do: `plan`, `archive` or `delete`. In `plan` no role has a permission to delete or archive anything."
  type        = string
  default     = "plan"

  validation {
    condition     = contains(["plan", "archive", "delete"], var.mode)
    error_message = "`mode` is `plan`, `archive` or `delete`."
  }
}

variable "config" {
  description = "The rest of the configuration document, as for the root module: `in_use.organization`, `registries`, `policies`, ... `state` and `report` follow `create_bucket`. It is kept as an object in that bucket, or in `config_bucket`."
  type        = any
  default     = {}

  validation {
    condition     = can(keys(var.config)) && !can(length(var.config.mode))
    error_message = "`config` is an object without `mode`, which is a variable of its own."
  }
}

variable "create_bucket" {
  description = "Whether to create a private, versioned bucket for state, evidence and reports. Without it, `config` needs a `state`, and `config_bucket` is where the configuration is kept."
  type        = bool
  default     = true
}

variable "config_bucket" {
  description = "A bucket of this account for the object that holds the configuration. null: that of `create_bucket`."
  type        = string
  default     = null
}

variable "state_writers" {
  description = "ARNs of roles and users besides the functions' roles that may write the state in the bucket of `create_bucket`, with * for any characters."
  type        = list(string)
  default     = []
}

variable "role_patterns" {
  description = "ARNs of roles in accounts of the functions' own organization, with * for any characters, by which accounts are read."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for pattern in var.role_patterns : can(regex("^arn:[a-z-]+:iam::[0-9*]+:role/[^*]", pattern))])
    error_message = "`role_patterns` are ARNs of roles whose names do not begin with *."
  }
}

variable "cleanable_repositories" {
  description = "Names of the repositories that the role of `clean` may delete or archive in, with * for any characters."
  type        = list(string)
  default     = ["*"]

  validation {
    condition     = length(var.cleanable_repositories) > 0 && alltrue([for name in var.cleanable_repositories : can(regex("^[a-z0-9*][a-z0-9._/*-]*$", name))])
    error_message = "`cleanable_repositories` is a list of repository names, with * for any characters."
  }
}

variable "protect_tag" {
  description = "A repository with this tag is never written to, whatever the configuration says. null: no such tag."
  type        = object({ key = string, value = string })
  default     = { key = "ecr-cleanup", value = "protect" }
}

variable "exclude_from_pull_times" {
  description = "Whether the role of `clean` is excluded from the pull times of ECR in this account and Region, so that its reading of manifests counts as no pull: where rules have `pulled_within` or `by: pulled`."
  type        = bool
  default     = false
}

variable "schedule" {
  description = "When the state machine runs. `expression` is `rate(...)`, `cron(...)` or `at(...)` of EventBridge Scheduler. null: no schedule."
  type = object({
    expression              = optional(string, "cron(0 3 * * ? *)")
    timezone                = optional(string, "UTC")
    flexible_window_minutes = optional(number, 15)
    enabled                 = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.schedule == null || can(regex("^(rate|cron|at)\\(.+\\)$", var.schedule.expression))
    error_message = "`schedule.expression` is `rate(...)`, `cron(...)` or `at(...)`."
  }
}

variable "concurrency" {
  description = "How many locations are read at the same time, 1 to 1000. Each is one invocation of a function: the account's limit of concurrent executions, 1,000 or, where it is new, less, is shared with everything else in it."
  type        = number
  default     = 50

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 1000
    error_message = "`concurrency` is 1 to 1000."
  }
}

variable "memory_size" {
  description = "Memory in MB of each function. `clean` holds the evidence of all locations."
  type        = object({ list = optional(number, 512), evidence = optional(number, 512), clean = optional(number, 2048), finish = optional(number, 512) })
  default     = {}

  validation {
    condition     = alltrue([for size in values(var.memory_size) : size >= 128 && size <= 10240])
    error_message = "`memory_size` is 128 to 10240 MB."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept; 0 is for ever."
  type        = number
  default     = 90
}

variable "log_level" {
  description = "`INFO`, `DEBUG` or `TRACE`. Nothing above INFO: Lambda would drop the metrics, which are lines of the log."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["INFO", "DEBUG", "TRACE"], var.log_level)
    error_message = "`log_level` is `INFO`, `DEBUG` or `TRACE`; anything above would drop the metrics."
  }
}

variable "log_kms_key_arn" {
  description = "The key that encrypts the log groups; its policy has to allow CloudWatch Logs. null: AWS's own."
  type        = string
  default     = null
}

variable "tracing" {
  description = "Whether AWS X-Ray traces the state machine."
  type        = bool
  default     = false
}

variable "role_path" {
  description = "The path of the roles."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([a-zA-Z0-9+=,.@_-]+/)*$", var.role_path))
    error_message = "`role_path` begins and ends with /."
  }
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of the roles. null: none."
  type        = string
  default     = null
}

variable "kms_key_arns" {
  description = "Keys of your own, by ARN: for the `bucket` and the `topic` and the `queues` that are created, the state `machine`, and the functions' `environment`. The roles are allowed to use them. Their policies have to let the account's IAM decide; for the topic besides, `cloudwatch.amazonaws.com` call `kms:Decrypt` and `kms:GenerateDataKey*`. null: AWS's own."
  type = object({
    bucket      = optional(string)
    topic       = optional(string)
    queues      = optional(string)
    machine     = optional(string)
    environment = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for arn in values(var.kms_key_arns) : arn == null || can(regex("^arn:[a-z-]+:kms:", arn))])
    error_message = "`kms_key_arns` are ARNs of keys."
  }
}

variable "alarms" {
  description = "`enabled`: the alarms `missing-images`, `nothing-deleted`, `executions-failed`, `evidence-old` and `not-started`, and those that `also` names. `actions` (ARNs, such as SNS topics) hear of them. `silent_hours`: after how many hours without an execution that ended well the evidence is old, up to 168."
  type = object({
    enabled      = optional(bool, true)
    also         = optional(list(string), [])
    actions      = optional(list(string), [])
    silent_hours = optional(number, 26)
  })
  default = {}

  validation {
    condition     = var.alarms.silent_hours >= 1 && var.alarms.silent_hours <= 168
    error_message = "`alarms.silent_hours` is 1 to 168: CloudWatch looks back for 7 days at most."
  }
}

variable "notification_emails" {
  description = "Addresses that hear of alarms, and of runs that deleted something, failed or were refused (`config.notify`), by an SNS topic that is created for them."
  type        = list(string)
  default     = []
}

variable "dashboard" {
  description = "Whether to create the CloudWatch dashboard and the saved Logs Insights queries."
  type        = bool
  default     = true
}
