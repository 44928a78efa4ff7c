//! What the statuses of stacks and change sets say.

use crate::aws::{ApiError, ChangeSet, Stack};

/// Returns what tells a state of a stack, and so its template, from all others.
pub(super) fn state(stack: &Stack) -> String {
    let updated = stack.last_updated_time.as_ref();
    let updated = updated.unwrap_or(&stack.creation_time);
    format!("{} {} {updated}", stack.stack_id, stack.stack_status)
}

/// Returns whether a stack does not go back to another template by itself.
pub(super) fn is_settled(stack: &Stack) -> bool {
    ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"].contains(&&*stack.stack_status)
}

/// Returns whether what the template of a stack says is meant to run: not if making it failed, or if
/// it is being deleted.
pub(super) fn is_meant_to_run(stack: &Stack) -> bool {
    let status = &*stack.stack_status;
    let failed = ["ROLLBACK_", "DELETE_"]
        .iter()
        .any(|it| status.starts_with(it));
    !failed && !status.ends_with("_FAILED")
}

/// Returns whether a change set may still be executed, or is being executed.
pub(super) fn may_be_executed(change_set: &ChangeSet) -> bool {
    let is = |status: &Option<String>, one_of: &[&str]| {
        status.as_deref().is_some_and(|it| one_of.contains(&it))
    };
    !is(&change_set.status, &["DELETE_COMPLETE", "FAILED"])
        && !is(
            &change_set.execution_status,
            &["EXECUTE_COMPLETE", "EXECUTE_FAILED", "OBSOLETE"],
        )
}

/// Returns whether a call failed since there is no such stack or change set any more.
pub(super) fn is_gone(error: &ApiError) -> bool {
    error.code.as_deref().is_some_and(|code| {
        code.starts_with("ChangeSetNotFound")
            || (code == "ValidationError" && error.message.contains("does not exist"))
    })
}
