//! Trying the calls that reading stacks takes.

use super::{ACTIONS, CloudFormation};
use crate::{
    aws::{ApiError, Cause, ChangeSet, CloudFormationService, Operation, Stack, TemplateOf, Tried},
    evidence::Unread,
    sources::services::TriedService,
};

impl CloudFormation {
    /// Tries every call once, as far as there is something to ask about.
    pub(crate) async fn try_calls(&self) -> Result<TriedService, ApiError> {
        let mut tried = TriedService::default();
        let service = CloudFormationService::new(&self.clients, !self.is_demanded)?;
        let described = service.describe_stacks(None).await;
        match &described {
            // Nothing is needed where it is not offered.
            Err(error) if error.cause == Cause::NotOffered => return Ok(tried),
            Err(error) if !self.is_demanded && error.cause.leaves_unread() => {
                tried.unread = Some(Unread {
                    setting: format!("allow to the role: {ACTIONS}"),
                    ..self.unread(error)
                });
                return Ok(tried);
            }
            _ => {}
        }
        let error = described.as_ref().err();
        tried
            .tried
            .push(Tried::new(Operation::DescribeStacks, error));
        let stacks = described.ok().and_then(|(stacks, _)| stacks);
        let stacks = stacks.unwrap_or_default();
        let made = |stack: &&Stack| stack.stack_status != "REVIEW_IN_PROGRESS";
        if let Some(stack) = stacks.iter().find(made) {
            let of = TemplateOf::Stack(&stack.stack_id);
            let template = service.get_template("", of, "Original").await;
            tried
                .tried
                .push(Tried::new(Operation::GetTemplate, template.as_ref().err()));
        } else {
            tried.untried.push(Operation::GetTemplate.name());
        }
        let mut change_set = None;
        if let Some(stack) = stacks.first() {
            let listed = service.list_change_sets(stack, None).await;
            tried
                .tried
                .push(Tried::new(Operation::ListChangeSets, listed.as_ref().err()));
            change_set = listed
                .ok()
                .and_then(|(listed, _)| listed?.into_iter().next());
        } else {
            tried.untried.push(Operation::ListChangeSets.name());
        }
        self.try_change_set(&service, change_set, &mut tried).await;
        Ok(tried)
    }

    async fn try_change_set(
        &self,
        service: &CloudFormationService,
        change_set: Option<ChangeSet>,
        tried: &mut TriedService,
    ) {
        let Some(change_set) = change_set else {
            return tried.untried.push(Operation::DescribeChangeSet.name());
        };
        let described = service.describe_change_set("", &change_set).await;
        let error = described.as_ref().err();
        tried
            .tried
            .push(Tried::new(Operation::DescribeChangeSet, error));
    }
}
