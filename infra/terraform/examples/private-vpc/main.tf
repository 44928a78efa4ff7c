# The function in a VPC without a way to the internet, for EKS clusters with a private endpoint: it makes the VPC endpoints that
# this configuration needs, and lets the function into the clusters, in which `kubectl apply -k` of infra/kubernetes allows it to list.

variable "vpc_id" {
  description = "The VPC of the clusters."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of the VPC, in different Availability Zones."
  type        = list(string)
}

variable "route_table_ids" {
  description = "The route tables of these subnets, for the gateway to S3."
  type        = list(string)
}

variable "clusters" {
  description = "The clusters to let the function into, with the security group that guards the endpoint of each."
  type        = map(string)
  default     = {}
}

variable "zip_path" {
  description = "The function's zip, of a release or as `make package` builds it."
  type        = string
  default     = "../../../../dist/ecr-cleanup-arm64.zip"
}

locals {
  # Other Regions and services without an endpoint cannot be reached from there. What is switched off is not protected.
  config   = { in_use = { regions = "own", services = ["batch", "codebuild", "sagemaker", "step_functions"] } }
  services = setsubtract(module.ecr_cleanup.vpc_endpoints.services, ["s3"])
}

module "ecr_cleanup" {
  source = "../.."

  package       = { zip_path = var.zip_path }
  config        = local.config
  create_bucket = true
  vpc           = { subnet_ids = var.subnet_ids, security_group_ids = [aws_security_group.function.id] }
}

module "clusters" {
  source = "../../modules/eks-access"

  clusters = keys(var.clusters)
  role_arn = module.ecr_cleanup.role_arn
}

resource "aws_security_group" "function" {
  name        = "ecr-cleanup"
  description = "The function ecr-cleanup"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "function" {
  security_group_id = aws_security_group.function.id
  description       = "HTTPS, to endpoints and clusters"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "clusters" {
  for_each = var.clusters

  security_group_id            = each.value
  description                  = "The function ecr-cleanup"
  referenced_security_group_id = aws_security_group.function.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_security_group" "endpoints" {
  name        = "ecr-cleanup-endpoints"
  description = "What the function ecr-cleanup calls"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "The function ecr-cleanup"
  referenced_security_group_id = aws_security_group.function.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

data "aws_vpc_endpoint_service" "this" {
  for_each = setunion(local.services, ["s3"])

  service      = each.value
  service_type = each.value == "s3" ? "Gateway" : "Interface"
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.services

  vpc_id              = var.vpc_id
  service_name        = data.aws_vpc_endpoint_service.this[each.value].service_name
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
}

# State and reports, and the layers of what ECR stores.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = var.vpc_id
  service_name      = data.aws_vpc_endpoint_service.this["s3"].service_name
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.route_table_ids
}

output "ecr_cleanup" {
  description = "Everything that the module says."
  value       = module.ecr_cleanup
}
