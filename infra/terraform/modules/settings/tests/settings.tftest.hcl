variables {
  mode       = "plan"
  config     = {}
  account_id = "111111111111"
  bucket     = null
  topic      = null
  events_dir = "../../events"
}

run "as_it_comes" {
  command = plan

  assert {
    condition     = jsondecode(output.document) == { version = 1, mode = "plan", guards = { expected_accounts = ["111111111111"] } }
    error_message = output.document
  }
  assert {
    condition     = strcontains(output.schedule_input, "\"<aws.scheduler.scheduled-time>\"") && !strcontains(output.schedule_input, "u003c")
    error_message = "Scheduler does not find its placeholders: ${output.schedule_input}"
  }
  assert {
    condition     = !contains(keys(jsondecode(output.test_events).components.examples), "manual-delete")
    error_message = "a function that plans offers deleting"
  }
}

run "what_is_configured_is_passed_on" {
  command = plan

  variables {
    mode   = "delete"
    bucket = "reports"
    topic  = "arn:aws:sns:eu-west-1:111111111111:t"
    config = {
      policies = [{ repositories = ["team/**"], keep = [{ tags = "." }] }, { repositories = ["**"], leave_alone = true }]
      in_use   = { ecs = { task_definitions = { newest = 3 } }, eks = false }
      guards   = { max_deletions_per_run = 0 }
      report   = "s3://elsewhere/reports"
      notify   = "ssm:/team/slack"
    }
  }

  assert {
    condition = jsondecode(output.document) == {
      version  = 1
      mode     = "delete"
      policies = [{ repositories = ["team/**"], keep = [{ tags = "." }] }, { repositories = ["**"], leave_alone = true }]
      in_use   = { ecs = { task_definitions = { newest = 3 } }, eks = false }
      guards   = { expected_accounts = ["111111111111"], max_deletions_per_run = 0 }
      state    = "s3://reports/state"
      report   = "s3://elsewhere/reports"
      notify   = ["arn:aws:sns:eu-west-1:111111111111:t", "ssm:/team/slack"]
    }
    error_message = output.document
  }
  assert {
    condition     = contains(keys(jsondecode(output.test_events).components.examples), "manual-delete")
    error_message = "a function that deletes offers deleting"
  }
}
