//! How much the operator bears: the programs themselves, asked by clients of this one.
//!
//! `load admissions|deliveries|waiters OPERATOR STORE` starts the operator's and the store's programs, with databases
//! in a directory of their own, and talks to them as API servers and sidecars do: TLS 1.3, real reviews, real deliveries,
//! each from an address of its own on loopback. Only the Kubernetes API that the operator asks is load equipment, in
//! this process: it answers from memory, so that the figures are the operator's. The name `splitvault-store` has to lead
//! to 127.0.0.1; `tests/bench` sees to that.

mod admissions;
mod api;
mod connection;
mod deliveries;
mod figures;
mod installation;
mod pods;
mod reference;
mod waiters;

use anyhow::{Result, bail};
use tokio::runtime::Builder;

use installation::Programs;

const USAGE: &str = "usage: load admissions|deliveries|waiters OPERATOR STORE";

fn main() -> Result<()> {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        [reference::WORD, length] => runtime.block_on(reference::serve(length.parse()?)),
        [section, operator, store] => {
            let programs = Programs {
                operator: operator.into(),
                store: store.into(),
            };
            match *section {
                "admissions" => runtime.block_on(admissions::measure(&programs)),
                "deliveries" => runtime.block_on(deliveries::measure(&programs)),
                "waiters" => runtime.block_on(waiters::measure(&programs)),
                _ => bail!(USAGE),
            }
        }
        _ => bail!(USAGE),
    }
}
