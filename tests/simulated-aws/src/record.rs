//! The record of every call.

use crate::world::Location;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// One call that was made.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its position in the order of calls, from 1.
    pub sequence: u64,
    /// For example `ecr:DescribeImages`.
    pub operation: String,
    /// The caller's account, and the Region the call went to.
    pub location: Location,
    /// The body; `Null` if bodies are not recorded. For STS the form, for S3 `bucket` and `key`.
    pub body: Value,
    /// The HTTP status answered; 0 if the answer was left out.
    pub status: u16,
    /// Whether the rate limits refused it.
    pub throttled: bool,
}

impl Call {
    /// Returns whether it asks for a change that lasts: deleting or archiving images, pushing,
    /// changing a lifecycle policy.
    #[must_use]
    pub fn is_mutation(&self) -> bool {
        matches!(
            self.operation.as_str(),
            "ecr:BatchDeleteImage"
                | "ecr:UpdateImageStorageClass"
                | "ecr:PutImage"
                | "ecr:PutLifecyclePolicy"
        )
    }
}

/// All calls since the start or the last clearing.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) calls: Vec<Call>,
    pub(crate) counts: HashMap<String, usize>,
    pub(crate) throttled: usize,
    sequence: u64,
}

impl Record {
    pub(crate) fn add(
        &mut self,
        operation: String,
        location: Location,
        body: Value,
        status: u16,
        throttled: bool,
    ) {
        self.sequence += 1;
        self.throttled += usize::from(throttled);
        match self.counts.get_mut(&operation) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(operation.clone(), 1);
            }
        }
        self.calls.push(Call {
            sequence: self.sequence,
            operation,
            location,
            body,
            status,
            throttled,
        });
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the calls that were answered well and then made again with the same body: wasted
    /// ones.
    pub(crate) fn repeated(&self) -> Vec<Call> {
        let mut seen: BTreeMap<(&str, &Location, String), bool> = BTreeMap::new();
        let mut repeated = Vec::new();
        for call in &self.calls {
            if call.operation.starts_with("sts:") || call.body.is_null() {
                continue;
            }
            let answered = seen
                .entry((&call.operation, &call.location, call.body.to_string()))
                .or_default();
            if *answered {
                repeated.push(call.clone());
            }
            *answered |= (200..300).contains(&call.status);
        }
        repeated
    }
}
