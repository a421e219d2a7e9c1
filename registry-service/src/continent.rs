//! Which continent a country or a UN M49 region is on: six of them, as the literature counts, with the
//! Americas taken apart where M49 takes them apart (003 North America, 005 South America).

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use hansa_proto::country::Country;

/// A continent, in the order of Lacroix 2021, Table 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Continent {
    /// M49 150.
    Europe,
    /// M49 005.
    SouthAmerica,
    /// M49 003: with Central America and the Caribbean.
    NorthAmerica,
    /// M49 009.
    Oceania,
    /// M49 002.
    Africa,
    /// M49 142.
    Asia,
}

use Continent::{Africa, Asia, Europe, NorthAmerica, Oceania, SouthAmerica};

/// Countries by continent, as M49 has them; Kosovo and Taiwan, which it has not, where they are.
const COUNTRIES: [(Continent, &str); 6] = [
    (
        Europe,
        "AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT \
         LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    ),
    (SouthAmerica, "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE"),
    (
        NorthAmerica,
        "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI \
         PA PM PR SV SX TC TT US VC VG VI",
    ),
    (
        Oceania,
        "AS AU CC CK CX FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    ),
    (
        Africa,
        "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY MA \
         MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA ZM ZW",
    ),
    (
        Asia,
        "AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN \
         MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
    ),
];

/// The same the other way round.
static BY_COUNTRY: LazyLock<HashMap<&str, Continent>> = LazyLock::new(|| {
    let listed = |(continent, codes): &(Continent, &'static str)| {
        let continent = *continent;
        codes.split_ascii_whitespace().map(move |code| (code, continent))
    };
    COUNTRIES.iter().flat_map(listed).collect()
});

impl Continent {
    /// All six.
    pub(crate) const ALL: [Continent; 6] =
        [Europe, SouthAmerica, NorthAmerica, Oceania, Africa, Asia];

    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Europe => "Europe",
            SouthAmerica => "South America",
            NorthAmerica => "North America",
            Oceania => "Oceania",
            Africa => "Africa",
            Asia => "Asia",
        }
    }

    /// Its M49 code.
    pub(crate) const fn m49(self) -> &'static str {
        match self {
            Europe => "150",
            SouthAmerica => "005",
            NorthAmerica => "003",
            Oceania => "009",
            Africa => "002",
            Asia => "142",
        }
    }

    /// Of a country. Antarctica has none of the six.
    pub(crate) fn of_country(country: Country) -> Option<Continent> {
        BY_COUNTRY.get(country.as_str()).copied()
    }

    /// Those an M49 region touches; none for a code that is not a region.
    pub(crate) fn of_region(m49: &str) -> &'static [Continent] {
        match m49 {
            "001" => &Continent::ALL,
            "002" | "015" | "202" | "011" | "014" | "017" | "018" => &[Africa],
            "019" | "419" => &[SouthAmerica, NorthAmerica],
            "005" => &[SouthAmerica],
            "003" | "013" | "021" | "029" => &[NorthAmerica],
            "142" | "030" | "034" | "035" | "143" | "145" => &[Asia],
            "150" | "039" | "151" | "154" | "155" => &[Europe],
            "009" | "053" | "054" | "057" | "061" => &[Oceania],
            _ => &[],
        }
    }

    /// Of somebody who is in one place: by country, else by the narrowest region that is on one.
    pub(crate) fn of_place(
        country: Option<Country>,
        m49_region: &str,
        m49_subregion: &str,
    ) -> Option<Continent> {
        if let Some(country) = country {
            return Continent::of_country(country);
        }
        [m49_subregion, m49_region].into_iter().find_map(|code| match Continent::of_region(code) {
            [only] => Some(*only),
            _ => None,
        })
    }

    /// Of something spread over regions and countries: the regions, else where the countries are.
    pub(crate) fn of_places<'a>(
        m49_regions: impl Iterator<Item = &'a str>,
        countries: impl Iterator<Item = Country>,
    ) -> BTreeSet<Continent> {
        let stated: BTreeSet<Continent> =
            m49_regions.flat_map(Continent::of_region).copied().collect();
        match stated.is_empty() {
            true => countries.filter_map(Continent::of_country).collect(),
            false => stated,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_country_is_on_one_continent_but_antarctica_on_none() {
        let letters = || (b'A'..=b'Z').map(char::from);
        let codes = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
        let known: Vec<Country> = codes.filter_map(|code| Country::parse(&code).ok()).collect();
        assert!(known.len() > 240, "only {} countries", known.len());
        for country in &known {
            let lists = COUNTRIES
                .iter()
                .filter(|(_, codes)| codes.split(' ').any(|code| code == country.as_str()));
            assert_eq!(lists.count(), usize::from(country.as_str() != "AQ"), "{country}");
        }
        let listed: usize = COUNTRIES.iter().map(|(_, codes)| codes.split(' ').count()).sum();
        assert_eq!(listed, known.len() - 1, "codes that are no country's");
    }

    #[test]
    fn a_member_is_on_one_continent_and_a_network_may_be_on_several() {
        let spain = Country::parse("ES").unwrap();
        assert_eq!(Continent::of_place(Some(spain), "019", ""), Some(Europe));
        assert_eq!(Continent::of_place(None, "019", "005"), Some(SouthAmerica));
        assert_eq!(Continent::of_place(None, "019", "419"), None);
        let americas = Continent::of_places(["019"].into_iter(), [spain].into_iter());
        assert_eq!(americas.into_iter().collect::<Vec<_>>(), [SouthAmerica, NorthAmerica]);
        let spanish = Continent::of_places(std::iter::empty(), [spain].into_iter());
        assert_eq!(spanish.into_iter().collect::<Vec<_>>(), [Europe]);
    }

    #[test]
    fn the_six_have_codes_of_their_own() {
        for continent in Continent::ALL {
            assert_eq!(Continent::of_region(continent.m49()), [continent]);
        }
    }
}
