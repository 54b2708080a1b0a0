//! `splitvault doctor`: what was or was not injected into a pod, and why. Reads with the user's rights and changes nothing.

mod access;
mod containers;
mod diagnose;
mod evidence;
mod finding;
mod gate;
mod kubelet;
mod lag;
mod log;
mod marker;
mod processes;
mod reaction;
mod readers;
mod remedy;
mod restarts;
mod rolled;
mod stuck;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use crate::args::{DoctorPod, FindingFormat};
use crate::cluster::{self, Connection};
use crate::fault::Fault;
use crate::output;

/// What the webhook calls the container that it adds.
const SIDECAR: &str = "splitvault";

/// Looks at a pod; exit code 1 when something is wrong with it.
pub(crate) fn pod(args: &DoctorPod) -> Result<ExitCode, Fault> {
    let (namespace, evidence) = cluster::block_on(async {
        let at = Connection::open(&args.cluster).await?;
        let namespace = args.namespace.clone().unwrap_or_else(|| at.namespace.clone());
        let evidence =
            evidence::gather(&at, &namespace, &args.name, &args.cluster.operator_namespace).await?;
        Ok((namespace, evidence))
    })?;
    let findings = diagnose::diagnose(&evidence);
    let text = match args.output {
        FindingFormat::Text => finding::text(&namespace, &args.name, &findings),
        FindingFormat::Json => finding::json(&namespace, &args.name, &findings),
    };
    output::print(text.as_bytes())?;
    Ok(if finding::is_well(&findings) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
