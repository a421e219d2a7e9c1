//! Scores mean what the contract says of them.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::fixtures;

fn member(id: &str, name: &str, ids: &[(ExternalIdScheme, &str)]) -> Member {
    let mut member = fixtures::member(id);
    member.names[0].text = name.to_owned();
    member.external_ids = ids
        .iter()
        .map(|(scheme, value)| ExternalId {
            scheme: *scheme,
            value: (*value).to_owned(),
            label: String::new(),
        })
        .collect();
    member
}

fn clue(name: &str, country: Option<&str>) -> Clue {
    Clue {
        words: Clue::words_of(name),
        country: country.map(|code| Country::parse(code).unwrap()),
        external_ids: Vec::new(),
        point: None,
    }
}

fn score(clue: &Clue, member: &Member) -> Option<f64> {
    judged(clue, member).map(|candidate| candidate.score)
}

#[test]
fn the_same_name_in_the_same_country_is_certain_and_without_a_country_it_is_not() {
    let member = member("es-cordoba", "Córdoba", &[]);
    assert!(score(&clue("CORDOBA", Some("ES")), &member).unwrap() >= CERTAIN);
    assert!(score(&clue("Cordoba", None), &member).unwrap() < CERTAIN);
    assert_eq!(score(&clue("Cordoba", Some("AR")), &member), None);
}

#[test]
fn the_same_id_elsewhere_is_one_and_another_one_halves() {
    let known = [(ExternalIdScheme::Geonames, "3128760")];
    let member = member("es-barcelona", "Barcelona", &known);
    let mut clue = clue("Barna", None);
    clue.external_ids = member.external_ids.clone();
    assert_eq!(score(&clue, &member), Some(1.0));
    let mut other = self::clue("Barcelona", Some("ES"));
    other.external_ids = vec![ExternalId { value: "1".into(), ..member.external_ids[0].clone() }];
    assert!(score(&other, &member).unwrap() < 0.5);
}

#[test]
fn a_longer_name_and_a_slip_are_proposed_but_never_certain() {
    let metropolis = member("fr-nantes-metropole", "Nantes Métropole", &[]);
    let longer = score(&clue("Nantes", Some("ES")), &metropolis).unwrap();
    assert!((WORTH_A_LOOK..CERTAIN).contains(&longer), "{longer}");
    let city = member("es-barcelona", "Barcelona", &[]);
    let slip = score(&clue("Barcelna", Some("ES")), &city).unwrap();
    assert!((WORTH_A_LOOK..CERTAIN).contains(&slip), "{slip}");
    assert_eq!(score(&clue("Oslo", Some("ES")), &city), None);
}

#[test]
fn a_name_that_several_bear_is_not_certain() {
    let clue = clue("San Pedro", Some("ES"));
    let mut found: Vec<Candidate> = ["es-one", "es-two"]
        .iter()
        .filter_map(|id| judged(&clue, &member(id, "San Pedro", &[])))
        .collect();
    assert_eq!(found.len(), 2);
    share(&mut found);
    for candidate in found {
        assert!(candidate.score < CERTAIN);
        assert!(candidate.reasons.contains(&"2 members are called so".to_owned()));
    }
}

#[test]
fn distances_are_those_of_a_globe() {
    let point = |latitude, longitude| GeoPoint { latitude, longitude };
    let paris_london = kilometres(&point(48.857, 2.352), &point(51.507, -0.128));
    assert!((340.0..348.0).contains(&paris_london), "{paris_london}");
    let across_the_date_line = kilometres(&point(0.0, 179.95), &point(0.0, -179.95));
    assert!((11.0..11.2).contains(&across_the_date_line), "{across_the_date_line}");
}
