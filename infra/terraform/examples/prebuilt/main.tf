# A released zip, fetched by its address when it is applied, and used only if it has the SHA-256 that is written here. Address
# and hash are of one release: its page has `ecr-cleanup-arm64.zip` and, beside it, `ecr-cleanup-arm64.zip.base64sha256`.

variable "url" {
  description = "The address of the function's zip, such as that of a release, or of a mirror of your own."
  type        = string
}

variable "sha256_base64" {
  description = "The SHA-256 of the zip, in base64."
  type        = string
}

module "ecr_cleanup" {
  source = "../.."

  package = { download = { url = var.url, sha256_base64 = var.sha256_base64 } }
}

output "ecr_cleanup" {
  description = "Everything that the module says."
  value       = module.ecr_cleanup
}
