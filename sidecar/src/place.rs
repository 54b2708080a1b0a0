//! Puts the files of a delivery in place, the gate last.

use std::io;

use splitvault_wire::pod::{CHANGED, GATE_ENV};
use zeroize::Zeroizing;

use crate::gate::{self, Revisions};
use crate::render::{Content, Rendered};
use crate::target::Target;

/// What became of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// There were none before.
    First,
    /// They are as they were.
    Same,
    /// One of them is another than before.
    Changed,
}

/// Puts each file in place that is another than the one there, and then the gate. Before the first of them changes, a
/// file says so ([`CHANGED`]) until the application was told, so that a sidecar that is killed meanwhile does not forget.
///
/// # Errors
/// When there is no room, for example; the file in question stays as it was.
pub fn place(target: &Target, rendered: &Rendered, revisions: &Revisions) -> io::Result<Placed> {
    let first = !target.has(GATE_ENV);
    // Of an earlier run, or of one that failed half-way.
    let mut changed = target.has(CHANGED);
    for (name, content) in &rendered.files {
        if !is_there(target, name, content) {
            if !first && !changed {
                target.write(CHANGED, b"")?;
            }
            changed = true;
            put(target, name, content)?;
        }
    }
    target.write(GATE_ENV, gate::write(revisions).as_bytes())?;
    Ok(match (first, changed) {
        (true, _) => Placed::First,
        (false, true) => Placed::Changed,
        (false, false) => Placed::Same,
    })
}

fn is_there(target: &Target, name: &str, content: &Content) -> bool {
    match content {
        // EXPOSE: compared with what is on tmpfs.
        Content::File(content) => {
            let there = target.read(name).ok().flatten();
            there
                .map(Zeroizing::new)
                .is_some_and(|there| *there == content.expose())
        }
        Content::Set(members) => target.holds_set(name, members),
    }
}

fn put(target: &Target, name: &str, content: &Content) -> io::Result<()> {
    match content {
        // EXPOSE: this is what the sidecar is for; the target is tmpfs.
        Content::File(content) => target.write(name, content.expose()),
        Content::Set(members) => target.write_set(name, members),
    }
}
