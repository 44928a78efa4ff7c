variable "name" {
  description = "Name of the function and prefix of everything else. Tells several deployments in one account and Region apart; those in several Regions may share it."
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
  description = "The function's code: `zip_path`, a file of a release or of `make package`; `download`, the `url` of one and its SHA-256, without which it is not used, as `.base64sha256` beside it has it; or `s3`, an object in a bucket of this Region. `sha256_base64` or `object_version` makes a new object an update. `download` needs curl and openssl where Terraform runs."
  type = object({
    zip_path = optional(string)
    download = optional(object({ url = string, sha256_base64 = string }))
    s3       = optional(object({ bucket = string, key = string, object_version = optional(string), sha256_base64 = optional(string) }))
  })

  validation {
    condition     = length([for one in [var.package.zip_path, var.package.download, var.package.s3] : one if one != null]) == 1
    error_message = "`package` needs one of `zip_path`, `download` and `s3`."
  }

  validation {
    condition     = var.package.download == null ? true : can(regex("^https?://", var.package.download.url)) && can(regex("^[A-Za-z0-9+/]{43}=$", var.package.download.sha256_base64))
    error_message = "`package.download` needs a `url`, and as `sha256_base64` 44 characters: the SHA-256 of the file in base64."
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
  description = "The most that a run may do: `plan` (say what would go), `archive` or `delete`. In `plan` the function's role has no permission to delete or archive anything. An event can narrow this and never widen it."
  type        = string
  default     = "plan"

  validation {
    condition     = contains(["plan", "archive", "delete"], var.mode)
    error_message = "`mode` is `plan`, `archive` or `delete`."
  }
}

variable "config" {
  description = "The rest of the configuration document, as config.schema.json describes it: `policies`, `in_use`, `guards`, ... It is passed on as it is and the program refuses what it does not know, so `ecr-cleanup check-config` before applying saves a failed run. `mode` is a variable of its own; `guards.expected_accounts` is this account and those of `registries` unless set; `state` and `report` follow `create_bucket`; the topic of `notification_emails` is told besides those in `notify`."
  type        = any
  default     = {}

  validation {
    condition     = can(keys(var.config)) && !can(length(var.config.mode))
    error_message = "`config` is an object without `mode`, which is a variable of its own."
  }

  validation {
    condition = length(setsubtract(try(keys(var.config), []), [
      "mode", "version", "registries", "policies", "policy_tag", "in_use", "registry_aliases", "guards", "archive", "state", "report", "publish", "notify", "cost", "aws",
    ])) == 0
    error_message = "`config` has a key that the program does not know; config.schema.json lists them."
  }
}

variable "config_store" {
  description = "Where the configuration document is kept: `environment`, or, for a document that does not fit into the function's 4 KB of variables, `parameter`, an SSM parameter of up to 8 KB, or `s3`, an object in the bucket of `create_bucket`. Both are pinned by their SHA-256."
  type        = string
  default     = "environment"

  validation {
    condition     = contains(["environment", "parameter", "s3"], var.config_store)
    error_message = "`config_store` is `environment`, `parameter` or `s3`."
  }
}

variable "role_patterns" {
  description = "ARNs of roles in accounts of the function's own organization, with * for any characters, which the function may assume: `arn:aws:iam::*:role/ecr-cleanup-reader`. Roles that `config` names and that match none are allowed one by one; the role's policy has room for some sixty."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for pattern in var.role_patterns : can(regex("^arn:[a-z-]+:iam::[0-9*]+:role/[^*]", pattern))])
    error_message = "`role_patterns` are ARNs of roles whose names do not begin with *."
  }
}

variable "cleanable_repositories" {
  description = "Names of the repositories that the role may delete or archive in, with * for any characters: IAM's own limit, on top of what `config.policies` says."
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
  description = "Whether the function's role is excluded from the pull times of ECR in this account and Region, so that its reading of manifests counts as no pull. An account has room for 100 such roles. null: where a rule of `config` has `pulled_within` or `by: pulled`."
  type        = bool
  default     = null
}

variable "create_bucket" {
  description = "Whether to create a private, versioned bucket for state and reports. `terraform destroy` leaves it while it has reports."
  type        = bool
  default     = false
}

variable "state_writers" {
  description = "ARNs of roles and users besides the function's role that may write the state in the bucket of `create_bucket`, with * for any characters: of whoever types `ecr-cleanup accept-use` or `ecr-cleanup run`. `ecr-cleanup stop` and `go` are for everybody whose own permissions let them."
  type        = list(string)
  default     = []
}

variable "schedule" {
  description = "When the function runs. `expression` is `rate(...)`, `cron(...)` or `at(...)` of EventBridge Scheduler. null: no schedule."
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

  validation {
    condition     = try(var.schedule.flexible_window_minutes >= 0 && var.schedule.flexible_window_minutes <= 1440, var.schedule == null)
    error_message = "`schedule.flexible_window_minutes` is 0 to 1440; 0 is no window."
  }
}

variable "timeout" {
  description = "Seconds that a run may take, 60 to 900. The program ends by itself 45 seconds earlier, with its report."
  type        = number
  default     = 900

  validation {
    condition     = var.timeout >= 60 && var.timeout <= 900
    error_message = "`timeout` is 60 to 900 seconds."
  }
}

variable "memory_size" {
  description = "Memory in MB, 128 to 10240."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "`memory_size` is 128 to 10240 MB."
  }
}

variable "reserved_concurrency" {
  description = "Runs at the same time: 1, or 0 for an emergency stop. null reserves nothing, for accounts whose limit is too low to."
  type        = number
  default     = 1

  validation {
    condition     = try(contains([0, 1], var.reserved_concurrency), false) || var.reserved_concurrency == null
    error_message = "`reserved_concurrency` is 1, 0 or null."
  }
}

variable "vpc" {
  description = "Where the function runs to reach private EKS endpoints; the output `vpc_endpoints` says which services it needs a way to from there. null: in no VPC."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null

  validation {
    condition     = try(length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0, var.vpc == null)
    error_message = "`vpc` needs subnets and security groups."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept; 0 is for ever."
  type        = number
  default     = 90

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "`log_retention_days` is one of the values that CloudWatch Logs takes, such as 30, 90 or 365."
  }
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

variable "keep_log_group" {
  description = "Whether `terraform destroy` leaves the log group, which is the record of what was deleted. What is created again under its name has to import it first."
  type        = bool
  default     = false
}

variable "log_kms_key_arn" {
  description = "The key that encrypts the log group; its policy has to allow CloudWatch Logs. null: AWS's own."
  type        = string
  default     = null
}

variable "role_name" {
  description = "Name of the function's role; that of the schedule has `-schedule` behind it. Roles are global: in each Region of an account it is another. null: `name` and the Region."
  type        = string
  default     = null

  validation {
    condition     = var.role_name == null || can(regex("^[a-zA-Z0-9+=,.@_-]{1,55}$", var.role_name))
    error_message = "`role_name` is 1 to 55 letters, digits and +=,.@_-: with `-schedule` behind it, IAM takes 64."
  }
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

variable "kms_key_arns" {
  description = "Keys of your own, by ARN: for the `bucket` and the `topic` and the `queues` that are created, the `parameter`, which is a SecureString then, and the function's `environment`. The roles are allowed to use them. Their policies have to let the account's IAM decide; for the topic besides, `cloudwatch.amazonaws.com` call `kms:Decrypt` and `kms:GenerateDataKey*`, or alarms reach nobody. null: AWS's own."
  type = object({
    bucket      = optional(string)
    topic       = optional(string)
    queues      = optional(string)
    parameter   = optional(string)
    environment = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for arn in values(var.kms_key_arns) : arn == null || can(regex("^arn:[a-z-]+:kms:", arn))])
    error_message = "`kms_key_arns` are ARNs of keys."
  }
}

variable "code_signing_config_arn" {
  description = "The code signing configuration of the function. null: none."
  type        = string
  default     = null
}

variable "publish" {
  description = "Whether each change of the function is published as a version, of which the alias `live` names the last; schedule and commands run that. To go back is to point the alias at another version, which has its configuration with it only where `config_store` is `environment`, and refuses any other."
  type        = bool
  default     = false
}

variable "extra_statements" {
  description = "Statements to add to the policy of the function's role, such as the use of a key, or a deny, each with a `Sid`."
  type        = any
  default     = []

  validation {
    condition     = can([for one in var.extra_statements : "${one.Sid} ${one.Effect}"])
    error_message = "`extra_statements` is a list of statements with `Sid` and `Effect`."
  }
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of the roles. null: none."
  type        = string
  default     = null
}

variable "alarms" {
  description = "`enabled`: four alarms, `missing-images`, `no-run`, `nothing-deleted` and `queues`, and those that `also` names: `errors`, `sources-failed`, `images-failed`, `repositories-failed`, `unexplained-pulls`, `truncated`, `duration`, `events-dropped`, `schedule-errors`, `metrics-broken`. `actions` (ARNs, such as SNS topics) hear of them by one alarm, `attention`, which rings for the first; `urgent_actions` hear of `missing-images`, or `actions` do where there are none. `silent_hours`: after how many hours without a scheduled run that ended well there is an alarm, up to 168."
  type = object({
    enabled        = optional(bool, true)
    also           = optional(list(string), [])
    actions        = optional(list(string), [])
    urgent_actions = optional(list(string), [])
    silent_hours   = optional(number, 26)
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

variable "test_events" {
  description = "Shareable test events for the Lambda console, told apart by the function's name. `create`: unless set, where the Region has EventBridge Schemas, which keeps them; set it where the module has `depends_on`, since Terraform does not know the Region in time then. `create_registry`: an account and Region has one registry for all functions, `lambda-testevent-schemas`; where it is there already, by another deployment or since somebody shared an event in the console, applying fails with `ConflictException: Registry with name lambda-testevent-schemas already exists`: set this to false."
  type = object({
    create          = optional(bool)
    create_registry = optional(bool, true)
  })
  default = {}
}
