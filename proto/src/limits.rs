//! Every limit of the wire, by name. Characters are Unicode scalar values; bytes are said to be bytes.

/// Most characters of the id of a resource.
pub const ID_CHARACTERS: usize = 100;
/// Most characters of a request id.
pub const REQUEST_ID_CHARACTERS: usize = 100;
/// Most violations one answer lists; there is no room for more in its headers.
pub const VIOLATIONS: usize = 64;

/// Most characters of a name.
pub const NAME_CHARACTERS: usize = 300;
/// Most names of one network or member.
pub const NAMES: usize = 50;
/// Most characters of a BCP 47 tag.
pub const LANGUAGE_CHARACTERS: usize = 100;
/// Most characters of one subtag of a BCP 47 tag.
pub const LANGUAGE_SUBTAG_CHARACTERS: usize = 8;
/// Most characters of a citation.
pub const CITATION_CHARACTERS: usize = 1_000;
/// Most characters of a URI.
pub const URI_CHARACTERS: usize = 2_000;
/// Most characters of what a source adds.
pub const SOURCE_NOTE_CHARACTERS: usize = 2_000;
/// Most sources of a resource, a term or a command.
pub const SOURCES: usize = 50;
/// Most sources of a part of a resource: a relation, a population, a stated count, a milestone.
pub const PART_SOURCES: usize = 20;
/// Most characters of a source's own word for a kind.
pub const KIND_STATED_CHARACTERS: usize = 100;
/// Most characters of a note.
pub const NOTE_CHARACTERS: usize = 4_000;
/// Most characters of a reason.
pub const REASON_CHARACTERS: usize = 2_000;
/// Most characters of a person's name.
pub const REPRESENTATIVE_CHARACTERS: usize = 300;
/// Most readings of a resource or a term.
pub const READINGS: usize = 50;
/// Most characters of a reading in words.
pub const READING_CHARACTERS: usize = 1_000;
/// Most characters of the note of a reading.
pub const READING_NOTE_CHARACTERS: usize = 2_000;
/// Most themes of one resource.
pub const THEMES: usize = 50;
/// Most characters of a theme.
pub const THEME_CHARACTERS: usize = 100;
/// Most counts that sources state of one thing.
pub const STATED_COUNTS: usize = 50;
/// Most characters of the name of a target.
pub const TARGET_CHARACTERS: usize = 500;
/// First and last year of a date.
pub const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;
/// Letters of the code of a currency.
pub const CURRENCY_LETTERS: usize = 3;
/// Most billionths of a unit of a currency.
pub const NANOS: i32 = 999_999_999;

/// Most activities of a network.
pub const ACTIVITIES: usize = 50;
/// Most characters of an activity.
pub const ACTIVITY_CHARACTERS: usize = 200;
/// Most benefits of belonging to a network.
pub const BENEFITS: usize = 50;
/// Most characters of a benefit.
pub const BENEFIT_CHARACTERS: usize = 500;
/// Most continents of a network or of an eligibility.
pub const M49_REGIONS: usize = 10;
/// Most founders, or sponsors, of a network.
pub const FOUNDERS: usize = 50;
/// Most characters of a founder, a sponsor or a contributor.
pub const FOUNDER_CHARACTERS: usize = 500;
/// Most characters of a seat.
pub const SEAT_CHARACTERS: usize = 200;
/// Most contributions to a network.
pub const CONTRIBUTIONS: usize = 50;
/// Most characters of what a contribution is for.
pub const CONTRIBUTION_NOTE_CHARACTERS: usize = 2_000;
/// Most relations of a network.
pub const RELATIONS: usize = 200;
/// Most characters of the note of a relation.
pub const RELATION_NOTE_CHARACTERS: usize = 2_000;
/// Most characters of admission rules.
pub const RULES_CHARACTERS: usize = 2_000;
/// Most classes, or kinds of member, an admission lists.
pub const ADMISSION_KINDS: usize = 50;
/// Most rules of classes of an admission.
pub const CLASS_RULES: usize = 50;
/// Most countries a network, an eligibility or a filter lists.
pub const COUNTRIES: usize = 300;

/// Most populations of a member.
pub const POPULATIONS: usize = 50;
/// Most external ids of a member.
pub const EXTERNAL_IDS: usize = 50;
/// Most characters of an external id.
pub const EXTERNAL_ID_CHARACTERS: usize = 100;
/// Most characters of what a member is called elsewhere.
pub const EXTERNAL_LABEL_CHARACTERS: usize = 300;
/// Most predecessors of a member.
pub const PREDECESSORS: usize = 50;

/// Most terms of a membership.
pub const TERMS: usize = 100;
/// Most roles of a term.
pub const ROLES: usize = 20;
/// Most characters of a role in the source's own words.
pub const ROLE_STATED_CHARACTERS: usize = 200;
/// Most characters of a grade.
pub const GRADE_CHARACTERS: usize = 200;

/// Most characters of the title of a statement or campaign.
pub const TITLE_CHARACTERS: usize = 1_000;
/// Most characters of a summary.
pub const SUMMARY_CHARACTERS: usize = 4_000;
/// Most bytes of the text of a statement.
pub const BODY_BYTES: usize = 65_536;
/// Bytes of a SHA-256.
pub const SHA256_BYTES: usize = 32;
/// Most members that issue a statement.
pub const ISSUER_MEMBERS: usize = 50;
/// Most characters of the authors of a statement.
pub const AUTHORS_CHARACTERS: usize = 500;
/// Most supporters of a statement or campaign.
pub const SUPPORTERS: usize = 100;
/// Most characters of a supporter.
pub const SUPPORTER_CHARACTERS: usize = 500;
/// Most targets of a statement beside the first.
pub const FURTHER_TARGETS: usize = 20;
/// Most signatures a joint statement can wait for.
pub const EFFECTIVE_THRESHOLD: i64 = 100_000;
/// Most signatures, or participants, given with a publication or launch.
pub const FIRST_MEMBERS: usize = 900;

/// Most members that lead a campaign.
pub const LEADS: usize = 50;
/// Most demands of a campaign.
pub const DEMANDS: usize = 50;
/// Most characters of a demand.
pub const DEMAND_CHARACTERS: usize = 1_000;
/// Most milestones of a campaign.
pub const MILESTONES: usize = 100;
/// Most evaluations of a campaign.
pub const EVALUATIONS: usize = 20;
/// Most statements of a campaign.
pub const CAMPAIGN_STATEMENTS: usize = 1_000;
/// Most networks that ran a campaign before.
pub const HANDOVERS: usize = 100;
/// Most characters of the title of a milestone.
pub const MILESTONE_TITLE_CHARACTERS: usize = 500;
/// Most figures of a milestone or an evaluation.
pub const FIGURES: usize = 20;
/// Most characters of the label of a figure.
pub const FIGURE_LABEL_CHARACTERS: usize = 200;
/// Most characters of the unit of a figure.
pub const FIGURE_UNIT_CHARACTERS: usize = 50;

/// Most characters of the filter of a list.
pub const LIST_FILTER_CHARACTERS: usize = 2_000;
/// Most changes asked for in one batch.
pub const BATCH_ITEMS: usize = 1_000;
/// Most characters of the id of an import; with a slash and a key it is a request id.
pub const IMPORT_ID_CHARACTERS: usize = 60;
/// Most characters of the key of a row of an import.
pub const IMPORT_KEY_CHARACTERS: usize = 39;
/// Rows of an import that are answered at once at the most.
pub const IMPORT_ANSWER_ROWS: usize = 512;
/// Most clues in one request.
pub const CLUES: usize = 1_000;
/// Candidates for a clue when none are asked for.
pub const CANDIDATES: i32 = 5;
/// Most candidates for a clue.
pub const CANDIDATES_MOST: i32 = 20;

/// Most kinds a filter lists.
pub const FILTER_KINDS: usize = 100;
/// Most networks, members or campaigns a filter lists, each.
pub const FILTER_NAMES: usize = 1_000;
/// Most themes a filter lists.
pub const FILTER_THEMES: usize = 100;

/// Most changes, or events, of one commit.
pub const COMMIT_CHANGES: usize = 1_000;

/// Most names given with one figure, overlap or co-member.
pub const NAMES_OF_FIGURE: usize = 1_000;
/// Most pairs of networks that share members and are counted at once: some 100 MiB of memory.
pub const OVERLAP_PAIRS: usize = 1_000_000;
/// Most pairs of networks of one member, over all members, that are looked at for one count.
pub const OVERLAP_LOOKS: usize = 1_000_000_000;
/// Most members met that are counted at once: some 100 MiB of memory.
pub const CO_MEMBERS: usize = 1_000_000;

/// Most commits of one command: the end of a network, or the retirement of a member.
pub const COMMITS_TOGETHER: usize = 256;
/// Memberships that one command can end at the most; fewer when they are large, as no commit is larger
/// than [`REGISTRY_COMMIT_BYTES`].
pub const ENDED_TOGETHER: usize = COMMITS_TOGETHER * (COMMIT_CHANGES - 1);

/// Most bytes of a commit of the registry. The feed tells all of it again in a commit of at most
/// [`BATCH_BYTES_MOST`], where each event repeats, outside of its body, names and themes that stand in
/// the body, and adds [`EVENT_BYTES`]. The themes of its network that a membership gets on top are given
/// only as far as there is room.
pub const REGISTRY_COMMIT_BYTES: usize = 400 * 1024;
/// Most bytes an event of the registry's commit adds to what it repeats: its own name (34), kind and
/// index (6), two positions (22), a country (4), when it was recorded (14), the principal (32), the request
/// id (102), and what holds it together (10).
pub const EVENT_BYTES: usize = 224;
/// Most rows of a dry run.
pub const TRIAL_ROWS: usize = 100_000;
/// Most bytes of the rows of a dry run.
pub const TRIAL_BYTES: usize = 64 * 1024 * 1024;
/// Bytes after which a message of an export takes no further row.
pub const EXPORT_BYTES: usize = 256 * 1024;
/// Entries of a page when none are asked for.
pub const PAGE_SIZE: i32 = 100;
/// Most entries of a page.
pub const PAGE_SIZE_MOST: i32 = 1_000;
/// Longest silence of a stream when none is asked for, in seconds.
pub const PROGRESS_SECONDS: i64 = 15;
/// Shortest and longest silence of a stream one can ask for, in seconds.
pub const PROGRESS_SECONDS_RANGE: std::ops::RangeInclusive<i64> = 1..=60;
/// Events looked at without a match after which a stream says how far it is.
pub const PROGRESS_EVENTS: usize = 10_000;
/// Events of a batch when none are asked for.
pub const BATCH_EVENTS: u32 = 256;
/// Most events of a batch, large commits apart.
pub const BATCH_EVENTS_MOST: u32 = 1_000;
/// Bytes of a batch when none are asked for.
pub const BATCH_BYTES: u32 = 262_144;
/// Least bytes of a batch one can ask for.
pub const BATCH_BYTES_LEAST: u32 = 1_024;
/// Most bytes of a batch, large commits apart.
pub const BATCH_BYTES_MOST: u32 = 1_048_576;
/// Most events a subscription can ask for from the past by their number.
pub const LAST_EVENTS_MOST: u32 = 10_000;
/// Most named subscriptions.
pub const SUBSCRIPTIONS: usize = 1_000;
/// Most events counted as the lag of a subscription.
pub const LAG_EVENTS: i64 = 10_000;
/// Bytes of the identity of a journal.
pub const IDENTITY_BYTES: usize = 16;
/// Bytes of a chain value.
pub const CHAIN_BYTES: usize = 32;
/// Bytes of a cursor: version, identity, position.
pub const CURSOR_BYTES: usize = 1 + IDENTITY_BYTES + 8;

// A publication with all its first signatures is one commit, and a correction two events more.
const _: () = assert!(FIRST_MEMBERS + 2 <= COMMIT_CHANGES);
const _: () = assert!(PAGE_SIZE <= PAGE_SIZE_MOST);
const _: () = assert!(CANDIDATES <= CANDIDATES_MOST);
// A key of an import, with the id of the import, makes a request id.
const _: () = assert!(IMPORT_ID_CHARACTERS + 1 + IMPORT_KEY_CHARACTERS <= REQUEST_ID_CHARACTERS);
const _: () = assert!(BATCH_EVENTS <= BATCH_EVENTS_MOST);
const _: () = assert!(BATCH_EVENTS_MOST as usize == COMMIT_CHANGES);
const _: () = assert!(BATCH_BYTES_LEAST <= BATCH_BYTES && BATCH_BYTES <= BATCH_BYTES_MOST);
const _: () = assert!(*PROGRESS_SECONDS_RANGE.start() <= PROGRESS_SECONDS);
const _: () = assert!(PROGRESS_SECONDS <= *PROGRESS_SECONDS_RANGE.end());
// The largest commit of the registry fits once for its bodies, once for what events repeat of them.
const _: () = assert!(
    2 * REGISTRY_COMMIT_BYTES + COMMIT_CHANGES * EVENT_BYTES + 4096 <= BATCH_BYTES_MOST as usize
);
const _: () = assert!(PART_SOURCES <= SOURCES);
const _: () = assert!(CURSOR_BYTES == 25);
// The whole text of a statement fits into half of the largest commit.
const _: () = assert!(BODY_BYTES * 2 <= BATCH_BYTES_MOST as usize);
