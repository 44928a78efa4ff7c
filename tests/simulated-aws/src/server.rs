//! The server, as tests hold it.

use crate::connection::accept;
use crate::ecr::repository::Repository;
use crate::exchange::Backstage;
use crate::fault::{Fault, Race};
use crate::limits::RateLimits;
use crate::moment::Moment;
use crate::record::{Call, Record};
use crate::world::{Deletion, World};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What connections and the test share.
#[derive(Debug)]
pub(crate) struct Shared {
    backstage: Mutex<Backstage>,
    latency: Duration,
    jitter: Duration,
    requests: AtomicU64,
    pub(crate) connections: Connections,
}

/// Connections so far, and requests that were in flight at once.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    accepted: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Connections {
    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn begin(&self) {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Locks the backstage. A test that panicked in an edit is no reason to fail the others.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Backstage> {
        self.backstage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how long the next request takes: the jitter goes round in a fixed pattern.
    pub(crate) fn latency(&self) -> Duration {
        if self.jitter.is_zero() {
            return self.latency;
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let part = u32::try_from(number.wrapping_mul(37) % 101).unwrap_or_default();
        self.latency + self.jitter * part / 100
    }
}

/// How a simulated AWS is set up.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    latency: Duration,
    jitter: Duration,
    limits: RateLimits,
    world: World,
}

impl Builder {
    /// Every answer takes the latency and up to the jitter on top.
    pub fn latency(mut self, latency: Duration, jitter: Duration) -> Self {
        (self.latency, self.jitter) = (latency, jitter);
        self
    }

    /// Calls beyond these rates are throttled.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.limits = limits;
        self
    }

    /// A world that is there already.
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Starts the server on a free port of 127.0.0.1, in the running tokio runtime.
    ///
    /// # Panics
    /// If no port can be had.
    pub async fn start(self) -> SimulatedAws {
        #[expect(clippy::expect_used, reason = "a test cannot go on without its server")]
        let (listener, address) = {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("a bound address");
            (listener, address)
        };
        let shared = Arc::new(Shared {
            backstage: Mutex::new(Backstage {
                world: self.world,
                faults: Vec::new(),
                races: Vec::new(),
                record: Record::default(),
                limits: self.limits,
            }),
            latency: self.latency,
            jitter: self.jitter,
            requests: AtomicU64::new(0),
            connections: Connections::default(),
        });
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&shared)));
        SimulatedAws {
            shared,
            address,
            acceptor,
        }
    }
}

/// A running simulated AWS. It stops, and its connections close, when it is dropped.
#[derive(Debug)]
pub struct SimulatedAws {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: JoinHandle<()>,
}

impl Drop for SimulatedAws {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl SimulatedAws {
    /// The clock of a new world: 2026-11-21T12:00:00Z.
    pub const NOW: Moment = Moment::NOW;

    /// An empty AWS without latency, limits or faults.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Settings before the start.
    pub fn builder() -> Builder {
        Builder {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            limits: RateLimits::none(),
            world: World::default(),
        }
    }

    /// Returns the endpoint URL for all services, such as `http://127.0.0.1:34567`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the world, between two requests.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut World) -> T) -> T {
        edit(&mut self.shared.lock().world)
    }

    /// Reads the world, between two requests.
    pub fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.shared.lock().world)
    }

    /// Returns the digests in a repository of the home location, sorted; none if there is no such
    /// repository.
    #[must_use]
    pub fn digests(&self, repository: &str) -> Vec<String> {
        self.read(|world| {
            let stored = world.stored(repository);
            stored.map(Repository::digests).unwrap_or_default()
        })
    }

    /// Returns the tags in a repository of the home location, sorted; none if there is no such
    /// repository.
    #[must_use]
    pub fn tags(&self, repository: &str) -> Vec<String> {
        self.read(|world| {
            let stored = world.stored(repository);
            stored.map(Repository::tags).unwrap_or_default()
        })
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.lock().faults.push(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Changes the world right before the `call`th call to an operation from now (from 1) is
    /// handled.
    pub fn before(
        &self,
        operation: &str,
        call: u64,
        action: impl FnOnce(&mut World) + Send + 'static,
    ) {
        self.race(operation, call, false, Box::new(action));
    }

    /// Changes the world right after the `call`th call to an operation from now (from 1) is
    /// handled.
    pub fn after(
        &self,
        operation: &str,
        call: u64,
        action: impl FnOnce(&mut World) + Send + 'static,
    ) {
        self.race(operation, call, true, Box::new(action));
    }

    fn race(
        &self,
        operation: &str,
        call: u64,
        after: bool,
        action: Box<dyn FnOnce(&mut World) + Send>,
    ) {
        self.shared.lock().races.push(Race {
            operation: operation.to_owned(),
            calls_to_go: call.max(1),
            after,
            action,
        });
    }

    /// Returns every call so far, in the order they were handled.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().record.calls.clone()
    }

    /// Returns the calls to one operation, such as `ecr:DescribeImages`.
    #[must_use]
    pub fn calls_to(&self, operation: &str) -> Vec<Call> {
        let backstage = self.shared.lock();
        let calls = backstage.record.calls.iter();
        calls
            .filter(|call| call.operation == operation)
            .cloned()
            .collect()
    }

    /// Returns how often an operation was called, whatever was answered.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        let backstage = self.shared.lock();
        backstage.record.counts.get(operation).copied().unwrap_or(0)
    }

    /// Returns how many calls there were.
    #[must_use]
    pub fn total(&self) -> usize {
        self.shared.lock().record.calls.len()
    }

    /// Returns the calls that ask for a lasting change in ECR, refused ones too.
    #[must_use]
    pub fn mutations(&self) -> Vec<Call> {
        let backstage = self.shared.lock();
        let calls = backstage.record.calls.iter();
        calls.filter(|call| call.is_mutation()).cloned().collect()
    }

    /// Returns the images that were really deleted by calls, in order.
    #[must_use]
    pub fn deletions(&self) -> Vec<Deletion> {
        self.shared.lock().world.deletions.clone()
    }

    /// Returns the calls that repeat one that was answered well: same operation, account, Region
    /// and body. STS does not count, nor do calls whose body was not recorded.
    #[must_use]
    pub fn repeated_calls(&self) -> Vec<Call> {
        self.shared.lock().record.repeated()
    }

    /// Returns how many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.accepted.load(Ordering::Relaxed)
    }

    /// Returns how many requests were in flight at once, at the most so far.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.shared
            .connections
            .most_in_flight
            .load(Ordering::Relaxed)
    }

    /// Returns how many calls the rate limits refused.
    #[must_use]
    pub fn throttled(&self) -> usize {
        self.shared.lock().record.throttled
    }

    /// Returns how many calls the rate limits refused to what else draws from their buckets.
    #[must_use]
    pub fn starved(&self) -> f64 {
        self.shared.lock().limits.starved()
    }

    /// Forgets the calls and the deletions so far.
    pub fn clear_record(&self) {
        let mut backstage = self.shared.lock();
        backstage.record.clear();
        backstage.world.deletions.clear();
    }
}
