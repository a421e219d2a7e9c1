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

/// Large messages that others hold: boxed, they are not copied with whoever holds them, and what is small beside
/// them takes no more room than it needs.
const BOXED: &[&str] = &[
    "hansa.registry.v1.Change.resource.network",
    "hansa.registry.v1.Change.resource.member",
    "hansa.feed.v1.Event.body.network_body",
    "hansa.feed.v1.Event.body.member_body",
    "hansa.feed.v1.Event.body.statement_body",
    "hansa.feed.v1.Event.body.campaign_body",
    "hansa.feed.v1.PublishStatementRequest.statement",
    "hansa.feed.v1.PublishStatementResponse.statement",
    "hansa.feed.v1.CorrectStatementRequest.statement",
    "hansa.feed.v1.CorrectStatementResponse.statement",
    "hansa.feed.v1.RetractStatementResponse.statement",
    "hansa.feed.v1.RedactStatementResponse.statement",
    "hansa.feed.v1.GetStatementResponse.statement",
];

/// Not of the services: reflection does not show it.
const CHAOS: &str = "hansa/chaos/v1/chaos_service.proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=hansa");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let services = tonic_prost_build::configure().bytes(".").codec_path("crate::codec::SmallCodec");
    let boxed = |services: tonic_prost_build::Builder, field| services.boxed(format!(".{field}"));
    BOXED.iter().fold(services, boxed).compile_fds(descriptors)?;
    let chaos = protox::compile([CHAOS], ["."])?;
    std::fs::write(out.join("chaos.bin"), chaos.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(chaos)?;
    Ok(())
}
