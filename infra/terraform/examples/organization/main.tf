# An organization whose images are stored in one account and used in all: the function finds the accounts and reads each with the
# role `ecr-cleanup-reader`, which a StackSet makes in every account of these organizational units, the future ones included.
# Apply this in a delegated administrator for CloudFormation and AWS Organizations, where the function runs too.

variable "organization_id" {
  description = "The organization, such as `o-abc123def4`."
  type        = string
}

variable "organizational_unit_ids" {
  description = "The organizational units, or the root, whose accounts get the role."
  type        = list(string)
}

variable "regions" {
  description = "The Regions in which the accounts are read."
  type        = list(string)
  default     = ["eu-west-1"]
}

variable "external_id" {
  description = "What the function says to be let in: any text that tells your deployments apart."
  type        = string
  default     = "ecr-cleanup"
}

variable "template" {
  description = "The CloudFormation template of the role, of the same release: `ecr-cleanup-member.template.json`."
  type        = string
  default     = "../../../../dist/ecr-cleanup-member.template.json"
}

variable "zip_path" {
  description = "The function's zip, of a release or as `make package` builds it."
  type        = string
  default     = "../../../../dist/ecr-cleanup-arm64.zip"
}

module "ecr_cleanup" {
  source = "../.."

  package       = { zip_path = var.zip_path }
  create_bucket = true
  config = {
    in_use = {
      organization = { role_name = "ecr-cleanup-reader", external_id = var.external_id, regions = var.regions }
    }
  }
}

resource "aws_cloudformation_stack_set" "member" {
  name             = "ecr-cleanup-member"
  description      = "Lets ecr-cleanup read what is in use"
  permission_model = "SERVICE_MANAGED"
  call_as          = "DELEGATED_ADMIN"
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  template_body    = file(var.template)

  parameters = {
    FunctionRoleArn = module.ecr_cleanup.role_arn
    ExternalId      = var.external_id
    OrganizationId  = var.organization_id
  }

  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  operation_preferences {
    failure_tolerance_percentage = 100
    max_concurrent_percentage    = 100
    region_concurrency_type      = "PARALLEL"
  }

  lifecycle {
    ignore_changes = [administration_role_arn]
  }
}

# In this Region alone, since a role is global.
resource "aws_cloudformation_stack_set_instance" "member" {
  stack_set_name = aws_cloudformation_stack_set.member.name
  call_as        = "DELEGATED_ADMIN"

  deployment_targets {
    organizational_unit_ids = var.organizational_unit_ids
  }
}

output "ecr_cleanup" {
  description = "Everything that the module says."
  value       = module.ecr_cleanup
}
