mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "222222222222" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  function_role_arn = "arn:aws:iam::111111111111:role/ecr-cleanup"
  external_id       = "team-a"
}

run "it_reads_what_is_in_use" {
  command = plan

  module {
    source = "./modules/member-account-role"
  }

  assert {
    condition = [for one in jsondecode(output.policy_json).Statement : one.Sid] == [
      "ReadEcs", "DescribeEcs", "ReadEks", "DescribeEks", "ReadLambda", "DescribeLambda", "ReadCloudFormation", "DescribeCloudFormation", "ReadAppRunner", "DescribeAppRunner", "ReadBatch",
      "ReadAgentCore", "ReadCodeBuild", "DescribeCodeBuild", "ReadEventBridge", "DescribeEventBridge", "ReadLightsail", "ReadPipes", "DescribePipes",
      "ReadSageMaker", "DescribeSageMaker", "ReadScheduler", "DescribeScheduler", "ReadStepFunctions", "DescribeStepFunctions",
    ]
    error_message = output.policy_json
  }
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition == {
      ArnEquals    = { "aws:PrincipalArn" = "arn:aws:iam::111111111111:role/ecr-cleanup" }
      StringEquals = { "sts:ExternalId" = "team-a" }
    }
    error_message = aws_iam_role.this.assume_role_policy
  }
}

run "it_is_bounded" {
  command = plan

  module {
    source = "./modules/member-account-role"
  }

  variables {
    function_role_arn        = "arn:aws:iam::111111111111:role/ecr-cleanup-*"
    path                     = "/team/"
    permissions_boundary_arn = "arn:aws:iam::222222222222:policy/boundary"
    organization_id          = "o-abc123def4"
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals == { "sts:ExternalId" = "team-a", "aws:PrincipalOrgID" = "o-abc123def4" }
    error_message = aws_iam_role.this.assume_role_policy
  }
  assert {
    condition     = aws_iam_role.this.path == "/team/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::222222222222:policy/boundary"
    error_message = "path or boundary is missing"
  }
}

run "it_cleans_a_registry" {
  command = plan

  module {
    source = "./modules/member-account-role"
  }

  variables {
    sources                = ["ecs"]
    registry               = { mode = "delete", regions = ["eu-west-1", "us-east-1"] }
    cleanable_repositories = ["team/*"]
  }

  assert {
    condition     = [for one in jsondecode(output.policy_json).Statement : one.Sid] == ["ReadRegistry", "ReadRepositories", "ReadEcs", "DescribeEcs", "ListImages", "ArchiveImages", "DeleteImages", "LeaveProtectedRepositories"]
    error_message = output.policy_json
  }
  assert {
    condition     = one([for one in jsondecode(output.policy_json).Statement : one.Resource if one.Sid == "DeleteImages"]) == ["arn:aws:ecr:eu-west-1:222222222222:repository/team/*", "arn:aws:ecr:us-east-1:222222222222:repository/team/*"]
    error_message = output.policy_json
  }
}

run "it_may_be_excluded_from_pull_times" {
  command = apply

  module {
    source = "./modules/member-account-role"
  }

  variables {
    registry                = { regions = ["eu-west-1"] }
    exclude_from_pull_times = true
  }

  assert {
    condition     = jsondecode(aws_cloudcontrolapi_resource.pull_time_update_exclusion[0].desired_state).PrincipalArn == aws_iam_role.this.arn
    error_message = "another role is excluded"
  }
}

run "archived_images_may_be_deleted_later" {
  command = plan

  module {
    source = "./modules/member-account-role"
  }

  variables {
    registry    = { mode = "archive", regions = ["eu-west-1"], deletes_archived = true, reads_tags = true }
    protect_tag = null
  }

  assert {
    condition     = strcontains(output.policy_json, "ecr:BatchDeleteImage") && strcontains(output.policy_json, "ecr:ListTagsForResource") && !strcontains(output.policy_json, "Deny")
    error_message = output.policy_json
  }
}

run "wrong_values" {
  command = plan

  module {
    source = "./modules/member-account-role"
  }

  variables {
    function_role_arn = "ecr-cleanup"
    sources           = []
    organization_id   = "abc"
    registry          = { mode = "dry-run", regions = ["eu-west-1"] }
  }

  expect_failures = [var.function_role_arn, var.sources, var.registry, var.organization_id]
}

run "a_group_in_each_cluster" {
  command = plan

  module {
    source = "./modules/eks-access"
  }

  variables {
    clusters = ["prod", "test"]
    role_arn = "arn:aws:iam::222222222222:role/ecr-cleanup-reader"
  }

  assert {
    condition     = { for name, entry in aws_eks_access_entry.this : name => entry.kubernetes_groups } == { prod = toset(["ecr-cleanup:readers"]), test = toset(["ecr-cleanup:readers"]) }
    error_message = "not every cluster lets the role in"
  }
}

run "nobody_becomes_administrator" {
  command = plan

  module {
    source = "./modules/eks-access"
  }

  variables {
    clusters = ["prod"]
    role_arn = "arn:aws:iam::222222222222:role/ecr-cleanup-reader"
    group    = "system:masters"
  }

  expect_failures = [var.group]
}
