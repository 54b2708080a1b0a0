//! The look-up of entrypoints at image registries; off unless registries are listed.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::image::{Registries, Settings};

/// The look-up of entrypoints at image registries.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ImageLookup {
    /// Registries that may be asked what an image runs whose container has no command, with a comma between, as they stand
    /// in names of images: HOST, HOST:PORT, *.DOMAIN, or * for any. Without it none is asked.
    #[arg(
        long,
        env = "SPLITVAULT_IMAGE_REGISTRIES",
        value_name = "LIST",
        default_value = ""
    )]
    pub image_registries: String,
    /// A file of PEM certificates of authorities that are trusted for registries, beside those of the web.
    #[arg(long, env = "SPLITVAULT_IMAGE_CA", value_name = "FILE")]
    pub image_ca: Option<PathBuf>,
    /// Registries that are spoken to in plain HTTP, in the same form. Whoever is between decides
    /// what containers run: for tests and labs.
    #[arg(
        long,
        env = "SPLITVAULT_IMAGE_PLAIN_HTTP",
        value_name = "LIST",
        default_value = ""
    )]
    pub image_plain_http: String,
}

impl ImageLookup {
    /// `None` when no registry may be asked.
    ///
    /// # Errors
    /// When a list has something else in it, or the file cannot be read.
    pub fn settings(&self) -> anyhow::Result<Option<Settings>> {
        if self.image_registries.trim().is_empty() {
            return Ok(None);
        }
        let list = |name: &str, items: &str| {
            let items = items.split(',').filter(|item| !item.trim().is_empty());
            Registries::parse(items).map_err(|problem| anyhow::anyhow!("{name}: {problem}"))
        };
        let read = |path: &PathBuf| {
            std::fs::read(path)
                .with_context(|| format!("SPLITVAULT_IMAGE_CA: cannot read {}", path.display()))
        };
        Ok(Some(Settings {
            registries: list("SPLITVAULT_IMAGE_REGISTRIES", &self.image_registries)?,
            plain: list("SPLITVAULT_IMAGE_PLAIN_HTTP", &self.image_plain_http)?,
            bundle: self.image_ca.as_ref().map(read).transpose()?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_unless_registries_are_listed() {
        let mut lookup = ImageLookup::default();
        for none in ["", "  "] {
            none.clone_into(&mut lookup.image_registries);
            assert!(lookup.settings().unwrap().is_none());
        }
        "docker.io, *.example".clone_into(&mut lookup.image_registries);
        "lab.example:5000, ".clone_into(&mut lookup.image_plain_http);
        let settings = lookup.settings().unwrap().unwrap();
        assert_eq!(
            settings.registries,
            Registries::parse(["docker.io", "*.example"]).unwrap()
        );
        assert_eq!(settings.plain, Registries::parse(["lab.example:5000"]).unwrap());
        "https://docker.io".clone_into(&mut lookup.image_registries);
        assert!(lookup.settings().is_err());
    }

    #[test]
    fn a_bundle_that_is_not_there_keeps_the_operator_from_starting() {
        let lookup = ImageLookup {
            image_registries: "docker.io".to_owned(),
            image_ca: Some(PathBuf::from("/does/not/exist")),
            ..ImageLookup::default()
        };
        assert!(
            lookup
                .settings()
                .unwrap_err()
                .to_string()
                .contains("SPLITVAULT_IMAGE_CA")
        );
    }
}
