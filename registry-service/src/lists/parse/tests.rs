//! What filters mean, and where they are wrong.
#![allow(clippy::unwrap_used)]

use super::*;

fn problem(sort: Sort, text: &str) -> String {
    let mut violations = Violations::default();
    filter(text, sort, &mut violations);
    let found: Vec<String> = violations.into_vec().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found.into_iter().next().unwrap()
}

fn read(sort: Sort, text: &str) -> Filter {
    let mut violations = Violations::default();
    let filter = filter(text, sort, &mut violations);
    assert!(violations.is_empty(), "{text}: {violations:?}");
    filter
}

#[test]
fn a_problem_names_its_place_and_what_was_expected() {
    let cases = [
        (Sort::Network, "kind = city_networks", "at character 8: `city_networks` is not one of"),
        (Sort::Network, "size = 3", "at character 1: `size` is not one of kind, scale"),
        (Sort::Network, "kind < front", "at character 6: `kind` is compared with =, != or :"),
        (Sort::Network, "founded : 2010", "at character 9: `founded` is compared with =, !=, <"),
        (Sort::Network, "founded > soon", "at character 11: `soon` is not a date"),
        (Sort::Network, "kind =", "at character 7: expected a value of `kind`"),
        (Sort::Network, "a AND", "at character 6: expected a comparison, a word or `(`"),
        (Sort::Network, "OR a", "at character 1: expected a comparison"),
        (Sort::Network, "NOT NOT a", "at character 5: expected a comparison"),
        (Sort::Network, "(a b", "at character 5: expected `)`"),
        (Sort::Network, "a) b", "at character 2: there is no `(`"),
        (Sort::Network, "é \"b", "at character 3: expected another `\"`"),
        (Sort::Network, "\"kind\" = front", "at character 8: a field is not quoted"),
        (Sort::Network, "???", "at character 1: there is no letter"),
        (Sort::Network, "region = Atlantis", "at character 10: `Atlantis` is not a continent"),
        (Sort::Member, "country = ESP", "at character 11: `ESP` must be an ISO 3166-1"),
        (Sort::Member, "capital = yes", "at character 11: `yes` is not true or false"),
        (Sort::Member, "population > many", "at character 14: `many` is not a whole number"),
        (Sort::Member, "founded = 2010", "at character 1: `founded` is not one of kind, country"),
        (Sort::Membership, "state ! active", "at character 7: expected `!=`"),
    ];
    for (sort, text, expected) in cases {
        let found = problem(sort, text);
        assert!(found.contains("filter"), "{found}");
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn length_depth_and_tests_have_limits() {
    let long = "a".repeat(CHARACTERS + 1);
    assert!(problem(Sort::Member, &long).contains("at most 2000 characters"));
    let deep = |levels| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    read(Sort::Member, &deep(DEPTH));
    assert!(problem(Sort::Member, &deep(DEPTH + 1)).contains("levels"));
    let many = |tests| vec!["a"; tests].join(" ");
    read(Sort::Member, &many(TESTS));
    assert!(problem(Sort::Member, &many(TESTS + 1)).contains("more than 100 tests"));
}

#[test]
fn or_binds_closer_than_and_which_may_be_left_out() {
    let plain = read(Sort::Member, "a AND b OR c NOT d");
    assert_eq!(plain, read(Sort::Member, "(a) ((b OR c)) AND NOT (d)"));
    let Filter::And(parts) = plain else { panic!("not AND") };
    assert_eq!(parts.len(), 3);
    assert!(matches!(parts[1], Filter::Or(_)) && matches!(parts[2], Filter::Not(_)));
    assert!(read(Sort::Member, "  ").is_all());
}

#[test]
fn values_have_several_spellings() {
    let same = [
        (Sort::Member, "country = ES", "country:es"),
        (Sort::Member, "country != ES", "NOT country=ES"),
        (Sort::Member, "region = Europe", "region = 150"),
        (Sort::Member, "region = \"South America\"", "region = 005"),
        (Sort::Network, "theme = \"Climate  change\"", "theme = \"climate change\""),
        (Sort::Network, "kind = CITY_NETWORK", "kind = city_network"),
        (Sort::Member, "Köln", "koln"),
    ];
    for (sort, one, other) in same {
        assert_eq!(read(sort, one), read(sort, other), "{one} and {other}");
    }
    assert_ne!(read(Sort::Member, "koln"), read(Sort::Member, "\"koln\""));
    assert!(!read(Sort::Member, "AND-ed").is_all());
}
