//! Which variables a pod takes, and under which names. Pure.
//!
//! One rule for webhook and delivery: what is named explicitly wins over what comes with a `*`, and of two that are
//! alike the later one wins, in the order of the annotation or of the VaultSecrets.

use std::collections::{BTreeMap, HashMap};

use crate::annotations;
use crate::request::{Refusal, refuse};
use crate::shown::{item, shown};

/// Items of one annotation: as many as one VaultSecret has variables at most.
const ITEMS: usize = 1000;
/// Bytes of a variable's name, as in a `.env` file.
const NAME: usize = 256;
/// What no variable of a user's begins with.
const RESERVED: &str = "SPLITVAULT_";
/// Bytes of a prefix.
const PREFIX: usize = 64;

/// What the annotations `variables` and `prefix` ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// `None` takes everything.
    picks: Option<Vec<Pick>>,
    prefix: Prefix,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pick {
    /// Under which name, when that is another than its own with the prefix.
    target: Option<String>,
    /// Of which VaultSecret, when that is given: as it stands in `inject`.
    of: Option<String>,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    All,
    One(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Prefix {
    #[default]
    None,
    All(String),
    Each(BTreeMap<String, String>),
}

/// A variable that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its place in its VaultSecret.
    pub variable: usize,
    /// The name that it gets.
    pub target: String,
}

/// A variable that is asked for and is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The VaultSecret, when the annotation names one.
    pub of: Option<String>,
    /// Its name, as it stands in the annotation.
    pub name: String,
    /// The name that it would get.
    pub target: String,
    /// Whether the annotation gives that name, as in `TARGET=NAME`.
    pub is_renamed: bool,
}

impl Missing {
    /// What a sentence calls it: by `NAME` or `TARGET=…`. What stands after a `=` may be a value by mistake.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.is_renamed {
            shown(&format!("{}={}", self.target, self.name))
        } else {
            shown(&self.name)
        }
    }
}

/// What a selection takes of VaultSecrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// For each VaultSecret, in its own order. No two have the same target.
    pub taken: Vec<Vec<Taken>>,
    /// What is not there.
    pub missing: Vec<Missing>,
}

impl Selection {
    /// Reads both annotations of a pod that asks for these VaultSecrets.
    ///
    /// # Errors
    /// [`Refusal`] for what cannot be understood, and for a VaultSecret that is not asked for.
    pub(crate) fn parse(
        variables: Option<&str>,
        prefix: Option<&str>,
        vault_secrets: &[String],
    ) -> Result<Self, Refusal> {
        Ok(Self {
            picks: variables.map(|text| picks(text, vault_secrets)).transpose()?,
            prefix: prefix.map_or(Ok(Prefix::None), |text| prefixes(text, vault_secrets))?,
        })
    }

    /// Whether every variable is taken under its own name.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        *self == Self::default()
    }

    /// Stands for all of it: another selection has another text.
    #[must_use]
    pub fn text(&self) -> String {
        if self.takes_all() {
            return String::new();
        }
        format!("{self:?}")
    }

    /// What is taken of these VaultSecrets, each with its name as it stands in `inject` and the names of its variables.
    #[must_use]
    pub fn of(&self, vault_secrets: &[(&str, Vec<&str>)]) -> Selected {
        let everything = [Pick {
            target: None,
            of: None,
            what: What::All,
        }];
        let picks = self.picks.as_deref().unwrap_or(&everything);
        let mut targets = BTreeMap::<String, (usize, usize)>::new();
        // Explicit ones come second and so win.
        for pick in picks.iter().filter(|pick| pick.what == What::All) {
            for (at, (vault_secret, names)) in vault_secrets.iter().enumerate() {
                if pick.of.as_deref().is_none_or(|of| of == *vault_secret) {
                    let all = names.iter().enumerate();
                    targets.extend(all.map(|(nth, name)| (self.named(vault_secret, name), (at, nth))));
                }
            }
        }
        let index = index(vault_secrets);
        let mut missing = Vec::new();
        for pick in picks {
            let What::One(name) = &pick.what else { continue };
            match place(&index, vault_secrets, pick.of.as_deref(), name) {
                Some((at, nth)) => {
                    let own = || self.named(vault_secrets[at].0, name);
                    targets.insert(pick.target.clone().unwrap_or_else(own), (at, nth));
                }
                None => missing.push(Missing {
                    of: pick.of.clone(),
                    name: name.clone(),
                    target: self.missing_target(pick, vault_secrets, name),
                    is_renamed: pick.target.is_some(),
                }),
            }
        }
        let mut taken = vec![Vec::new(); vault_secrets.len()];
        for (target, (at, variable)) in targets {
            taken[at].push(Taken { variable, target });
        }
        for each in &mut taken {
            each.sort_by_key(|taken| taken.variable);
        }
        Selected { taken, missing }
    }

    fn missing_target(&self, pick: &Pick, vault_secrets: &[(&str, Vec<&str>)], name: &str) -> String {
        let last = || vault_secrets.last().map_or("", |(vault_secret, _)| vault_secret);
        let own = || self.named(pick.of.as_deref().unwrap_or_else(last), name);
        pick.target.clone().unwrap_or_else(own)
    }

    fn named(&self, vault_secret: &str, name: &str) -> String {
        let prefix = match &self.prefix {
            Prefix::None => "",
            Prefix::All(prefix) => prefix,
            Prefix::Each(each) => each.get(vault_secret).map_or("", String::as_str),
        };
        format!("{prefix}{name}")
    }
}

/// Where each name is: which VaultSecrets have it, and at which place.
type Index<'a> = HashMap<&'a str, Vec<(usize, usize)>>;

fn index<'a>(vault_secrets: &[(&str, Vec<&'a str>)]) -> Index<'a> {
    let mut index = Index::new();
    for (at, (_, names)) in vault_secrets.iter().enumerate() {
        for (nth, name) in names.iter().enumerate() {
            index.entry(name).or_default().push((at, nth));
        }
    }
    index
}

/// Where a variable is: in the last VaultSecret that has it.
fn place(
    index: &Index<'_>,
    vault_secrets: &[(&str, Vec<&str>)],
    of: Option<&str>,
    name: &str,
) -> Option<(usize, usize)> {
    let mut places = index.get(name)?.iter().rev();
    places
        .find(|(at, _)| of.is_none_or(|of| of == vault_secrets[*at].0))
        .copied()
}

/// Items between commas or line ends.
fn items(annotation: &str, text: &str) -> Result<Vec<String>, Refusal> {
    let items = text.split([',', '\n']).map(str::trim);
    let items: Vec<_> = items.filter(|item| !item.is_empty()).map(str::to_owned).collect();
    if items.is_empty() {
        return Err(refuse(annotation, "says nothing: fill it in, or remove it"));
    }
    if items.len() > ITEMS {
        return Err(refuse(annotation, format!("at most {ITEMS} items")));
    }
    Ok(items)
}

fn picks(text: &str, vault_secrets: &[String]) -> Result<Vec<Pick>, Refusal> {
    let annotation = annotations::VARIABLES;
    let mut picks = Vec::<Pick>::new();
    for (at, text) in items(annotation, text)?.iter().enumerate() {
        let pick = pick(text, &item(at, text), vault_secrets)?;
        if picks.iter().any(|before| same_target(before, &pick)) {
            let problem = format!("{} gives a name that is given before", item(at, text));
            return Err(refuse(annotation, problem));
        }
        picks.push(pick);
    }
    Ok(picks)
}

fn same_target(one: &Pick, other: &Pick) -> bool {
    match (&one.target, &other.target) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.what == other.what && one.of == other.of,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Reads an item, which refusals call what it is `shown` as.
fn pick(text: &str, shown: &str, vault_secrets: &[String]) -> Result<Pick, Refusal> {
    let annotation = annotations::VARIABLES;
    let grammar = || {
        let form = "write NAME, TARGET=NAME, VAULTSECRET/NAME, TARGET=VAULTSECRET/NAME, VAULTSECRET/* or *";
        refuse(annotation, format!("{shown} cannot be understood: {form}"))
    };
    let (target, source) = match text.split_once('=') {
        Some((target, source)) => (Some(target.trim()), source.trim()),
        None => (None, text),
    };
    // The name of a VaultSecret of another namespace has a slash of its own.
    let (of, name) = match source.rsplit_once('/') {
        Some((of, name)) => (Some(of), name),
        None => (None, source),
    };
    if let Some(of) = of {
        asked_for(annotation, of, shown, vault_secrets)?;
    }
    let what = match name {
        "*" if target.is_none() => What::All,
        name if is_name(name) => What::One(name.to_owned()),
        _ => return Err(grammar()),
    };
    if target.is_some_and(|target| !is_identifier(target, NAME)) {
        return Err(grammar());
    }
    if target.is_some_and(|target| target.starts_with(RESERVED)) {
        return Err(reserved(annotation, shown));
    }
    Ok(Pick {
        target: target.map(str::to_owned),
        of: of.map(str::to_owned),
        what,
    })
}

fn prefixes(text: &str, vault_secrets: &[String]) -> Result<Prefix, Refusal> {
    let annotation = annotations::PREFIX_OF_NAMES;
    let items = items(annotation, text)?;
    let grammar = |shown: &str| {
        let form = "write PREFIX_ for all, or VAULTSECRET=PREFIX_ for each, of letters, digits and _";
        refuse(annotation, format!("{shown} cannot be understood: {form}"))
    };
    if let [one] = &*items
        && !one.contains('=')
    {
        let shown = &item(0, one);
        return match &**one {
            prefix if !is_identifier(prefix, PREFIX) => Err(grammar(shown)),
            prefix if prefix.starts_with(RESERVED) => Err(reserved(annotation, shown)),
            prefix => Ok(Prefix::All(prefix.to_owned())),
        };
    }
    let mut each = BTreeMap::new();
    for (at, text) in items.iter().enumerate() {
        let shown = &item(at, text);
        let (of, prefix) = text.split_once('=').ok_or_else(|| grammar(shown))?;
        let (of, prefix) = (of.trim(), prefix.trim());
        if !is_identifier(prefix, PREFIX) {
            return Err(grammar(shown));
        }
        if prefix.starts_with(RESERVED) {
            return Err(reserved(annotation, shown));
        }
        asked_for(annotation, of, shown, vault_secrets)?;
        if each.insert(of.to_owned(), prefix.to_owned()).is_some() {
            let problem = format!("{shown} is for a VaultSecret that has one before");
            return Err(refuse(annotation, problem));
        }
    }
    Ok(Prefix::Each(each))
}

/// No process would get such a variable.
fn reserved(annotation: &str, shown: &str) -> Refusal {
    let problem = format!("{shown}: names that begin with {RESERVED} are Splitvault's own");
    refuse(annotation, problem)
}

fn asked_for(annotation: &str, name: &str, shown: &str, vault_secrets: &[String]) -> Result<(), Refusal> {
    if vault_secrets.iter().any(|one| one == name) {
        return Ok(());
    }
    let all = vault_secrets.join(", ");
    let problem = format!(
        "{shown} names a VaultSecret that is not one of {}: {all}",
        annotations::INJECT
    );
    Err(refuse(annotation, problem))
}

/// What a `.env` file may have for a name.
fn is_name(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.len() <= NAME
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// What every shell takes for a name.
fn is_identifier(text: &str, most: usize) -> bool {
    text.len() <= most && is_name(text) && !text.contains(['.', '-'])
}
