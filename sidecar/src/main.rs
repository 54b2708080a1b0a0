//! `splitvault-sidecar`: what is injected into pods.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Overwrites whatever is freed, the buffers of TLS, HTTP and JSON libraries included.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    splitvault_sidecar::run(std::env::args_os().skip(1))
}
