//! `splitvault-operator`: controller, webhook and delivery in one process.

use std::process::ExitCode;

use clap::Parser as _;
use splitvault_operator::{args::Args, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run::run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if tracing::dispatcher::has_been_set() {
                tracing::error!("{error:#}");
            } else {
                eprintln!("splitvault-operator: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
