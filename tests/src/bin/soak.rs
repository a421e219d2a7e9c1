//! Long runs: `cargo run --release -p hansa-tests --bin soak -- crash` against real processes that are
//! killed, `… soak -- random` against both services in this process.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use hansa_chassis::server::bind;
use hansa_chassis::shutdown::Shutdown;
use hansa_journal::disk::{Disk, RealDisk};
use hansa_tests::crash::{Plan, own_program, run};
use hansa_tests::fixture;
use hansa_tests::killing::{Death, KillingDisk};
use hansa_tests::run as random;
use hansa_tests::strangers;

// As the services have it: what they give back is looked at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill the services with SIGKILL at random moments, and check that nothing is lost or repeated
    Crash {
        /// Seed of the moments; a random one when left out
        #[arg(long)]
        seed: Option<u64>,
        /// Rounds of killing and checking
        #[arg(long, default_value_t = 500)]
        rounds: usize,
        /// Directory of the binaries `registry-service` and `feed-service`: they run wherever no kill is
        /// planned for a phase
        #[arg(long)]
        binaries: Option<PathBuf>,
    },
    /// Publishers, joiners and subscribers at random, with restarts and lost answers, checked by a model
    /// and by every validator
    Random {
        /// Seed of the plan; a random one when left out
        #[arg(long)]
        seed: Option<u64>,
        /// Steps of the plan
        #[arg(long, default_value_t = 1_000)]
        steps: usize,
        /// Plans, each with the seed after the one before
        #[arg(long, default_value_t = 1)]
        plans: u64,
        /// Cut and hold up the links between registry, feed and subscribers too
        #[arg(long)]
        partitions: bool,
        /// Set the clocks of both services before each step, years back and forth
        #[arg(long)]
        clocks: bool,
    },
    /// Many subscribers, and strangers of every kind beside them, against both services as processes
    Strangers {
        /// Subscribers that read everything
        #[arg(long, default_value_t = 10_000)]
        subscriptions: usize,
        /// Their connections
        #[arg(long, default_value_t = 100)]
        connections: usize,
        /// How much of each kind of stranger
        #[arg(long, default_value_t = 10)]
        times: usize,
    },
    /// Write data of both services and what they answer: a fixture for a new format
    Fixture {
        /// A new directory
        #[arg(long)]
        to: PathBuf,
    },
    /// Run the registry in this process
    #[command(hide = true)]
    Registry {
        #[command(flatten)]
        config: registry_service::Config,
        /// In which phase to die, at which of its operations
        #[arg(long)]
        die: Option<Death>,
    },
    /// Run the feed in this process
    #[command(hide = true)]
    Feed {
        #[command(flatten)]
        arguments: feed_service::Arguments,
        /// In which phase to die, at which of its operations
        #[arg(long)]
        die: Option<Death>,
    },
}

#[tokio::main]
async fn main() {
    match Arguments::parse().command {
        Command::Crash { seed, rounds, binaries } => {
            let seed = seed.unwrap_or_else(rand::random);
            let own = std::env::current_exe().expect("this program has a path");
            let plan = Plan {
                seed,
                rounds,
                registry: own_program(&own, "registry"),
                feed: own_program(&own, "feed"),
                binaries,
            };
            println!("seed {seed}, {rounds} rounds");
            let report = run(&plan, |round, report| {
                if round % 25 == 24 {
                    let done = round + 1;
                    println!("{done} rounds, {} acknowledged", report.acknowledged);
                }
            });
            println!("{:#?}", report.await);
        }
        Command::Random { seed, steps, plans, partitions, clocks } => {
            let first = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
            for seed in first..first.saturating_add(plans) {
                println!("seed {seed}, {steps} steps");
                let plan = match partitions {
                    true => random::Plan::with_partitions(seed, steps),
                    false => random::Plan::of(seed, steps),
                };
                let plan = if clocks { plan.and_clocks() } else { plan };
                let report = Box::pin(random::run(&plan)).await;
                println!(
                    "{:?} commands done and refused, {:?}, {:?}",
                    report.commands, report.fired, report.looked_at
                );
            }
        }
        Command::Strangers { subscriptions, connections, times } => {
            let program = std::env::current_exe().expect("this program has a path");
            let plan = strangers::Plan { program, subscriptions, connections, times };
            println!("{:#?}", Box::pin(strangers::run(&plan)).await);
        }
        Command::Fixture { to } => {
            let pair = fixture::Pair::over(&to).await;
            fixture::tell(&pair.clients()).await;
            let answers = fixture::answers(&pair.clients()).await;
            pair.stop().await;
            std::fs::write(to.join("answers.txt"), answers).expect("there is room");
            for service in ["registry", "feed"] {
                std::fs::remove_dir_all(to.join(service).join("view")).expect("there is a view");
            }
        }
        Command::Registry { config, die } => {
            let (listener, _) = bind(config.listen).await.expect("the address is free");
            registry_service::run_on(disk(die), config, listener, Shutdown::new())
                .await
                .expect("it runs");
        }
        Command::Feed { arguments, die } => {
            let (listener, _) = bind(arguments.listen).await.expect("the address is free");
            feed_service::run_on(disk(die), arguments.config, listener, Shutdown::new())
                .await
                .expect("it runs");
        }
    }
}

fn disk(die: Option<Death>) -> Arc<dyn Disk> {
    match die {
        Some(death) => KillingDisk::new(death),
        None => RealDisk::shared(),
    }
}
