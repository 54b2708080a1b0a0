//! The gate file: written last, so that whoever sees it may use the others. It tells which revisions they hold.

use std::collections::BTreeMap;

use splitvault_wire::pod::{GATE_ENV, REVISION};

use crate::target::Target;

/// Revisions by VaultSecret.
pub type Revisions = BTreeMap<String, u64>;

/// The file's content: one line in kubelet's dialect (KEP-3721).
pub(crate) fn write(revisions: &Revisions) -> String {
    format!("{REVISION}='{}'\n", list(revisions))
}

/// `name:revision,…`
pub(crate) fn list(revisions: &Revisions) -> String {
    let items: Vec<_> = revisions
        .iter()
        .map(|(name, revision)| format!("{name}:{revision}"))
        .collect();
    items.join(",")
}

/// What an earlier run of this container wrote, when it is all that is asked for.
pub(crate) fn read(target: &Target, vault_secrets: &[String]) -> Option<Revisions> {
    let content = target.read(GATE_ENV).ok()??;
    let revisions = parse(std::str::from_utf8(&content).ok()?)?;
    let complete = vault_secrets.iter().all(|name| revisions.contains_key(name));
    (complete && revisions.len() == vault_secrets.len()).then_some(revisions)
}

fn parse(text: &str) -> Option<Revisions> {
    let items = text
        .strip_prefix(REVISION)?
        .strip_prefix("='")?
        .strip_suffix("'\n")?;
    let item = |item: &str| {
        let (name, revision) = item.split_once(':')?;
        Some((name.to_owned(), revision.parse().ok()?))
    };
    items.split(',').map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_wrote() {
        let revisions = Revisions::from([("web".to_owned(), 3), ("db".to_owned(), u64::MAX)]);
        let text = write(&revisions);
        assert_eq!(text, "SPLITVAULT_REVISION='db:18446744073709551615,web:3'\n");
        assert_eq!(parse(&text), Some(revisions));
    }

    #[test]
    fn what_somebody_else_wrote_is_as_good_as_nothing() {
        for text in [
            "",
            "x",
            "SPLITVAULT_REVISION=''\n",
            "SPLITVAULT_REVISION='a:1'",
            "SPLITVAULT_REVISION='a:b'\n",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn another_set_of_vault_secrets_is_as_good_as_nothing() {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let target = Target::open(directory.path(), 0o400).unwrap();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(read(&target, &names(&["a"])), None);
        target
            .write(GATE_ENV, b"SPLITVAULT_REVISION='a:1,b:2'\n")
            .unwrap();
        assert_eq!(read(&target, &names(&["b", "a"])).unwrap()["b"], 2);
        assert_eq!(read(&target, &names(&["a"])), None);
        assert_eq!(read(&target, &names(&["a", "c"])), None);
    }
}
