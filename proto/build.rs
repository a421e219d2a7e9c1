//! Compiles the .proto files without protoc: protox parses them, tonic-prost-build generates.

use std::path::PathBuf;

use prost::Message as _;

const FILES: &[&str] = &[
    "hansa/common/v1/common.proto",
    "hansa/common/v1/errors.proto",
    "hansa/registry/v1/registry_service.proto",
    "hansa/registry/v1/landscape_service.proto",
    "hansa/feed/v1/statement_service.proto",
    "hansa/feed/v1/campaign_service.proto",
    "hansa/feed/v1/feed_service.proto",
];

/// Not of the services: reflection does not show it.
const CHAOS: &str = "hansa/chaos/v1/chaos_service.proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=hansa");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::codec::SmallCodec")
        .compile_fds(descriptors)?;
    let chaos = protox::compile([CHAOS], ["."])?;
    std::fs::write(out.join("chaos.bin"), chaos.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(chaos)?;
    Ok(())
}
