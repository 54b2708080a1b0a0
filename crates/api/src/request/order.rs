//! Where among a pod's init containers Splitvault's goes.

use super::{Refusal, is_label, refuse};
use crate::annotations;

/// The container's own name.
const OURS: &str = "splitvault";

/// Where among a pod's init containers Splitvault's goes. They start one after another (native sidecars too, KEP-753), and
/// those that come before Splitvault's can have no variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InitOrder {
    /// Before all others.
    #[default]
    First,
    /// After all others.
    Last,
    /// Directly after the one of this name.
    After(String),
}

pub(super) fn parse(text: Option<&str>) -> Result<InitOrder, Refusal> {
    let name = match text {
        None | Some("first") => return Ok(InitOrder::First),
        Some("last") => return Ok(InitOrder::Last),
        Some(text) => text.strip_prefix("after=").map(str::trim),
    };
    if name == Some(OURS) {
        return Err(refuse(
            annotations::INIT_ORDER,
            format!("{OURS} is the container whose place this says: name another, or write first or last"),
        ));
    }
    match name.filter(|name| is_label(name)) {
        Some(name) => Ok(InitOrder::After(name.to_owned())),
        None => Err(refuse(
            annotations::INIT_ORDER,
            "write first, last, or after= and the name of an init container, such as after=istio-proxy",
        )),
    }
}
