//! Credentials out of pull secrets, chosen as kubelet chooses them (Kubernetes 1.37, pkg/credentialprovider/keyring.go), so
//! that what kubelet will pull with is what is looked up with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::credentials::Credentials;
use super::glob;
use super::reference::Reference;
use super::wiped::Wiped;

/// Docker Hub's key, whatever follows it in the file.
const HUB: &str = "index.docker.io";
/// Credentials that are tried for one image.
const TRIED: usize = 4;
/// Entries of one pull secret, and bytes of an entry's name.
const ENTRIES: usize = 1000;
const NAME: usize = 1024;

/// All credentials of a pod, by what they are for.
#[derive(Default)]
pub(super) struct Keyring(BTreeMap<String, Vec<Credentials>>);

/// A pull secret's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `kubernetes.io/dockerconfigjson`: entries are below `auths`.
    Json,
    /// `kubernetes.io/dockercfg`: entries are the whole document.
    Cfg,
}

#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow, default)]
    auths: BTreeMap<Cow<'a, str>, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    username: Option<Wiped>,
    #[serde(default)]
    password: Option<Wiped>,
    #[serde(default)]
    auth: Option<Wiped>,
}

impl Keyring {
    /// Adds the entries of a pull secret. One that is malformed as a whole adds nothing, as with kubelet; an entry that is
    /// malformed is passed over.
    pub(super) fn add(&mut self, form: Form, content: &[u8]) {
        let entries = match form {
            Form::Json => serde_json::from_slice::<Config<'_>>(content).map(|config| config.auths),
            Form::Cfg => serde_json::from_slice(content),
        };
        for (location, entry) in entries.unwrap_or_default().into_iter().take(ENTRIES) {
            if let (Some(key), Some(credentials)) = (key(&location), entry.credentials()) {
                self.0.entry(key).or_default().push(credentials);
            }
        }
    }

    /// Those for this image, in the order in which they are to be tried; none means to ask without any.
    pub(super) fn of(&self, image: &Reference) -> Vec<&Credentials> {
        let name = image.name();
        // More specific ones come first: kubelet sorts the keys backwards.
        let mut found: Vec<_> = self
            .0
            .iter()
            .rev()
            .filter(|(key, _)| is_for(key, &name))
            .flat_map(|(_, all)| all)
            .take(TRIED)
            .collect();
        if found.is_empty() && image.registry() == "docker.io" {
            found.extend(self.0.get(HUB).into_iter().flatten().take(TRIED));
        }
        found
    }
}

impl Entry {
    /// `auth`, base64 of `USER:PASSWORD`, wins over the two fields.
    fn credentials(self) -> Option<Credentials> {
        match self.auth.filter(|auth| !auth.0.is_empty()) {
            Some(auth) => Credentials::decode(auth.0.trim()),
            None => Some(Credentials::new(&self.username?.0, &self.password?.0)),
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

/// `HOST[:PORT][/PATH]`, without a scheme and without the `/v1` or `/v2` of old clients.
fn key(location: &str) -> Option<String> {
    let without = ["https://", "http://"]
        .iter()
        .find_map(|scheme| location.strip_prefix(scheme));
    let rest = without
        .unwrap_or(location)
        .split(['?', '#'])
        .next()
        .unwrap_or_default();
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let host = host.rsplit('@').next().unwrap_or_default();
    let path = ["/v1/", "/v2/"]
        .iter()
        .find_map(|version| path.strip_prefix(version).map(|rest| format!("/{rest}")))
        .unwrap_or(path);
    let path = if path == "/" { "" } else { &path };
    (!host.is_empty() && location.len() <= NAME).then(|| format!("{host}{path}"))
}

/// The port is the same, each part of the host of its pattern, and the path a beginning of the image's.
fn is_for(key: &str, image: &str) -> bool {
    let split = |text: &str| {
        let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let (host, port) = host
            .rsplit_once(':')
            .map_or((host, ""), |(host, port)| (host, port));
        (host.to_owned(), port.to_owned(), path.to_owned())
    };
    let ((host, port, path), (own_host, own_port, own_path)) = (split(key), split(image));
    let (parts, own_parts): (Vec<_>, Vec<_>) = (host.split('.').collect(), own_host.split('.').collect());
    port == own_port
        && own_path.starts_with(&path)
        && parts.len() == own_parts.len()
        && parts
            .iter()
            .zip(own_parts)
            .all(|(pattern, part)| glob::matches(pattern, part))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};
    use splitvault_crypto::SecretBytes;

    use super::super::credentials::Fingerprint;
    use super::*;

    fn ring(auths: &Value) -> Keyring {
        let mut ring = Keyring::default();
        ring.add(Form::Json, json!({"auths": auths}).to_string().as_bytes());
        ring
    }

    fn entry(user: &str) -> Value {
        json!({"username": user, "password": "p"})
    }

    /// Names of the users whose credentials would be tried.
    fn tried(ring: &Keyring, image: &str) -> Vec<String> {
        let image = Reference::parse(image).unwrap();
        ring.of(&image).iter().map(|one| one.user().to_owned()).collect()
    }

    /// The cases of kubelet's own TestURLsMatch that are about hosts, ports and paths.
    #[test]
    fn credentials_are_for_hosts_ports_and_paths_as_kubelet_has_them() {
        for (key, image, expected) in [
            ("*.kubernetes.io", "prefix.kubernetes.io/a", true),
            ("prefix.*.io", "prefix.kubernetes.io/a", true),
            ("prefix.kubernetes.*", "prefix.kubernetes.io/a", true),
            ("*-good.kubernetes.io", "prefix-good.kubernetes.io/a", true),
            ("*.kubernetes.io/blah", "prefix.kubernetes.io/blah", true),
            ("prefix.*.io/foo", "prefix.kubernetes.io/foo/bar", true),
            (
                "*.kubernetes.io:1111/blah",
                "prefix.kubernetes.io:1111/blah",
                true,
            ),
            ("prefix.*.io:1111/foo", "prefix.kubernetes.io:1111/foo/bar", true),
            ("*.*.kubernetes.io", "prefix.kubernetes.io/a", false),
            ("kubernetes.io", "kubernetes.com/a", false),
            ("k*.io", "kubernetes.com/a", false),
            ("k*.io", "prefix.kubernetes.io/a", false),
            ("*kubernetes.io", "prefix.kubernetes.io/a", false),
            ("kubernetes.io/foo", "kubernetes.io/bar", false),
            ("*.kubernetes.io:1111", "prefix.kubernetes.io:2222/a", false),
            ("*.kubernetes.io", "prefix.kubernetes.io:80/a", false),
            ("registry.example/team", "registry.example/team/app", true),
            ("registry.example/team/app", "registry.example/team", false),
            ("https://registry.example/v2/", "registry.example/team/app", true),
            (
                "http://registry.example/v1/team",
                "registry.example/team/app",
                true,
            ),
        ] {
            let found = !tried(&ring(&json!({key: entry("u")})), image).is_empty();
            assert_eq!(found, expected, "{key} {image}");
        }
    }

    #[test]
    fn docker_hubs_key_is_for_its_images_under_any_name() {
        let hub = ring(&json!({"https://index.docker.io/v1/": entry("u")}));
        for image in [
            "redis",
            "team/app",
            "docker.io/team/app",
            "index.docker.io/team/app",
        ] {
            assert_eq!(tried(&hub, image), ["u"], "{image}");
        }
        assert!(tried(&hub, "registry.example/team/app").is_empty());
    }

    #[test]
    fn more_specific_ones_come_first_and_not_too_many() {
        let some = ring(
            &json!({"registry.example": entry("host"), "registry.example/team": entry("team"), "*.example": entry("glob")}),
        );
        assert_eq!(
            tried(&some, "registry.example/team/app"),
            ["team", "host", "glob"]
        );
        let mut many = Keyring::default();
        for number in 0..20 {
            let one = json!({"registry.example": entry(&number.to_string())}).to_string();
            many.add(Form::Cfg, one.as_bytes());
        }
        assert_eq!(tried(&many, "registry.example/a").len(), TRIED);
    }

    #[test]
    fn both_forms_and_both_ways_to_write_a_password_are_read() {
        let mut ring = Keyring::default();
        let auth = STANDARD.encode("us:er:pass");
        ring.add(
            Form::Cfg,
            json!({"a.example": {"auth": auth, "username": "other", "password": "x"}})
                .to_string()
                .as_bytes(),
        );
        assert_eq!(tried(&ring, "a.example/b"), ["us"]);
        let image = Reference::parse("a.example/b").unwrap();
        assert_eq!(
            ring.of(&image)[0].basic().expose(),
            format!("Basic {}", STANDARD.encode("us:er:pass"))
        );
    }

    #[test]
    fn what_is_malformed_adds_nothing_and_is_not_shown() {
        let mut ring = Keyring::default();
        for content in [
            "".to_owned(),
            "[]".to_owned(),
            "{".to_owned(),
            json!({"auths": 1}).to_string(),
            json!({"auths": {"a.example": {"auth": "%%%"}}}).to_string(),
            json!({"auths": {"a.example": {"auth": STANDARD.encode("no-colon")}}}).to_string(),
            json!({"auths": {"a.example": {"auth": STANDARD.encode([255, 58, 255])}}}).to_string(),
            json!({"auths": {"a.example": {"username": "u"}, "": entry("u"), "https://": entry("u")}})
                .to_string(),
            "[".repeat(100_000),
        ] {
            ring.add(Form::Json, content.as_bytes());
            ring.add(Form::Cfg, content.as_bytes());
        }
        assert!(tried(&ring, "a.example/b").is_empty());
        let canary = Credentials::new("CANARY", "CANARY");
        let salt = SecretBytes::copy_of(b"salt");
        let shown = format!(
            "{ring:?} {canary:?} {:?} {:?}",
            canary.basic(),
            Fingerprint::of(&salt, &[&canary])
        );
        assert!(!shown.contains("CANARY") && !shown.contains(&STANDARD.encode("CANARY:CANARY")));
    }
}
