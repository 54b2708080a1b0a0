//! Which registries may be asked.

/// A registry that may be asked: a host with the port that names have, all hosts below a domain, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Any,
    /// With its leading dot.
    Below(String),
    Exactly(String),
}

/// A list of registries, as they stand in names of images; empty lets none pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries(Vec<Entry>);

impl Registries {
    /// Reads `docker.io`, `registry.example:5000`, `*.example` or `*`, each an item.
    ///
    /// # Errors
    /// With the first item that is none of these.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        items.into_iter().map(entry).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a registry, with its port, is in the list.
    pub(super) fn has(&self, registry: &str) -> bool {
        self.0.iter().any(|entry| match entry {
            Entry::Any => true,
            Entry::Below(suffix) => registry.len() > suffix.len() && registry.ends_with(suffix.as_str()),
            Entry::Exactly(exactly) => registry == exactly,
        })
    }
}

fn entry(item: &str) -> Result<Entry, String> {
    let item = item.trim();
    if item == "*" {
        return Ok(Entry::Any);
    }
    let (below, host) = match item.strip_prefix('*') {
        Some(rest) if rest.starts_with('.') => (true, &rest[1..]),
        Some(_) => return Err(malformed(item)),
        None => (false, item),
    };
    let (name, port) = host
        .split_once(':')
        .map_or((host, None), |(name, port)| (name, Some(port)));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let label = |label: &str| !label.is_empty() && label.bytes().all(allowed);
    let fine = name.len() <= 253 && name.split('.').all(label);
    if !fine || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(malformed(item));
    }
    Ok(if below {
        Entry::Below(format!(".{host}"))
    } else {
        Entry::Exactly(host.to_owned())
    })
}

fn malformed(item: &str) -> String {
    format!("{item} is not a registry: write HOST, HOST:PORT, *.DOMAIN or *")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Registries {
        Registries::parse(items.iter().copied()).unwrap()
    }

    #[test]
    fn a_registry_is_in_the_list_with_its_port_or_not_at_all() {
        let some = list(&["docker.io", "registry.example:5000", "*.corp.example"]);
        for registry in [
            "docker.io",
            "registry.example:5000",
            "a.corp.example",
            "a.b.corp.example",
        ] {
            assert!(some.has(registry), "{registry}");
        }
        for registry in [
            "registry.example",
            "registry.example:5001",
            "evil-docker.io",
            "docker.io.evil.example",
            "corp.example",
            ".corp.example",
            "evilcorp.example",
            "a.corp.example:444",
            "",
        ] {
            assert!(!some.has(registry), "{registry}");
        }
        assert!(list(&["*"]).has("anything.example:1"));
        assert!(!Registries::default().has("docker.io"));
    }

    #[test]
    fn what_is_no_registry_is_refused() {
        for item in [
            "",
            "a/b",
            "https://a",
            "a:b",
            "a:70000",
            "*a",
            "a.*.b",
            "*.",
            "a..b",
            "a b",
            "a@b",
        ] {
            assert!(Registries::parse([item]).is_err(), "{item}");
        }
    }
}
