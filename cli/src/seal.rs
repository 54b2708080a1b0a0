//! `splitvault seal`: from a `.env` to a VaultSecret.

use std::path::Path;

use splitvault_crypto::SecretBytes;
use splitvault_crypto::sealing::{Context, PublicKey};
use splitvault_dotenv::{Dialect, ParseOptions, Parsed, WarningKind, parse, write};

use crate::args::Seal;
use crate::fault::Fault;
use crate::manifest::{self, Parts};
use crate::{cluster, input, key, output};

/// kubectl notes what it applied in an annotation, and annotations hold no more.
const CLIENT_SIDE: usize = 256 * 1024;

/// Seals, and prints the VaultSecret.
pub(crate) fn seal(args: &Seal) -> Result<(), Fault> {
    let text = plaintext(&args.file, args.expand)?;
    let namespace = namespace(args)?;
    let key = match &args.key_file {
        Some(path) => key::read(path)?,
        None => cluster::sealing_key(&args.cluster)?,
    };
    let sealed = sealed(&key, &namespace, args, &text)?;
    let object = manifest::manifest(&Parts {
        name: &args.name,
        namespace: &namespace,
        key: key.id(),
        sealed: &sealed,
        expose_names: args.expose_names,
        service_accounts: &args.service_accounts,
    });
    let text = manifest::text(&object, args.output)
        .ok_or_else(|| Fault::failure(format!("cannot write VaultSecret {namespace}/{}", args.name)))?;
    output::print(text.as_bytes())?;
    if text.len() > CLIENT_SIDE {
        output::warn("larger than plain `kubectl apply` takes: use `kubectl apply --server-side`");
    }
    Ok(())
}

/// The text to seal: the `.env` as it is, once it is known to be a good one.
///
/// The operator reads it by the same grammar. What was expanded is written anew.
fn plaintext(file: &Path, expand: bool) -> Result<SecretBytes, Fault> {
    let text = input::read(file)?;
    let shown = input::name(file);
    let options = ParseOptions {
        dotted_names: false,
        expand,
    };
    // EXPOSE: parsed into single secrets.
    let parsed =
        parse(text.expose(), &options).map_err(|error| Fault::failure(format!("{shown}: {error}")))?;
    warn(&parsed, &shown);
    if parsed.dotenv.is_empty() {
        return Err(
            Fault::failure(format!("{shown} has no variables")).next("add lines of the form NAME=value")
        );
    }
    if !expand {
        return Ok(text);
    }
    let written = write(&parsed.dotenv, Dialect::Npm);
    let written = written.map_err(|error| Fault::failure(format!("{shown}: expanded: {error}")))?;
    Ok(SecretBytes::from(written))
}

fn warn(parsed: &Parsed, shown: &str) {
    for warning in &parsed.warnings {
        let hint = match warning.kind {
            WarningKind::Reference => "; --expand expands from this file",
            _ => "",
        };
        output::warn(format_args!("{shown}: {warning}{hint}"));
    }
}

fn namespace(args: &Seal) -> Result<String, Fault> {
    if let Some(namespace) = &args.namespace {
        return Ok(namespace.clone());
    }
    let namespace = cluster::namespace(&args.cluster)?;
    output::note(format_args!(
        "sealed for namespace {namespace}, the kubeconfig's; --namespace says otherwise"
    ));
    Ok(namespace)
}

fn sealed(key: &PublicKey, namespace: &str, args: &Seal, text: &SecretBytes) -> Result<Vec<u8>, Fault> {
    let context = Context::Manifest {
        namespace,
        name: &args.name,
    };
    let cannot = |why: String| {
        Fault::failure(format!(
            "cannot seal VaultSecret {namespace}/{}: {why}",
            args.name
        ))
    };
    // EXPOSE: this is what encrypts it.
    let sealed = key
        .seal(&context, text.expose())
        .map_err(|error| cannot(error.to_string()))?;
    if sealed.len().div_ceil(3) * 4 > manifest::PAYLOAD {
        let why = format!(
            "{} bytes are too large for one object of the API server",
            text.len()
        );
        return Err(cannot(why).next("split it into two VaultSecrets; a pod can have both"));
    }
    Ok(sealed)
}
