//! `splitvault-store`: the process that keeps encrypted values.

use std::process::ExitCode;

use clap::Parser as _;
use splitvault_store::{Args, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            if tracing::dispatcher::has_been_set() {
                tracing::error!("{error:#}");
            } else {
                eprintln!("splitvault-store: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
