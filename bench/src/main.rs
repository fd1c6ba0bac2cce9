//! `switchyard-bench`: loads a relay on this machine, and says how fast it answers and what that costs.
//!
//! In: a relay's URL, its process ids, a workload. Out: a table, and JSON that another run can be compared with.

mod calls;
mod cli;
mod compare;
mod corpus;
mod frame;
mod machine;
mod message;
mod meter;
mod processes;
mod report;
mod run;
mod socket;
mod tally;
mod target;
mod workloads;

use clap::Parser;

/// One thread: the generator leaves the other cores to the relay, and the report says when one was not enough.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    run::run(cli::Cli::parse()).await
}
