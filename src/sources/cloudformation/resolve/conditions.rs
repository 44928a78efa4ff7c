//! The conditions of a template.

use serde_json::Value;

use super::{Resolver, function};

impl Resolver<'_> {
    /// Returns the branch of a choice that is taken, or both.
    pub(super) fn branches<'v>(&self, argument: &'v Value) -> Vec<&'v Value> {
        let Some([condition, yes, no]) = argument.as_array().map(Vec::as_slice) else {
            return Vec::new();
        };
        let name = condition.as_str().unwrap_or_default();
        match self.condition(name) {
            Some(true) => vec![yes],
            Some(false) => vec![no],
            None => vec![yes, no],
        }
    }

    /// Returns whether a condition of the template holds, if that is known.
    pub(in super::super) fn condition(&self, name: &str) -> Option<bool> {
        let condition = &self.template["Conditions"][name];
        self.deeper(|| self.holds(condition), || None)
    }

    fn holds(&self, condition: &Value) -> Option<bool> {
        let (name, argument) = function(condition.as_object()?)?;
        let operands = || argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let each = || operands().iter().map(|operand| self.holds(operand));
        match name {
            "Condition" => self.condition(argument.as_str()?),
            "Fn::Equals" => match operands() {
                [left, right] => match (&self.texts(left)[..], &self.texts(right)[..]) {
                    ([left], [right]) if !left.contains("${") && !right.contains("${") => {
                        Some(left == right)
                    }
                    _ => None,
                },
                _ => None,
            },
            "Fn::Not" => each().next()?.map(|holds| !holds),
            "Fn::And" if each().any(|holds| holds == Some(false)) => Some(false),
            "Fn::And" => each().all(|holds| holds == Some(true)).then_some(true),
            "Fn::Or" if each().any(|holds| holds == Some(true)) => Some(true),
            "Fn::Or" => each().all(|holds| holds == Some(false)).then_some(false),
            _ => None,
        }
    }
}
