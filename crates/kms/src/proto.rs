//! Generated from `proto/kms.proto`; the server's half is for reference plugins.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated code"
)]

tonic::include_proto!("v2");
