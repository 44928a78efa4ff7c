//! The state of the simulated AWS.

use crate::cloudformation::Stacks;
use crate::ecr::registry::Registry;
use crate::ecr::repository::Repository;
use crate::ecs::state::{Cluster, Ecs};
use crate::eks::EksCluster;
use crate::lambda::Function;
use crate::moment::Moment;
use crate::organizations::Organization;
use crate::s3::Object;
use crate::scripted::Scripted;
use crate::sns::Message;
use serde_json::Value;
use std::collections::BTreeMap;

/// An account and a Region of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Twelve digits.
    pub account: String,
    /// For example `eu-west-1`.
    pub region: String,
}

impl Location {
    /// Names a location.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
        }
    }
}

/// Who an access key belongs to.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The account.
    pub account: String,
    /// The ARN that `GetCallerIdentity` answers.
    pub arn: String,
}

impl Identity {
    /// A session of the role `ecr-cleanup` of this account.
    #[must_use]
    pub fn of(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/ecr-cleanup/session"),
        }
    }
}

/// Whom a role lets in.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The accounts whose callers it lets in.
    pub accounts: Vec<String>,
    /// The external id that it asks for.
    pub external_id: Option<String>,
    /// Whether its credentials are said to be over already, so that whoever has an eye on that
    /// renews them for every call. They hold all the same.
    pub short_lived: bool,
}

/// An image that `BatchDeleteImage` deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Where.
    pub location: Location,
    /// The repository.
    pub repository: String,
    /// The deleted digest.
    pub digest: String,
    /// The tags it had.
    pub tags: Vec<String>,
}

/// Everything the simulated AWS knows.
#[derive(Clone, Debug)]
pub struct World {
    /// The clock; it stands still until a test moves it.
    pub now: Moment,
    /// The account and Region a test means when it names none.
    pub home: Location,
    /// What each account holds in each Region; a location that nobody edited is empty.
    pub regions: BTreeMap<Location, Region>,
    /// The Regions of accounts, with the status that `ListRegions` gives each; an account that is not
    /// listed has the home Region alone.
    pub enabled: BTreeMap<String, BTreeMap<String, String>>,
    /// Access keys and whose they are; a key not listed belongs to the home account. `AssumeRole`
    /// adds to it.
    pub access_keys: BTreeMap<String, Identity>,
    /// The alias that IAM has for every account.
    pub account_alias: Option<String>,
    /// Roles by ARN. While there is none here, any role lets everybody in; else only these can be
    /// assumed.
    pub roles: BTreeMap<String, Trust>,
    /// The organization that all accounts know, if there is one.
    pub organization: Option<Organization>,
    /// S3 buckets by name, and their objects by key.
    pub buckets: BTreeMap<String, BTreeMap<String, Object>>,
    /// Accounts that own buckets, by the bucket's name; else the home account does.
    pub bucket_owners: BTreeMap<String, String>,
    /// What was published to SNS topics, in order.
    pub messages: Vec<Message>,
    /// What `BatchDeleteImage` deleted, in order.
    pub deletions: Vec<Deletion>,
    /// The failure code of `BatchGetImage` for an archived image; AWS does not document it.
    pub archived_failure_code: String,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: Moment::NOW,
            home: Location::new("111111111111", "eu-west-1"),
            regions: BTreeMap::new(),
            enabled: BTreeMap::new(),
            access_keys: BTreeMap::new(),
            account_alias: None,
            roles: BTreeMap::new(),
            organization: None,
            buckets: BTreeMap::new(),
            bucket_owners: BTreeMap::new(),
            messages: Vec::new(),
            deletions: Vec::new(),
            archived_failure_code: "ImageInaccessible".to_owned(),
        }
    }
}

impl World {
    /// The home account and Region.
    pub fn home(&mut self) -> &mut Region {
        let home = self.home.clone();
        self.at(&home)
    }

    /// One account and Region, made when it is new.
    pub fn region(&mut self, account: &str, region: &str) -> &mut Region {
        self.at(&Location::new(account, region))
    }

    /// Returns a location, made when it is new.
    pub fn at(&mut self, location: &Location) -> &mut Region {
        let now = self.now;
        let region = self
            .regions
            .entry(location.clone())
            .or_insert_with(|| Region::new(location.clone(), now));
        region.now = now;
        region.ecs.now = now;
        region
    }

    /// Returns a repository of the home location.
    #[must_use]
    pub fn stored(&self, repository: &str) -> Option<&Repository> {
        self.regions
            .get(&self.home)?
            .ecr
            .repositories
            .get(repository)
    }

    /// Enables a Region of the home account, besides the home Region, and returns it.
    pub fn enable(&mut self, region: &str) -> &mut Region {
        let home = self.home.clone();
        let statuses = self.region_statuses(&home.account);
        let enabled = self.enabled.entry(home.account.clone()).or_insert(statuses);
        enabled.insert(region.to_owned(), "ENABLED".to_owned());
        self.region(&home.account, region)
    }

    /// Returns the Regions of an account, with their status.
    pub(crate) fn region_statuses(&self, account: &str) -> BTreeMap<String, String> {
        let home = || (self.home.region.clone(), "ENABLED_BY_DEFAULT".to_owned());
        let known = self.enabled.get(account).cloned();
        known.unwrap_or_else(|| BTreeMap::from([home()]))
    }

    /// A bucket, made when it is new.
    pub fn bucket(&mut self, name: &str) -> &mut BTreeMap<String, Object> {
        self.buckets.entry(name.to_owned()).or_default()
    }

    /// Returns whose an access key is.
    #[must_use]
    pub fn identity(&self, access_key: &str) -> Identity {
        self.access_keys
            .get(access_key)
            .cloned()
            .unwrap_or_else(|| Identity::of(&self.home.account))
    }
}

/// What one account holds in one Region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Where this is.
    pub location: Location,
    /// ECR.
    pub ecr: Registry,
    /// ECS.
    pub ecs: Ecs,
    /// What AWS Config has recorded of task definitions, by [`TaskDefinition::key`](crate::TaskDefinition::key).
    pub recorded: BTreeMap<String, Value>,
    /// The clusters of EKS by name.
    pub eks: BTreeMap<String, EksCluster>,
    /// The functions of Lambda by name.
    pub functions: BTreeMap<String, Function>,
    /// The stacks of CloudFormation, if it may be asked.
    pub stacks: Option<Stacks>,
    /// What operations of other services answer, by name.
    pub scripts: BTreeMap<String, Vec<Scripted>>,
    /// SSM parameters by name.
    pub parameters: BTreeMap<String, String>,
    pub(crate) now: Moment,
}

impl Region {
    fn new(location: Location, now: Moment) -> Self {
        Self {
            ecr: Registry::default(),
            ecs: Ecs::new(location.clone()),
            recorded: BTreeMap::new(),
            eks: BTreeMap::new(),
            functions: BTreeMap::new(),
            stacks: None,
            scripts: BTreeMap::new(),
            parameters: BTreeMap::new(),
            location,
            now,
        }
    }

    /// A repository, made when it is new.
    pub fn repository(&mut self, name: &str) -> &mut Repository {
        let (location, now) = (&self.location, self.now);
        let repository = self
            .ecr
            .repositories
            .entry(name.to_owned())
            .or_insert_with(|| Repository::new(location, name, now));
        repository.now = now;
        repository
    }

    /// A cluster, made when it is new.
    pub fn cluster(&mut self, name: &str) -> &mut Cluster {
        self.ecs.cluster(name)
    }
}
