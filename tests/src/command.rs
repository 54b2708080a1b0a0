//! Programs, as a person at a terminal calls them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// What a program left behind.
#[derive(Debug)]
pub struct Output {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: String,
}

impl Output {
    /// What it printed, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs a program to its end, with `input` as its standard input.
///
/// # Errors
/// When it cannot be started. An exit code other than 0 is no error here.
pub fn run(program: &str, arguments: &[&str], input: &[u8]) -> Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {program}; the suites run by tests/e2e/run"))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let input = input.to_vec();
    // A program may stop reading early; what it then says is of interest, not the broken pipe.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output()?;
    drop(writer.join());
    Ok(Output {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs kubectl and answers what it printed.
///
/// # Errors
/// With what it said, when its exit code is not 0.
pub fn kubectl(arguments: &[&str]) -> Result<String> {
    kubectl_with(arguments, b"")
}

/// The same with a standard input.
///
/// # Errors
/// With what it said, when its exit code is not 0.
pub fn kubectl_with(arguments: &[&str], input: &[u8]) -> Result<String> {
    let output = run("kubectl", arguments, input)?;
    if output.code != Some(0) {
        bail!("kubectl {}: {}", arguments.join(" "), output.stderr.trim());
    }
    Ok(output.text())
}

/// Runs the CLI and answers what it printed.
///
/// # Errors
/// With what it said, when its exit code is not 0.
pub fn splitvault(arguments: &[&str], input: &[u8]) -> Result<String> {
    let output = run("splitvault", arguments, input)?;
    if output.code != Some(0) {
        bail!("splitvault {}: {}", arguments.join(" "), output.stderr.trim());
    }
    Ok(output.text())
}
