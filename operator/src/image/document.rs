//! Manifest, index and config (OCI image specification 1.1, and Docker's second format), as far as they are needed:
//! strict about that, indifferent to everything else.

use serde::Deserialize;

use super::digest;
use super::problem::Problem;

/// Bytes of a manifest or an index; 127 layers, or all platforms with attestations, take less than a tenth.
pub(super) const MANIFEST_LIMIT: usize = 1024 * 1024;
/// Bytes of a config, which has the whole history of a build.
pub(super) const CONFIG_LIMIT: usize = 2 * 1024 * 1024;
/// Bytes of entrypoint and command together, and how many words; both end in the pod's spec.
const WORDS_LIMIT: usize = 16 * 1024;
const WORDS: usize = 512;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];
/// What is asked for.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// What a tag or a digest stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// One image for each platform.
    Index(Vec<Platform>),
    /// An image; this is its config's digest.
    Manifest(String),
}

/// An image of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) digest: String,
    pub(super) os: String,
    pub(super) architecture: String,
    /// Such as `v7` of `arm`.
    pub(super) variant: String,
}

/// What an image runs unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) entrypoint: Vec<String>,
    pub(super) cmd: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Either {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<Vec<Entry>>,
    config: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<EntryPlatform>,
}

#[derive(Deserialize)]
struct EntryPlatform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

#[derive(Deserialize)]
struct Image {
    os: String,
    #[serde(default)]
    config: Option<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    #[serde(default)]
    cmd: Option<Vec<String>>,
}

/// Reads a manifest or an index; `served_as` is the answer's Content-Type, which counts where the document is silent.
///
/// # Errors
/// [`Problem::NotAnImage`] for another kind of thing, [`Problem::Malformed`] for none at all.
pub(super) fn manifest(content: &[u8], served_as: &str) -> Result<Document, Problem> {
    let malformed = Problem::Malformed("manifest");
    let read: Either = serde_json::from_slice(content).map_err(|_| malformed.clone())?;
    if read.schema_version != 2 {
        return Err(Problem::NotAnImage);
    }
    let kind = read.media_type.as_deref().unwrap_or(served_as);
    match (
        kind.split(';').next().unwrap_or_default().trim(),
        read.manifests,
        read.config,
    ) {
        (OCI_INDEX | DOCKER_LIST, Some(entries), None) => Ok(Document::Index(platforms(entries))),
        (OCI_MANIFEST | DOCKER_MANIFEST, None, Some(config)) => {
            if !CONFIGS.contains(&config.media_type.as_str()) {
                return Err(Problem::NotAnImage);
            }
            if !digest::is_one(&config.digest) {
                return Err(malformed);
            }
            Ok(Document::Manifest(config.digest))
        }
        // A document that could be read as both is read as neither.
        (OCI_INDEX | DOCKER_LIST | OCI_MANIFEST | DOCKER_MANIFEST, _, _) => Err(malformed),
        _ => Err(Problem::NotAnImage),
    }
}

fn platforms(entries: Vec<Entry>) -> Vec<Platform> {
    let platform = |entry: Entry| {
        let platform = entry.platform?;
        digest::is_one(&entry.digest).then(|| Platform {
            digest: entry.digest,
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant.unwrap_or_default(),
        })
    };
    entries.into_iter().filter_map(platform).collect()
}

/// Reads a config. An entrypoint of one empty word is none, as containerd has it.
///
/// # Errors
/// [`Problem::NotLinux`]; [`Problem::Malformed`]; [`Problem::TooLarge`] for more words than anybody types.
pub(super) fn config(content: &[u8]) -> Result<Config, Problem> {
    let read: Image = serde_json::from_slice(content).map_err(|_| Problem::Malformed("config"))?;
    if read.os != "linux" {
        return Err(Problem::NotLinux);
    }
    let run = read.config.unwrap_or(Run {
        entrypoint: None,
        cmd: None,
    });
    let entrypoint = run.entrypoint.unwrap_or_default();
    let config = Config {
        entrypoint: if entrypoint == [""] {
            Vec::new()
        } else {
            entrypoint
        },
        cmd: run.cmd.unwrap_or_default(),
    };
    let words = || config.entrypoint.iter().chain(&config.cmd);
    if words().count() > WORDS || words().map(String::len).sum::<usize>() > WORDS_LIMIT {
        return Err(Problem::TooLarge {
            what: "entrypoint",
            limit: WORDS_LIMIT,
        });
    }
    Ok(config)
}

#[cfg(test)]
mod tests;
