//! One story from a seed: faults for a while, then peace; and what must hold all the time and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use splitvault_crypto::KeyId;
use splitvault_vault::keys::WrappedKey;
use splitvault_vault::memory::{MemoryKeys, MemoryValues};
use splitvault_vault::{KeyState, LogHead, Ring, Vault};

use crate::network::Guard;
use crate::world::{OBJECTS, Plot, Told, World, tell as tell_content, uid};

/// Steps with faults and users.
const STEPS: u64 = 4_000;
/// Steps of peace after which everything must have come to rest. A count of values takes 256 of them, leaders change in the
/// middle of it, and a leader whose clock was ahead is waited for.
const PEACE: u64 = 200_000;

/// What one story came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) trace: u64,
    pub(crate) tally: BTreeMap<&'static str, u64>,
}

/// What has been seen of the databases so far.
#[derive(Default)]
struct Seen {
    changes: (u64, u64),
    states: Vec<(KeyId, KeyState)>,
    /// Every wrapped key that ever was, by its id.
    wrapped: BTreeSet<(KeyId, Vec<u8>)>,
    /// Where the key log ended at some time.
    head: Option<LogHead>,
}

/// Tells the story of a seed; a sentence says what was wrong, and when.
pub(crate) fn tell(seed: u64, plot: Plot, without: Option<Guard>) -> Result<Ending, String> {
    let (keys, values) = (Arc::new(MemoryKeys::default()), Arc::new(MemoryValues::default()));
    let mut world = World::new(seed, plot, without, keys, values);
    let mut seen = Seen::default();
    let told = live(&mut world, &mut seen).and_then(|()| rest(&mut world, &mut seen));
    match told {
        Ok(()) => Ok(Ending {
            trace: world.trace,
            tally: world.tally,
        }),
        Err(error) => Err(format!(
            "step {}: {error}\n  after {:?}",
            world.steps, world.tally
        )),
    }
}

fn live(world: &mut World, seen: &mut Seen) -> Result<(), String> {
    while world.steps < STEPS {
        world.step()?;
        look(world, seen)?;
    }
    Ok(())
}

/// Peace: rotations come to their ends, and nothing of the past is left.
fn rest(world: &mut World, seen: &mut Seen) -> Result<(), String> {
    world.calm_down();
    let end = world.steps + PEACE;
    loop {
        if is_at_rest(world) {
            // What is under way may be a look that still draws.
            world.silence()?;
            if is_at_rest(world) {
                break;
            }
        }
        if world.steps > end {
            let states: Vec<_> = master_keys(world).map(|key| (key.ring, key.state)).collect();
            let led: Vec<_> = world.replicas.iter().map(|replica| &replica.led).collect();
            let joined = world
                .replicas
                .iter()
                .map(|replica| replica.joined)
                .collect::<Vec<_>>();
            return Err(format!(
                "no rest in peace: {states:?}, {} tasks, joined {joined:?}, {led:?}",
                world.open_tasks()
            ));
        }
        world.step()?;
        world.pass(Duration::from_millis(30));
        look(world, seen)?;
    }
    let vault = world.replicas[0]
        .vault
        .clone()
        .ok_or("a replica is not up again")?;
    let swept = world.ask(vault.sweep()).ok_or("a sweep hangs")?;
    swept.map_err(|error| format!("a sweep fails: {error}"))?;
    nothing_is_left(world, seen)?;
    let log = world.ask(vault.key_log()).ok_or("the key log hangs")?;
    log.map_err(|error| format!("the key log: {error}"))?;
    if let Some(head) = &seen.head {
        let checked = world.ask(vault.check_log(head)).ok_or("the key log hangs")?;
        checked.map_err(|error| format!("the key log: {error}"))?;
    }
    let progress = world.ask(vault.progress()).ok_or("the progress hangs")?;
    let progress = progress.map_err(|error| format!("the progress: {error}"))?;
    if progress.remaining > 0 || !progress.quarantined.is_empty() {
        return Err(format!("something is left to do: {progress:?}"));
    }
    for object in 0..OBJECTS {
        for replica in 0..world.replicas.len() {
            readable(world, replica, object)?;
        }
    }
    Ok(())
}

fn master_keys(world: &World) -> impl Iterator<Item = WrappedKey> + use<> {
    world
        .keys
        .keys()
        .into_iter()
        .filter(|key| Ring::MASTER.contains(&key.ring))
}

fn is_at_rest(world: &World) -> bool {
    let done = |key: WrappedKey| matches!(key.state, KeyState::Active | KeyState::Destroyed);
    world
        .replicas
        .iter()
        .all(|replica| replica.vault.is_some() && replica.joined)
        && master_keys(world).all(done)
}

/// What must hold after every step: looked at when a step changed something.
fn look(world: &mut World, seen: &mut Seen) -> Result<(), String> {
    let changes = (world.keys.changes(), world.values.changes());
    if changes == seen.changes {
        return Ok(());
    }
    seen.changes = changes;
    let keys = world.keys.keys();
    if keys.is_empty() {
        return Ok(());
    }
    for ring in Ring::ALL {
        let active = keys
            .iter()
            .filter(|key| (key.ring, key.state) == (ring, KeyState::Active));
        if active.count() != 1 {
            return Err(format!("not exactly one active key of {ring:?}"));
        }
    }
    seen.wrapped
        .extend(keys.iter().filter_map(|key| Some((key.id, key.wrapped.clone()?))));
    let states: Vec<_> = keys.iter().map(|key| (key.id, key.state)).collect();
    if states != seen.states {
        seen.states = states;
        world.note("changes of keys");
        for replica in 0..world.replicas.len() {
            for object in 0..OBJECTS {
                readable(world, replica, object)?;
            }
        }
    }
    let (replica, object) = world.pick();
    if let (None, Some(vault)) = (seen.head, &world.replicas[replica].vault) {
        seen.head = world.ask(vault.log_head()).and_then(Result::ok);
    }
    readable(world, replica, object)
}

/// A replica that has joined can tell what is there, whatever it is in the middle of, after at most looking up the keys.
fn readable(world: &mut World, replica: usize, object: usize) -> Result<(), String> {
    let Some(vault) = world.replicas[replica]
        .vault
        .clone()
        .filter(|_| world.replicas[replica].joined)
    else {
        return Ok(());
    };
    let told = match world.ask(read(&vault, object)) {
        None => {
            world.note("looks in vain");
            return Ok(());
        }
        Some(told) => {
            told.map_err(|error| format!("replica {replica} cannot read {}: {error}", uid(object)))?
        }
    };
    world.hold(object, world.steps + 1, told)
}

async fn read(vault: &Vault, object: usize) -> Result<Told, String> {
    let found = vault
        .read(&uid(object))
        .await
        .map_err(|error| format!("{error} ({error:?})"))?;
    found.as_ref().map(tell_content).transpose()
}

fn nothing_is_left(world: &World, seen: &Seen) -> Result<(), String> {
    let keys = world.keys.keys();
    let active = |ring| {
        keys.iter()
            .find(|key| (key.ring, key.state) == (ring, KeyState::Active))
            .map(|key| key.id)
    };
    let names = |envelope: &[u8]| envelope.get(1..9).map(<[u8]>::to_vec);
    let under = |ring| active(ring).map(|id| id.as_bytes().to_vec());
    let rows = world.keys.envelopes();
    if let Some(row) = rows.iter().find(|row| names(row) != under(Ring::Names)) {
        return Err(format!("a row is under {:?}", names(row)));
    }
    let values = world.values.contents();
    if values
        .iter()
        .any(|(_, envelope)| names(envelope) != under(Ring::Values))
    {
        return Err("a value is under an old key".to_owned());
    }
    if values.len() != world.keys.rows() {
        return Err(format!(
            "{} values for {} rows after a sweep",
            values.len(),
            world.keys.rows()
        ));
    }
    let destroyed = |id: KeyId| {
        keys.iter()
            .any(|key| key.id == id && key.state == KeyState::Destroyed)
    };
    for (id, wrapped) in seen.wrapped.iter().filter(|(id, _)| destroyed(*id)) {
        let kept = keys.iter().filter_map(|key| key.wrapped.as_ref()).chain(&rows);
        let kept = kept
            .map(Vec::as_slice)
            .chain(values.iter().map(|(_, envelope)| envelope.as_ref()));
        let holds = |bytes: &[u8]| bytes.windows(wrapped.len()).any(|window| window == wrapped);
        if kept.into_iter().any(holds) {
            return Err(format!("the destroyed key {id} is still there"));
        }
    }
    Ok(())
}
