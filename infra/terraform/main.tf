data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id # `name` is deprecated in version 6 of the provider, `region` not in 5.

  # Roles and dashboards are global in an account.
  global_name = "${var.name}-${local.region}"
  role_name   = coalesce(var.role_name, local.global_name)

  # Names rather than references, so that a plan shows every policy in full.
  function_arn = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.name}"
  log_group    = "/aws/lambda/${var.name}"
  queue_arns   = { for name in ["schedule", "function"] : name => "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.name}-${name}-failures" }
  topic        = length(var.notification_emails) > 0 ? "arn:${local.partition}:sns:${local.region}:${local.account_id}:${var.name}-notifications" : null
  bucket       = var.create_bucket ? "${lower(replace(var.name, "_", "-"))}-${local.account_id}-${local.region}" : null
  expiring     = { expire = { prefix = "reports/", days = 400 } }
  parameter    = var.config_store == "parameter" ? "/${var.name}/config" : null
  shared       = "${path.module}/shared"
  regions      = jsondecode(file("${local.shared}/regions.json"))
  test_events  = coalesce(var.test_events.create, contains(local.regions.with_test_events, local.region))
  console      = "${local.region}.${lookup(local.regions.consoles, local.partition, "console.aws.amazon.com")}"
  pull_times   = anytrue(flatten([for policy in try(var.config.policies, []) : try([for rule in policy.keep : can(length(rule.pulled_within)) || try(rule.by == "pulled", false)], [])]))
  sources      = concat(module.policy.sources, flatten([for name in ["keep_lists", "kubernetes"] : try(var.config.in_use[name], [])]))

  # Beside what Terraform itself downloads. The hash tells packages apart, and has no / in hexadecimal.
  downloaded = var.package.download == null ? null : "${path.root}/.terraform/${var.name}-${sha256(var.package.download.sha256_base64)}.zip"
  zip_path   = var.package.zip_path == null ? local.downloaded : var.package.zip_path

  # The object in the state ends what runs already, also where a role of another account was assumed.
  state        = try(split("/", trimprefix(jsondecode(module.settings.document).state, "s3://")), null)
  stop_command = local.state == null ? "aws lambda put-function-concurrency --region ${local.region} --function-name ${var.name} --reserved-concurrent-executions 0" : "aws s3api put-object --bucket ${reverse(split("@", local.state[0]))[0]} --key ${join("/", concat([for part in slice(local.state, 1, length(local.state)) : part if part != ""], ["stop"]))}"

  # Where the document is kept, unless in the variable itself.
  config_object = var.config_store == "s3" ? "${coalesce(local.bucket, "none")}/config.json" : null
  stored        = concat([for name in local.parameter[*] : "ssm:${name}"], [for path in local.config_object[*] : "s3://${path}"])
  environment = length(local.stored) == 0 ? { ECR_CLEANUP_CONFIG = module.settings.document } : {
    ECR_CLEANUP_CONFIG        = local.stored[0]
    ECR_CLEANUP_CONFIG_SHA256 = sha256(module.settings.document)
  }
}

module "settings" {
  source = "./modules/settings"

  mode       = var.mode
  config     = var.config
  account_id = local.account_id
  bucket     = local.bucket
  topic      = local.topic
  events_dir = "${path.module}/events"
}

module "policy" {
  source = "./modules/policy"

  document               = jsondecode(module.settings.document)
  permissions            = jsondecode(file("${local.shared}/permissions.json"))
  partition              = local.partition
  region                 = local.region
  account_id             = local.account_id
  cleanable_repositories = var.cleanable_repositories
  protect_tag            = var.protect_tag
  log_group              = local.log_group
  failure_queue_arn      = local.queue_arns["function"]
  role_patterns          = var.role_patterns
  extra_statements       = var.extra_statements
  keys = {
    reading = compact([var.kms_key_arns.parameter, var.kms_key_arns.environment])
    writing = compact([local.bucket == null ? null : var.kms_key_arns.bucket, local.topic == null ? null : var.kms_key_arns.topic, var.kms_key_arns.queues])
  }
  parameter     = local.parameter
  config_object = local.config_object
  in_vpc        = var.vpc != null
  function_arn  = local.function_arn
}

resource "aws_iam_role" "function" {
  name                 = local.role_name
  path                 = var.role_path
  description          = "What ${var.name} may do, in mode ${var.mode}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "function" {
  name   = "function"
  role   = aws_iam_role.function.name
  policy = module.policy.json
}

# ECR counts the reading of a manifest as a pull. The provider has no resource of its own for this.
resource "aws_cloudcontrolapi_resource" "pull_time_update_exclusion" {
  count = coalesce(var.exclude_from_pull_times, local.pull_times) ? 1 : 0

  type_name     = "AWS::ECR::PullTimeUpdateExclusion"
  desired_state = jsonencode({ PrincipalArn = aws_iam_role.function.arn })
}

# Before the function, which would otherwise make one without retention.
resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_338:How long is `log_retention_days`
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  skip_destroy      = var.keep_log_group
  tags              = var.tags
}

resource "aws_ssm_parameter" "config" {
  #checkov:skip=CKV2_AWS_34:Nothing in it is secret, and its SHA-256 is pinned
  count = var.config_store == "parameter" ? 1 : 0

  name        = local.parameter
  description = "Configuration of the function ${var.name}, which refuses any other than this"
  type        = var.kms_key_arns.parameter == null ? "String" : "SecureString"
  key_id      = var.kms_key_arns.parameter
  tier        = "Intelligent-Tiering"
  value       = module.settings.document
  tags        = var.tags
}

resource "aws_s3_object" "config" {
  #checkov:skip=CKV_AWS_186:It has the bucket's encryption; nothing in it is secret
  count = var.config_store == "s3" && var.create_bucket ? 1 : 0

  bucket       = aws_s3_bucket.this[0].id
  key          = "config.json"
  content      = module.settings.document
  content_type = "application/json"
  tags         = var.tags

  depends_on = [aws_s3_bucket_versioning.this, aws_s3_bucket_server_side_encryption_configuration.this]
}

# Once for each package: again only where the function would be made anew, with its name or its Region.
resource "terraform_data" "download" {
  count = var.package.download == null ? 0 : 1

  triggers_replace = [local.zip_path, var.package.download.sha256_base64, local.function_arn]

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-ec"]
    command     = file("${path.module}/download.sh")
    environment = { URL = var.package.download.url, SHA256 = var.package.download.sha256_base64, FILE = local.zip_path }
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:Records of failed runs go to a queue, by aws_lambda_function_event_invoke_config
  #checkov:skip=CKV_AWS_272:Signing needs a profile of the account, `code_signing_config_arn`; the package is pinned by its SHA-256 or its version
  #checkov:skip=CKV_AWS_173:Nothing in the variables is secret; `kms_key_arns`
  #checkov:skip=CKV_AWS_50:The program writes no traces
  function_name = var.name
  description   = "Deletes from Amazon ECR the images nobody needs. Mode: ${var.mode}"
  role          = aws_iam_role.function.arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  timeout       = var.timeout
  memory_size   = var.memory_size
  kms_key_arn   = var.kms_key_arns.environment
  publish       = var.publish
  tags          = var.tags

  code_signing_config_arn = var.code_signing_config_arn

  filename          = local.zip_path
  s3_bucket         = try(var.package.s3.bucket, null)
  s3_key            = try(var.package.s3.key, null)
  s3_object_version = try(var.package.s3.object_version, null)
  source_code_hash  = var.package.zip_path == null ? try(var.package.download.sha256_base64, var.package.s3.sha256_base64, null) : filebase64sha256(var.package.zip_path)

  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)

  environment {
    variables = local.environment
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function.name
    application_log_level = var.log_level
    system_log_level      = "INFO"
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.function, aws_ssm_parameter.config, aws_s3_object.config, terraform_data.download]

  lifecycle {
    precondition {
      condition     = length(jsonencode(local.environment)) <= 4096
      error_message = "The configuration does not fit into the 4 KB of a function's variables: set `config_store` to `parameter`, which holds 8 KB, or to `s3`."
    }
    precondition {
      condition     = var.config_store != "parameter" || length(module.settings.document) <= 8192
      error_message = "The configuration does not fit into the 8 KB of a parameter: set `config_store = \"s3\"`."
    }
    precondition {
      condition     = var.config_store != "s3" || var.create_bucket
      error_message = "`config_store = \"s3\"` needs `create_bucket = true`: the document is an object in that bucket."
    }
    precondition {
      condition     = var.mode == "plan" || length(local.sources) > 0 || try(var.config.guards.allow_no_usage, false)
      error_message = "Every source of use is off: nothing would be protected but by the rules. If that is meant, set `config.guards.allow_no_usage`."
    }
  }
}

# What the schedule runs where versions are published.
resource "aws_lambda_alias" "live" {
  count = var.publish ? 1 : 0

  name             = "live"
  description      = "What the schedule runs"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

# A run that failed is not repeated: it waits for its next time.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  qualifier                    = one(aws_lambda_alias.live[*].name)
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 3600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failures["function"].arn
    }
  }
}

# Two queues: events that never reached the function, and runs that failed.
resource "aws_sqs_queue" "failures" {
  for_each = local.queue_arns

  name                      = "${var.name}-${each.key}-failures"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.kms_key_arns.queues == null ? true : null
  kms_master_key_id         = var.kms_key_arns.queues
  tags                      = var.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncrypted"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = each.value
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
