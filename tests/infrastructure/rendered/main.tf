# What the module renders for many configurations at once, with no provider and so in no time.

variable "configurations" {
  description = "Mode and configuration, by name."
  type        = map(any)
}

variable "cleanable_repositories" {
  description = "The names of the repositories that may be cleaned."
  type        = list(string)
  default     = ["*"]
}

module "settings" {
  source   = "../../../infra/terraform/modules/settings"
  for_each = var.configurations

  mode       = each.value.mode
  config     = jsondecode(each.value.config)
  account_id = "123456789012"
  bucket     = null
  topic      = null
  events_dir = "${path.module}/../../../events"
}

module "policy" {
  source   = "../../../infra/terraform/modules/policy"
  for_each = var.configurations

  document               = jsondecode(module.settings[each.key].document)
  permissions            = jsondecode(file("${path.module}/../../../infra/shared/permissions.json"))
  partition              = "aws"
  region                 = "eu-west-1"
  account_id             = "123456789012"
  cleanable_repositories = var.cleanable_repositories
  protect_tag            = { key = "ecr-cleanup", value = "protect" }
  log_group              = "/aws/lambda/ecr-cleanup"
  failure_queue_arn      = "arn:aws:sqs:eu-west-1:123456789012:ecr-cleanup-function-failures"
  parameter              = null
  in_vpc                 = false
  function_arn           = "arn:aws:lambda:eu-west-1:123456789012:function:ecr-cleanup"
}

output "rendered" {
  value = {
    for name, settings in module.settings : name => {
      document       = settings.document
      policy         = module.policy[name].json
      vpc_endpoints  = module.policy[name].vpc_endpoints
      schedule_input = settings.schedule_input
      test_events    = settings.test_events
    }
  }
}
