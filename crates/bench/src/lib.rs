//! How the registry behaves when it is large: a world made from a seed, of whatever size, and measurements
//! of a registry that holds it.
//!
//! | file | answers |
//! | --- | --- |
//! | `world.rs` | what the synthetic world is: networks, members and memberships from a seed |
//! | `fill.rs` | how a world gets into a registry: through `Import`, as any other data |
//! | `service.rs` | how a registry is started and stopped, in this process or in one of its own |
//! | `measure.rs` | how long reads take, how much memory and disk is used |
//! | `peers.rs` | what Hansa does beside etcd and NATS at the same work |
//! | `floors.rs`, `floors/` | what lies below Hansa, alone |
//! | `stream.rs`, `stream/` | how fast the feed streams |
//! | `wire.rs` | as much of HTTP/2 as callers and sinks need |
//! | `scale.rs` | the same measurements at several sizes, as a table |

pub mod fill;
pub mod floors;
pub mod measure;
pub mod peers;
pub mod scale;
pub mod service;
pub mod stream;
mod wire;
pub mod world;
