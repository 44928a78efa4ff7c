# The function in mode `plan`: every night it says what it would delete, and has no permission to.
# Set `mode = "delete"` once its report is what you want.

variable "mode" {
  description = "`plan` or `delete`."
  type        = string
  default     = "plan"
}

variable "zip_path" {
  description = "The function's zip, of a release or as `make package` builds it."
  type        = string
  default     = "../../../../dist/ecr-cleanup-arm64.zip"
}

module "ecr_cleanup" {
  source = "../.."

  mode    = var.mode
  package = { zip_path = var.zip_path }
}

output "ecr_cleanup" {
  description = "Everything that the module says."
  value       = module.ecr_cleanup
}
