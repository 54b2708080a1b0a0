//! What the kernel is asked for before anything secret is there.

use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

use crate::log;

/// All memory that this program ever maps, its threads' stacks included, is a fraction of this. With a lower limit
/// locking would make later allocations fail.
const ENOUGH: u64 = 64 << 20;

/// No core dump, and no debugger of another process of this user. It ends with `execve`.
pub(crate) fn forbid_dumps() {
    said(
        "cannot forbid core dumps",
        set_dumpable_behavior(DumpableBehavior::NotDumpable),
    );
}

/// For a process that never becomes another one: no core dump whatever the rest of the system makes of it, and no page
/// in swap where the limit of locked memory allows that. Pages are locked as they are touched.
pub(crate) fn keep_in_memory() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    said("cannot forbid core dumps", setrlimit(Resource::Core, none));
    if may_lock(getrlimit(Resource::Memlock).current) {
        let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        said("cannot lock memory", mlockall(all));
    }
}

/// By the limit in bytes, `None` when there is none.
fn may_lock(limit: Option<u64>) -> bool {
    limit.is_none_or(|limit| limit >= ENOUGH)
}

fn said(what: &str, outcome: Result<(), rustix::io::Errno>) {
    if let Err(errno) = outcome {
        log::say(format_args!("{what}: {}", io::Error::from(errno)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_locked_only_where_all_of_it_can_be() {
        assert!(may_lock(None) && may_lock(Some(ENOUGH)));
        assert!(!may_lock(Some(0)) && !may_lock(Some(8 << 20)));
    }
}
