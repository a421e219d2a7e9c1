//! What one run of one contender came to, and what several runs come to.

use std::time::Duration;

use super::Runs;
use super::server::Usage;

/// One run.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Calls, rows or deliveries in a second.
    pub per_second: f64,
    /// CPU seconds of the server for a million of them; none where there is no server.
    pub cpu_per_million: Option<f64>,
    /// Those of the client, where they were measured.
    pub client_cpu_per_million: Option<f64>,
    /// Half took at most so many microseconds.
    pub p50: Option<f64>,
    /// All but one in a hundred took at most so many microseconds.
    pub p99: Option<f64>,
    /// Bytes the server held at the end.
    pub resident: Option<u64>,
}

impl Figure {
    /// `count` things in `seconds`, between two readings of the server's usage.
    pub fn new(count: u64, seconds: f64, before: Usage, after: Usage) -> Figure {
        Figure {
            cpu_per_million: Some((after.cpu - before.cpu) * 1e6 / count as f64),
            resident: Some(after.resident),
            ..Figure::of_rate(count as f64 / seconds)
        }
    }

    /// So many things a second, by nobody's server.
    pub fn of_rate(per_second: f64) -> Figure {
        Figure {
            per_second,
            cpu_per_million: None,
            client_cpu_per_million: None,
            p50: None,
            p99: None,
            resident: None,
        }
    }

    /// With what `count` things cost the client, this process.
    pub fn with_client(mut self, count: u64, cpu_seconds: f64) -> Figure {
        self.client_cpu_per_million = Some(cpu_seconds * 1e6 / count as f64);
        self
    }

    /// With how long each thing took.
    pub fn with_latencies(mut self, mut took: Vec<Duration>) -> Figure {
        took.sort_unstable();
        let at = |hundredth: usize| {
            let place = (took.len() * hundredth / 100).min(took.len().saturating_sub(1));
            took.get(place).map(|duration| duration.as_secs_f64() * 1e6)
        };
        self.p50 = at(50);
        self.p99 = at(99);
        self
    }
}

/// The table of all runs, in Markdown: median [least..most] of each figure.
pub fn table(all: &[Runs]) -> String {
    let mut text = String::from(
        "| work | who | n | a second | server CPU s/M | p50 µs | p99 µs | RSS, MiB |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for runs in all {
        let column = |of: fn(&Figure) -> Option<f64>| spread(values(runs, of));
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
            runs.what(),
            runs.who(),
            counted(&runs.figures),
            column(|figure| Some(figure.per_second)),
            column(|figure| figure.cpu_per_million),
            column(|figure| figure.p50),
            column(|figure| figure.p99),
            column(|figure| figure.resident.map(|bytes| bytes as f64 / (1024.0 * 1024.0))),
        ));
    }
    text + &clients(all)
}

fn values(runs: &Runs, of: fn(&Figure) -> Option<f64>) -> Vec<f64> {
    runs.figures.iter().flatten().filter_map(of).collect()
}

/// A line on what clients cost, of those for whom that was measured.
fn clients(all: &[Runs]) -> String {
    let costs = all.iter().filter_map(|runs| {
        let values = values(runs, |figure| figure.client_cpu_per_million);
        (!values.is_empty()).then(|| format!("{}, {}: {}", runs.what(), runs.who(), spread(values)))
    });
    let costs: Vec<String> = costs.collect();
    if costs.is_empty() {
        return String::new();
    }
    format!("\nThe client's CPU, s/M: {}.\n", costs.join("; "))
}

/// How many runs there were, and how many of them failed.
fn counted(figures: &[Option<Figure>]) -> String {
    match figures.iter().filter(|figure| figure.is_none()).count() {
        0 => figures.len().to_string(),
        failed => format!("{}, {failed} failed", figures.len()),
    }
}

/// The middle of values; the lower one of an even number of them.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// Median [least..most].
pub(super) fn spread(mut values: Vec<f64>) -> String {
    let Some(median) = median(&mut values) else {
        return "–".to_owned();
    };
    let (least, most) = (&values[0], &values[values.len() - 1]);
    match values.len() {
        1 => short(median),
        _ => format!("{} [{}..{}]", short(median), short(*least), short(*most)),
    }
}

/// As many digits as say something.
fn short(value: f64) -> String {
    match value {
        value if value >= 1000.0 => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (place, digit) in digits.chars().enumerate() {
                if place > 0 && (digits.len() - place).is_multiple_of(3) {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::{Contender, Work};

    #[test]
    fn a_table_shows_the_median_and_the_spread() {
        let usage = |cpu| Usage { cpu, resident: 3 * 1024 * 1024 };
        let run = |count| Figure::new(count, 2.0, usage(1.0), usage(2.0));
        let figures = vec![run(2_000_000), run(4_000), run(20_000)];
        let mut runs = Runs::of(Work::Bulk, Contender::HansaImport);
        runs.figures = figures.into_iter().map(Some).collect();
        let row = "| bulk | Hansa, import of memberships | 3 | 10,000 [2,000..1,000,000] | 50.0 [0.50..250] | – | – | 3.00 [3.00..3.00] |";
        assert_eq!(table(&[runs.clone()]).lines().nth(2), Some(row));
        runs.figures.push(None);
        let failed = "| bulk | Hansa, import of memberships | 4, 1 failed | 10,000 [";
        assert!(table(&[runs]).lines().nth(2).is_some_and(|row| row.starts_with(failed)));
    }

    #[test]
    fn latencies_are_those_of_the_middle_and_of_the_last_hundredth() {
        let usage = Usage { cpu: 0.0, resident: 0 };
        let took = (1..=200).map(Duration::from_micros).collect();
        let figure = Figure::new(200, 1.0, usage, usage).with_latencies(took);
        assert_eq!((figure.p50, figure.p99), (Some(101.0), Some(199.0)));
    }
}
