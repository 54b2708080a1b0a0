//! Times a command over many runs: wall clock p50 and p99, CPU, and the most memory that a run had.
//!
//! `measure RUNS COMMAND [ARGUMENT…]`. Its standard input is closed and its standard output is dropped.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};

#[expect(clippy::print_stdout, reason = "the figures are this program's output")]
fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let runs: usize = arguments
        .next()
        .context("usage: measure RUNS COMMAND [ARGUMENT…]")?
        .parse()?;
    let program = arguments
        .next()
        .context("usage: measure RUNS COMMAND [ARGUMENT…]")?;
    let arguments: Vec<_> = arguments.collect();
    ensure!(runs > 0, "at least one run");
    // Two that do not count: the first ones read the binary from disk.
    for _ in 0..2 {
        once(&program, &arguments)?;
    }
    let before = cpu()?;
    let mut walls = (0..runs)
        .map(|_| once(&program, &arguments))
        .collect::<Result<Vec<_>>>()?;
    walls.sort();
    let spent = (cpu()? - before) / u32::try_from(runs)?;
    let rank = |percent: usize| walls[(walls.len() * percent).div_ceil(100).saturating_sub(1)];
    let kilobytes = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    println!(
        "{runs} runs: p50 {:.1} ms, p99 {:.1} ms, CPU {:.1} ms a run, peak RSS {:.1} MiB",
        milliseconds(rank(50)),
        milliseconds(rank(99)),
        milliseconds(spent),
        f64::from(i32::try_from(kilobytes)?) / 1024.0,
    );
    Ok(())
}

fn once(program: &str, arguments: &[String]) -> Result<Duration> {
    let began = Instant::now();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("starting {program}"))?;
    let took = began.elapsed();
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(took)
}

/// CPU time of all children so far, user and system.
fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = [usage.user_time(), usage.system_time()].map(|t| t.tv_sec() * 1_000_000 + t.tv_usec());
    Ok(Duration::from_micros(u64::try_from(micros.iter().sum::<i64>())?))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
