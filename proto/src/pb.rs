//! What the .proto files generate, package by package. The .proto comments are the reference.
#![allow(missing_docs, clippy::all, clippy::large_futures, unreachable_pub)]

/// `hansa.common.v1`
pub mod common {
    pub mod v1 {
        tonic::include_proto!("hansa.common.v1");
    }
}
/// `hansa.registry.v1`
pub mod registry {
    pub mod v1 {
        tonic::include_proto!("hansa.registry.v1");
    }
}
/// `hansa.feed.v1`
pub mod feed {
    pub mod v1 {
        tonic::include_proto!("hansa.feed.v1");
    }
}
/// `hansa.chaos.v1`
pub mod chaos {
    pub mod v1 {
        tonic::include_proto!("hansa.chaos.v1");
    }
}

/// All descriptors, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The descriptors of `hansa.chaos.v1` alone.
pub const CHAOS_FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/chaos.bin"));
