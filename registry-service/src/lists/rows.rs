//! The rows of a page as the answer holds them: what is stored as it is shown goes from the view into the
//! frame that is sent, past decoder and encoder.

use bytes::Bytes;
use prost::Message;
use prost::encoding::{self, WireType};

/// The field of all list responses that holds their rows.
const FIELD: u32 = 1;
/// Bytes by which gRPC frames a message: a zero and its length.
const HEAD: usize = 5;

/// Rows of a page, and how many.
#[derive(Debug)]
pub(crate) struct Rows {
    frame: Vec<u8>,
    count: usize,
}

impl Rows {
    /// None.
    pub(super) fn new() -> Rows {
        Rows { frame: vec![0; HEAD], count: 0 }
    }

    /// Adds a resource.
    pub(super) fn push(&mut self, row: &impl Message) {
        encoding::message::encode(FIELD, row, &mut self.frame);
        self.count += 1;
    }

    /// Adds a resource as it is encoded.
    pub(super) fn push_encoded(&mut self, row: &[u8]) {
        encoding::encode_key(FIELD, WireType::LengthDelimited, &mut self.frame);
        encoding::encode_varint(row.len() as u64, &mut self.frame);
        self.frame.extend_from_slice(row);
        self.count += 1;
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// How many bytes of the answer they are.
    pub(super) fn bytes(&self) -> usize {
        self.frame.len() - HEAD
    }

    /// The answer as gRPC frames it: the rows, and a response that has none.
    pub(crate) fn into_frame(mut self, response: &impl Message) -> Bytes {
        response.encode_raw(&mut self.frame);
        let length = u32::try_from(self.bytes()).expect("a page is far below four gigabytes");
        self.frame[1..HEAD].copy_from_slice(&length.to_be_bytes());
        self.frame.into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use hansa_proto::pb::registry::v1::{
        ListMembersResponse, ListMembershipsResponse, ListNetworksResponse, Member, Membership,
        Network,
    };

    use super::*;

    fn answered<T: Message + Default>(rows: Rows, rest: &T) -> T {
        let frame = rows.into_frame(rest);
        assert_eq!(frame[..HEAD], [&[0], &(frame.len() as u32 - 5).to_be_bytes()[..]].concat());
        T::decode(&frame[HEAD..]).unwrap()
    }

    fn rows(row: &impl Message) -> Rows {
        let mut rows = Rows::new();
        rows.push(row);
        rows.push_encoded(&row.encode_to_vec());
        assert_eq!(rows.count(), 2);
        rows
    }

    #[test]
    fn all_lists_hold_their_rows_in_one_field() {
        let (position, next_page_token) = (3, "next".to_owned());
        let name = "a name".repeat(30);
        let network = Network { name: name.clone(), ..Default::default() };
        let expected = ListNetworksResponse {
            networks: vec![network.clone(); 2],
            next_page_token: next_page_token.clone(),
            position,
        };
        let rest = ListNetworksResponse { networks: Vec::new(), ..expected.clone() };
        assert_eq!(answered(rows(&network), &rest), expected);
        let member = Member { name: name.clone(), ..Default::default() };
        let expected = ListMembersResponse {
            members: vec![member.clone(); 2],
            next_page_token: next_page_token.clone(),
            position,
        };
        let rest = ListMembersResponse { members: Vec::new(), ..expected.clone() };
        assert_eq!(answered(rows(&member), &rest), expected);
        let membership = Membership { name, ..Default::default() };
        let memberships = vec![membership.clone(); 2];
        let expected = ListMembershipsResponse { memberships, next_page_token, position };
        let rest = ListMembershipsResponse { memberships: Vec::new(), ..expected.clone() };
        assert_eq!(answered(rows(&membership), &rest), expected);
    }
}
