//! `splitvault-operator`: controller, webhook and delivery in one process.

use std::process::ExitCode;

use clap::Parser as _;
use splitvault_operator::args::Args;
use splitvault_operator::{recover, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).peekable();
    if words.next_if(|word| word == recover::WORD).is_some() {
        return recover::main(words);
    }
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
