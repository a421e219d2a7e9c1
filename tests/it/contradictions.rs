//! What sources say against each other stands side by side: every contradiction that the data set keeps
//! on purpose is seen through the API.

use hansa_proto::pb::common::v1::reading::Value;
use hansa_proto::pb::common::v1::{PartialDate, Reading};
use hansa_proto::pb::registry::v1::{MembershipState, RoleKind};
use hansa_tests::make;

use crate::real;

fn date(parts: &[i32]) -> PartialDate {
    make::date(parts).unwrap()
}

/// Dates other sources give for a field.
fn dates(readings: &[Reading], field: &str) -> Vec<PartialDate> {
    of(readings, field)
        .map(|reading| match &reading.value {
            Some(Value::Date(date)) => *date,
            other => panic!("{field} is a date: {other:?}"),
        })
        .collect()
}

/// Numbers other sources give for a field.
fn counts(readings: &[Reading], field: &str) -> Vec<i64> {
    of(readings, field)
        .map(|reading| match &reading.value {
            Some(Value::Count(count)) => *count,
            other => panic!("{field} is a number: {other:?}"),
        })
        .collect()
}

/// What other sources say of a field in words.
fn texts<'a>(readings: &'a [Reading], field: &'a str) -> Vec<&'a str> {
    of(readings, field)
        .map(|reading| match &reading.value {
            Some(Value::Text(text)) => text.as_str(),
            other => panic!("{field} is in words: {other:?}"),
        })
        .collect()
}

fn of<'a>(readings: &'a [Reading], field: &'a str) -> impl Iterator<Item = &'a Reading> {
    readings.iter().filter(move |reading| reading.field == field).inspect(|reading| {
        assert!(!reading.sources.is_empty(), "somebody says so: {reading:?}");
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_beside_each_other() {
    let real = real::data().await;

    let c40 = real.network("c40").await;
    assert_eq!(c40.active_member_count, 98, "both corporations of Dhaka");
    assert_eq!(counts(&c40.readings, "active_member_count"), [97]);
    assert_eq!(c40.stated_member_counts[0].count, 97);

    let housing = real.statement("uclg-housing-2018").await;
    assert_eq!(housing.signature_count, 38);
    assert_eq!(counts(&housing.readings, "signature_count"), [40]);
    assert_eq!(housing.published, Some(date(&[2018, 7, 16])));
    assert_eq!(dates(&housing.readings, "published"), [date(&[2018, 7, 15])]);

    let marrakech = real.statement("marrakech-mayors-2018").await;
    assert_eq!(marrakech.stated_signature_counts[0].count, 76);
    assert_eq!(counts(&marrakech.readings, "signature_count"), [104]);

    let refuge = real.statement("ciudades-refugio-2015-09").await;
    assert_eq!(refuge.authors_stated, "mayors of Barcelona, Paris and Lesbos");
    let four = "mayors of Barcelona, Paris, Lesbos and Lampedusa";
    assert_eq!(texts(&refuge.readings, "authors_stated"), [four]);
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_of_founding() {
    let real = real::data().await;
    let table: &[(&str, PartialDate, &[PartialDate])] = &[
        ("icorn", date(&[1993]), &[date(&[2005]), date(&[2006, 6])]),
        ("intercultural-cities", date(&[2014]), &[date(&[2008])]),
        ("mayoral-forum", date(&[2014]), &[date(&[2013])]),
        ("cittaslow", date(&[1999]), &[date(&[1998])]),
        ("welcoming-nz", date(&[2017]), &[date(&[2018])]),
        ("anvita", date(&[2018, 9, 26]), &[date(&[2018, 9])]),
        ("mercociudades", date(&[1995, 11, 11]), &[date(&[1995])]),
    ];
    for (id, held, read) in table {
        let network = real.network(id).await;
        assert_eq!(network.founded, Some(*held), "{id}");
        assert_eq!(dates(&network.readings, "founded"), *read, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_that_sources_tell_differently() {
    let real = real::data().await;

    let london = real.membership("inclusive-cities", "gb-london").await;
    assert_eq!(london.terms[0].roles[0].kind(), RoleKind::Founder);
    assert_eq!(texts(&london.terms[0].readings, "class"), ["associate"]);

    let eskilstuna = real.membership("icorn", "se-eskilstuna").await;
    assert_eq!(eskilstuna.terms[0].joined, None, "neither year is taken as the main one");
    let years = [date(&[2014]), date(&[2015])];
    assert_eq!(dates(&eskilstuna.terms[0].readings, "joined"), years);

    let baltimore = real.membership("mufpp", "us-baltimore-md").await;
    assert_eq!(baltimore.terms[0].roles[0].stated, "steering_committee");
    let later = ["one of twelve later US signatories"];
    assert_eq!(texts(&baltimore.terms[0].readings, "roles"), later);

    let isesaki = real.membership("japan-committee", "jp-isesaki").await;
    let states: Vec<_> = isesaki.terms.iter().map(|term| term.state()).collect();
    assert_eq!(states, [MembershipState::Ended, MembershipState::Active], "left and rejoined");

    let pact = real.network("pact-of-free-cities").await;
    let mayors = ["the mayors, not the cities, are the members"];
    assert_eq!(texts(&pact.readings, "admission"), mayors);
    let budapest = real.membership("pact-of-free-cities", "hu-budapest").await;
    assert_eq!(budapest.terms[0].representative, "Gergely Karácsony");
}

/// Inconsistencies within a text of the literature.
#[tokio::test(flavor = "multi_thread")]
async fn the_literature_against_itself() {
    let real = real::data().await;
    let read = |readings: &[Reading], field: &str| texts(readings, field).join("; ");
    let table = [
        ("ulga", "note", "the only national organisation in Africa is South African"),
        ("eurocities", "sponsors", "European Union"),
        (
            "welcoming-america",
            "founders",
            "created as a federation after Dayton had become the first Welcoming city",
        ),
        ("cemr", "names", "European Council for Municipalities and Regions"),
        ("mercociudades", "note", "stands in a cell of transnational networks in Table 2"),
        ("sanctuary-cities", "kind", "front"),
        ("pact-of-free-cities", "scale", "regional"),
    ];
    for (id, field, said) in table {
        assert_eq!(read(&real.network(id).await.readings, field), said, "{id}");
    }
    let compact = real.statement("metropolis-gcm-2016-12").await;
    assert_eq!(compact.published, Some(date(&[2016, 12])));
    assert_eq!(read(&compact.readings, "note"), "the Global Compact was adopted in 2018");
    let quelimane = real.member("mz-quelimane").await;
    let stated = "193,300 (2007), about 350,000 (2017)";
    assert_eq!(read(&quelimane.readings, "populations"), stated);
}
