//! Everything that a thief could carry away, as bytes to search.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::SYSTEM;
use crate::command::{kubectl, run};

/// One place that was searched.
#[derive(Debug)]
pub struct Exhibit {
    /// Where it comes from.
    pub place: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Exhibit {
    /// Whether `needle` is in it, as it is or as base64 would show it at any of the three alignments.
    pub fn holds(&self, needle: &str) -> bool {
        spellings(needle)
            .iter()
            .any(|spelling| contains(&self.bytes, spelling))
    }
}

/// The directory of the volume behind a claim of the installation, on the local cluster.
///
/// # Errors
/// On another cluster, whose disks cannot be read from here.
pub fn volume(claim: &str) -> Result<PathBuf> {
    let state = std::env::var("SPLITVAULT_CLUSTER_STATE").context("only on the local cluster")?;
    let claim = kubectl(&[
        "--namespace",
        SYSTEM,
        "get",
        "persistentvolumeclaim",
        claim,
        "--output=json",
    ])?;
    let claim: Value = serde_json::from_str(&claim)?;
    let volume = claim["spec"]["volumeName"]
        .as_str()
        .context("the claim has no volume")?;
    Ok(Path::new(&state).join("volumes").join(volume))
}

/// All files of a volume: the database, its write-ahead log, whatever else lies there.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn files(directory: &Path) -> Result<Vec<Exhibit>> {
    let mut exhibits = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() {
            exhibits.push(Exhibit {
                place: path.display().to_string(),
                bytes: fs::read(&path)?,
            });
        }
    }
    if exhibits.is_empty() {
        bail!("no file in {}", directory.display());
    }
    Ok(exhibits)
}

/// What kubectl prints for a question, as an exhibit.
///
/// # Errors
/// With what kubectl said.
pub fn printed(arguments: &[&str]) -> Result<Exhibit> {
    let bytes = kubectl(arguments)?.into_bytes();
    Ok(Exhibit {
        place: format!("kubectl {}", arguments.join(" ")),
        bytes,
    })
}

/// Every key and value of etcd, read from etcd itself.
///
/// # Errors
/// When etcd does not answer.
pub fn etcd() -> Result<Exhibit> {
    let output = run("etcdctl", &["get", "", "--prefix", "--write-out=fields"], b"")?;
    let plain = run("etcdctl", &["get", "", "--prefix"], b"")?;
    anyhow::ensure!(
        output.code == Some(0) && plain.code == Some(0),
        "etcdctl: {}",
        plain.stderr
    );
    let bytes = [output.stdout, plain.stdout].concat();
    Ok(Exhibit {
        place: "etcd".to_owned(),
        bytes,
    })
}

/// How often the operator has written to an object, by the API server's audit log.
///
/// # Errors
/// On another cluster, whose audit log cannot be read from here.
pub fn writes(namespace: &str, name: &str) -> Result<usize> {
    let state = std::env::var("SPLITVAULT_CLUSTER_STATE").context("only on the local cluster")?;
    let log = fs::read_to_string(Path::new(&state).join("log/audit.log"))?;
    let user = format!("system:serviceaccount:{SYSTEM}:splitvault-operator");
    let is_write = |event: &Value| {
        let object = &event["objectRef"];
        let verb = event["verb"].as_str().unwrap_or_default();
        event["user"]["username"] == user.as_str()
            && object["namespace"] == namespace
            && object["name"] == name
            && !["get", "list", "watch"].contains(&verb)
    };
    let events = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(events.filter(is_write).count())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The needle, and the part of its base64 that does not depend on what stands beside it.
fn spellings(needle: &str) -> Vec<Vec<u8>> {
    use base64::Engine;
    let encode = |bytes: &[u8]| {
        base64::engine::general_purpose::STANDARD_NO_PAD
            .encode(bytes)
            .into_bytes()
    };
    let mut all = vec![needle.as_bytes().to_vec()];
    for shift in 0..3 {
        let shifted = [&vec![0; shift], needle.as_bytes()].concat();
        let encoded = encode(&shifted[..shifted.len() / 3 * 3]);
        let whole = if shift == 0 { 0 } else { 4 };
        all.push(encoded[whole..].to_vec());
    }
    all
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use super::*;

    #[test]
    fn a_needle_is_found_plain_and_in_base64_at_any_alignment() {
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}canary-name-of-a-variable and more");
            let encoded = base64::engine::general_purpose::STANDARD
                .encode(&text)
                .into_bytes();
            for bytes in [text.into_bytes(), encoded] {
                let exhibit = Exhibit {
                    place: String::new(),
                    bytes,
                };
                assert!(exhibit.holds("canary-name-of-a-variable"));
                assert!(!exhibit.holds("canary-name-of-another-one"));
            }
        }
    }
}
