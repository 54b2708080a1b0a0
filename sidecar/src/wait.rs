//! The `postStart` hook: holds back the pod's other containers until the files are there, for a moment only.
//!
//! Kubelet starts nothing else while the hook runs, which is quicker than its own once-a-second look. But it also
//! shows no logs and delays a deletion meanwhile, so the hook gives up soon and leaves the rest to the gate file.
//! Then it puts up a sign, for the sidecar to see that kubelet needs a nudge: see [`crate::attend`].

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use splitvault_wire::pod::{GATE_ENV, GAVE_UP};

use crate::log;
use crate::target::Target;

/// How often to look. The look is one system call.
const LOOK: Duration = Duration::from_millis(5);

/// Waits for the gate file, at most for the window. Succeeds in any case: kubelet kills a container whose hook fails.
pub(crate) fn wait(directory: &Path, window: Duration) -> ExitCode {
    let target = match Target::open(directory, 0o400) {
        Ok(target) => target,
        Err(error) => {
            log::say(error);
            return ExitCode::SUCCESS;
        }
    };
    let start = Instant::now();
    while !target.has(GATE_ENV) {
        if start.elapsed() >= window {
            give_up(&target);
            break;
        }
        std::thread::sleep(LOOK);
    }
    ExitCode::SUCCESS
}

/// The sign goes up before the last look, and the sidecar writes the gate before it looks for the sign:
/// whoever comes second sees what the other did.
fn give_up(target: &Target) {
    let put_up = target.write(GAVE_UP, b"");
    let taken_down = if target.has(GATE_ENV) {
        target.remove(GAVE_UP)
    } else {
        Ok(())
    };
    if let Err(error) = put_up.and(taken_down) {
        log::say(format_args!(
            "cannot write to the directory of the files: {error}"
        ));
    }
}

/// For a startup probe: whether the files are there.
pub(crate) fn ready(directory: &Path) -> ExitCode {
    match Target::open(directory, 0o400) {
        Ok(target) if target.has(GATE_ENV) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            log::say(error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn giving_up_leaves_a_sign_unless_the_files_came_meanwhile() {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let target = Target::open(directory.path(), 0o400).unwrap();
        wait(directory.path(), Duration::ZERO);
        assert!(target.has(GAVE_UP));
        target.write(GATE_ENV, b"").unwrap();
        give_up(&target);
        assert!(!target.has(GAVE_UP));
    }

    #[test]
    fn files_that_are_there_need_no_wait_and_no_sign() {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let target = Target::open(directory.path(), 0o400).unwrap();
        target.write(GATE_ENV, b"").unwrap();
        wait(directory.path(), Duration::from_secs(3600));
        assert!(!target.has(GAVE_UP));
    }
}
