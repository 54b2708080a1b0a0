//! From an image's name to what it runs: manifest, the platform's manifest if that was an index, config.

use std::sync::Arc;

use super::cache::Cache;
use super::credentials::{Credentials, Fingerprint};
use super::document::Document;
use super::platform;
use super::problem::Problem;
use super::reference::{Reference, Version};
use super::registry::Registry;
use super::transport::Transport;
use crate::inject::Program;

/// Everything that an answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) image: Reference,
    pub(super) architecture: String,
    pub(super) credentials: Fingerprint,
}

/// Tries the credentials in turn; without any, asks as nobody.
pub(super) async fn look(
    transport: &Transport,
    cache: &Cache,
    question: &Question,
    credentials: &[&Credentials],
) -> Result<Arc<Program>, Problem> {
    let mut last = Err(Problem::Denied);
    let nobody = [None];
    let some: Vec<_> = credentials.iter().map(|one| Some(*one)).collect();
    for credentials in if some.is_empty() { &nobody[..] } else { &some } {
        let mut registry = Registry::new(transport, &question.image, *credentials);
        last = with(&mut registry, cache, question).await;
        match &last {
            Err(problem) if problem.is_about_access() => {}
            Ok(_) | Err(_) => break,
        }
    }
    last
}

async fn with(
    registry: &mut Registry<'_>,
    cache: &Cache,
    question: &Question,
) -> Result<Arc<Program>, Problem> {
    let image = &question.image;
    let (document, digest) = registry.manifest(image.tag_or_digest()).await?;
    if let Version::Tag(_) = image.version() {
        cache.tagged(question, &digest);
        // A tag that was moved back, or not at all.
        if let Some(program) = cache.of_digest(question, &digest) {
            return Ok(program);
        }
    }
    let config = match document {
        Document::Manifest(config) => config,
        Document::Index(platforms) => {
            let chosen = platform::choose(&platforms, &question.architecture)?;
            match registry.manifest(chosen).await? {
                (Document::Manifest(config), _) => config,
                // An index of indexes has no end.
                (Document::Index(_), _) => return Err(Problem::Malformed("manifest")),
            }
        }
    };
    let config = registry.config(&config).await?;
    let program = Arc::new(Program {
        image: format!("{}@{digest}", image.name()),
        entrypoint: config.entrypoint,
        cmd: config.cmd,
    });
    cache.put(question, &digest, Arc::clone(&program));
    Ok(program)
}
