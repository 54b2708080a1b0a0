//! What a pod has, in each mode, read by readers that are not Splitvault's where there are such.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use splitvault_dotenv::{ParseOptions, parse};
use splitvault_tests::{Namespace, Workload};

/// Name to value.
pub(super) type Variables = BTreeMap<String, Vec<u8>>;

/// The environment of the first process.
pub(super) fn process(workload: &Workload, namespace: &Namespace) -> Result<Variables> {
    let environment = workload.environment(namespace)?;
    let entries = environment.iter().filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            let end = entry.iter().position(|byte| *byte == b'=').context("no =")?;
            Ok((
                String::from_utf8(entry[..end].to_vec())?,
                entry[end + 1..].to_vec(),
            ))
        })
        .collect()
}

/// `.env`, by our own parser; that others read it alike is what `crates/dotenv` tests.
pub(super) fn dotenv(workload: &Workload, namespace: &Namespace) -> Result<Variables> {
    let text = workload.read(namespace, "/run/splitvault/.env")?;
    let options = ParseOptions {
        dotted_names: false,
        expand: false,
    };
    let parsed = parse(&text, &options)?;
    let pair = |variable: &splitvault_dotenv::Variable| {
        (
            variable.name.as_str().to_owned(),
            variable.value.expose().as_bytes().to_vec(),
        )
    };
    Ok(parsed.dotenv.iter().map(pair).collect())
}

/// `env.json`, by serde_json.
pub(super) fn json(workload: &Workload, namespace: &Namespace) -> Result<Variables> {
    let text = workload.read(namespace, "/run/splitvault/env.json")?;
    Ok(bytes(serde_json::from_slice(&text)?))
}

/// `env.yaml`, by libyaml.
pub(super) fn yaml(workload: &Workload, namespace: &Namespace) -> Result<Variables> {
    let text = workload.read(namespace, "/run/splitvault/env.yaml")?;
    Ok(bytes(serde_yaml_ng::from_slice(&text)?))
}

/// Every file of `env/`. Each is announced by a line with its size and name.
pub(super) fn files(workload: &Workload, namespace: &Namespace) -> Result<Variables> {
    let list = r#"cd /run/splitvault/env && for file in *; do printf '%s %s\n' "$(wc -c <"$file")" "$file"; cat "$file"; done"#;
    let printed = workload.exec(namespace, &["sh", "-c", list])?;
    let mut rest = printed.as_slice();
    let mut variables = Variables::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').context("no line")?;
        let (size, name) = std::str::from_utf8(&rest[..end])?
            .split_once(' ')
            .context("no size")?;
        let (value, others) = rest[end + 1..]
            .split_at_checked(size.parse()?)
            .context("too short")?;
        variables.insert(name.to_owned(), value.to_vec());
        rest = others;
    }
    Ok(variables)
}

fn bytes(variables: BTreeMap<String, String>) -> Variables {
    variables
        .into_iter()
        .map(|(name, value)| (name, value.into_bytes()))
        .collect()
}
