# The rules that tflint has itself; those of its ruleset for AWS are a download.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# A submodule has its variables beside what they are for.
rule "terraform_standard_module_structure" {
  enabled = false
}
