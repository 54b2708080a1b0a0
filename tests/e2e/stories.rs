//! What users do, on a real cluster. These suites leave the installation alone, so they run side by side.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "stories/bad_input.rs"]
mod bad_input;
#[path = "stories/changes.rs"]
mod changes;
#[path = "stories/delivery.rs"]
mod delivery;
#[path = "stories/doctor.rs"]
mod doctor;
#[path = "stories/examples.rs"]
mod examples;
#[path = "stories/fidelity.rs"]
mod fidelity;
#[path = "stories/files.rs"]
mod files;
#[path = "stories/fresh.rs"]
mod fresh;
#[path = "stories/health.rs"]
mod health;
#[path = "stories/hostile.rs"]
mod hostile;
#[path = "stories/images.rs"]
mod images;
#[path = "stories/mesh.rs"]
mod mesh;
#[path = "stories/neighbours.rs"]
mod neighbours;
#[path = "stories/no_plaintext.rs"]
mod no_plaintext;
#[path = "stories/output.rs"]
mod output;
#[path = "stories/picks.rs"]
mod picks;
#[path = "stories/refusals.rs"]
mod refusals;
#[path = "stories/requests.rs"]
mod requests;
#[path = "stories/restart.rs"]
mod restart;
#[path = "stories/restraint.rs"]
mod restraint;
#[path = "stories/rotation.rs"]
mod rotation;
#[path = "stories/scale.rs"]
mod scale;
#[path = "stories/shapes.rs"]
mod shapes;
#[path = "stories/sources.rs"]
mod sources;
#[path = "stories/store.rs"]
mod store;
#[path = "stories/tour.rs"]
mod tour;
#[path = "stories/waiting.rs"]
mod waiting;
#[path = "stories/webhook.rs"]
mod webhook;
