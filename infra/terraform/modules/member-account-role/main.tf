# A role in another account, with which the function reads what is in use there and, where that is asked for, cleans its
# registry.

variable "name" {
  description = "Name of the role."
  type        = string
  default     = "ecr-cleanup-reader"
}

variable "path" {
  description = "Path of the role."
  type        = string
  default     = "/"
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of the role. null: none."
  type        = string
  default     = null
}

variable "function_role_arn" {
  description = "The function's role: the root module's output `role_arn`. For functions in several Regions, with * for any characters: `arn:aws:iam::111111111111:role/ecr-cleanup-*`."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/.+$", var.function_role_arn))
    error_message = "`function_role_arn` is the ARN of a role."
  }
}

variable "external_id" {
  description = "What the function has to say to be let in: `external_id` of its configuration. Keeps several deployments apart."
  type        = string
}

variable "organization_id" {
  description = "The organization that the function's account has to be in, such as `o-abc123def4`. null: any."
  type        = string
  default     = null

  validation {
    condition     = var.organization_id == null || can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "`organization_id` is an ID such as o-abc123def4."
  }
}

variable "sources" {
  description = "What is read here: the names of the sources of use that are on in the function's configuration, such as `ecs`, `eks`, `lambda` and `cloudformation`. Every one, unless some are named."
  type        = set(string)
  default = [
    "ecs", "eks", "lambda", "cloudformation",
    "app_runner", "batch", "bedrock_agentcore", "codebuild", "eventbridge", "lightsail", "pipes", "sagemaker", "scheduler", "step_functions",
  ]

  validation {
    condition     = length(var.sources) > 0
    error_message = "`sources` are one or more of `ecs`, `eks`, `lambda` and `cloudformation`, and of what `in_use.services` accepts."
  }
}

variable "registry" {
  description = "For an account whose images are cleaned: its Regions, and the function's `mode`; `deletes_archived` where the configuration has `archive.delete_after`, `reads_tags` where it has `policy_tag` or `repository_tags`. null: the role only reads what is in use."
  type = object({
    regions          = list(string)
    mode             = optional(string, "plan")
    deletes_archived = optional(bool, false)
    reads_tags       = optional(bool, false)
  })
  default = null

  validation {
    condition     = try(contains(["plan", "archive", "delete"], var.registry.mode) && length(var.registry.regions) > 0, var.registry == null)
    error_message = "`registry` has `regions`, and a `mode`: `plan`, `archive` or `delete`."
  }
}

variable "reads_recorded_task_definitions" {
  description = "Whether the function reads with this role what AWS Config has recorded of task definitions: `config_recorder: auto` of `in_use.ecs`."
  type        = bool
  default     = false
}

variable "lists_accounts" {
  description = "Whether the function lists the accounts of the organization with this role: `list_role_arn` of `in_use.organization`. Only the management account and delegated administrators may."
  type        = bool
  default     = false
}

variable "cleanable_repositories" {
  description = "Names of the repositories here that the role may delete or archive in, with * for any characters."
  type        = list(string)
  default     = ["*"]
}

variable "protect_tag" {
  description = "A repository with this tag is never written to. null: no such tag."
  type        = object({ key = string, value = string })
  default     = { key = "ecr-cleanup", value = "protect" }
}

variable "exclude_from_pull_times" {
  description = "Whether the role is excluded from the pull times of ECR in this account and Region, so that its reading of manifests counts as no pull: for an account whose images are cleaned by rules that have `pulled_within`."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags for the role."
  type        = map(string)
  default     = {}
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  permissions = jsondecode(file("${path.module}/../../shared/permissions.json"))
  function    = regex("^arn:(?P<partition>[a-z-]+):iam::(?P<account>[0-9]{12}):", var.function_role_arn)
}

module "policy" {
  source = "../policy"

  document = merge(
    {
      mode       = try(var.registry.mode, "plan")
      registries = [for region in try(var.registry.regions, []) : { region = region }]
      in_use = merge(
        { for name in local.permissions.on_unless_false : name => contains(var.sources, name) },
        # Those of the function's own account alone are found.
        { services = tolist(setsubtract(var.sources, local.permissions.on_unless_false)), regions = "own" },
        { for reads in [var.reads_recorded_task_definitions && contains(var.sources, "ecs")] : "ecs" => { config_recorder = "auto" } if reads },
        { for lists in [var.lists_accounts] : "organization" => {} if lists },
      )
    },
    { for reads in [try(var.registry.reads_tags, false)] : "policy_tag" => "set" if reads },
    { for deletes in [try(var.registry.deletes_archived, false)] : "archive" => { delete_after = "set" } if deletes },
  )
  permissions            = local.permissions
  partition              = data.aws_partition.current.partition
  region                 = null
  account_id             = data.aws_caller_identity.current.account_id
  cleanable_repositories = var.cleanable_repositories
  protect_tag            = var.protect_tag
}

resource "aws_iam_role" "this" {
  name                 = var.name
  path                 = var.path
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
  # By condition rather than as principal: a role that is created anew under the same name is let in again.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:${local.function.partition}:iam::${local.function.account}:root" }
      Condition = {
        ArnEquals    = { "aws:PrincipalArn" = var.function_role_arn }
        StringEquals = merge({ "sts:ExternalId" = var.external_id }, { for id in var.organization_id[*] : "aws:PrincipalOrgID" => id })
      }
    }]
  })
}

resource "aws_cloudcontrolapi_resource" "pull_time_update_exclusion" {
  count = var.exclude_from_pull_times ? 1 : 0

  type_name     = "AWS::ECR::PullTimeUpdateExclusion"
  desired_state = jsonencode({ PrincipalArn = aws_iam_role.this.arn })
}

resource "aws_iam_role_policy" "this" {
  name   = "function"
  role   = aws_iam_role.this.name
  policy = module.policy.json
}

output "policy_json" {
  description = "Everything that the role may do, for review."
  value       = module.policy.json
}

output "role_arn" {
  description = "For `role_arn` in `in_use.accounts`, or in `registries`, of the function's configuration."
  value       = aws_iam_role.this.arn
}
