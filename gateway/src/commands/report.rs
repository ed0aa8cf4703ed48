//! How a command prints: for programs one JSON object, for people lines; and how it shows that it is working.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;

/// Print what came of a command.
pub(super) fn print(json: bool, title: &str, report: &impl Serialize) {
    let value = serde_json::to_value(report).expect("a report is fields of text and numbers");
    if json {
        println!("{value:#}");
    } else {
        println!("{title}");
        lines("", &value).iter().for_each(|line| println!("  {line}"));
    }
}

/// A value as lines: a name and its value each, those of an inner one under its name.
fn lines(name: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(inner, value)| {
                let inner = inner.replace('_', " ");
                lines(&if name.is_empty() { inner } else { format!("{name}, {inner}") }, value)
            })
            .collect(),
        Value::Array(rows) if rows.is_empty() => vec![format!("{name}: none")],
        Value::Array(rows) => rows
            .iter()
            .map(|row| match row {
                Value::Object(fields) => {
                    let cells: Vec<String> =
                        fields.iter().map(|(key, value)| format!("{key} {}", word(value))).collect();
                    format!("{name}: {}", cells.join(", "))
                }
                other => format!("{name}: {}", word(other)),
            })
            .collect(),
        other => vec![format!("{name}: {}", word(other))],
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A bar for people at a terminal, and nothing for programs.
pub(super) fn bar(json: bool, doing: &str, total: u64) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} records, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style).with_message(doing.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_reads_as_lines() {
        let report = json!({
            "records": 3,
            "oldest_scrub": null,
            "damaged": [{ "place": "a/b", "what": "gone" }],
            "failed": [],
            "organisations": { "11": { "bytes": 7 } },
        });
        let found = lines("", &report);
        for line in [
            "records: 3",
            "oldest scrub: -",
            "damaged: place a/b, what gone",
            "failed: none",
            "organisations, 11, bytes: 7",
        ] {
            assert!(found.contains(&line.to_owned()), "{line}: {found:?}");
        }
        assert_eq!(found.len(), 5);
    }
}
