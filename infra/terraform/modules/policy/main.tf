# What the function may do, as one policy document: exactly the actions that its configuration needs. No provider.

variable "document" {
  description = "The configuration document, decoded."
  type        = any
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
  description = "The function's log group; null where the role is no function's."
  type        = string
  default     = null
}

variable "failure_queue_arn" {
  description = "Where records of failed runs go, or null."
  type        = string
  default     = null
}

variable "parameter" {
  description = "The parameter that holds the configuration, or null."
  type        = string
  default     = null
}

variable "config_object" {
  description = "The bucket and key of the object that holds the configuration, or null."
  type        = string
  default     = null
}

variable "role_patterns" {
  description = "See the root module."
  type        = list(string)
  default     = []
}

variable "keys" {
  description = "ARNs of the keys of what is only read, and of what is written besides."
  type        = object({ reading = list(string), writing = list(string) })
  default     = { reading = [], writing = [] }
}

variable "extra_statements" {
  description = "See the root module."
  type        = any
  default     = []
}

variable "in_vpc" {
  description = "Whether the function runs in a VPC."
  type        = bool
  default     = false
}

variable "function_arn" {
  description = "The function, or null."
  type        = string
  default     = null
}

variable "phase" {
  description = "What the function does of a distributed run: `list`, `evidence`, `clean` or `finish`. null: everything."
  type        = string
  default     = null
}

locals {
  # Everything is read unless it is switched off by `false`, services also where others are named.
  in_use   = try(var.document.in_use, {})
  every    = contains(["auto", "all"], try(tostring(local.in_use.services), can(local.in_use.services) ? "" : "auto"))
  services = local.every ? keys(var.permissions.services) : try(tolist(local.in_use.services), [])
  sources  = concat([for name in var.permissions.on_unless_false : name if try(local.in_use[name], {}) != false], local.services)
  listing  = try(var.permissions.regions[try(local.in_use.regions, "auto")], [])

  # An organization whose accounts are found and entered.
  organization = [for one in [try(local.in_use.organization, null)] : one if one != null]

  readable = merge(var.permissions.sources, var.permissions.services)

  # Archived images are deleted in mode `archive` too, where the configuration says when.
  archives = var.document.mode != "plan"
  deletes  = var.document.mode == "delete" || (local.archives && can(var.document.archive.delete_after))

  # AWS tags of repositories are read where they decide on policies.
  reads_tags = can(length(var.document.policy_tag)) || anytrue([for policy in try(var.document.policies, []) : can(length(policy.repository_tags))])

  # In other accounts the roles there decide.
  registries   = try(var.document.registries, [{}])
  roles        = compact([for one in concat(local.registries, try(local.in_use.accounts, []), [{ role_arn = try(local.organization[0].list_role_arn, null) }]) : try(one.role_arn, null)])
  regions      = distinct([for registry in local.registries : try(registry.region, var.region) if !can(length(registry.role_arn))])
  repositories = [for region in local.regions : "arn:${var.partition}:ecr:${region}:${var.account_id}:repository"]

  s3         = "arn:${var.partition}:s3:::"
  state      = [for uri in compact([try(var.document.state, null)]) : trim(replace(uri, "/^s3://([0-9]{12}@)?/", ""), "/")]
  reports    = [for uri in compact([try(var.document.report, null)]) : trim(replace(uri, "/^s3://([0-9]{12}@)?/", ""), "/")]
  published  = [for uri in compact([try(var.document.publish, null)]) : trim(replace(uri, "/^s3://([0-9]{12}@)?/", ""), "/")]
  keep_lists = [for uri in try(local.in_use.keep_lists, []) : replace(uri, "/^s3://([0-9]{12}@)?/", "")]
  documents  = [for policy in try(var.document.policies, []) : replace(policy.git.document, "/^s3://([0-9]{12}@)?/", "") if can(policy.git.document)]
  # A list that is named without a * is read without looking for it.
  patterns = [for path in local.keep_lists : regex("^(?P<bucket>[^/]+)/(?P<prefix>[^*]*)", path) if strcontains(path, "*")]

  notified = compact(try(tolist(var.document.notify), [var.document.notify], []))
  webhooks = { for scheme in ["ssm", "secret"] : scheme => [for one in local.notified : trimprefix(one, "${scheme}:") if startswith(one, "${scheme}:")] }

  # Those by which a distributed run lists, reads and cleans. Where there is an organization, it is read by the role that each account has.
  in_pattern     = { for arn in distinct(local.roles) : arn => anytrue([for pattern in var.role_patterns : can(regex("^${replace(replace(pattern, "/[.+]/", "[$0]"), "*", ".*")}$", arn))]) }
  cleaning_roles = compact([for one in local.registries : try(one.role_arn, null)])
  listing_roles  = compact([for one in local.organization : try(one.list_role_arn, null)])
  reading_roles  = concat(compact([for one in concat(try(local.in_use.accounts, []), length(local.organization) > 0 ? [] : local.registries) : try(one.role_arn, null)]), local.listing_roles)

  # What the names in permissions.json stand for. A statement about nothing is left out.
  resources = {
    all                    = ["*"]
    registries             = [for any in ["*"] : any if length(local.regions) > 0]
    repositories           = [for prefix in local.repositories : "${prefix}/*"]
    tagged_repositories    = [for prefix in local.repositories : "${prefix}/*" if local.reads_tags]
    cleanable_repositories = [for pair in setproduct(local.repositories, var.cleanable_repositories) : join("/", pair)]
    recorded_definitions   = [for recorder in [try(local.in_use.ecs.config_recorder, "off")] : "*" if recorder == "auto"]
    roles                  = [for arn in distinct(local.roles) : arn if !local.in_pattern[arn]]
    listing_roles          = local.listing_roles
    reading_roles          = [for arn in distinct(local.reading_roles) : arn if !local.in_pattern[arn]]
    cleaning_roles         = distinct(local.cleaning_roles)
    organization           = [for one in local.organization : "*" if !can(length(one.list_role_arn))]
    organization_roles     = concat([for name in compact([for one in local.organization : try(one.role_name, null)]) : "arn:${var.partition}:iam::*:role/${name}"], var.role_patterns)
    own_organization       = ["$${aws:PrincipalOrgID}"]
    own_account            = [var.account_id]
    keep_list_owners       = local.owners.keep_lists
    git_owners             = local.owners.git
    state_owner            = local.owners.state
    report_owner           = local.owners.report
    publish_owner          = local.owners.publish
    # Itself, and its versions and aliases; nobody where the role is no function's.
    function           = flatten([for arn in var.function_arn[*] : [arn, "${arn}:*"]])
    keep_lists         = [for path in local.keep_lists : "${local.s3}${path}"]
    keep_list_buckets  = distinct([for pattern in local.patterns : "${local.s3}${pattern.bucket}"])
    keep_list_prefixes = distinct([for pattern in local.patterns : pattern.prefix])
    git_documents      = distinct([for path in local.documents : "${local.s3}${path}"])
    state              = [for path in local.state : "${local.s3}${path}/*"]
    state_bucket       = [for path in local.state : "${local.s3}${split("/", path)[0]}"]
    runs               = [for path in local.state : "${local.s3}${path}/runs/*"]
    evidence           = [for path in local.state : "${local.s3}${path}/runs/*/evidence/*"]
    caches             = [for pair in setproduct(local.state, var.permissions.state_objects.caches) : "${local.s3}${pair[0]}/*/${pair[1]}.json.gz"]
    counts             = [for pair in setproduct(local.state, var.permissions.state_objects.counts) : "${local.s3}${pair[0]}/*/${pair[1]}.json.gz"]
    reports            = [for path in local.reports : "${local.s3}${path}/*"]
    published          = [for path in local.published : "${local.s3}${path}/*"]
    topics             = [for one in local.notified : one if startswith(one, "arn:")]
    webhook_parameters = [for name in local.webhooks.ssm : startswith(name, "arn:") ? name : "arn:${var.partition}:ssm:${var.region}:${var.account_id}:parameter/${trimprefix(name, "/")}"]
    # Secrets Manager ends an ARN with six characters of its own.
    webhook_secrets = [for name in local.webhooks.secret : startswith(name, "arn:") ? name : "arn:${var.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${name}-??????"]
    parameter       = [for name in var.parameter[*] : "arn:${var.partition}:ssm:${var.region}:${var.account_id}:parameter/${trimprefix(name, "/")}"]
    config_object   = [for path in var.config_object[*] : "${local.s3}${path}"]
    log             = [for name in var.log_group[*] : "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:${name}:*"]
    failure_queue   = var.failure_queue_arn[*]
    keys            = distinct(concat(var.keys.reading, var.keys.writing))
    written_keys    = distinct(var.keys.writing)
    network         = [for any in ["*"] : any if var.in_vpc]
  }

  # Whose a bucket is: this account's, unless it is written s3://ACCOUNT@BUCKET/...
  owners = { for what, uris in {
    state      = compact([try(var.document.state, null)])
    report     = compact([try(var.document.report, null)])
    publish    = compact([try(var.document.publish, null)])
    keep_lists = try(local.in_use.keep_lists, [])
    git        = [for policy in try(var.document.policies, []) : policy.git.document if can(policy.git.document)]
  } : what => distinct([for uri in uris : try(regex("^s3://([0-9]{12})@", uri)[0], var.account_id)]) }

  # Without logs:CreateLogGroup: a log group that somebody deleted would come back without its retention.
  granted = concat(
    [for one in var.permissions.registry : one if local.uses["registry"]],
    [for one in flatten([for name in local.sources : try(local.readable[name], [])]) : one if local.uses["sources"]],
    [for one in local.listing : one if local.uses["regions"]],
    [for one in var.permissions.look : one if local.archives && local.uses["look"]],
    [for one in var.permissions.archive : one if local.archives && local.uses["archive"]],
    [for one in var.permissions.delete : one if local.deletes && local.uses["delete"]],
    [for one in var.permissions.configured : one if var.phase == null || contains(local.used, one.sid)],
    try(var.permissions.phases[var.phase].own, []),
    var.permissions.lambda_itself,
  )
  # Of a phase, what it uses of that.
  used = try(var.permissions.phases[var.phase].uses, [])
  uses = { for group in ["registry", "sources", "regions", "look", "archive", "delete"] : group => var.phase == null || contains(local.used, group) }
  allowed = [for one in local.needed : merge(
    { Sid = one.sid, Effect = "Allow", Action = one.actions, Resource = one.resource },
    { for key in ["Condition"] : key => one.condition if length(one.condition) > 0 },
  )]
  # A condition about nothing is left out as well. `own`: whatever the account has of the services of these actions, in any Region.
  needed = [for one in local.granted : {
    sid       = one.sid
    actions   = one.actions
    resource  = one.resources == "own" ? distinct([for action in one.actions : "arn:${var.partition}:${split(":", action)[0]}:*:${var.account_id}:*"]) : local.resources[one.resources]
    condition = { for operator, keys in try(one.condition, {}) : operator => { for name, values in keys : name => local.resources[values] } if alltrue([for values in keys : length(local.resources[values]) > 0]) }
  } if one.resources == "own" || try(length(local.resources[one.resources]) > 0, false)]

  # By the program, which asks STS who it is besides.
  called = distinct(concat(["sts"], flatten([for one in local.needed : [for action in one.actions : split(":", action)[0]] if !contains(var.permissions.lambda_itself[*].sid, one.sid)])))

  protected = [for tag in var.protect_tag[*] : {
    Sid       = "LeaveProtectedRepositories"
    Effect    = "Deny"
    Action    = flatten([for one in concat(var.permissions.archive, var.permissions.delete) : one.actions])
    Resource  = ["*"]
    Condition = { StringEquals = { "aws:ResourceTag/${tag.key}" = tag.value } }
  } if local.archives && local.uses["delete"]]

  # For Lambda alone, not for the code that runs in it ("Giving Lambda functions access to resources in an Amazon VPC").
  network_left_alone = [for one in var.permissions.lambda_itself : {
    Sid       = "LeaveNetworkAlone"
    Effect    = "Deny"
    Action    = one.actions
    Resource  = ["*"]
    Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.resources.function } }
  } if one.resources == "network" && var.in_vpc]

  statements = concat(local.allowed, local.protected, local.network_left_alone, var.extra_statements)
  json       = jsonencode({ Version = "2012-10-17", Statement = local.statements })
  sizes      = { for one in local.statements : one.Sid => length(jsonencode(one)) }
  longest    = [for sid, size in local.sizes : sid if size == max(0, values(local.sizes)...)]
}

output "sources" {
  description = "Which sources of use are on, by name."
  value       = local.sources
}

output "vpc_endpoints" {
  description = "See the root module."
  value = {
    services = sort(distinct(compact([for name in local.called : lookup(var.permissions.vpc_endpoints, name, null)])))
    others   = sort([for name in local.called : name if lookup(var.permissions.vpc_endpoints, name, null) == null])
  }
}

output "json" {
  description = "The policy of the function's role."
  value       = local.json

  precondition {
    condition     = length(setsubtract(local.sources, keys(local.readable))) == 0
    error_message = "No source of use is called ${join(" or ", setsubtract(local.sources, keys(local.readable)))}; there are ${join(", ", keys(local.readable))}."
  }

  precondition {
    condition     = length(local.json) <= 10240
    error_message = "The role's policy is ${length(local.json)} characters long, and IAM takes 10,240. The longest statement is `${try(local.longest[0], "")}` with ${max(0, values(local.sizes)...)}. Of repositories, write fewer or shorter patterns in `cleanable_repositories`; of roles in the organization, patterns in `role_patterns`."
  }
}
