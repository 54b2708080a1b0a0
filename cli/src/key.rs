//! The public sealing key: from a file, or from the cluster.

use std::fs;
use std::path::Path;

use splitvault_crypto::sealing::PublicKey;

use crate::args::Cluster;
use crate::fault::Fault;
use crate::{cluster, output};

/// No key is longer; what is, is something else.
const MOST: u64 = 64 * 1024;

/// Prints the cluster's key.
pub(crate) fn print(cluster: &Cluster) -> Result<(), Fault> {
    let key = cluster::sealing_key(cluster)?;
    output::print(format!("{}\n", key.to_text()).as_bytes())
}

/// Reads the key in a file that [`print`] filled.
pub(crate) fn read(path: &Path) -> Result<PublicKey, Fault> {
    let shown = path.display();
    let cannot = |error: std::io::Error| {
        Fault::failure(format!("cannot read the sealing key {shown}: {error}"))
            .next(format!("splitvault key > {shown} fetches it from the cluster"))
    };
    let foreign = |error: &dyn std::fmt::Display| {
        Fault::failure(format!("{shown} holds no sealing key: {error}"))
            .next(format!("splitvault key > {shown} fetches it from the cluster"))
    };
    if fs::metadata(path).map_err(cannot)?.len() > MOST {
        return Err(foreign(&"it is too large"));
    }
    let text = fs::read_to_string(path).map_err(cannot)?;
    text.trim().parse().map_err(|error| foreign(&error))
}
