//! The worlds: how much is stored and used in each, and how a run of it is configured.

use std::time::{Duration, SystemTime};

use serde_json::json;
use simulated_aws::{
    EksCluster, Location, Moment, Organization, Push, RateLimits, SimulatedAws, World,
};
use simulated_cluster::SimulatedCluster;

/// Every answer takes this, and up to the jitter on top.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);
pub(crate) const JITTER: Duration = Duration::from_millis(10);

const DAY: Duration = Duration::from_hours(24);
/// The ECS clusters of every world, and the services in each.
const ECS_CLUSTERS: usize = 4;
const SERVICES: usize = 100;
/// Of each so many images in a repository, one is an index of the two before it, and one is a
/// candidate.
const GROUP: usize = 10;

/// How large a world is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    repositories: usize,
    images: usize,
    task_definitions: usize,
    kubernetes_clusters: usize,
    pods: usize,
    /// Accounts of the organization besides the own one, each of them used in every Region.
    members: usize,
    /// What the process that cleans it may take.
    pub(crate) megabytes: u64,
    pub(crate) variant: Variant,
}

/// What else there is to say of a world: its rate limits, those of [`RateLimits::documented`] so many
/// times, and how it is cleaned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    /// `None`: without any.
    times: Option<u32>,
    /// Whether the configuration names the rates. If not, the program has to find them out.
    are_known: bool,
    /// Whether a deployment makes half of the calls for task definitions that are allowed.
    with_deployment: bool,
    /// Whether AWS Config records the task definitions, and is asked.
    is_recorded: bool,
    /// Most images that a run deletes. The next one goes on.
    most_deletions: u32,
}

impl Variant {
    const DOCUMENTED: Self = Self {
        times: Some(1),
        are_known: false,
        with_deployment: false,
        is_recorded: false,
        most_deletions: 1_000_000,
    };

    /// Reads a variant: `x2`, `x10`, `off`, `found-x10`, `deployment`, `config` or `left`, or several such as
    /// `config+x1`.
    fn named(names: &str) -> Option<Self> {
        let times = |text: &str| text.strip_prefix('x')?.parse().ok();
        let mut variant = Self::DOCUMENTED;
        for name in names.split('+') {
            match name {
                "deployment" => variant.with_deployment = true,
                "config" => variant.is_recorded = true,
                "left" => variant.most_deletions = 10_000,
                "off" => (variant.times, variant.are_known) = (None, true),
                _ => {
                    let found = name.strip_prefix("found-");
                    variant.times = Some(times(found.unwrap_or(name))?);
                    variant.are_known = found.is_none();
                }
            }
        }
        Some(variant)
    }

    pub(crate) fn rates(self) -> RateLimits {
        let limits = match self.times {
            None => return RateLimits::none(),
            Some(times) => RateLimits::documented().times(times),
        };
        if self.with_deployment {
            limits.drawn("ecs:DescribeTaskDefinition", 10)
        } else {
            limits
        }
    }

    /// Returns what a configuration says of the rates.
    fn configured_rates(self) -> String {
        if !self.are_known {
            return String::new();
        }
        let rate = self.times.map_or(100_000, |times| 20 * times);
        format!(
            "aws: {{rates: {{'ecs:*': {rate}, 'ecr:*': {rate}, 'eks:*': {rate}, 'lambda:*': {rate}}}}}, "
        )
    }
}

/// The worlds, a small one to try the bench itself with, one of many small repositories, two with
/// millions of images that are soon read, and one of many accounts.
pub(crate) const SIZES: [Size; 8] = [
    Size {
        name: "small",
        repositories: 5,
        images: 100,
        task_definitions: 20,
        kubernetes_clusters: 1,
        pods: 100,
        members: 0,
        megabytes: 128,
        variant: Variant::DOCUMENTED,
    },
    Size {
        name: "team",
        repositories: 30,
        images: 300,
        task_definitions: 200,
        kubernetes_clusters: 1,
        pods: 200,
        members: 0,
        megabytes: 128,
        variant: Variant::DOCUMENTED,
    },
    Size {
        name: "company",
        repositories: 300,
        images: 1000,
        task_definitions: 3000,
        kubernetes_clusters: 3,
        pods: 5000,
        members: 0,
        megabytes: 256,
        variant: Variant::DOCUMENTED,
    },
    Size {
        name: "giant",
        repositories: 2000,
        images: 500,
        task_definitions: 10_000,
        kubernetes_clusters: 4,
        pods: 20_000,
        members: 0,
        megabytes: 1024,
        variant: Variant::DOCUMENTED,
    },
    Size {
        name: "wide",
        repositories: 5000,
        images: 20,
        task_definitions: 200,
        kubernetes_clusters: 1,
        pods: 200,
        members: 0,
        megabytes: 256,
        variant: Variant::DOCUMENTED,
    },
    Size {
        name: "million",
        repositories: 1000,
        images: 1000,
        task_definitions: 40,
        kubernetes_clusters: 1,
        pods: 100,
        members: 0,
        megabytes: 256,
        variant: Variant::DOCUMENTED,
    },
    Size {
        name: "five-million",
        repositories: 5000,
        images: 1000,
        task_definitions: 40,
        kubernetes_clusters: 1,
        pods: 100,
        members: 0,
        megabytes: 1024,
        variant: Variant::DOCUMENTED,
    },
    Size {
        name: "organization",
        repositories: 300,
        images: 100,
        task_definitions: 400,
        kubernetes_clusters: 1,
        pods: 200,
        members: 299,
        megabytes: 1024,
        variant: Variant::DOCUMENTED,
    },
];

/// The Regions of an organization.
const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "us-west-2"];
/// The services of each account in a Region, and its task definitions.
const MEMBER_SERVICES: usize = 5;
const MEMBER_DEFINITIONS: usize = 10;

impl Size {
    /// Returns the world of a name, such as `company`, or `company:x10` with ten times the limits.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (world, variant) = name.split_once(':').unzip();
        let size = SIZES
            .into_iter()
            .find(|size| size.name == world.unwrap_or(name))?;
        let variant = match variant {
            None => Variant::DOCUMENTED,
            Some(variant) => Variant::named(variant)?,
        };
        Some(Self { variant, ..size })
    }

    /// Returns the configuration: keep what has a tag, delete the rest, keep state.
    pub(crate) fn config(&self) -> String {
        let regions = REGIONS.join(", ");
        let in_use = match self.members {
            0 if self.variant.is_recorded => "ecs: {config_recorder: auto}".to_owned(),
            0 => String::new(),
            _ => format!("organization: {{role_name: reader, regions: [{regions}]}}"),
        };
        let rates = self.variant.configured_rates();
        let most = self.variant.most_deletions;
        format!(
            "{{mode: delete, state: 's3://state/bench', {rates}in_use: {{{in_use}}}, \
             policies: [{{repositories: ['**'], keep: [{{name: releases, tags: '.', newest: 100000}}]}}], \
             guards: {{max_deletions_per_run: {most}}}}}"
        )
    }

    /// Returns how many images a run deletes.
    pub(crate) const fn candidates(&self) -> usize {
        self.repositories * (self.images / GROUP)
    }

    /// Starts the simulated AWS and its Kubernetes clusters, filled.
    pub(crate) async fn build(
        self,
        latency: Duration,
        jitter: Duration,
    ) -> (SimulatedAws, Vec<SimulatedCluster>) {
        let mut clusters = Vec::new();
        let mut world = World {
            now: now(),
            ..World::default()
        };
        self.fill(&mut world);
        if self.variant.is_recorded {
            world.home().record_task_definitions();
        }
        for number in 0..self.kubernetes_clusters {
            let name = format!("kubernetes-{number}");
            let cluster = SimulatedCluster::start(&name).await;
            cluster.latency(latency);
            self.apply(&cluster, number);
            world.home().eks.insert(
                name,
                EksCluster::active(cluster.endpoint(), cluster.authority()),
            );
            clusters.push(cluster);
        }
        let aws = SimulatedAws::builder()
            .latency(latency, jitter)
            .rate_limits(self.variant.rates());
        (aws.world(world).start().await, clusters)
    }

    fn fill(self, world: &mut World) {
        world.bucket("state");
        let now = world.now;
        for number in 0..self.repositories {
            let repository = world.home().repository(&repository(number));
            let mut parts = Vec::new();
            for image in 0..self.images {
                let pushed = now - DAY * u32::try_from(2 + image).unwrap_or(u32::MAX);
                let push = match image % GROUP {
                    0 | 1 | 9 => Push::image(),
                    2 => Push::index(parts.drain(..)).tag(tag(image)),
                    _ => Push::image().tag(tag(image)).pulled_at(now - DAY),
                };
                let digest = repository.push(push.pushed_at(pushed));
                if image % GROUP < 2 {
                    parts.push(digest);
                }
            }
        }
        self.fill_organization(world);
        let definitions = (0..self.task_definitions).map(|number| {
            let uri = world
                .home()
                .repository(&repository(number % self.repositories))
                .uri();
            let definition = world.home().ecs.register(
                &format!("family-{}", number / 4),
                [format!("{uri}:{}", tag(3))],
            );
            (definition, number)
        });
        for (definition, number) in definitions
            .collect::<Vec<_>>()
            .into_iter()
            .take(ECS_CLUSTERS * SERVICES)
        {
            let cluster = format!("cluster-{}", number % ECS_CLUSTERS);
            world.deploy(&cluster, &format!("service-{number}"), &definition);
            world.run_task(&cluster, &definition);
        }
    }

    /// Fills the other accounts of the organization, which all repositories let pull.
    fn fill_organization(self, world: &mut World) {
        if self.members == 0 {
            return;
        }
        let own = world.home.account.clone();
        let members = (0..self.members).map(|number| format!("5{number:011}"));
        let members: Vec<String> = members.collect();
        let accounts = [own.as_str()]
            .into_iter()
            .chain(members.iter().map(String::as_str));
        world.organization = Some(Organization::of("o-example", accounts));
        let policy = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-example"}}}});
        let mut uris = Vec::new();
        for number in 0..self.repositories {
            let repository = world.home().repository(&repository(number));
            repository.repository_policy = Some(policy.to_string());
            uris.push(repository.uri());
        }
        let locations = members
            .iter()
            .flat_map(|account| REGIONS.map(|region| Location::new(account, region)));
        for (number, location) in locations.enumerate() {
            for at in 0..MEMBER_DEFINITIONS {
                let image = format!("{}:{}", uris[(number + at) % uris.len()], tag(5));
                let ecs = &mut world.at(&location).ecs;
                let definition = ecs.register(&format!("family-{at}"), [image]);
                if at < MEMBER_SERVICES {
                    world.deploy_at(&location, "main", &format!("service-{at}"), &definition);
                    world.run_task_at(&location, "main", &definition);
                }
            }
        }
    }

    fn apply(self, cluster: &SimulatedCluster, number: usize) {
        for pod in 0..self.pods / self.kubernetes_clusters {
            let name = repository((pod + number) % self.repositories);
            let image = format!(
                "111111111111.dkr.ecr.eu-west-1.amazonaws.com/{name}:{}",
                tag(4)
            );
            cluster.apply(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"namespace": format!("namespace-{}", pod % 50), "name": format!("pod-{pod}")},
                "spec": {"containers": [{"name": "main", "image": image}]},
                "status": {"phase": "Running", "containerStatuses": [{"name": "main", "image": image}]},
            }));
        }
    }
}

fn repository(number: usize) -> String {
    format!("team-{}/application-{number}", number % 20)
}

fn tag(image: usize) -> String {
    format!("2026.11.{image}-main")
}

/// Returns the real time, since the program reads the real clock.
fn now() -> Moment {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Moment::from_epoch_seconds(i64::try_from(since.as_secs()).unwrap_or_default())
}
