//! Messages as canonical JSON and back, by the descriptors of the contract.

use std::sync::LazyLock;

use hansa_proto::pb::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _};
use serde_json::Value;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the caller.
    Request,
    /// To the caller.
    Response,
}

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("our own descriptors"));

/// The type of the messages of a method, by its path; none where the method is not ours.
fn message_type(method: &str, direction: Direction) -> Option<MessageDescriptor> {
    let (service, name) = method.strip_prefix('/')?.split_once('/')?;
    let service = POOL.get_service_by_name(service)?;
    let method = service.methods().find(|method| method.name() == name)?;
    Some(match direction {
        Direction::Request => method.input(),
        Direction::Response => method.output(),
    })
}

/// Whether requests or answers of a method have a field.
pub fn has_field(method: &str, direction: Direction, field: &str) -> bool {
    message_type(method, direction).is_some_and(|it| it.get_field_by_name(field).is_some())
}

/// A message of a method as canonical JSON; of a method that is not ours, how long it is.
pub fn json_of(method: &str, direction: Direction, bytes: &[u8]) -> Value {
    let Some(descriptor) = message_type(method, direction) else {
        return Value::from(bytes.len());
    };
    match DynamicMessage::decode(descriptor, bytes) {
        Ok(message) => serde_json::to_value(&message).expect("a message is JSON"),
        Err(error) => Value::from(format!("cannot be decoded: {error}")),
    }
}

/// A message from its canonical JSON.
///
/// # Errors
/// Says why the JSON is not such a message.
pub fn message_of<M: prost::Message + Default>(name: &str, json: &Value) -> Result<M, String> {
    let descriptor = POOL.get_message_by_name(name).ok_or_else(|| format!("no message {name}"))?;
    let message = DynamicMessage::deserialize(descriptor, json).map_err(|it| it.to_string())?;
    debug_assert_eq!(message.descriptor().full_name(), name);
    message.transcode_to().map_err(|error| error.to_string())
}
