//! Which commands besides the containers' own get the variables.

use super::{Mode, Refusal, refuse};
use crate::annotations;

/// Which commands besides the containers' own are started with the variables, where those are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exec {
    /// Of liveness, readiness and startup probes.
    pub probes: bool,
    /// Of `postStart` and `preStop` hooks.
    pub hooks: bool,
}

pub(super) fn parse(text: Option<&str>, mode: Mode) -> Result<Exec, Refusal> {
    let mut exec = Exec::default();
    let Some(text) = text else {
        return Ok(exec);
    };
    if mode == Mode::File {
        return Err(refuse(annotations::EXEC, "is for mode env: remove this"));
    }
    for word in text.split(',').map(str::trim) {
        match word {
            "probes" => exec.probes = true,
            "hooks" => exec.hooks = true,
            _ => return Err(refuse(annotations::EXEC, "write probes, hooks or probes,hooks")),
        }
    }
    Ok(exec)
}
