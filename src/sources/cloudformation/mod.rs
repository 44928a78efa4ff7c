//! What the templates of AWS CloudFormation name (U11): those of every stack that is not deleted,
//! as they were written and as macros made them, and those of change sets that may be executed. So
//! the image assets of CDK count, which nothing else names until they run.
//!
//! A template never changes while the stack does not, and is asked for once; so is that of a change
//! set. Change sets are listed in every run, since nothing else tells of a new one. Stacks are
//! described again after their templates were read: if one was updated meanwhile, nothing tells which
//! of its templates was read, and it is read once more.
//!
//! A stack that is not settled may go back to the template before, for which CloudFormation cannot
//! be asked; the one that an earlier run saw is in the state.

mod document;
mod hosts;
mod record;
mod resolve;
mod status;
mod surroundings;
mod try_access;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream, try_join};

use self::{
    status::{is_gone, is_meant_to_run, is_settled, may_be_executed, state},
    surroundings::Surroundings,
};
use super::{Reading, Source};
use crate::{
    aws::{
        ApiError, Cause, ChangeSet, Clients, CloudFormationService, Operation, Page, Parameter,
        Stack, TemplateOf, all_pages,
    },
    cache::{Caches, StackTemplate, TemplateBody},
    evidence::{SourceError, Unread, UnreadKind, Uses},
    image::{Partition, Registry},
};

const NAME: &str = "cloudformation";
const STACK: &str = "CloudFormation stack";
const EARLIER: &str = "earlier template of CloudFormation stack";
const CHANGE_SET: &str = "CloudFormation change set";
/// Actions that reading it takes; describing all stacks also takes the right to list them.
const ACTIONS: &str = "cloudformation:DescribeChangeSet, cloudformation:DescribeStacks, \
                       cloudformation:GetTemplate, cloudformation:ListChangeSets, \
                       cloudformation:ListStacks";
const AT_ONCE: usize = 16;
/// Number of stacks that are read until stacks are described again.
const BATCH: usize = 100;
/// Number of times that a stack is read while it changes.
const ROUNDS: usize = 8;

pub(crate) struct CloudFormation {
    /// Whether it is a failure if it cannot be asked.
    pub(crate) is_demanded: bool,
    pub(crate) clients: Clients,
    pub(crate) location: Registry,
    /// The templates that are known already.
    pub(crate) caches: Arc<Caches>,
}

/// A template that counts.
struct Found {
    kind: &'static str,
    /// Name of the stack, and of the change set if it is of one.
    title: String,
    stack_id: String,
    stack_name: String,
    live: bool,
    template: StackTemplate,
}

/// Reason for which there are no stacks.
enum Unlisted {
    /// CloudFormation is not offered in this Region.
    NotOffered,
    /// It cannot be asked, and nobody demands it.
    Unread(ApiError),
    Failed(SourceError),
}

impl<E: Into<SourceError>> From<E> for Unlisted {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Source for CloudFormation {
    fn name(&self) -> &'static str {
        NAME
    }

    fn location(&self) -> &Registry {
        &self.location
    }

    fn may_be_unread(&self) -> bool {
        !self.is_demanded
    }

    fn read<'a>(&'a self, uses: &'a mut Uses) -> LocalBoxFuture<'a, Result<Reading, SourceError>> {
        async {
            match self.read_stacks(uses).await {
                Ok(()) => Ok(Reading::default()),
                Err(Unlisted::NotOffered) => {
                    let region = &self.location.region;
                    Ok(Reading {
                        note: Some(format!("AWS CloudFormation is not offered in {region}")),
                        ..Reading::default()
                    })
                }
                Err(Unlisted::Unread(error)) => Ok(Reading {
                    unread: vec![self.unread(&error)],
                    is_unread: true,
                    ..Reading::default()
                }),
                Err(Unlisted::Failed(error)) => Err(error),
            }
        }
        .boxed_local()
    }
}

impl CloudFormation {
    async fn read_stacks(&self, uses: &mut Uses) -> Result<(), Unlisted> {
        let brief = (!self.is_demanded).then(|| CloudFormationService::new(&self.clients, true));
        let brief = Cell::new(brief.transpose()?);
        let service = &CloudFormationService::new(&self.clients, false)?;
        let mut found = Vec::new();
        // By what tells a state of a stack from any other.
        let mut read: BTreeMap<String, Option<StackTemplate>> = BTreeMap::new();
        let mut attempts: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let stacks = self.stacks(service, &brief).await?;
            let states: BTreeSet<String> = stacks.iter().map(state).collect();
            for (state, template) in &mut read {
                if let Some(template) = template.take().filter(|_| states.contains(state)) {
                    self.caches.templates.learn(state.clone(), template);
                }
            }
            let new = stacks
                .iter()
                .filter(|stack| !read.contains_key(&state(stack)));
            let new: Vec<&Stack> = new.take(BATCH).collect();
            if new.is_empty() {
                let surroundings = self.surroundings(&stacks)?;
                return Ok(record::record_all(&found, &surroundings, uses)?);
            }
            let readings = stream::iter(new)
                .map(|stack| async move { (stack, self.read_stack(service, stack).await) });
            let mut readings = readings.buffer_unordered(AT_ONCE);
            while let Some((stack, reading)) = readings.next().await {
                let attempts = attempts.entry(stack.stack_id.clone()).or_default();
                *attempts += 1;
                match reading {
                    Ok(_) if *attempts > ROUNDS => return Err(changing(stack).into()),
                    Ok((of_stack, to_learn)) => {
                        found.extend(of_stack);
                        read.insert(state(stack), to_learn);
                    }
                    Err(error) if is_gone(&error) && *attempts <= ROUNDS => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    fn surroundings(&self, stacks: &[Stack]) -> Result<Surroundings, ApiError> {
        let unusable = |why: String| ApiError::answer(Operation::DescribeStacks, "", why);
        let region = &self.location.region;
        let partition = Partition::of(region);
        let partition = partition
            .ok_or_else(|| unusable(format!("the partition of `{region}` is not known")))?;
        Surroundings::new(&self.location, partition, stacks)
            .map_err(|error| unusable(error.to_string()))
    }

    /// Describes all stacks that are not deleted. The first call of all shows whether CloudFormation
    /// can be asked.
    async fn stacks(
        &self,
        service: &CloudFormationService,
        brief: &Cell<Option<CloudFormationService>>,
    ) -> Result<Vec<Stack>, Unlisted> {
        let page = |token: Option<String>| async move {
            if let Some(first) = brief.take() {
                match first.describe_stacks(token.as_deref()).await {
                    Err(error) if error.cause == Cause::NotOffered => {
                        return Err(Unlisted::NotOffered);
                    }
                    Err(error) if error.cause.leaves_unread() => {
                        return Err(Unlisted::Unread(error));
                    }
                    Err(error) if error.cause.may_pass() => {}
                    ended => return Ok(ended?),
                }
            }
            match service.describe_stacks(token.as_deref()).await {
                Err(error) if error.cause == Cause::NotOffered => Err(Unlisted::NotOffered),
                ended => Ok::<Page<Stack>, Unlisted>(ended?),
            }
        };
        let mut stacks = all_pages(Operation::DescribeStacks, "", page).await?;
        stacks.retain(|stack| stack.stack_status != "DELETE_COMPLETE");
        Ok(stacks)
    }

    /// Reads everything that counts of a stack, and the template to remember if it is still that of
    /// the stack afterwards.
    async fn read_stack(
        &self,
        service: &CloudFormationService,
        stack: &Stack,
    ) -> Result<(Vec<Found>, Option<StackTemplate>), ApiError> {
        let (template, mut found) = try_join!(
            self.template(service, stack),
            self.change_sets(service, stack)
        )?;
        if !is_settled(stack) {
            let earlier = self
                .caches
                .templates
                .all_of(&format!("{} ", stack.stack_id));
            let earlier = earlier
                .into_iter()
                .filter(|(known, _)| *known != state(stack));
            found.extend(earlier.map(|(_, template)| Found::of_stack(EARLIER, stack, template)));
        }
        let Some((template, is_new)) = template else {
            return Ok((found, None));
        };
        let to_learn = is_new.then(|| template.clone());
        found.push(Found {
            live: is_meant_to_run(stack),
            ..Found::of_stack(STACK, stack, template)
        });
        Ok((found, to_learn))
    }

    /// Returns the template of a stack, and whether it is one to remember; `None` if there is none
    /// before a change set makes the stack.
    async fn template(
        &self,
        service: &CloudFormationService,
        stack: &Stack,
    ) -> Result<Option<(StackTemplate, bool)>, ApiError> {
        if stack.stack_status == "REVIEW_IN_PROGRESS" {
            return Ok(None);
        }
        let is_fact = !stack.stack_status.ends_with("_IN_PROGRESS");
        let known = self.caches.templates.get(&state(stack));
        if let Some(known) = known.filter(|_| is_fact) {
            return Ok(Some((known, false)));
        }
        let of = TemplateOf::Stack(&stack.stack_id);
        let bodies = bodies(service, &stack.stack_name, of).await?;
        let parameters = Parameter::values(&stack.parameters);
        Ok(Some((StackTemplate { bodies, parameters }, is_fact)))
    }

    async fn change_sets(
        &self,
        service: &CloudFormationService,
        stack: &Stack,
    ) -> Result<Vec<Found>, ApiError> {
        let change_sets = all_pages(
            Operation::ListChangeSets,
            &stack.stack_name,
            |token: Option<String>| async move {
                service.list_change_sets(stack, token.as_deref()).await
            },
        );
        let mut found = Vec::new();
        for change_set in change_sets.await?.iter().filter(|it| may_be_executed(it)) {
            let title = format!("{}/{}", stack.stack_name, change_set.change_set_name);
            match self.change_set(service, &title, change_set).await {
                Ok(template) => found.push(Found {
                    title,
                    ..Found::of_stack(CHANGE_SET, stack, template)
                }),
                // If it was executed, the stack is another one now.
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn change_set(
        &self,
        service: &CloudFormationService,
        title: &str,
        change_set: &ChangeSet,
    ) -> Result<StackTemplate, ApiError> {
        let id = &change_set.change_set_id;
        if let Some(known) = self.caches.templates.get(id) {
            return Ok(known);
        }
        let of = TemplateOf::ChangeSet(id);
        let (bodies, parameters) = try_join!(
            bodies(service, title, of),
            service.describe_change_set(title, change_set)
        )?;
        let parameters = Parameter::values(&parameters);
        let template = StackTemplate { bodies, parameters };
        if change_set.status.as_deref() == Some("CREATE_COMPLETE") {
            self.caches.templates.learn(id.clone(), template.clone());
        }
        Ok(template)
    }

    fn unread(&self, error: &ApiError) -> Unread {
        Unread::new(
            UnreadKind::Service,
            NAME,
            Some(&self.location),
            error.to_string(),
            error.remedy(),
        )
    }
}

impl Found {
    fn of_stack(kind: &'static str, stack: &Stack, template: StackTemplate) -> Self {
        Self {
            kind,
            title: stack.stack_name.clone(),
            stack_id: stack.stack_id.clone(),
            stack_name: stack.stack_name.clone(),
            live: false,
            template,
        }
    }
}

/// Reads a template as it was written and, if that may be another text, as macros made it.
async fn bodies(
    service: &CloudFormationService,
    title: &str,
    of: TemplateOf<'_>,
) -> Result<Vec<TemplateBody>, ApiError> {
    let original = service.get_template(title, of, "Original").await?;
    let has_macros = original.template_body.contains("Transform");
    let mut bodies = vec![TemplateBody::new(&original.template_body)];
    // Those of a change set that is still being made are not processed yet.
    let is_processed = original
        .stages_available
        .iter()
        .any(|stage| stage == "Processed");
    if has_macros && (is_processed || matches!(of, TemplateOf::Stack(_))) {
        let processed = service.get_template(title, of, "Processed").await?;
        bodies.push(TemplateBody::new(&processed.template_body));
    }
    Ok(bodies)
}

fn changing(stack: &Stack) -> ApiError {
    let problem = format!("it changed while it was read, {ROUNDS} times in a row");
    ApiError::answer(Operation::DescribeStacks, &stack.stack_name, problem)
}
