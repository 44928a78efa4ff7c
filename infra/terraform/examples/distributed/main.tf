# The same organization where it is too large for one function: a state machine reads every account and Region at the same time, and deletes by one
# process a registry. The role `ecr-cleanup-reader` is made in every account by the StackSet of the example `organization`, with `function_role_arn` of this.

variable "regions" {
  description = "The Regions in which the accounts are read."
  type        = list(string)
  default     = ["eu-west-1", "us-east-1"]
}

variable "external_id" {
  description = "What the functions say to be let in: any text that tells your deployments apart."
  type        = string
  default     = "ecr-cleanup"
}

variable "zip_path" {
  description = "The functions' zip, of a release or as `make package` builds it."
  type        = string
  default     = "../../../../dist/ecr-cleanup-arm64.zip"
}

module "ecr_cleanup" {
  source = "../../modules/organization"

  package = { zip_path = var.zip_path }
  config = {
    in_use = {
      organization = { role_name = "ecr-cleanup-reader", external_id = var.external_id, regions = var.regions }
    }
  }
}

output "ecr_cleanup" {
  description = "Everything that the module says."
  value       = module.ecr_cleanup
}
