# A dashboard of every deployment in the accounts that share their metrics with this one, by CloudWatch's cross-account observability: for an
# organization in which the function is deployed to many accounts.

variable "name" {
  description = "The dashboard is called this and `-organization`."
  type        = string
  default     = "ecr-cleanup"
}

variable "regions" {
  description = "The Regions with deployments, each of which has a part of the dashboard. Sink and links are made in each of them."
  type        = list(string)

  validation {
    condition     = length(var.regions) > 0
    error_message = "`regions` are one or more."
  }
}

locals {
  parts = [for region in var.regions : jsondecode(templatefile("${path.module}/../../shared/dashboard-organization.json", {
    region = region
    label  = "$${PROP('AccountLabel')} $${PROP('Dim.Deployment')}"
  }))]
  tall = max([for widget in local.parts[0].widgets : widget.y + widget.height]...)
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.name}-organization"
  dashboard_body = jsonencode(merge(local.parts[0], {
    widgets = flatten([for index, part in local.parts : [for widget in part.widgets : merge(widget, { y = widget.y + index * local.tall })]])
  }))
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
