# Two accounts: images are stored in one, where the function runs, and used in the other, where a role lets it read. Apply this
# with credentials of the first; `member` names a profile of the second.

variable "member" {
  description = "The profile of the AWS CLI that stands for the other account. null: the same account, to try it."
  type        = string
  default     = null
}

variable "external_id" {
  description = "What the function says to be let in: any text that tells your deployments apart."
  type        = string
  default     = "ecr-cleanup"
}

variable "zip_path" {
  description = "The function's zip, of a release or as `make package` builds it."
  type        = string
  default     = "../../../../dist/ecr-cleanup-arm64.zip"
}

provider "aws" {
  alias   = "member"
  profile = var.member
}

data "aws_caller_identity" "member" {
  provider = aws.member
}

data "aws_partition" "current" {}

module "ecr_cleanup" {
  source = "../.."

  package = { zip_path = var.zip_path }
  config = {
    in_use = {
      # A name rather than the output of the other module, which needs this one's role.
      accounts = [{
        role_arn    = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.member.account_id}:role/ecr-cleanup-reader"
        external_id = var.external_id
      }]
    }
  }
}

module "member" {
  source    = "../../modules/member-account-role"
  providers = { aws = aws.member }

  function_role_arn = module.ecr_cleanup.role_arn
  external_id       = var.external_id
}

output "ecr_cleanup" {
  description = "Everything that the module says."
  value       = module.ecr_cleanup
}

output "member_role_arn" {
  description = "The role that the function reads the other account with."
  value       = module.member.role_arn
}
