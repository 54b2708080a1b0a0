//! An image's name, as kubelet and containerd understand it.

use oci_spec::distribution::Reference as Parsed;

use super::problem::Problem;

/// Bytes: a host of 253 with a port, a repository of 255, a tag of 128, a digest of 135.
const LONGEST: usize = 800;
/// Docker Hub in names, and where it is.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// `REGISTRY/REPOSITORY` with a tag or a digest, normal: `redis` is `docker.io/library/redis:latest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Reference {
    registry: String,
    repository: String,
    version: Version,
}

/// Which of a repository's images.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Version {
    /// What this name stands for now.
    Tag(String),
    /// This one for ever, whatever tag may stand beside it.
    Digest(String),
}

impl Reference {
    /// Reads what a container has in `image`.
    ///
    /// # Errors
    /// [`Problem::Reference`].
    pub(super) fn parse(image: &str) -> Result<Self, Problem> {
        if image.len() > LONGEST || !image.is_ascii() {
            return Err(Problem::Reference);
        }
        let parsed: Parsed = image.parse().map_err(|_| Problem::Reference)?;
        if parsed.repository().bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Problem::Reference);
        }
        let version = match (parsed.digest(), parsed.tag()) {
            (Some(digest), _) => Version::Digest(digest.to_owned()),
            (None, Some(tag)) => Version::Tag(tag.to_owned()),
            (None, None) => return Err(Problem::Reference),
        };
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            version,
        })
    }

    /// As it stands in names: a host, with a port if it has one.
    pub(super) fn registry(&self) -> &str {
        &self.registry
    }

    /// Where to connect to: a host, with a port if it has one.
    pub(super) fn endpoint(&self) -> &str {
        if self.registry == HUB.0 {
            HUB.1
        } else {
            &self.registry
        }
    }

    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    pub(super) const fn version(&self) -> &Version {
        &self.version
    }

    /// What comes last in a manifest's URL.
    pub(super) fn tag_or_digest(&self) -> &str {
        match &self.version {
            Version::Tag(tag) => tag,
            Version::Digest(digest) => digest,
        }
    }

    /// `REGISTRY/REPOSITORY`, which credentials are for.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_docker_hubs() {
        for (image, name, version) in [
            ("redis", "docker.io/library/redis", "latest"),
            ("redis:7", "docker.io/library/redis", "7"),
            ("team/app", "docker.io/team/app", "latest"),
            ("index.docker.io/team/app:1", "docker.io/team/app", "1"),
            ("localhost/app:1", "localhost/app", "1"),
            (
                "registry.example:5000/a/b/c:1",
                "registry.example:5000/a/b/c",
                "1",
            ),
        ] {
            let reference = Reference::parse(image).unwrap();
            assert_eq!(
                (reference.name().as_str(), reference.tag_or_digest()),
                (name, version)
            );
        }
        assert_eq!(
            Reference::parse("redis").unwrap().endpoint(),
            "registry-1.docker.io"
        );
        assert_eq!(Reference::parse("a.example/b").unwrap().endpoint(), "a.example");
    }

    #[test]
    fn a_digest_wins_over_a_tag() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let reference = Reference::parse(&format!("a.example/b:1@{digest}")).unwrap();
        assert_eq!(reference.version(), &Version::Digest(digest));
    }

    #[test]
    fn what_is_no_reference_is_refused_and_leads_nowhere() {
        let long = format!("a.example/{}", "b".repeat(1_000_000));
        for image in [
            "",
            " ",
            "a b",
            "UPPER/case",
            "a.example/b:",
            "a.example/b@sha256:abc",
            "a.example/../b",
            "a.example//b",
            "a.example/b?x=1",
            "a.example/b#x",
            "user:password@a.example/b",
            "https://a.example/b",
            "a.example/b:é",
            "a.example\r\nhost: other/b",
            &long,
        ] {
            assert_eq!(Reference::parse(image), Err(Problem::Reference), "{image:.40}");
        }
    }
}
