//! `splitvault reseal`: a manifest whose payload is sealed to the newest key. The operator opens and seals; here is
//! ciphertext only.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use splitvault_api::{Action, Sealed, VaultRequestSpec, VaultSecret};

use crate::args::{ManifestFormat, Reseal};
use crate::cluster::{self, Connection};
use crate::fault::Fault;
use crate::history::fetch;
use crate::request::{Ask, forget, message};
use crate::{manifest, output};

/// A manifest is not larger.
const MOST: u64 = 4 * 1024 * 1024;

/// Prints the manifest anew, or writes it back.
pub(crate) fn reseal(args: &Reseal) -> Result<(), Fault> {
    match args.file() {
        Some(path) => of_file(args, &path),
        None if args.in_place => Err(Fault::usage("--in-place needs a file").next(format!(
            "splitvault reseal {} > {}.yaml",
            args.target, args.target
        ))),
        None => of_name(args),
    }
}

fn of_name(args: &Reseal) -> Result<(), Fault> {
    let object = cluster::block_on(async {
        let at = Connection::open(&args.cluster).await?;
        let namespace = args.namespace.clone().unwrap_or_else(|| at.namespace.clone());
        let (object, sealed) = ask(&at, &namespace, &args.target, args).await?;
        let mut spec = object.spec;
        if let Some(source) = &mut spec.source {
            source.sealed = Some(sealed);
        }
        let mut manifest = VaultSecret::new(&args.target, spec);
        manifest.metadata.namespace = Some(namespace);
        manifest.metadata.labels = object.metadata.labels;
        Ok(manifest)
    })?;
    let text = manifest::text(&object, ManifestFormat::Yaml)
        .ok_or_else(|| Fault::failure(format!("cannot write VaultSecret {}", args.target)))?;
    output::print(text.as_bytes())
}

fn of_file(args: &Reseal, path: &Path) -> Result<(), Fault> {
    let shown = path.display();
    let text = read(path)?;
    let object: VaultSecret = serde_saphyr::from_str(&text).map_err(|_| {
        Fault::failure(format!("{shown} is not a manifest with one VaultSecret"))
            .next("give a file that `splitvault seal` made, or the VaultSecret's name")
    })?;
    let name = object.metadata.name.clone().unwrap_or_default();
    let old = sealed(&object)
        .ok_or_else(|| Fault::failure(format!("VaultSecret {name} in {shown} has no sealed payload")))?;
    let new = cluster::block_on(async {
        let at = Connection::open(&args.cluster).await?;
        let given = args
            .namespace
            .clone()
            .or_else(|| object.metadata.namespace.clone());
        let namespace = given.unwrap_or_else(|| at.namespace.clone());
        let (applied, new) = ask(&at, &namespace, &name, args).await?;
        if sealed(&applied).is_none_or(|applied| applied.payload != old.payload) {
            return Err(Fault::failure(format!(
                "{shown} is not what is applied: VaultSecret {namespace}/{name} has another payload"
            ))
            .next(format!(
                "kubectl apply -f {shown} first, or: splitvault reseal {name} -n {namespace}"
            )));
        }
        Ok(new)
    })?;
    let changed = replaced(&text, old, &new).ok_or_else(|| {
        Fault::failure(format!(
            "cannot find the payload of VaultSecret {name} as one word in {shown}"
        ))
        .next(format!(
            "splitvault reseal {name} > {shown} writes the manifest anew"
        ))
    })?;
    if !args.in_place {
        return output::print(changed.as_bytes());
    }
    write(path, &changed)
}

/// The same text with another payload and another key id; comments and order stay.
fn replaced(text: &str, old: &Sealed, new: &Sealed) -> Option<String> {
    let once = |word: &str| text.matches(word).count() == 1;
    if !once(&old.payload) || !text.contains(&old.key_id) {
        return None;
    }
    let changed = text
        .replace(&old.payload, &new.payload)
        .replace(&old.key_id, &new.key_id);
    let read: VaultSecret = serde_saphyr::from_str(&changed).ok()?;
    (sealed(&read) == Some(new)).then_some(changed)
}

fn sealed(object: &VaultSecret) -> Option<&Sealed> {
    object.spec.source.as_ref()?.sealed.as_ref()
}

/// The VaultSecret as it is, and its payload sealed to the newest key.
async fn ask(
    at: &Connection,
    namespace: &str,
    name: &str,
    args: &Reseal,
) -> Result<(VaultSecret, Sealed), Fault> {
    let object = fetch(at, namespace, name).await?;
    let ask = Ask {
        at,
        namespace,
        spec: VaultRequestSpec {
            vault_secret_name: Some(name.to_owned()),
            ..VaultRequestSpec::of(Action::Reseal)
        },
    };
    let done = ask.answer(args.timeout).await?;
    forget(at, &done).await;
    if let Some((_, message)) = message(&done) {
        output::note(format_args!("VaultSecret {namespace}/{name}: {message}"));
    }
    let payload = done.status.and_then(|status| status.payload);
    let payload = payload.ok_or_else(|| {
        Fault::failure("the operator answered without a payload")
            .next("is this CLI of the operator's version? `splitvault version` tells")
    })?;
    Ok((object, payload))
}

fn read(path: &Path) -> Result<String, Fault> {
    let shown = path.display();
    let cannot = |error: std::io::Error| Fault::failure(format!("cannot read {shown}: {error}"));
    if fs::metadata(path).map_err(cannot)?.len() > MOST {
        return Err(Fault::failure(format!("{shown} is too large for a manifest")));
    }
    fs::read_to_string(path).map_err(cannot)
}

/// Whole or not at all: a new file that takes the old one's place.
fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let cannot = |error: std::io::Error| {
        Fault::failure(format!("cannot write {}: {error}", path.display()))
            .next("without --in-place the manifest goes to standard output")
    };
    // What a link points to is replaced, not the link.
    let path = fs::canonicalize(path).map_err(cannot)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mode = fs::metadata(&path).map_err(cannot)?.permissions();
    let written = fs::File::create(&beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.set_permissions(mode)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&beside, &path));
    written.map_err(|error| {
        drop(fs::remove_file(&beside));
        cannot(error)
    })
}
