//! The processes that can be seen (`proc(5)`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The ids of all processes of this name but this one's, of those that can be looked at.
pub(super) fn named(name: &str, proc: &Path) -> std::io::Result<Vec<i32>> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(proc)? {
        let file_name = entry?.file_name();
        let id = file_name.to_str().and_then(|text| text.parse().ok());
        // Others than processes, and processes that ended meanwhile, are none.
        if let Some(id) = id.filter(|id| *id != own)
            && is_named(&proc.join(&file_name), name)
        {
            ids.push(id);
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

fn is_named(process: &Path, name: &str) -> bool {
    let read = |file| std::fs::read(process.join(file)).unwrap_or_default();
    is(&read("comm"), &read("cmdline"), name)
}

/// Whether a process has this name: `comm`, of which the kernel keeps 15 bytes, or the last part of its first argument.
fn is(comm: &[u8], command_line: &[u8], name: &str) -> bool {
    let comm = comm.strip_suffix(b"\n").unwrap_or(comm);
    let first = command_line.split(|&byte| byte == 0).next().unwrap_or_default();
    let last_part = Path::new(OsStr::from_bytes(first)).file_name();
    comm == name.as_bytes() || last_part == Some(OsStr::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_either_of_its_names() {
        assert!(is(b"nginx\n", b"nginx: master process\0", "nginx"));
        assert!(is(b"python3\n", b"/usr/bin/python3\0app.py\0", "python3"));
        assert!(is(
            b"a-very-long-nam\n",
            b"/opt/a-very-long-name\0-x\0",
            "a-very-long-name"
        ));
        assert!(
            is(b"worker\n", b"", "worker"),
            "a process that shows no arguments"
        );
        for (comm, line) in [
            (&b""[..], &b""[..]),
            (b"nginx2\n", b"/nginx/other\0nginx\0"),
            (b"sh\n", b"sh\0-c\0nginx\0"),
            (b"\xff\n", b"/\0"),
            (b"x\n", b"\0nginx\0"),
        ] {
            assert!(!is(comm, line, "nginx"), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_process_is_passed_over() {
        let proc = tempfile::tempdir().unwrap();
        let process = |id: &str, comm: Option<&str>| {
            std::fs::create_dir(proc.path().join(id)).unwrap();
            if let Some(comm) = comm {
                std::fs::write(proc.path().join(id).join("comm"), comm).unwrap();
            }
        };
        process("12", Some("app\n"));
        process("7", Some("app\n"));
        process("8", Some("other\n"));
        process("9", None);
        process("self", Some("app\n"));
        process("99999999999999999999", Some("app\n"));
        process(&std::process::id().to_string(), Some("app\n"));
        std::fs::write(proc.path().join("uptime"), "1").unwrap();
        assert_eq!(named("app", proc.path()).unwrap(), [7, 12]);
        assert!(named("none", proc.path()).unwrap().is_empty());
    }
}
