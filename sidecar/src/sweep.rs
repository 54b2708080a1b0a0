//! Removes what a set of files left, some time after it was replaced.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::format::Format;
use crate::log;
use crate::settings::Modes;
use crate::target::Target;

/// How long who was about to open a file of the set before may still do so.
const GRACE: Duration = Duration::from_secs(5);

/// Sweeps after each change. Does not come back.
pub(crate) async fn sweep(target: &Target, modes: &Modes, mut changes: watch::Receiver<u64>) {
    let set = modes.file.as_ref().filter(|file| file.format == Format::Files);
    if let Some(set) = set {
        while changes.changed().await.is_ok() {
            sleep(GRACE).await;
            if let Err(error) = target.sweep(&set.name) {
                log::say(format_args!("cannot remove the files of before: {error}"));
            }
        }
    }
    std::future::pending().await
}
