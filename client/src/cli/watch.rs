//! `salus chain watch`: blocks as they become final, one line each.

use std::io::Write as _;

use console::style;
use salus_client::{
    chain::{BlockData, Chain, Proposer, Proposers},
    fhir::instant,
};
use salus_primitives::{Header, Height, Moment};
use serde_json::{Value, json};

use super::{chain::event_name, error::CliError, output::Output, session::Session};

/// What to show.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct WatchArgs {
    /// Stop after this many blocks, those left out counted too.
    #[arg(long, visible_alias = "blocks", value_name = "N")]
    pub count: Option<u32>,
    /// Leave out blocks without extrinsics.
    #[arg(long)]
    pub no_empty: bool,
    /// Show what happened in each block, too.
    #[arg(long)]
    pub events: bool,
}

/// A block as a line.
struct Row {
    height: Height,
    hash: String,
    /// None at genesis, whose header has none.
    time: Option<Moment>,
    /// Since the block before, ms; none where that has no time.
    interval: Option<u64>,
    /// The round it was built in, and the one it was decided in.
    rounds: Option<(u32, u32)>,
    signatures: usize,
    proposer: Option<Proposer>,
    extrinsics: usize,
    /// With how often each happened; none where they were not asked for.
    events: Option<Vec<(String, usize)>>,
}

/// Follow the chain until Ctrl-C, or for so many blocks.
pub async fn watch(session: &Session, chain: &Chain, args: WatchArgs) -> Result<Output, CliError> {
    let mut blocks = chain.finalised_blocks().await?;
    let mut proposers = Proposers::new(chain);
    let colours = console::colors_enabled();
    let mut before = None;
    let mut seen = 0u32;
    if !session.json() && !written(&heading(colours)) {
        return Ok(Output::new("").with("blocks", seen));
    }
    while args.count.is_none_or(|count| seen < count) {
        let block = tokio::select! {
            block = blocks.next() => block?,
            _ = tokio::signal::ctrl_c() => break,
        };
        seen = seen.saturating_add(1);
        let earlier = match std::mem::replace(&mut before, time_of(&block.header)) {
            Some(earlier) => Some(earlier),
            None => time_before(chain, &block).await?,
        };
        if args.no_empty && block.extrinsics.is_empty() {
            continue;
        }
        let proposer = proposers.of(&block.header).await?;
        let events = if args.events { Some(events(chain, &block).await?) } else { None };
        let row = row(&block, earlier, proposer, events);
        let line = if session.json() { row.json().to_string() } else { row.line(colours) };
        // Whoever read this went away, as `head` does.
        if !written(&line) {
            break;
        }
    }
    Ok(Output::new("").with("blocks", seen))
}

fn written(line: &str) -> bool {
    writeln!(std::io::stdout(), "{line}").is_ok()
}

/// The time in a header; none in that of genesis.
fn time_of(header: &Header) -> Option<Moment> {
    header.slot().ok().map(|slot| slot.time)
}

/// The time of the block before; none where that is genesis, or there is none.
async fn time_before(chain: &Chain, block: &BlockData) -> Result<Option<Moment>, CliError> {
    if block.header.number <= Height(1) {
        return Ok(None);
    }
    let parent = chain.header(block.header.parent_hash).await?;
    Ok(time_of(&parent))
}

/// What happened in a block, in the order of first happening, with how often.
async fn events(chain: &Chain, block: &BlockData) -> Result<Vec<(String, usize)>, CliError> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for record in chain.events(block.hash).await? {
        let name = event_name(&record.event);
        match counted.iter_mut().find(|(other, _)| *other == name) {
            Some((_, count)) => *count += 1,
            None if name == "System.ExtrinsicSuccess" => {}
            None => counted.push((name, 1)),
        }
    }
    Ok(counted)
}

fn row(
    block: &BlockData,
    before: Option<Moment>,
    proposer: Option<Proposer>,
    events: Option<Vec<(String, usize)>>,
) -> Row {
    let slot = block.header.slot().ok();
    Row {
        height: block.header.number,
        hash: block.hash.to_string(),
        time: time_of(&block.header),
        interval: time_of(&block.header).zip(before).map(|(time, before)| time.0.saturating_sub(before.0)),
        rounds: slot.zip(block.certificate.as_ref()).map(|(slot, made)| (slot.build_round, made.round)),
        signatures: block.certificate.as_ref().map_or(0, |made| made.signatures.len()),
        proposer,
        extrinsics: block.extrinsics.len(),
        events,
    }
}

/// The words above the columns.
fn heading(colours: bool) -> String {
    let words = format!(
        "{:>8}  {:<20}  {:>9}  {:>5}  {:>10}  {}",
        "height", "time", "interval", "round", "extrinsics", "proposer"
    );
    style(words).dim().force_styling(colours).to_string()
}

/// The first letters of an address: enough to tell validators apart.
fn short(address: &str) -> String {
    format!("{}…", address.chars().take(8).collect::<String>())
}

impl Row {
    /// For people. A round above 0, which means that a proposer was silent or late, stands out.
    fn line(&self, colours: bool) -> String {
        let Self { height, extrinsics, .. } = self;
        let time = self.time.map_or("-".to_owned(), instant);
        let interval = self.interval.map_or("-".to_owned(), |ms| format!("{}.{:03} s", ms / 1_000, ms % 1_000));
        let (built, decided) = self.rounds.unwrap_or_default();
        let round = style(format!("{decided:>5}")).force_styling(colours);
        let round = if decided > 0 { round.yellow().bold() } else { round };
        let count = style(format!("{extrinsics:>10}")).force_styling(colours);
        let count = if *extrinsics > 0 { count.green() } else { count.dim() };
        let mut line = format!("{:>8}  {time:<20}  {interval:>9}  {round}  {count}  {}", height.0, self.proposed());
        if built != decided {
            line += &format!("  built in round {built}");
        }
        if let Some(events) = self.events.as_ref().filter(|events| !events.is_empty()) {
            let words: Vec<String> = events
                .iter()
                .map(|(name, count)| if *count > 1 { format!("{name}×{count}") } else { name.clone() })
                .collect();
            line += &format!("  {}", style(words.join(" ")).dim().force_styling(colours));
        }
        line
    }

    fn proposed(&self) -> String {
        match &self.proposer {
            None => "-".to_owned(),
            Some(Proposer { authority, name: Some(name), .. }) => format!("{}  {name}", short(&authority.to_string())),
            Some(Proposer { authority, organisation: Some(id), .. }) => {
                format!("{}  organisation {}", short(&authority.to_string()), short(&id.to_string()))
            }
            Some(Proposer { authority, .. }) => short(&authority.to_string()),
        }
    }

    /// For programs.
    fn json(&self) -> Value {
        let mut row = json!({
            "height": self.height.0,
            "block": self.hash,
            "time": self.time.map(instant),
            "time_ms": self.time.map(|time| time.0),
            "interval_ms": self.interval,
            "round": self.rounds.map(|(_, decided)| decided),
            "build_round": self.rounds.map(|(built, _)| built),
            "signatures": self.signatures,
            "extrinsics": self.extrinsics,
            "proposer": self.proposer.as_ref().map(|proposer| proposer.authority.to_string()),
            "organisation": self.proposer.as_ref().and_then(|who| who.organisation).map(|id| id.to_string()),
            "organisation_name": self.proposer.as_ref().and_then(|who| who.name.clone()),
        });
        if let Some(events) = &self.events {
            row["events"] = events.iter().map(|(name, count)| json!({ "event": name, "count": count })).collect();
        }
        row
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
