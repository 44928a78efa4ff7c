variables {
  document               = { mode = "plan" }
  permissions            = jsondecode(file("../../shared/permissions.json"))
  partition              = "aws-cn"
  region                 = "cn-north-1"
  account_id             = "111111111111"
  cleanable_repositories = ["*"]
  protect_tag            = { key = "images", value = "keep" }
  log_group              = "/aws/lambda/x"
  failure_queue_arn      = "arn:aws-cn:sqs:cn-north-1:111111111111:x-function-failures"
  parameter              = null
  in_vpc                 = false
  function_arn           = "arn:aws-cn:lambda:cn-north-1:111111111111:function:x"
}

run "planning_changes_nothing" {
  command = plan

  assert {
    condition = [for one in jsondecode(output.json).Statement : one.Sid] == concat(
      ["ReadRegistry", "ReadRepositories", "ReadEcs", "DescribeEcs", "ReadEks", "DescribeEks", "ReadLambda", "DescribeLambda", "ReadCloudFormation", "DescribeCloudFormation"],
      flatten([for statements in values(var.permissions.services) : statements[*].sid]),
      ["FindRegions", "WriteLog", "KeepFailures"],
    )
    error_message = output.json
  }
  assert {
    condition     = output.sources == concat(["ecs", "eks", "lambda", "cloudformation"], keys(var.permissions.services))
    error_message = "a source is on unless it is switched off"
  }
  assert {
    # "IAM and AWS STS quotas": of all policies in a role, without white space.
    condition     = length(output.json) < 10240
    error_message = "too long for a role"
  }
}

run "the_vpc_s_endpoints" {
  command = plan

  variables {
    document  = { mode = "delete", in_use = { eks = false, lambda = false, cloudformation = false, services = ["lightsail", "sagemaker"], regions = "own" }, state = "s3://b/state", notify = "secret:hook" }
    parameter = "/x/config"
    in_vpc    = true
    keys      = { reading = ["arn:aws-cn:kms:cn-north-1:111111111111:key/k"], writing = [] }
  }

  assert {
    condition     = jsonencode(output.vpc_endpoints) == jsonencode({ services = ["ecr.api", "ecs", "s3", "sagemaker.api", "secretsmanager", "ssm", "sts"], others = ["lightsail"] })
    error_message = jsonencode(output.vpc_endpoints)
  }
  assert {
    condition     = strcontains(output.json, "kms:Decrypt") && !strcontains(output.json, "kms:GenerateDataKey")
    error_message = output.json
  }
}

run "services_and_regions_are_read_as_the_configuration_says" {
  command = plan

  variables {
    document = { mode = "plan", in_use = { ecs = false, eks = false, lambda = false, cloudformation = false, services = "all", regions = "all" } }
  }

  assert {
    condition     = output.sources == keys(var.permissions.services) && strcontains(output.json, "\"Sid\":\"ListRegions\"")
    error_message = output.json
  }
}

run "services_and_regions_can_be_switched_off" {
  command = plan

  variables {
    document = { mode = "plan", in_use = { ecs = false, eks = false, lambda = false, cloudformation = false, services = false, regions = "own" } }
  }

  assert {
    condition     = length(output.sources) == 0 && !strcontains(output.json, "account:ListRegions")
    error_message = output.json
  }
}

run "deleting_is_bound_to_repositories" {
  command = plan

  variables {
    document = {
      mode   = "delete"
      in_use = { eks = false, lambda = false, cloudformation = false, services = false, regions = "own" }
      registries = [
        { region = "cn-north-1" }, { region = "cn-northwest-1" }, { region = "cn-north-1", role_arn = "arn:aws-cn:iam::222222222222:role/r" },
      ]
    }
    cleanable_repositories = ["team/*", "shop"]
  }

  assert {
    condition     = [for one in jsondecode(output.json).Statement : one.Sid] == ["ReadRegistry", "ReadRepositories", "ReadEcs", "DescribeEcs", "ListImages", "ArchiveImages", "DeleteImages", "AssumeRoles", "WriteLog", "KeepFailures", "LeaveProtectedRepositories"]
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

run "only_the_function_writes_and_only_to_its_own_account" {
  command = plan

  variables {
    document = {
      mode       = "delete"
      in_use     = { ecs = false, eks = false, lambda = false, cloudformation = false, services = false, regions = "own", keep_lists = ["s3://lists/one.json"], organization = { role_name = "r" } }
      registries = [{}, { role_arn = "arn:aws-cn:iam::222222222222:role/r" }]
      state      = "s3://b/state"
      report     = "s3://333333333333@b/reports"
      publish    = "s3://b/evidence"
      policies   = [{ repositories = ["**"], git = { document = "s3://444444444444@git/app.json.gz", repository = "example.com/app" } }]
    }
    config_object = "b/config.json"
  }

  assert {
    condition = { for one in jsondecode(output.json).Statement : one.Sid => one.Condition.ArnEquals["lambda:SourceFunctionArn"] if can(one.Condition.ArnEquals) } == {
      for sid in ["ArchiveImages", "DeleteImages", "AssumeRoles", "AssumeRolesInOrganization"] : sid => ["arn:aws-cn:lambda:cn-north-1:111111111111:function:x", "arn:aws-cn:lambda:cn-north-1:111111111111:function:x:*"]
    }
    error_message = output.json
  }
  assert {
    condition = { for one in jsondecode(output.json).Statement : one.Sid => one.Condition.StringEquals["aws:ResourceAccount"] if startswith(one.Action[0], "s3:") } == {
      ReadKeepLists           = ["111111111111"], KeepState = ["111111111111"], TellNoStateFromForbidden = ["111111111111"], WriteReports = ["333333333333"]
      ReadGitDocuments        = ["444444444444"]
      PublishEvidence         = ["111111111111"]
      ReadConfigurationObject = ["111111111111"]
    }
    error_message = output.json
  }
}

run "a_role_of_no_function_has_no_condition_about_one" {
  command = plan

  variables {
    document          = { mode = "delete", registries = [{ region = "cn-north-1" }] }
    log_group         = null
    failure_queue_arn = null
    function_arn      = null
  }

  assert {
    condition     = strcontains(output.json, "BatchDeleteImage") && !strcontains(output.json, "SourceFunctionArn")
    error_message = output.json
  }
  assert {
    condition     = one([for one in jsondecode(output.json).Statement : one.Resource if one.Sid == "DescribeLambda"]) == ["arn:aws-cn:lambda:*:111111111111:*"]
    error_message = output.json
  }
}

run "registries_in_other_accounts_alone" {
  command = plan

  variables {
    document = { mode = "delete", registries = [{ role_arn = "arn:aws-cn:iam::222222222222:role/r" }] }
  }

  assert {
    condition     = !strcontains(output.json, "ecr:Describe") && !strcontains(output.json, "\"Sid\":\"DeleteImages\"")
    error_message = output.json
  }
}

run "recorded_task_definitions_are_read_where_they_are_asked_for" {
  command = plan

  variables {
    document = { mode = "plan", in_use = { ecs = { config_recorder = "auto" } } }
  }

  assert {
    condition     = one([for one in jsondecode(output.json).Statement : one if one.Sid == "ReadRecordedTaskDefinitions"]).Action == ["config:SelectResourceConfig"]
    error_message = output.json
  }
}

run "tags_are_read_where_a_policy_asks_for_them" {
  command = plan

  variables {
    document = { mode = "plan", policies = [{ repositories = ["a"] }, { repository_tags = { team = "payments*" } }] }
  }

  assert {
    condition     = one([for one in jsondecode(output.json).Statement : one if one.Sid == "ReadRepositoryTags"]).Action == ["ecr:ListTagsForResource"]
    error_message = output.json
  }
}

run "tags_are_read_where_they_name_policies" {
  command = plan

  variables {
    document = { mode = "plan", policy_tag = "ecr-cleanup" }
  }

  assert {
    condition     = strcontains(output.json, "ecr:ListTagsForResource")
    error_message = output.json
  }
}

run "tags_are_not_read_elsewhere" {
  command = plan

  variables {
    document = { mode = "plan", policies = [{ repositories = ["a"] }] }
  }

  assert {
    condition     = !strcontains(output.json, "ecr:ListTagsForResource")
    error_message = output.json
  }
}

run "archiving_deletes_only_what_the_configuration_says" {
  command = plan

  variables {
    document    = { mode = "archive" }
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
    document = { mode = "archive", archive = { delete_after = "90d" } }
  }

  assert {
    condition     = strcontains(output.json, "ecr:BatchDeleteImage")
    error_message = output.json
  }
}

run "what_is_configured_besides" {
  command = plan

  variables {
    document = {
      mode = "plan"
      in_use = {
        services   = false
        regions    = "own"
        keep_lists = ["s3://222222222222@lists/in-use/*.json", "s3://other/one.json", "s3://lists/*"]
        accounts   = [{ role_arn = "arn:aws-cn:iam::333333333333:role/r" }, { regions = ["cn-northwest-1"] }, { role_arn = "arn:aws-cn:iam::333333333333:role/r" }]
      }
      policies = [{ repositories = ["**"], git = { document = "s3://222222222222@evidence/git/app.json.gz", repository = "app" } }, { repositories = ["x"] }]
      state    = "s3://b/state/"
      report   = "s3://b"
      notify   = ["arn:aws-cn:sns:cn-north-1:111111111111:t", "https://hooks.slack.com/services/x", "ssm:/x/hook", "secret:hook"]
    }
    parameter = "/x/config"
    in_vpc    = true
  }

  assert {
    condition = { for one in jsondecode(output.json).Statement : one.Sid => one.Resource if !startswith(one.Sid, "Describe") && !startswith(one.Sid, "ReadE") && !startswith(one.Sid, "ReadRe") && !contains(["ReadLambda", "ReadCloudFormation"], one.Sid) } == {
      AssumeRoles              = ["arn:aws-cn:iam::333333333333:role/r"]
      ReadKeepLists            = ["arn:aws-cn:s3:::lists/in-use/*.json", "arn:aws-cn:s3:::other/one.json", "arn:aws-cn:s3:::lists/*"]
      FindKeepLists            = ["arn:aws-cn:s3:::lists"]
      ReadGitDocuments         = ["arn:aws-cn:s3:::evidence/git/app.json.gz"]
      KeepState                = ["arn:aws-cn:s3:::b/state/*"]
      TellNoStateFromForbidden = ["arn:aws-cn:s3:::b"]
      WriteReports             = ["arn:aws-cn:s3:::b/*"]
      ReadConfiguration        = ["arn:aws-cn:ssm:cn-north-1:111111111111:parameter/x/config"]
      Notify                   = ["arn:aws-cn:sns:cn-north-1:111111111111:t"]
      ReadWebhookParameter     = ["arn:aws-cn:ssm:cn-north-1:111111111111:parameter/x/hook"]
      ReadWebhookSecret        = ["arn:aws-cn:secretsmanager:cn-north-1:111111111111:secret:hook-??????"]
      WriteLog                 = ["arn:aws-cn:logs:cn-north-1:111111111111:log-group:/aws/lambda/x:*"]
      KeepFailures             = ["arn:aws-cn:sqs:cn-north-1:111111111111:x-function-failures"]
      ConnectToVpc             = ["*"]
      LeaveNetworkAlone        = ["*"]
    }
    error_message = output.json
  }
  assert {
    condition     = one([for one in jsondecode(output.json).Statement : one.Condition if one.Sid == "FindKeepLists"]) == { StringEquals = { "s3:prefix" = ["in-use/", ""], "aws:ResourceAccount" = ["222222222222", "111111111111"] } }
    error_message = output.json
  }
}

run "an_organization_is_listed_and_entered" {
  command = plan

  variables {
    document = { mode = "plan", in_use = { organization = { role_name = "team/reader" } } }
  }

  assert {
    condition = [for one in jsondecode(output.json).Statement : one if contains(["ListAccounts", "AssumeRoles", "AssumeRolesInOrganization"], one.Sid)] == [
      { Sid = "ListAccounts", Effect = "Allow", Action = ["organizations:ListAccounts"], Resource = ["*"] },
      {
        Sid       = "AssumeRolesInOrganization", Effect = "Allow", Action = ["sts:AssumeRole"], Resource = ["arn:aws-cn:iam::*:role/team/reader"]
        Condition = { StringEquals = { "aws:ResourceOrgID" = ["$${aws:PrincipalOrgID}"] }, ArnEquals = { "lambda:SourceFunctionArn" = ["arn:aws-cn:lambda:cn-north-1:111111111111:function:x", "arn:aws-cn:lambda:cn-north-1:111111111111:function:x:*"] } }
      },
    ]
    error_message = output.json
  }
}

run "an_organization_is_listed_by_another_role" {
  command = plan

  variables {
    document = { mode = "plan", in_use = { organization = { role_name = "reader", list_role_arn = "arn:aws-cn:iam::444444444444:role/lister" } } }
  }

  assert {
    condition     = { for one in jsondecode(output.json).Statement : one.Sid => one.Resource if strcontains(one.Sid, "Assume") || one.Sid == "ListAccounts" } == { AssumeRoles = ["arn:aws-cn:iam::444444444444:role/lister"], AssumeRolesInOrganization = ["arn:aws-cn:iam::*:role/reader"] }
    error_message = output.json
  }
}

run "roles_in_a_pattern_are_not_listed" {
  command = plan

  variables {
    document      = { mode = "plan", in_use = { accounts = [for role in ["222222222222:role/team.a/reader", "333333333333:role/team.a/reader", "444444444444:role/team-a/reader"] : { role_arn = "arn:aws-cn:iam::${role}" }] } }
    role_patterns = ["arn:aws-cn:iam::*:role/team.a/*"]
  }

  assert {
    condition = [for one in jsondecode(output.json).Statement : one if startswith(one.Sid, "Assume")] == [
      { Sid = "AssumeRoles", Effect = "Allow", Action = ["sts:AssumeRole"], Resource = ["arn:aws-cn:iam::444444444444:role/team-a/reader"], Condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:aws-cn:lambda:cn-north-1:111111111111:function:x", "arn:aws-cn:lambda:cn-north-1:111111111111:function:x:*"] } } },
      {
        Sid       = "AssumeRolesInOrganization", Effect = "Allow", Action = ["sts:AssumeRole"], Resource = ["arn:aws-cn:iam::*:role/team.a/*"]
        Condition = { StringEquals = { "aws:ResourceOrgID" = ["$${aws:PrincipalOrgID}"] }, ArnEquals = { "lambda:SourceFunctionArn" = ["arn:aws-cn:lambda:cn-north-1:111111111111:function:x", "arn:aws-cn:lambda:cn-north-1:111111111111:function:x:*"] } }
      },
    ]
    error_message = output.json
  }
}

run "services_are_read_where_they_are_named" {
  command = plan

  variables {
    document = { mode = "plan", in_use = { ecs = false, eks = false, lambda = false, cloudformation = false, services = ["batch", "step_functions"], regions = ["cn-northwest-1"] } }
  }

  assert {
    condition     = [for one in jsondecode(output.json).Statement : one.Sid] == ["ReadRegistry", "ReadRepositories", "ReadBatch", "ReadStepFunctions", "DescribeStepFunctions", "WriteLog", "KeepFailures"]
    error_message = output.json
  }
  assert {
    condition     = output.sources == ["batch", "step_functions"]
    error_message = "a service is on where it is named"
  }
}

run "a_service_that_is_unknown" {
  command = plan

  variables {
    document = { mode = "plan", in_use = { services = ["bach"] } }
  }

  expect_failures = [output.json]
}

run "a_policy_that_iam_would_refuse" {
  command = plan

  variables {
    document               = { mode = "delete" }
    cleanable_repositories = [for number in range(200) : "team-${number}/*"]
  }

  expect_failures = [output.json]
}
