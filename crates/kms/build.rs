//! Generates the gRPC code from `proto/kms.proto`; no `protoc` needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/kms.proto");
    let descriptors = protox::compile(["kms.proto"], ["proto"])?;
    // In order, so that one list of annotations has one form at rest.
    tonic_prost_build::configure()
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
