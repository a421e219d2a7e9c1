//! Where members are found by what others call them: ids, names and places from elsewhere.
//!
//! | key | value | says |
//! | --- | --- | --- |
//! | `known/{scheme}/{id}/{member}` | nothing | an id elsewhere; of ids in small letters |
//! | `called/{words}/{member}` | nothing | a name, folded; from every one of its words to its end |
//! | `near/{row}/{column}/{member}` | nothing | the cell of a tenth of a degree it lies in |

use std::collections::BTreeSet;

use hansa_proto::common::GeoPoint;
use hansa_proto::ids::MemberId;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::ExternalIdScheme;
use hansa_view::{Keys, Staging, ViewError};

use super::stored;
use crate::fold_text;

/// Cells of a degree.
const CELLS: f64 = 10.0;
/// Rows of cells from the South Pole to the North Pole.
const ROWS: i64 = 1_800;
/// Columns of cells around the Earth.
const COLUMNS: i64 = 3_600;

/// Stages the index of a member, and takes out what is no longer so.
pub(super) fn member_changed(
    staging: &mut Staging,
    id: &MemberId,
    before: Option<&pb::Member>,
    now: &pb::Member,
) {
    let keys = keys_of(id.id(), now);
    let stood = before.map(|before| keys_of(id.id(), before)).unwrap_or_default();
    for gone in stood.difference(&keys) {
        staging.delete(gone);
    }
    for new in keys.difference(&stood) {
        staging.put(new.clone(), stored(&[]));
    }
}

fn keys_of(id: &str, member: &pb::Member) -> BTreeSet<Vec<u8>> {
    let mut keys = BTreeSet::new();
    for known in &member.external_ids {
        if let Some(scheme) = ExternalIdScheme::from_pb(known.scheme) {
            keys.insert([known_as(scheme, &known.value), id.into()].concat());
        }
    }
    for name in &member.names {
        let words = fold_text::words(&name.text);
        for first in 0..words.len() {
            keys.insert(format!("called/{}/{id}", words[first..].join(" ")).into_bytes());
        }
    }
    if let Some(point) = &member.point {
        let (row, column) = cell(point.latitude, point.longitude);
        keys.insert([within(row, column), id.into()].concat());
    }
    keys
}

/// Prefix of the members with an id elsewhere.
fn known_as(scheme: ExternalIdScheme, value: &str) -> Vec<u8> {
    // Nobody's ids hold a slash; one that does must not look like the end of an id.
    let value = value.to_ascii_lowercase().replace('/', "%2f");
    format!("known/{}/{value}/", scheme.as_str()).into_bytes()
}

fn within(row: i64, column: i64) -> Vec<u8> {
    format!("near/{row:04}/{column:04}/").into_bytes()
}

fn cell(latitude: f64, longitude: f64) -> (i64, i64) {
    let row = ((latitude + 90.0) * CELLS).floor() as i64;
    let column = ((longitude + 180.0) * CELLS).floor() as i64;
    (row.clamp(0, ROWS - 1), column.rem_euclid(COLUMNS))
}

/// Members with an id elsewhere, at most so many.
pub(crate) fn known(
    keys: &dyn Keys,
    scheme: ExternalIdScheme,
    value: &str,
    limit: usize,
) -> Result<Vec<MemberId>, ViewError> {
    members(keys, &known_as(scheme, value), limit)
}

/// Members with a name that begins so at one of its words, at most so many.
pub(crate) fn called(
    keys: &dyn Keys,
    beginning: &str,
    limit: usize,
) -> Result<Vec<MemberId>, ViewError> {
    members(keys, format!("called/{beginning}").as_bytes(), limit)
}

/// Members in the cell of a point and those around it, at most so many.
pub(crate) fn near(
    keys: &dyn Keys,
    point: &GeoPoint,
    limit: usize,
) -> Result<Vec<MemberId>, ViewError> {
    let (row, column) = cell(point.latitude, point.longitude);
    let mut found = Vec::new();
    for row in (row - 1..=row + 1).filter(|row| (0..ROWS).contains(row)) {
        for column in column - 1..=column + 1 {
            let prefix = within(row, column.rem_euclid(COLUMNS));
            found.extend(members(keys, &prefix, limit - found.len().min(limit))?);
        }
    }
    Ok(found)
}

fn members(keys: &dyn Keys, prefix: &[u8], limit: usize) -> Result<Vec<MemberId>, ViewError> {
    let broken = || ViewError::Value("an index entry leads to no member".to_owned());
    let entries = keys.scan(prefix, None, limit)?;
    entries
        .iter()
        .map(|(key, _)| {
            let id = key.rsplit(|byte| *byte == b'/').next().ok_or_else(broken)?;
            let id = std::str::from_utf8(id).map_err(|_| broken())?;
            MemberId::from_id(id).map_err(ViewError::Value)
        })
        .collect()
}
