# Lets the function list workloads in EKS clusters: an access entry with a Kubernetes group, to which the cluster binds
# the read-only ClusterRole of infra/kubernetes. Not AmazonEKSViewPolicy, which leaves out custom resources and adds the
# logs of pods; never AmazonEKSAdminViewPolicy, which adds Secrets.

variable "clusters" {
  description = "Names of clusters in this account and Region whose authentication mode is `API` or `API_AND_CONFIG_MAP`."
  type        = set(string)
}

variable "role_arn" {
  description = "The role to let in: the root module's output `role_arn`, or a member account's role."
  type        = string
}

variable "group" {
  description = "The Kubernetes group that the ClusterRole is bound to."
  type        = string
  default     = "ecr-cleanup:readers"

  validation {
    condition     = !startswith(var.group, "system:")
    error_message = "`group` may not begin with `system:`: EKS refuses it, and `system:masters` may do anything."
  }
}

variable "tags" {
  description = "Tags for the access entries."
  type        = map(string)
  default     = {}
}

resource "aws_eks_access_entry" "this" {
  for_each = var.clusters

  cluster_name      = each.value
  principal_arn     = var.role_arn
  kubernetes_groups = [var.group]
  type              = "STANDARD"
  tags              = var.tags
}

output "group" {
  description = "The Kubernetes group to bind the ClusterRole to."
  value       = var.group
}
