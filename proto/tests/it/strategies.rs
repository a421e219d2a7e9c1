//! Any strict value: what the property tests draw from.

use hansa_proto::common::*;
use hansa_proto::country::Country;
use hansa_proto::date::PartialDate;
use hansa_proto::feed::*;
use hansa_proto::ids::*;
use hansa_proto::registry::*;
use proptest::collection::{btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn line() -> impl Strategy<Value = String> {
    "[\\PC]{0,12}"
}
fn title() -> impl Strategy<Value = String> {
    "[a-zA-Zäé漢ß]([ -~é漢]{0,12}[a-z0-9)])?"
}
fn prose() -> impl Strategy<Value = String> {
    "[\\PC\n\t]{0,20}"
}
fn titles() -> impl Strategy<Value = Vec<String>> {
    vec(title(), 0..3)
}
fn uri() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "https?://[a-z]{1,8}\\.org(/[a-z0-9]{0,6}){0,2}"]
}
fn language() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{2,8}(-[A-Za-z0-9]{1,8}){0,2}"]
}
fn id() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
}
fn network_id() -> impl Strategy<Value = NetworkId> {
    id().prop_map(|id| NetworkId::from_id(&id).unwrap())
}
fn member_id() -> impl Strategy<Value = MemberId> {
    id().prop_map(|id| MemberId::from_id(&id).unwrap())
}
fn statement_id() -> impl Strategy<Value = StatementId> {
    id().prop_map(|id| StatementId::from_id(&id).unwrap())
}
fn campaign_id() -> impl Strategy<Value = CampaignId> {
    id().prop_map(|id| CampaignId::from_id(&id).unwrap())
}
fn member_ids() -> impl Strategy<Value = Vec<MemberId>> {
    btree_set(member_id(), 0..3).prop_map(|ids| ids.into_iter().collect())
}
fn country() -> impl Strategy<Value = Country> {
    select(vec!["ES", "FR", "PS", "BR", "ZA"]).prop_map(|code| Country::parse(code).unwrap())
}
fn one_date() -> impl Strategy<Value = PartialDate> {
    (1..=9999, of((1..=12, of(1..=28)))).prop_map(|(year, month)| {
        let day = month.and_then(|(_, day)| day);
        PartialDate::new(year, month.map(|(month, _)| month), day).unwrap()
    })
}
/// A date, or now and then an interval: two dates in whichever order makes one.
pub fn date() -> impl Strategy<Value = PartialDate> {
    (one_date(), of(one_date())).prop_map(|(date, other)| {
        let Some(other) = other else { return date };
        date.until(other).or_else(|_| other.until(date)).unwrap_or(date)
    })
}
/// Readings of the fields of a message that hold dates, words or one of some numbers.
fn readings(
    dates: &'static [&'static str],
    texts: &'static [&'static str],
    counts: &'static [&'static str],
) -> impl Strategy<Value = Vec<Reading>> {
    let field = |names| select(names).prop_map(|name: &str| name.to_owned());
    let text = "[a-z][a-z ]{0,20}".prop_map(ReadingValue::Text);
    let mut values = vec![(field(texts), text).boxed()];
    if !dates.is_empty() {
        values.push((field(dates), date().prop_map(ReadingValue::Date)).boxed());
    }
    if !counts.is_empty() {
        values.push((field(counts), (0..=i64::MAX).prop_map(ReadingValue::Count)).boxed());
    }
    let reading = (proptest::strategy::Union::new(values), vec(source(), 1..3), prose());
    vec(
        reading.prop_map(|((field, value), sources, note)| Reading { field, value, sources, note }),
        0..3,
    )
}
fn any_of<E: Copy + std::fmt::Debug + 'static>(all: &'static [E]) -> impl Strategy<Value = E> {
    select(all)
}
fn recorded() -> impl Strategy<Value = Recorded> {
    (any::<u64>(), any::<u64>(), -1i64 << 50..1 << 50, -1i64 << 50..1 << 50).prop_map(
        |(created_position, updated_position, created_at_micros, updated_at_micros)| Recorded {
            created_position,
            updated_position,
            created_at_micros,
            updated_at_micros,
        },
    )
}
pub fn source() -> impl Strategy<Value = Source> {
    (title(), uri(), prose()).prop_map(|(citation, uri, note)| Source { citation, uri, note })
}
fn sources() -> impl Strategy<Value = Vec<Source>> {
    vec(source(), 0..3)
}
pub fn name() -> impl Strategy<Value = Name> {
    (title(), language(), any_of(NameKind::ALL)).prop_map(|(text, language, kind)| Name {
        text,
        language,
        kind,
    })
}
pub fn point() -> impl Strategy<Value = GeoPoint> {
    (-90.0..=90.0, -180.0..=180.0)
        .prop_map(|(latitude, longitude)| GeoPoint { latitude, longitude })
}
pub fn money() -> impl Strategy<Value = Money> {
    ("[A-Z]{3}", 0..=i64::MAX, 0..=999_999_999i32).prop_map(|(currency, units, nanos)| Money {
        currency,
        units,
        nanos,
    })
}
pub fn stated_count() -> impl Strategy<Value = StatedCount> {
    (0..=i64::MAX, of(date()), sources()).prop_map(|(count, as_of, sources)| StatedCount {
        count,
        as_of,
        sources,
    })
}
pub fn target() -> impl Strategy<Value = Target> {
    (title(), of(any_of(TargetKind::ALL))).prop_map(|(name, kind)| Target { name, kind })
}
fn countries() -> impl Strategy<Value = Vec<Country>> {
    btree_set(country(), 0..3).prop_map(|countries| countries.into_iter().collect())
}
fn m49_regions() -> impl Strategy<Value = Vec<String>> {
    btree_set("[0-9]{3}", 0..3).prop_map(|codes| codes.into_iter().collect())
}
fn eligibility() -> impl Strategy<Value = Eligibility> {
    let population = prop_oneof![
        (0..=i64::MAX).prop_map(|least| (least, 0)),
        (0..1_000_000i64, 1_000_000..=i64::MAX),
    ];
    let kinds = btree_set(any_of(MemberKind::ALL), 0..4);
    (kinds, countries(), countries(), m49_regions(), population, any::<bool>()).prop_map(
        |(kinds, countries, excluded, m49_regions, population, capitals_only)| Eligibility {
            member_kinds: kinds.into_iter().collect(),
            countries,
            excluded_countries: excluded,
            m49_regions,
            min_population: population.0,
            max_population: population.1,
            capitals_only,
        },
    )
}
fn admission() -> impl Strategy<Value = Admission> {
    let rule = (any_of(MembershipClass::ALL), eligibility());
    (
        any_of(AdmissionMode::ALL),
        any::<(bool, bool)>(),
        prose(),
        btree_set(any_of(MembershipClass::ALL), 0..4),
        eligibility(),
        vec(rule, 0..3),
        0..=i64::MAX,
    )
        .prop_map(|(mode, first, rules_stated, classes, eligibility, rules, max_members)| {
            let mut class_rules: Vec<ClassRule> = Vec::new();
            for (class, eligibility) in rules {
                let offered = classes.is_empty() || classes.contains(&class);
                if offered && class_rules.iter().all(|rule| rule.class != class) {
                    class_rules.push(ClassRule { class, eligibility });
                }
            }
            Admission {
                mode,
                charter_required: first.0,
                rules_stated,
                classes: classes.into_iter().rev().collect(),
                eligibility,
                class_rules,
                council_vote_required: first.1,
                max_members,
            }
        })
}
pub fn relation() -> impl Strategy<Value = Relation> {
    (any_of(RelationKind::ALL), network_id(), line(), of(date()), prose(), sources()).prop_map(
        |(kind, network, kind_stated, since, note, sources)| Relation {
            kind,
            network,
            kind_stated,
            since,
            note,
            sources,
        },
    )
}
fn contribution() -> impl Strategy<Value = Contribution> {
    (of(money()), line(), prose()).prop_map(|(amount, contributor, note)| Contribution {
        amount,
        contributor,
        note,
    })
}
pub fn network() -> impl Strategy<Value = Network> {
    let what = (
        network_id(),
        vec(name(), 1..3),
        any_of(NetworkKind::ALL),
        line(),
        of(any_of(FrontType::ALL)),
        of(any_of(Scale::ALL)),
        of(any_of(Origin::ALL)),
        of(any_of(Scope::ALL)),
    );
    let about = (titles(), titles(), of(date()), of(date()), titles(), titles(), line(), prose());
    let rest = (
        vec(stated_count(), 0..2),
        admission(),
        any_of(NetworkState::ALL),
        vec(relation(), 0..2),
        vec(contribution(), 0..2),
        sources(),
        recorded(),
        (countries(), m49_regions(), titles()),
        readings(&["founded", "ended"], &["founders", "seat"], &["active_member_count"]),
    );
    (what, about, rest).prop_map(|(what, about, rest)| Network {
        id: what.0,
        names: what.1,
        kind: what.2,
        kind_stated: what.3,
        front_type: what.4,
        scale: what.5,
        origin: what.6,
        scope: what.7,
        themes: about.0,
        activities: about.1,
        founded: about.2,
        ended: about.3,
        founders: about.4,
        sponsors: about.5,
        seat: about.6,
        note: about.7,
        stated_member_counts: rest.0,
        admission: rest.1,
        state: rest.2,
        relations: rest.3,
        contributions: rest.4,
        sources: rest.5,
        recorded: rest.6,
        countries: rest.7.0,
        m49_regions: rest.7.1,
        benefits: rest.7.2,
        readings: rest.8,
    })
}
fn population() -> impl Strategy<Value = Population> {
    (0..=i64::MAX, of(date()), sources()).prop_map(|(count, as_of, sources)| Population {
        count,
        as_of,
        sources,
    })
}
fn external_id() -> impl Strategy<Value = ExternalId> {
    let id = prop_oneof![
        (Just(ExternalIdScheme::Geonames), "[0-9]{1,9}".boxed()),
        (Just(ExternalIdScheme::Wikidata), "Q[0-9]{1,9}".boxed()),
        (Just(ExternalIdScheme::UnLocode), "[A-Z]{2}[A-Z2-9]{3}".boxed()),
    ];
    (id, line()).prop_map(|((scheme, value), label)| ExternalId { scheme, value, label })
}
pub fn member() -> impl Strategy<Value = Member> {
    let what = (member_id(), vec(name(), 1..3), any_of(MemberKind::ALL), line(), of(country()));
    let region = || prop_oneof![Just(String::new()), "[0-9]{3}".boxed()];
    let place = (region(), region(), of(point()), vec(population(), 0..2));
    let rest = (
        vec(external_id(), 0..3),
        of(network_id()),
        member_ids(),
        any_of(MemberState::ALL),
        of(date()),
        prose(),
        sources(),
        recorded(),
        (any::<bool>(), readings(&["retired"], &["names", "point"], &[])),
    );
    (what, place, rest).prop_map(|(what, place, rest)| Member {
        id: what.0,
        names: what.1,
        kind: what.2,
        kind_stated: what.3,
        country: what.4,
        m49_region: place.0,
        m49_subregion: place.1,
        point: place.2,
        populations: place.3,
        external_ids: rest.0,
        network: rest.1,
        predecessors: rest.2,
        state: rest.3,
        retired: rest.4,
        note: rest.5,
        sources: rest.6,
        recorded: rest.7,
        capital: rest.8.0,
        readings: rest.8.1,
    })
}
pub fn term() -> impl Strategy<Value = Term> {
    let role = (any_of(RoleKind::ALL), line()).prop_map(|(kind, stated)| Role { kind, stated });
    let what = (
        any_of(MembershipState::ALL),
        of(any_of(MembershipClass::ALL)),
        vec(role, 0..3),
        line(),
        line(),
    );
    let dates = (of(date()), of(date()), of(date()), of(date()), of(date()), of(date()));
    let readings = readings(&["joined", "left"], &["roles", "grade"], &[]);
    let rest = (of(any_of(EndReason::ALL)), prose(), prose(), sources(), of(date()), readings);
    (what, dates, rest).prop_map(|(what, dates, rest)| Term {
        state: what.0,
        class: what.1,
        roles: what.2,
        grade: what.3,
        representative: what.4,
        applied: dates.0,
        invited: dates.1,
        charter_signed: dates.2,
        joined: dates.3,
        left: dates.4,
        as_of: dates.5,
        end_reason: rest.0,
        reason: rest.1,
        note: rest.2,
        sources: rest.3,
        council_voted: rest.4,
        readings: rest.5,
    })
}
pub fn membership() -> impl Strategy<Value = Membership> {
    (network_id(), member_id(), vec(term(), 1..4), recorded()).prop_map(
        |(network, member, terms, recorded)| Membership {
            id: MembershipId { network, member },
            terms,
            recorded,
        },
    )
}
pub fn statement() -> impl Strategy<Value = Statement> {
    let what = (
        statement_id(),
        any_of(StatementKind::ALL),
        line(),
        title(),
        language(),
        prose(),
        prose(),
        uri(),
        of(any::<[u8; 32]>()),
    );
    let who = (of((network_id(), of(member_id()))), member_ids(), line(), titles());
    let about = (vec(stated_count(), 0..2), of(target()), titles(), of(campaign_id()), of(date()));
    let rest = (
        prose(),
        sources(),
        any_of(StatementState::ALL),
        of(statement_id()),
        of(statement_id()),
        prose(),
        recorded(),
        (
            (0..=100_000i64, any::<bool>(), vec(target(), 0..3)),
            (any::<u64>(), prose(), of(any::<[u8; 32]>())),
        ),
        readings(&["published"], &["title", "target"], &["signature_count"]),
    );
    (what, who, about, rest).prop_map(|(what, who, about, rest)| {
        let (issuer_network, acting_member) = who.0.unzip();
        Statement {
            id: what.0,
            kind: what.1,
            kind_stated: what.2,
            title: what.3,
            language: what.4,
            summary: what.5,
            body: what.6,
            document_uri: what.7,
            document_sha256: what.8,
            issuer_network,
            acting_member: acting_member.flatten(),
            issuer_members: who.1,
            authors_stated: who.2,
            supporters: who.3,
            stated_signature_counts: about.0,
            target: about.1,
            themes: about.2,
            campaign: about.3,
            published: about.4,
            note: rest.0,
            sources: rest.1,
            state: rest.2,
            superseded_by: rest.3,
            supersedes: rest.4,
            reason: rest.5,
            recorded: rest.6,
            effective_threshold: rest.7.0.0,
            effective: rest.7.0.1,
            further_targets: rest.7.0.2,
            redacted_position: rest.7.1.0,
            legal_ground: rest.7.1.1,
            content_sha256: rest.7.1.2,
            readings: rest.8,
        }
    })
}
pub fn signature() -> impl Strategy<Value = Signature> {
    (statement_id(), member_id(), line(), of(date()), any::<u64>()).prop_map(
        |(statement, member, representative, signed, position)| Signature {
            statement,
            member,
            representative,
            signed,
            position,
        },
    )
}
fn outcome() -> impl Strategy<Value = Outcome> {
    (any_of(OutcomeKind::ALL), prose()).prop_map(|(kind, summary)| Outcome { kind, summary })
}
fn figures() -> impl Strategy<Value = Vec<Figure>> {
    let figure = (title(), -1e300..1e300f64, line()).prop_map(|(label, value, unit)| Figure {
        label,
        value,
        unit,
    });
    vec(figure, 0..3)
}
fn evaluation() -> impl Strategy<Value = Evaluation> {
    (title(), figures(), of(date()), sources()).prop_map(
        |(summary, figures, evaluated, sources)| Evaluation {
            summary,
            figures,
            evaluated,
            sources,
        },
    )
}
fn handover() -> impl Strategy<Value = Handover> {
    (of(network_id()), of(date()), any::<u64>()).prop_map(
        |(from_network, occurred_at, position)| Handover { from_network, occurred_at, position },
    )
}
fn milestone() -> impl Strategy<Value = Milestone> {
    (title(), of(date()), figures(), prose(), sources()).prop_map(
        |(title, reached, figures, note, sources)| Milestone {
            title,
            reached,
            figures,
            note,
            sources,
        },
    )
}
pub fn campaign() -> impl Strategy<Value = Campaign> {
    let what = (
        campaign_id(),
        title(),
        any_of(CampaignKind::ALL),
        line(),
        of(any_of(FrontType::ALL)),
        of((network_id(), of(member_id()))),
        member_ids(),
    );
    let about = (titles(), of(target()), titles(), titles(), prose(), of(date()), of(date()));
    let rest = (
        of(outcome()),
        vec(milestone(), 0..3),
        prose(),
        sources(),
        any_of(CampaignState::ALL),
        recorded(),
        (vec(evaluation(), 0..3), vec(statement_id(), 0..3), vec(handover(), 0..3)),
        readings(&["started", "ended"], &["title", "leads"], &["participant_count"]),
    );
    (what, about, rest).prop_map(|(what, about, rest)| {
        let (network, acting_member) = what.5.unzip();
        Campaign {
            id: what.0,
            title: what.1,
            kind: what.2,
            kind_stated: what.3,
            front_type: what.4,
            network,
            acting_member: acting_member.flatten(),
            leads: what.6,
            supporters: about.0,
            target: about.1,
            demands: about.2,
            themes: about.3,
            summary: about.4,
            started: about.5,
            ended: about.6,
            outcome: rest.0,
            milestones: rest.1,
            note: rest.2,
            sources: rest.3,
            state: rest.4,
            recorded: rest.5,
            evaluations: rest.6.0,
            statements: rest.6.1,
            handovers: rest.6.2,
            readings: rest.7,
        }
    })
}
/// A subscription, wherever it has come.
pub fn subscription() -> impl Strategy<Value = Subscription> {
    let cursor = (any::<[u8; 16]>(), any::<u64>())
        .prop_map(|(identity, position)| Cursor { identity, position });
    (id(), filter(), of(cursor), -1i64 << 50..1 << 50, any::<u64>()).prop_map(
        |(id, filter, cursor, committed_at_micros, updated_position)| Subscription {
            id: SubscriptionId::from_id(&id).unwrap(),
            filter,
            cursor,
            committed_at_micros,
            updated_position,
        },
    )
}
pub fn participation() -> impl Strategy<Value = Participation> {
    (campaign_id(), member_id(), of(date()), of(date()), any::<bool>(), any::<u64>()).prop_map(
        |(campaign, member, joined, left, active, position)| Participation {
            campaign,
            member,
            joined,
            left,
            active,
            position,
        },
    )
}
/// A filter whose kinds leave every other field possible.
pub fn filter() -> impl Strategy<Value = Filter> {
    (
        btree_set(any_of(EventKind::ALL), 0..4),
        btree_set(network_id(), 0..3),
        btree_set(member_id(), 0..3),
        btree_set(country(), 0..3),
        btree_set("[a-z ]{0,5}[a-zé]{1,4}".prop_map(|theme| theme.trim().to_owned()), 0..3),
        btree_set(campaign_id(), 0..3),
        any::<(bool, bool)>(),
    )
        .prop_map(|(mut kinds, networks, members, countries, themes, campaigns, flags)| {
            if !kinds.is_empty() {
                kinds.insert(EventKind::StatementSigned);
            }
            Filter {
                kinds,
                networks,
                members,
                countries,
                themes,
                campaigns,
                exclude_withdrawals: flags.0,
                allow_unknown: flags.1,
            }
        })
}
