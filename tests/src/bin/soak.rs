//! Long runs: `cargo run --release -p hansa-tests --bin soak -- crash` against real processes that are
//! killed, `… soak -- random` against both services in this process.
#![allow(clippy::expect_used, clippy::print_stdout)]

use clap::{Parser, Subcommand};
use hansa_chassis::server::bind;
use hansa_chassis::shutdown::Shutdown;
use hansa_tests::crash::{Plan, own_program, run};
use hansa_tests::run as random;

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
        /// The registry's binary; this program's own when left out
        #[arg(long)]
        registry_binary: Option<String>,
        /// The feed's binary; this program's own when left out
        #[arg(long)]
        feed_binary: Option<String>,
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
    },
    /// Run the registry in this process
    #[command(hide = true)]
    Registry(registry_service::Config),
    /// Run the feed in this process
    #[command(hide = true)]
    Feed(feed_service::Arguments),
}

#[tokio::main]
async fn main() {
    match Arguments::parse().command {
        Command::Crash { seed, rounds, registry_binary, feed_binary } => {
            let seed = seed.unwrap_or_else(rand::random);
            let own = std::env::current_exe().expect("this program has a path");
            let program = |named: Option<String>, service| {
                named.map_or_else(|| own_program(&own, service), |binary| vec![binary])
            };
            let plan = Plan {
                seed,
                rounds,
                registry: program(registry_binary, "registry"),
                feed: program(feed_binary, "feed"),
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
        Command::Random { seed, steps, plans } => {
            let first = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
            for seed in first..first.saturating_add(plans) {
                println!("seed {seed}, {steps} steps");
                let report = Box::pin(random::run(&random::Plan::of(seed, steps))).await;
                println!(
                    "{:?} commands done and refused, {:?}, {:?}",
                    report.commands, report.fired, report.looked_at
                );
            }
        }
        Command::Registry(config) => {
            let (listener, _) = bind(config.listen).await.expect("the address is free");
            registry_service::run(config, listener, Shutdown::new()).await.expect("it runs");
        }
        Command::Feed(arguments) => {
            let (listener, _) = bind(arguments.listen).await.expect("the address is free");
            feed_service::run(arguments.config, listener, Shutdown::new()).await.expect("it runs");
        }
    }
}
