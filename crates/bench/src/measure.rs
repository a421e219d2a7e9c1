//! How long reads and joins take with several callers, and how much memory and disk a registry uses.

use std::fs;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hansa_chassis::clock::Stopwatch;
use hansa_proto::pb::registry::v1 as pb;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::service::{Registry, Running};
use crate::world::{self, World};

/// Memberships of a page.
const PAGE: i32 = 100;

/// So many callers share a connection.
const CALLERS: usize = 16;
/// Ticks of processor time in a second, as Linux tells them.
const TICKS: f64 = 100.0;

/// A process that used less than [`LITTLE`] processors for so long has nothing left to do: longer than a
/// view waits before it merges its runs for those who read.
const QUIET: Duration = Duration::from_secs(5);
/// See [`QUIET`].
const LITTLE: f64 = 0.05;

/// How long calls of one kind took.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Calls in a second, of all callers together.
    pub per_second: f64,
    /// Half of the calls took at most this long.
    pub p50: Duration,
    /// All but one in a hundred took at most this long.
    pub p99: Duration,
    /// Seconds of processor time the registry used for a million of them.
    pub processor: f64,
}

/// Who calls, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// At once.
    pub callers: usize,
    /// How long.
    pub lasting: Duration,
}

impl Latency {
    fn of(mut calls: Vec<Duration>, took: Duration, used: f64) -> Result<Latency> {
        calls.sort_unstable();
        let at = |hundredth: usize| calls.get((calls.len() * hundredth / 100).min(calls.len() - 1));
        let (p50, p99) = at(50).zip(at(99)).context("nothing was called")?;
        let count = calls.len() as f64;
        let per_second = count / took.as_secs_f64();
        Ok(Latency { per_second, p50: *p50, p99: *p99, processor: used * 1e6 / count })
    }
}

/// Calls as long and by as many as the load says.
async fn under<F>(
    running: &Running,
    load: Load,
    call: impl Fn(Registry, StdRng) -> F + Send + Sync + 'static,
) -> Result<Latency>
where
    F: Future<Output = Result<StdRng>> + Send + 'static,
{
    let call = Arc::new(call);
    let connections: Vec<Registry> =
        (0..load.callers.div_ceil(CALLERS)).map(|_| running.connect()).collect::<Result<_>>()?;
    let used = processor_seconds(running.process_id())?;
    let whole = Stopwatch::start();
    let callers: Vec<_> = (0..load.callers as u64)
        .map(|seed| {
            let call = Arc::clone(&call);
            let registry = connections[seed as usize % connections.len()].clone();
            tokio::spawn(async move {
                let mut random = StdRng::seed_from_u64(seed);
                let mut calls = Vec::new();
                while whole.elapsed() < load.lasting {
                    let one = Stopwatch::start();
                    random = call(registry.clone(), random).await?;
                    calls.push(one.elapsed());
                }
                anyhow::Ok(calls)
            })
        })
        .collect();
    let mut calls = Vec::new();
    for caller in callers {
        calls.extend(caller.await??);
    }
    let used = processor_seconds(running.process_id())? - used;
    Latency::of(calls, whole.elapsed(), used)
}

/// Some memberships of a world, to be read again.
pub fn sample(world: &World, count: usize) -> Vec<String> {
    let networks = world.plan().networks;
    let each = count.div_ceil(networks.min(50));
    let mut random = StdRng::seed_from_u64(1);
    let mut names = Vec::new();
    for step in 0..networks.min(50) {
        let network = step * networks / networks.min(50);
        let members = world.members_of(network);
        for _ in 0..each {
            let member = members[random.random_range(0..members.len())];
            names.push(world::membership_name(network, member));
        }
    }
    names
}

/// Reads single memberships, at random.
pub async fn points(running: &Running, names: Arc<Vec<String>>, load: Load) -> Result<Latency> {
    under(running, load, move |registry, mut random| {
        let mut client = registry.registry;
        let name = names[random.random_range(0..names.len())].clone();
        async move {
            client.get_membership(pb::GetMembershipRequest { name, ..Default::default() }).await?;
            Ok(random)
        }
    })
    .await
}

/// Reads pages of a hundred memberships of networks that have so many, at random.
pub async fn pages(running: &Running, world: &World, load: Load) -> Result<Latency> {
    let full = world.sizes().iter().take_while(|size| **size >= 100).count().max(1);
    under(running, load, move |registry, mut random| {
        let mut client = registry.registry;
        let network = world::network_name(random.random_range(0..full));
        async move {
            let request =
                pb::ListMembershipsRequest { network, page_size: PAGE, ..Default::default() };
            client.list_memberships(request).await?;
            Ok(random)
        }
    })
    .await
}

/// Memberships that are not there and may be: of all networks but the largest, those who have not joined.
pub fn strangers(world: &World, count: usize) -> Vec<(String, String)> {
    let networks = world.plan().networks;
    let smaller = networks / 5..networks;
    let each = count.div_ceil(smaller.len());
    let free = smaller.map(|network| {
        let pair = move |member| (world::network_name(network), world::member_name(member));
        world.strangers_to(network).map(pair).take(each)
    });
    free.flatten().collect()
}

/// Joins, each of somebody else.
pub async fn joins(
    running: &Running,
    strangers: Vec<(String, String)>,
    load: Load,
) -> Result<Latency> {
    let strangers = Arc::new((strangers, AtomicUsize::new(0)));
    under(running, load, move |registry, random| {
        let mut client = registry.registry;
        let (strangers, next) = &*strangers;
        let stranger = strangers.get(next.fetch_add(1, Ordering::Relaxed)).cloned();
        async move {
            let (network, member) = stranger.context("everybody has joined everything")?;
            let request = pb::JoinNetworkRequest { network, member, ..Default::default() };
            client.join_network(request).await?;
            Ok(random)
        }
    })
    .await
}

/// How long one call takes: the middle of five.
pub async fn middle<F, T>(call: impl Fn() -> F) -> Result<Duration>
where
    F: Future<Output = Result<T, tonic::Status>>,
{
    let mut calls = Vec::new();
    for _ in 0..5 {
        let stopwatch = Stopwatch::start();
        call().await?;
        calls.push(stopwatch.elapsed());
    }
    calls.sort_unstable();
    Ok(calls[2])
}

/// Bytes of all files in a directory and below.
pub fn bytes_in(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => bytes_in(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes)
}

/// Bytes of memory a process holds (Linux: `VmRSS`).
pub fn resident(process_id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process_id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Seconds of processor time a process has used (Linux: `stat`).
pub fn processor_seconds(process_id: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let used: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(used / TICKS)
}

/// Waits until a process has done what it does when nobody asks anything of it; how long that took.
pub async fn rest(process_id: u32) -> Result<Duration> {
    let stopwatch = Stopwatch::start();
    let mut used = processor_seconds(process_id)?;
    loop {
        tokio::time::sleep(QUIET).await;
        let before = std::mem::replace(&mut used, processor_seconds(process_id)?);
        if used - before < LITTLE * QUIET.as_secs_f64() {
            return Ok(stopwatch.elapsed().saturating_sub(QUIET));
        }
    }
}
