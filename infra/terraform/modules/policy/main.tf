# What the function may do, as one policy document: exactly the actions that its mode and its sources need. No provider.

variable "mode" {
  description = "See the root module."
  type        = string
}

variable "config" {
  description = "See the root module."
  type        = any
}

variable "sources" {
  description = "Which sources of use are on, by name."
  type        = map(bool)
}

variable "permissions" {
  description = "Who needs what: the content of infra/shared/permissions.json."
  type        = any
}

variable "partition" {
  description = "The AWS partition."
  type        = string
}

variable "region" {
  description = "The Region that the function runs in."
  type        = string
}

variable "account_id" {
  description = "The account that the function runs in."
  type        = string
}

variable "cleanable_repositories" {
  description = "See the root module."
  type        = list(string)
}

variable "protect_tag" {
  description = "See the root module."
  type        = object({ key = string, value = string })
}

variable "log_group" {
  description = "The function's log group."
  type        = string
}

variable "failure_queue_arn" {
  description = "Where records of failed runs go."
  type        = string
}

variable "parameter" {
  description = "The parameter that holds the configuration, or null."
  type        = string
}

variable "bucket" {
  description = "The bucket for state and reports, or null."
  type        = string
}

variable "in_vpc" {
  description = "Whether the function runs in a VPC."
  type        = bool
}

variable "function_arn" {
  description = "The function."
  type        = string
}

locals {
  # Archived images are deleted in mode `archive` too, where the configuration says when.
  deletes = var.mode == "delete" || (var.mode == "archive" && can(var.config.archive.delete_after))

  # In other accounts the roles there decide.
  regions      = distinct([for registry in try(var.config.registries, [{}]) : try(registry.region, var.region) if !can(length(registry.role_arn))])
  repositories = [for region in local.regions : "arn:${var.partition}:ecr:${region}:${var.account_id}:repository"]
  resources = {
    all                    = ["*"]
    repositories           = [for prefix in local.repositories : "${prefix}/*"]
    cleanable_repositories = [for pair in setproduct(local.repositories, var.cleanable_repositories) : join("/", pair)]
  }

  granted = concat(
    var.permissions.registry,
    flatten([for name, on in var.sources : var.permissions.sources[name] if on]),
    flatten([for name in try(var.config.in_use.services, []) : var.permissions.services[name]]),
    [for one in var.permissions.archive : one if var.mode != "plan"],
    [for one in var.permissions.delete : one if local.deletes],
  )
  for_the_program = [for one in local.granted : {
    Sid = one.sid, Effect = "Allow", Action = one.actions, Resource = local.resources[one.resources]
  }]

  # Conditional expressions cannot choose between tuples of different shapes; `for` and `if` can.
  protected = [for tag in var.protect_tag[*] : {
    Sid       = "LeaveProtectedRepositories"
    Effect    = "Deny"
    Action    = flatten([for one in concat(var.permissions.archive, var.permissions.delete) : one.actions])
    Resource  = ["*"]
    Condition = { StringEquals = { "aws:ResourceTag/${tag.key}" = tag.value } }
  } if var.mode != "plan"]

  roles = distinct([
    for one in concat(try(var.config.registries, []), try(var.config.in_use.accounts, [])) : one.role_arn if can(length(one.role_arn))
  ])
  keep_lists = [for uri in try(var.config.in_use.keep_lists, []) : "arn:${var.partition}:s3:::${trimprefix(uri, "s3://")}"]
  bucket     = "arn:${var.partition}:s3:::${coalesce(var.bucket, "none")}"
  parameter  = "arn:${var.partition}:ssm:${var.region}:${var.account_id}:parameter/${trimprefix(coalesce(var.parameter, "none"), "/")}"

  # Without the right to list, a key that is not there cannot be told from one that is forbidden.
  optional = [
    { when = length(local.roles) > 0, sid = "AssumeRoles", actions = ["sts:AssumeRole"], resources = local.roles },
    { when = length(local.keep_lists) > 0, sid = "ReadKeepLists", actions = ["s3:GetObject"], resources = local.keep_lists },
    { when = length(local.keep_lists) > 0, sid = "ListKeepLists", actions = ["s3:ListBucket"], resources = distinct([for arn in local.keep_lists : split("/", arn)[0]]) },
    { when = var.bucket != null, sid = "KeepState", actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], resources = ["${local.bucket}/state/*"] },
    { when = var.bucket != null, sid = "WriteReports", actions = ["s3:PutObject"], resources = ["${local.bucket}/reports/*"] },
    { when = var.bucket != null, sid = "ListBucket", actions = ["s3:ListBucket"], resources = [local.bucket] },
    { when = var.parameter != null, sid = "ReadConfiguration", actions = ["ssm:GetParameter"], resources = [local.parameter] },
    { when = can(length(var.config.notify)), sid = "Notify", actions = ["sns:Publish"], resources = [try(var.config.notify, "")] },
  ]
  configured = [for one in local.optional : { Sid = one.sid, Effect = "Allow", Action = one.actions, Resource = one.resources } if one.when]

  # What Lambda itself does in the function's name. There is no logs:CreateLogGroup: a log group that somebody deleted
  # would come back without its retention.
  for_lambda = [
    { Sid = "WriteLog", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:${var.log_group}:*"] },
    { Sid = "KeepFailures", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [var.failure_queue_arn] },
  ]
  network_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]
  # For Lambda alone, not for the code that runs in it ("Giving Lambda functions access to resources in an Amazon VPC").
  network = [
    { Sid = "ConnectToVpc", Effect = "Allow", Action = local.network_actions, Resource = ["*"] },
    { Sid = "LeaveNetworkAlone", Effect = "Deny", Action = local.network_actions, Resource = ["*"], Condition = { ArnEquals = { "lambda:SourceFunctionArn" = [var.function_arn] } } },
  ]

  json = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.for_the_program, local.configured, local.protected, local.for_lambda,
      [for statement in local.network : statement if var.in_vpc],
    )
  })
}

output "json" {
  description = "The policy of the function's role."
  value       = local.json

  precondition {
    condition     = length(local.json) <= 10240
    error_message = "The role's policy is ${length(local.json)} characters long, and IAM takes 10,240: write fewer or shorter patterns in `cleanable_repositories`."
  }
}
