//! What a pod's annotations ask for.

use std::collections::BTreeMap;

use crate::annotations;
use crate::selection::Selection;
use crate::shown::{item, shown};

mod exec;
mod format;
mod order;
mod path;
mod reaction;

pub use exec::Exec;
pub use format::Format;
pub use order::InitOrder;
pub use reaction::Reaction;

/// How the variables reach the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In their environment.
    Env,
    /// In a file on tmpfs.
    File,
}

/// How often the sidecar asks for a newer revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// Never: a plain init container delivers once.
    Once,
    /// After so many seconds.
    Every(u32),
}

/// What a pod's annotations ask for, checked as far as that goes without the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// VaultSecrets, in order, each once: `NAME` of the pod's namespace, or `NAMESPACE/NAME` of another; see [`located`].
    pub vault_secrets: Vec<String>,
    /// Which variables, and under which names.
    pub selection: Selection,
    /// How the variables reach the processes.
    pub mode: Mode,
    /// The only containers and init containers to inject into, when given.
    pub containers: Option<Vec<String>>,
    /// How often the sidecar asks for a newer revision.
    pub refresh: Refresh,
    /// How the file is written.
    pub format: Format,
    /// Where the file or directory is, when that is given: absolute and normal, in a directory of its own.
    pub path: Option<String>,
    /// Who may read the files, when that is given: 0o400, 0o440 or 0o444.
    pub file_mode: Option<u32>,
    /// What the sidecar does once changed variables are in place.
    pub on_change: Reaction,
    /// Which commands besides the containers' own get the variables.
    pub exec: Exec,
    /// Where among the pod's init containers Splitvault's goes.
    pub init_order: InitOrder,
    /// Where on the pod's 127.0.0.1 the sidecar answers for its health, from 1024 on; nowhere when not given.
    pub health_port: Option<u16>,
}

/// An annotation that asks for what cannot be; its Display is the sentence for the webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("annotation {annotation}: {problem}")]
pub struct Refusal {
    /// The annotation's whole name.
    pub annotation: String,
    /// What is the matter and what to write instead.
    pub problem: String,
}

/// VaultSecrets or containers in one annotation.
const LIMIT: usize = 32;
const DEFAULT_REFRESH: [(Mode, u32); 2] = [(Mode::Env, 300), (Mode::File, 60)];

impl Request {
    /// Reads the annotations of a pod; `None` when none asks for an injection.
    ///
    /// # Errors
    /// [`Refusal`] for the first annotation that cannot be understood, an unknown one of ours included.
    pub fn parse(all: &BTreeMap<String, String>) -> Result<Option<Self>, Refusal> {
        let Some(inject) = all.get(annotations::INJECT) else {
            return Ok(None);
        };
        known(all)?;
        let text = |annotation| all.get(annotation).map(|text| text.trim());
        let mode = mode(text(annotations::MODE))?;
        let refresh = refresh(text(annotations::REFRESH), mode)?;
        let vault_secrets = names(annotations::INJECT, inject, is_reference)?;
        let (variables, prefix) = (text(annotations::VARIABLES), text(annotations::PREFIX_OF_NAMES));
        Ok(Some(Self {
            selection: Selection::parse(variables, prefix, &vault_secrets)?,
            vault_secrets,
            mode,
            containers: all
                .get(annotations::CONTAINERS)
                .map(|text| names(annotations::CONTAINERS, text, is_label))
                .transpose()?,
            refresh,
            format: format::parse(text(annotations::FORMAT), mode)?,
            path: text(annotations::PATH)
                .map(|text| path::parse(text, mode))
                .transpose()?,
            file_mode: text(annotations::FILE_MODE).map(file_mode).transpose()?,
            on_change: reaction::parse(text, refresh)?,
            exec: exec::parse(text(annotations::EXEC), mode)?,
            init_order: order::parse(text(annotations::INIT_ORDER))?,
            health_port: text(annotations::HEALTH_PORT).map(health_port).transpose()?,
        }))
    }
}

pub(crate) fn refuse(annotation: &str, problem: impl Into<String>) -> Refusal {
    Refusal {
        annotation: annotation.to_owned(),
        problem: problem.into(),
    }
}

/// A misspelt annotation that is ignored would start a pod in another way than its author meant.
fn known(all: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let ours = all.keys().filter(|name| name.starts_with(annotations::PREFIX));
    let known = |name: &str| annotations::MARKERS.contains(&name) || annotations::ALL.contains(&name);
    let mut unknown = ours.filter(|name| !known(name));
    match unknown.next() {
        None => Ok(()),
        Some(name) => {
            let end = name.strip_prefix(annotations::PREFIX).unwrap_or_default();
            let shown = format!("{}{}", annotations::PREFIX, shown(end));
            let all = annotations::ALL.join(", ");
            Err(refuse(&shown, format!("is not known; there are {all}")))
        }
    }
}

fn mode(text: Option<&str>) -> Result<Mode, Refusal> {
    match text {
        None | Some("env") => Ok(Mode::Env),
        Some("file") => Ok(Mode::File),
        Some(_) => Err(refuse(annotations::MODE, "write env or file")),
    }
}

fn refresh(text: Option<&str>, mode: Mode) -> Result<Refresh, Refusal> {
    let problem = "write false, or a time from 1s to 24h such as 30s, 5m or 1h";
    let Some(text) = text else {
        let default = DEFAULT_REFRESH.iter().find(|(of, _)| *of == mode);
        return Ok(default.map_or(Refresh::Once, |(_, seconds)| Refresh::Every(*seconds)));
    };
    if text == "false" {
        return Ok(Refresh::Once);
    }
    let units = [('s', 1), ('m', 60), ('h', 3600)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(*unit)?;
        let digits = number.len() <= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| number.parse::<u32>().ok()?.checked_mul(*seconds))
            .flatten()
    });
    match seconds {
        Some(seconds @ 1..=86_400) => Ok(Refresh::Every(seconds)),
        _ => Err(refuse(annotations::REFRESH, problem)),
    }
}

fn file_mode(text: &str) -> Result<u32, Refusal> {
    match text {
        "0400" | "400" => Ok(0o400),
        "0440" | "440" => Ok(0o440),
        "0444" | "444" => Ok(0o444),
        _ => Err(refuse(annotations::FILE_MODE, "write 0400, 0440 or 0444")),
    }
}

/// Below 1024 a user other than root may not listen.
fn health_port(text: &str) -> Result<u16, Refusal> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port @ 1024..) if digits => Ok(port),
        _ => Err(refuse(
            annotations::HEALTH_PORT,
            "write a port from 1024 to 65535, such as 8089",
        )),
    }
}

fn names(annotation: &str, text: &str, is_name: fn(&str) -> bool) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::<String>::new();
    for (at, name) in text.split(',').map(str::trim).enumerate() {
        if !is_name(name) {
            let form = "write names in lower case, separated by commas";
            let problem = format!("{} is no name: {form}", item(at, name));
            return Err(refuse(annotation, problem));
        }
        if names.len() == LIMIT {
            return Err(refuse(annotation, format!("at most {LIMIT} names")));
        }
        if names.iter().any(|before| before == name) {
            let problem = format!("{} stands there twice", item(at, name));
            return Err(refuse(annotation, problem));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Namespace and name of a VaultSecret as it stands in the annotation `inject` of a pod of the namespace `home`.
#[must_use]
pub fn located<'a>(home: &'a str, reference: &'a str) -> (&'a str, &'a str) {
    reference.split_once('/').unwrap_or((home, reference))
}

/// The name of an object, with its namespace before it or without.
fn is_reference(text: &str) -> bool {
    match text.split_once('/') {
        Some((namespace, name)) => is_label(namespace) && is_subdomain(name),
        None => is_subdomain(text),
    }
}

/// A DNS subdomain (RFC 1123), as objects have for names.
fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label_of_any_length)
}

/// A DNS label (RFC 1123), as containers have for names.
fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_label_of_any_length(name)
}

fn is_label_of_any_length(name: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = bytes.first().is_some_and(plain) && bytes.last().is_some_and(plain);
    ends && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
}
