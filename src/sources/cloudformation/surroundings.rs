//! What the stacks of a location know of each other.

use std::collections::HashMap;

use super::hosts::Hosts;
use crate::{
    aws::Stack,
    image::{Partition, Registry},
};

/// Name and outputs of a nested stack.
type Nested = (String, HashMap<String, String>);

/// What stacks know of each other.
pub(super) struct Surroundings {
    pub(super) location: Registry,
    pub(super) partition: Partition,
    pub(super) exports: HashMap<String, String>,
    /// Names and outputs of nested stacks, by the stack that they are in.
    pub(super) nested: HashMap<String, Vec<Nested>>,
    pub(super) hosts: Hosts,
}

impl Surroundings {
    pub(super) fn new(
        location: &Registry,
        partition: Partition,
        stacks: &[Stack],
    ) -> Result<Self, regex::Error> {
        let mut exports = HashMap::new();
        let mut nested: HashMap<String, Vec<_>> = HashMap::new();
        for stack in stacks {
            let mut outputs = HashMap::new();
            for output in &stack.outputs {
                let value = output.output_value.clone();
                if let Some(name) = &output.export_name {
                    exports.insert(name.clone(), value.clone());
                }
                outputs.insert(output.output_key.clone(), value);
            }
            if let Some(parent) = &stack.parent_id {
                let of_parent = nested.entry(parent.clone()).or_default();
                of_parent.push((stack.stack_name.clone(), outputs));
            }
        }
        Ok(Self {
            hosts: Hosts::new(location, partition.dns_suffix)?,
            location: location.clone(),
            partition,
            exports,
            nested,
        })
    }
}
