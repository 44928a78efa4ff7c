# The distributed run, for an organization that one function is too small for: a state machine of AWS Step Functions, which reads every account and
# Region by a function each, many at the same time, and then deletes by one process a registry. Four functions of the same package, each with a role
# that may do what its phase does: `list`, `evidence`, `clean`, which alone may delete, and `finish`.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id

  # Roles and dashboards are global in an account.
  global_name = "${var.name}-${local.region}"
  # Of all functions: who may write the state.
  role_name = "${local.global_name}-*"
  phases    = toset(["list", "evidence", "clean", "finish"])

  # Names rather than references, so that a plan shows every policy in full.
  function_arns = { for phase in local.phases : phase => "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.name}-${phase}" }
  machine_arn   = "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine:${var.name}"
  log_group     = "/aws/lambda/${var.name}"
  queue         = "${var.name}-schedule-failures"
  queue_arn     = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${local.queue}"
  topic         = length(var.notification_emails) > 0 ? "arn:${local.partition}:sns:${local.region}:${local.account_id}:${var.name}-notifications" : null
  bucket        = var.create_bucket ? "${lower(replace(var.name, "_", "-"))}-${local.account_id}-${local.region}" : null
  expiring      = { expire = { prefix = "reports/", days = 400 }, runs = { prefix = "state/runs/", days = 30 } }
  shared        = "${path.module}/../../shared"

  document      = jsondecode(module.settings.document)
  state         = split("/", trimsuffix(replace(try(local.document.state, ""), "/^s3://([0-9]{12}@)?/", ""), "/"))
  locations     = "arn:${local.partition}:s3:::${join("/", local.state)}/runs/*/locations.json"
  config_bucket = coalesce(var.config_bucket, local.bucket, "none")
  config_key    = var.config_bucket == null ? "config.json" : "${var.name}/config.json"
}

module "settings" {
  source = "../settings"

  mode       = var.mode
  config     = var.config
  account_id = local.account_id
  bucket     = local.bucket
  topic      = local.topic
  events_dir = "${path.module}/../../events"
}

module "policy" {
  source   = "../policy"
  for_each = local.phases

  phase                  = each.key
  document               = local.document
  permissions            = jsondecode(file("${local.shared}/permissions.json"))
  partition              = local.partition
  region                 = local.region
  account_id             = local.account_id
  cleanable_repositories = var.cleanable_repositories
  protect_tag            = var.protect_tag
  log_group              = local.log_group
  role_patterns          = var.role_patterns
  keys = {
    reading = compact([var.kms_key_arns.environment])
    writing = compact([local.bucket == null ? null : var.kms_key_arns.bucket, each.key == "finish" && local.topic != null ? var.kms_key_arns.topic : null])
  }
  config_object = "${local.config_bucket}/${local.config_key}"
  function_arn  = local.function_arns[each.key]
}

resource "aws_iam_role" "function" {
  for_each = local.phases

  name                 = "${local.global_name}-${each.key}"
  path                 = var.role_path
  description          = "What ${var.name}-${each.key} may do, in mode ${var.mode}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.phases

  name   = "function"
  role   = aws_iam_role.function[each.key].name
  policy = module.policy[each.key].json
}

# ECR counts the reading of a manifest as a pull. The provider has no resource of its own for this.
resource "aws_cloudcontrolapi_resource" "pull_time_update_exclusion" {
  count = var.exclude_from_pull_times ? 1 : 0

  type_name     = "AWS::ECR::PullTimeUpdateExclusion"
  desired_state = jsonencode({ PrincipalArn = aws_iam_role.function["clean"].arn })
}

resource "aws_s3_object" "config" {
  #checkov:skip=CKV_AWS_186:It has the bucket's encryption; nothing in it is secret
  bucket       = var.config_bucket == null ? aws_s3_bucket.this[0].id : var.config_bucket
  key          = local.config_key
  content      = module.settings.document
  content_type = "application/json"
  tags         = var.tags

  depends_on = [aws_s3_bucket_versioning.this, aws_s3_bucket_server_side_encryption_configuration.this]

  lifecycle {
    precondition {
      condition     = can(length(local.document.state))
      error_message = "A distributed run keeps its evidence in the state: set `config.state`, or leave `create_bucket` on."
    }
    precondition {
      condition     = var.mode == "plan" || length(module.policy["evidence"].sources) > 0 || try(var.config.guards.allow_no_usage, false)
      error_message = "Every source of use is off: nothing would be protected but by the rules. If that is meant, set `config.guards.allow_no_usage`."
    }
  }
}

# Before the functions, which would otherwise make one each, without retention.
resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_338:How long is `log_retention_days`
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:The state machine bounds them; a reservation would take from the account what is used for minutes a day
  #checkov:skip=CKV_AWS_116:The state machine waits for them, and sees their errors
  #checkov:skip=CKV_AWS_117:The root module has a function in a VPC
  #checkov:skip=CKV_AWS_272:The package is pinned by its SHA-256 or its version
  #checkov:skip=CKV_AWS_173:Nothing in the variables is secret; `kms_key_arns`
  #checkov:skip=CKV_AWS_50:The program writes no traces; `tracing` has those of the state machine
  for_each = local.phases

  function_name = "${var.name}-${each.key}"
  description   = "The phase ${each.key} of ${var.name}. Mode: ${var.mode}"
  role          = aws_iam_role.function[each.key].arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  timeout       = 900
  memory_size   = var.memory_size[each.key]
  kms_key_arn   = var.kms_key_arns.environment
  tags          = var.tags

  filename          = var.package.zip_path
  s3_bucket         = try(var.package.s3.bucket, null)
  s3_key            = try(var.package.s3.key, null)
  s3_object_version = try(var.package.s3.object_version, null)
  source_code_hash  = var.package.zip_path == null ? try(var.package.s3.sha256_base64, null) : filebase64sha256(var.package.zip_path)

  environment {
    variables = {
      ECR_CLEANUP_PHASE         = each.key
      ECR_CLEANUP_CONFIG        = "s3://${local.config_bucket}/${local.config_key}"
      ECR_CLEANUP_CONFIG_SHA256 = sha256(module.settings.document)
    }
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function.name
    application_log_level = var.log_level
    system_log_level      = "INFO"
  }

  depends_on = [aws_iam_role_policy.function, aws_s3_object.config]
}
