# A role in another account, with which the function reads what is in use there and nothing else. It never deletes.

variable "name" {
  description = "Name of the role."
  type        = string
  default     = "ecr-cleanup-reader"
}

variable "function_role_arn" {
  description = "The function's role: the root module's output `role_arn`."
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

variable "sources" {
  description = "What is read here: `ecs`, `eks`, `lambda`, and what `in_use.services` of the function's configuration names."
  type        = set(string)
  default     = ["ecs", "eks", "lambda"]

  validation {
    condition = length(var.sources) > 0 && length(setsubtract(var.sources, [
      "ecs", "eks", "lambda", "app_runner", "batch", "bedrock_agentcore", "codebuild", "eventbridge", "lightsail", "pipes",
      "sagemaker", "scheduler", "step_functions",
    ])) == 0
    error_message = "`sources` are one or more of `ecs`, `eks` and `lambda`, and of what `in_use.services` accepts."
  }
}

variable "tags" {
  description = "Tags for the role."
  type        = map(string)
  default     = {}
}

locals {
  permissions = jsondecode(file("${path.module}/../../../shared/permissions.json"))
  readable    = merge(local.permissions.sources, local.permissions.services)
  statements  = flatten([for name in var.sources : local.readable[name]])
  function    = regex("^arn:(?P<partition>[a-z-]+):iam::(?P<account>[0-9]{12}):", var.function_role_arn)
}

resource "aws_iam_role" "this" {
  name = var.name
  tags = var.tags
  # By condition rather than as principal: a role that is created anew under the same name is let in again.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:${local.function.partition}:iam::${local.function.account}:root" }
      Condition = {
        ArnEquals    = { "aws:PrincipalArn" = var.function_role_arn }
        StringEquals = { "sts:ExternalId" = var.external_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "read"
  role = aws_iam_role.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for one in local.statements : { Sid = one.sid, Effect = "Allow", Action = one.actions, Resource = "*" }]
  })
}

output "role_arn" {
  description = "For `in_use.accounts` of the function's configuration."
  value       = aws_iam_role.this.arn
}
