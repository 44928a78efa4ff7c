//! Pullers of which nothing needs to be read.

use std::collections::BTreeSet;

use super::{Accounts, PullPrincipal};

/// Pullers of which nothing needs to be read: accounts, organizations and services by their names,
/// other principals as policies write them, and `*` for anybody who is let in without a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedPullers(BTreeSet<Box<str>>);

impl FromIterator<String> for TrustedPullers {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self(names.into_iter().map(String::into_boxed_str).collect())
    }
}

impl TrustedPullers {
    /// Returns the names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// Returns whether whoever a policy names like this is trusted. In a condition `*` names nobody.
    pub(super) fn names_exactly(&self, text: &str) -> bool {
        text != "*" && self.0.contains(text)
    }

    /// Returns whether nothing of a principal needs to be read.
    pub(super) fn covers(&self, principal: &PullPrincipal) -> bool {
        match principal {
            PullPrincipal::Accounts(accounts) => self.covers_accounts(accounts),
            PullPrincipal::Service { name, on_behalf_of } => {
                self.names_exactly(&name.to_ascii_lowercase())
                    || (*on_behalf_of != Accounts::Any && self.covers_accounts(on_behalf_of))
            }
            PullPrincipal::Other(name) => self.names_exactly(name),
        }
    }

    fn covers_accounts(&self, accounts: &Accounts) -> bool {
        match accounts {
            Accounts::One { account, .. } => self.names_exactly(account),
            Accounts::Organization(id) => self.names_exactly(id),
            Accounts::Any => self.0.contains("*"),
        }
    }
}
