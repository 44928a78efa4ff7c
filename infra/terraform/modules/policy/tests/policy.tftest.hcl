variables {
  mode                   = "plan"
  config                 = {}
  sources                = { ecs = true, eks = true, lambda = true }
  permissions            = jsondecode(file("../../../shared/permissions.json"))
  partition              = "aws-cn"
  region                 = "cn-north-1"
  account_id             = "111111111111"
  cleanable_repositories = ["*"]
  protect_tag            = { key = "images", value = "keep" }
  log_group              = "/aws/lambda/x"
  failure_queue_arn      = "arn:aws-cn:sqs:cn-north-1:111111111111:x-function-failures"
  parameter              = null
  bucket                 = null
  in_vpc                 = false
  function_arn           = "arn:aws-cn:lambda:cn-north-1:111111111111:function:x"
}

run "planning_changes_nothing" {
  command = plan

  assert {
    condition     = [for one in jsondecode(output.json).Statement : one.Sid] == ["ReadRegistry", "ReadRepositories", "ReadEcs", "ReadEks", "ReadLambda", "WriteLog", "KeepFailures"]
    error_message = output.json
  }
}

run "deleting_is_bound_to_repositories" {
  command = plan

  variables {
    mode                   = "delete"
    sources                = { ecs = true, eks = false, lambda = false }
    cleanable_repositories = ["team/*", "shop"]
    config                 = { registries = [{ region = "cn-north-1" }, { region = "cn-northwest-1" }, { region = "cn-north-1", role_arn = "arn:aws-cn:iam::222222222222:role/r" }] }
  }

  assert {
    condition     = [for one in jsondecode(output.json).Statement : one.Sid] == ["ReadRegistry", "ReadRepositories", "ReadEcs", "ArchiveImages", "DeleteImages", "AssumeRoles", "LeaveProtectedRepositories", "WriteLog", "KeepFailures"]
    error_message = output.json
  }
  assert {
    condition = one([for one in jsondecode(output.json).Statement : one.Resource if one.Sid == "DeleteImages"]) == [
      "arn:aws-cn:ecr:cn-north-1:111111111111:repository/team/*", "arn:aws-cn:ecr:cn-north-1:111111111111:repository/shop",
      "arn:aws-cn:ecr:cn-northwest-1:111111111111:repository/team/*", "arn:aws-cn:ecr:cn-northwest-1:111111111111:repository/shop",
    ]
    error_message = output.json
  }
  assert {
    condition = one([for one in jsondecode(output.json).Statement : one if one.Sid == "LeaveProtectedRepositories"]) == {
      Sid       = "LeaveProtectedRepositories", Effect = "Deny", Resource = ["*"]
      Action    = ["ecr:UpdateImageStorageClass", "ecr:BatchDeleteImage"]
      Condition = { StringEquals = { "aws:ResourceTag/images" = "keep" } }
    }
    error_message = output.json
  }
  assert {
    condition     = one([for one in jsondecode(output.json).Statement : one.Resource if one.Sid == "AssumeRoles"]) == ["arn:aws-cn:iam::222222222222:role/r"]
    error_message = output.json
  }
}

run "archiving_deletes_only_what_the_configuration_says" {
  command = plan

  variables {
    mode        = "archive"
    protect_tag = null
  }

  assert {
    condition     = strcontains(output.json, "UpdateImageStorageClass") && !strcontains(output.json, "BatchDeleteImage")
    error_message = output.json
  }
}

run "archived_images_may_be_deleted_later" {
  command = plan

  variables {
    mode   = "archive"
    config = { archive = { delete_after = "90d" } }
  }

  assert {
    condition     = strcontains(output.json, "ecr:BatchDeleteImage")
    error_message = output.json
  }
}

run "what_is_configured_besides" {
  command = plan

  variables {
    config    = { in_use = { keep_lists = ["s3://lists/in-use/*.json"], accounts = [{ role_arn = "arn:aws-cn:iam::333333333333:role/r" }] }, notify = "arn:aws-cn:sns:cn-north-1:111111111111:t" }
    bucket    = "b"
    parameter = "/x/config"
    in_vpc    = true
  }

  assert {
    condition = { for one in jsondecode(output.json).Statement : one.Sid => one.Resource if contains(["AssumeRoles", "ReadKeepLists", "ListKeepLists", "KeepState", "WriteReports", "ListBucket", "ReadConfiguration", "Notify"], one.Sid) } == {
      AssumeRoles       = ["arn:aws-cn:iam::333333333333:role/r"]
      ReadKeepLists     = ["arn:aws-cn:s3:::lists/in-use/*.json"]
      ListKeepLists     = ["arn:aws-cn:s3:::lists"]
      KeepState         = ["arn:aws-cn:s3:::b/state/*"]
      WriteReports      = ["arn:aws-cn:s3:::b/reports/*"]
      ListBucket        = ["arn:aws-cn:s3:::b"]
      ReadConfiguration = ["arn:aws-cn:ssm:cn-north-1:111111111111:parameter/x/config"]
      Notify            = ["arn:aws-cn:sns:cn-north-1:111111111111:t"]
    }
    error_message = output.json
  }
  assert {
    condition     = strcontains(output.json, "ConnectToVpc") && strcontains(output.json, "LeaveNetworkAlone")
    error_message = output.json
  }
}

run "a_policy_that_iam_would_refuse" {
  command = plan

  variables {
    mode                   = "delete"
    cleanable_repositories = [for number in range(200) : "team-${number}/*"]
  }

  expect_failures = [output.json]
}

run "other_services_are_read_where_they_are_named" {
  command = plan

  variables {
    sources = { ecs = false, eks = false, lambda = false }
    config  = { in_use = { services = ["batch", "step_functions"] } }
  }

  assert {
    condition     = [for one in jsondecode(output.json).Statement : one.Sid] == ["ReadRegistry", "ReadRepositories", "ReadBatch", "ReadStepFunctions", "WriteLog", "KeepFailures"]
    error_message = output.json
  }
}
