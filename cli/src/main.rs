//! `splitvault`, also `kubectl splitvault`: seals a `.env` on the laptop, and asks the operator for what is not desired
//! state.
//!
//! It has no credentials of its own: the user's kubeconfig is used, or no cluster at all. What it prints is a
//! sealed payload; neither a name nor a value of a variable leaves in another way, but for names in warnings and
//! errors to the person who holds the file.

use std::process::ExitCode;

mod args;
mod audit;
mod cluster;
mod completion;
mod doctor;
mod escrow;
mod fault;
mod history;
mod input;
mod key;
mod lint;
mod manifest;
mod output;
mod request;
mod reseal;
mod rollback;
mod rotate;
mod run;
mod seal;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os()) {
        Ok(args) => args,
        Err(refused) => return output::usage(&refused),
    };
    match run::run(args) {
        Ok(code) => code,
        Err(fault) => output::fault(&fault),
    }
}
