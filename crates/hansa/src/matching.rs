//! `hansa match`: who may be meant by a name, a code or a place from elsewhere.

use anyhow::Result;
use clap::Args;
use hansa_proto::pb::common::v1::GeoPoint;
use hansa_proto::pb::registry::v1 as pb;
use serde_json::json;

use crate::client::ClientOptions;
use crate::{output, table};

/// Find members by names, codes or places from elsewhere; proposes, never merges
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A name in any language or spelling
    #[arg(required_unless_present_any = ["geonames", "wikidata", "un_locode", "at"])]
    name: Option<String>,
    /// Country, two or three letters
    #[arg(long)]
    country: Option<String>,
    /// GeoNames id
    #[arg(long)]
    geonames: Option<String>,
    /// Wikidata id
    #[arg(long)]
    wikidata: Option<String>,
    /// UN/LOCODE
    #[arg(long)]
    un_locode: Option<String>,
    /// Place: degrees north, degrees east
    #[arg(long, value_name = "LATITUDE,LONGITUDE", value_parser = point, allow_hyphen_values = true)]
    at: Option<GeoPoint>,

    #[command(flatten)]
    client: ClientOptions,
}

fn point(text: &str) -> Result<GeoPoint, String> {
    let (latitude, longitude) = text.split_once(',').ok_or("write 41.39,2.17")?;
    let degrees = |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is no number"));
    Ok(GeoPoint { latitude: degrees(latitude)?, longitude: degrees(longitude)? })
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    use pb::ExternalIdScheme::{Geonames, UnLocode, Wikidata};
    let ids = [
        (Geonames, arguments.geonames),
        (Wikidata, arguments.wikidata),
        (UnLocode, arguments.un_locode),
    ];
    let external_ids = ids.into_iter().filter_map(|(scheme, value)| {
        Some(pb::ExternalId { scheme: scheme.into(), value: value?, label: String::new() })
    });
    let clue = pb::MemberClue {
        name: arguments.name.unwrap_or_default(),
        country: arguments.country.unwrap_or_default(),
        external_ids: external_ids.collect(),
        point: arguments.at,
    };
    let registry = arguments.client.registry().await?;
    let request = pb::MatchMembersRequest { clues: vec![clue], ..Default::default() };
    let answer = output::answer(registry.registry.clone().match_members(request).await)?;
    let candidates = answer.matches.into_iter().flat_map(|it| it.candidates);
    if arguments.client.json {
        for it in candidates {
            output::json(&json!({
                "member": it.member,
                "display_name": it.display_name,
                "score": it.score,
                "reasons": it.reasons,
            }))?;
        }
        return Ok(());
    }
    let mut rows = table::new(&["score", "member", "name", "reasons"]);
    for it in candidates {
        let score = format!("{:.2}", it.score);
        rows.add_row([score, it.member, it.display_name, it.reasons.join(", ")]);
    }
    output::line(&table::text(&rows))?;
    Ok(())
}
