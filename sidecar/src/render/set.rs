//! One file per variable: which name may be a file's.

use splitvault_crypto::{SecretBytes, SecretString};

use super::{Effective, RenderError};

/// One file of a set.
pub struct Member {
    /// As secret as the content; one component of a path.
    pub name: SecretString,
    /// The value, byte for byte.
    pub content: SecretBytes,
}

pub(super) fn write(environments: &[Effective<'_>]) -> Result<Vec<Member>, RenderError> {
    let mut members = Vec::with_capacity(environments.iter().map(|e| e.variables.len()).sum());
    for environment in environments {
        for variable in &environment.variables {
            // EXPOSE: written to tmpfs next.
            let (name, value) = (variable.name.expose(), variable.value.expose());
            if !is_file_name(name) {
                return Err(RenderError::FileName {
                    vault_secret: environment.vault_secret.to_owned(),
                });
            }
            members.push(Member {
                name: SecretString::copy_of(name),
                content: SecretBytes::copy_of(value.as_bytes()),
            });
        }
    }
    Ok(members)
}

/// One component of a path that leads nowhere else, of at most 255 bytes (`limits.h`), and not one of those that begin
/// as the names of the set's own parts do.
fn is_file_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name != "." && !name.starts_with("..") && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in [
            "A",
            "_",
            "with.dot",
            ".hidden",
            "a b",
            "-",
            "é",
            "a..b",
            &"A".repeat(255),
        ] {
            assert!(is_file_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "../x",
            "..data",
            "..x",
            "a/b",
            "/etc/passwd",
            "a/..",
            "a\0b",
            &"A".repeat(256),
        ] {
            assert!(!is_file_name(name), "{name:?}");
        }
    }
}
