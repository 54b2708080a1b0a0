//! Where the file is.

use super::{Mode, Refusal, refuse};
use crate::annotations;

/// Where nothing of a user's may be mounted.
const KEPT: [&str; 5] = [
    "/proc",
    "/sys",
    "/dev",
    "/splitvault",
    "/var/run/secrets/splitvault",
];

pub(super) fn parse(text: &str, mode: Mode) -> Result<String, Refusal> {
    let refuse = |problem| Err(refuse(annotations::PATH, problem));
    if mode == Mode::Env {
        return refuse("is for mode file: set splitvault.dev/mode to file, or remove this");
    }
    // A colon would end the path in a runtime's notation of mounts; Kubernetes refuses it as well.
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let strange = |byte: u8| byte == b':' || byte == b'\\' || byte.is_ascii_control();
    let absolute = text
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').all(plain));
    if !absolute || text.len() > 1024 || text.bytes().any(strange) {
        return refuse("write an absolute path without . or .. and without a colon");
    }
    let deep = text.matches('/').count() >= 2;
    let within = |directory: &&str| {
        text.strip_prefix(*directory)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if !deep || KEPT.iter().any(within) {
        return refuse("write a path in a directory of its own, not in /, /proc, /sys, /dev or /splitvault");
    }
    Ok(text.to_owned())
}
