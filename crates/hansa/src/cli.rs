//! Which commands there are, and what their help says.

use anyhow::Result;
use clap::{Parser, Subcommand};
use hansa_chassis::config::LogOptions;

use crate::{
    backup, browse, export, import, journal, landscape, matching, subscriptions, tail, up, write,
};

const EXAMPLES: &str = "\
Examples:
  hansa                                         run both services, follow the feed
  hansa tail --from beginning --stop-at-head --member es-barcelona
  hansa networks list
  hansa memberships list --member es-barcelona
  hansa join anvita fr-lyon --charter-signed 2024-05-01
  hansa publish a-letter --title 'An open letter' --kind open_letter --member es-barcelona

Every command but `up`, `backup`, `restore` and `journal` talks to running services: --registry and --feed say where they \
are, --json prints one JSON object a line. Ids may be written bare, `es-barcelona` for \
`members/es-barcelona`.";

/// Who is a member of which city network, and what they say and do together
#[derive(Debug, Parser)]
#[command(name = "hansa", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) log: LogOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the registry and the feed (the default)
    Up(up::Arguments),
    /// Import a data set of ten tables, the one built in or one of your own
    Import(import::Arguments),
    /// Write what the registry holds to a table
    Export(export::Arguments),
    /// Find members by names, codes or places from elsewhere
    Match(matching::Arguments),
    /// Follow the feed: joins, statements and campaigns as they happen
    Tail(Box<tail::Arguments>),
    /// Say what a subscription would bring: how many events match, on each axis and in all
    Explain(Box<subscriptions::Explain>),
    /// List, make, move and delete subscriptions that the feed keeps under a name
    Subscriptions(subscriptions::Subscriptions),
    /// List networks, or show one
    Networks(browse::Networks),
    /// List members, or show one
    Members(browse::Members),
    /// List memberships of a network or a member, or show one with all its terms
    Memberships(browse::Memberships),
    /// Show what was recorded of a network, a member or a membership, by whom and when
    History(browse::History),
    /// List statements, or show one with its signatures
    Statements(browse::Statements),
    /// List campaigns, or show one with its participants
    Campaigns(browse::Campaigns),
    /// Let a member join a network, under its rules of admission
    Join(Box<write::Join>),
    /// Let a member leave a network
    Leave(Box<write::Leave>),
    /// Publish a statement
    Publish(Box<write::Publish>),
    /// Let a member sign a statement
    Sign(Box<write::Sign>),
    /// Withdraw a statement
    Retract(Box<write::Retract>),
    /// Erase the content of a statement for good
    Redact(Box<write::Redact>),
    /// Launch a campaign
    Launch(Box<write::Launch>),
    /// Take a campaign further: who takes part, who leads, what it reaches, how it ends
    Campaign(Box<write::Course>),
    /// Statistics: tables, overlaps, who meets whom, who is well connected
    Landscape(landscape::Arguments),
    /// Copy the journals of services, which may run
    Backup(backup::Backup),
    /// Make data directories of a backup, up to its end or a place before
    Restore(backup::Restore),
    /// Check, print or repair the journal of a service that does not need to run
    Journal(journal::Arguments),
}

pub(crate) async fn run(command: Option<Command>) -> Result<()> {
    match command {
        None => Box::pin(up::run(up::Arguments::defaults())).await,
        Some(Command::Up(arguments)) => Box::pin(up::run(arguments)).await,
        Some(Command::Import(arguments)) => Box::pin(import::run(arguments)).await,
        Some(Command::Export(arguments)) => Box::pin(export::run(arguments)).await,
        Some(Command::Match(arguments)) => Box::pin(matching::run(arguments)).await,
        Some(Command::Tail(arguments)) => Box::pin(tail::run(*arguments)).await,
        Some(Command::Explain(arguments)) => Box::pin(subscriptions::explain(*arguments)).await,
        Some(Command::Subscriptions(arguments)) => Box::pin(subscriptions::run(arguments)).await,
        Some(Command::Networks(arguments)) => Box::pin(browse::networks(arguments)).await,
        Some(Command::Members(arguments)) => Box::pin(browse::members(arguments)).await,
        Some(Command::Memberships(arguments)) => Box::pin(browse::memberships(arguments)).await,
        Some(Command::History(arguments)) => Box::pin(browse::history(arguments)).await,
        Some(Command::Statements(arguments)) => Box::pin(browse::statements(arguments)).await,
        Some(Command::Campaigns(arguments)) => Box::pin(browse::campaigns(arguments)).await,
        Some(Command::Join(arguments)) => Box::pin(write::join(*arguments)).await,
        Some(Command::Leave(arguments)) => Box::pin(write::leave(*arguments)).await,
        Some(Command::Publish(arguments)) => Box::pin(write::publish(*arguments)).await,
        Some(Command::Sign(arguments)) => Box::pin(write::sign(*arguments)).await,
        Some(Command::Retract(arguments)) => Box::pin(write::retract(*arguments)).await,
        Some(Command::Redact(arguments)) => Box::pin(write::redact(*arguments)).await,
        Some(Command::Campaign(arguments)) => Box::pin(write::course(*arguments)).await,
        Some(Command::Launch(arguments)) => Box::pin(write::launch(*arguments)).await,
        Some(Command::Landscape(arguments)) => Box::pin(landscape::run(arguments)).await,
        Some(Command::Backup(arguments)) => backup::backup(&arguments),
        Some(Command::Restore(arguments)) => backup::restore(&arguments),
        Some(Command::Journal(arguments)) => journal::run(arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }
}
