//! What a command prints: for people a table, for programs one JSON object.
//!
//! In the rows of a list ids and hashes are shown by their first digits, as many as tell them apart among all that is
//! printed; but whole where the next command asks for them, and always in JSON.

use std::{
    collections::BTreeSet,
    ops::Bound::{Excluded, Unbounded},
};

use comfy_table::{Cell, Color, ContentArrangement, LineStyle, Table, TableStyle, presets};
use salus_client::{chain::Receipt, fhir::instant};
use salus_primitives::Moment;
use serde_json::{Map, Value, json};

use super::error::CliError;

/// What came of a command.
#[derive(Debug)]
pub struct Output {
    text: Option<String>,
    document: Option<Value>,
    title: String,
    fields: Vec<(&'static str, Value)>,
    list: Option<List>,
}

/// Whether the words that decide are coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// No: nobody looks, or does not want it.
    Never,
    /// Yes.
    Always,
}

impl Colour {
    /// Only on a terminal that has colours, whose user has not set `NO_COLOR`.
    pub fn of(terminal: &console::Term) -> Self {
        if terminal.features().colors_supported() { Self::Always } else { Self::Never }
    }
}

#[derive(Debug)]
struct List {
    name: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Output {
    /// A sentence, to be followed by fields.
    pub fn new(title: impl Into<String>) -> Self {
        Self { text: None, document: None, title: title.into(), fields: Vec::new(), list: None }
    }

    /// Text to print as it is.
    pub fn plain(text: String) -> Self {
        Self { text: Some(text), ..Self::new("") }
    }

    /// A JSON document, for people and programs alike.
    pub fn document(document: Value) -> Self {
        Self { document: Some(document), ..Self::new("") }
    }

    /// With a field more. Its name is the JSON key, and with spaces for underscores what people read.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// With a field of a value's text.
    pub fn with_text(self, name: &'static str, value: impl ToString) -> Self {
        self.with(name, value.to_string())
    }

    /// With a moment.
    pub fn with_moment(self, name: &'static str, moment: Moment) -> Self {
        self.with(name, moment_value(moment))
    }

    /// With where a call stands.
    pub fn with_receipt(self, receipt: &Receipt) -> Self {
        self.with("height", receipt.height.0)
            .with_text("block", receipt.block)
            .with_text("extrinsic", receipt.extrinsic)
            .with_moment("at", receipt.at)
            .with("final_after_ms", u64::try_from(receipt.elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// With a list: `columns` are the JSON keys of each row.
    pub fn with_list(mut self, name: &'static str, columns: &'static [&'static str], rows: Vec<Vec<Value>>) -> Self {
        self.list = Some(List { name, columns, rows });
        self
    }

    /// One field alone: a list's items and a row's cells each on a line.
    ///
    /// # Errors
    /// Wrong usage when the result has no such field.
    pub fn only(&self, field: &str) -> Result<Self, CliError> {
        let all = self.to_json();
        let Some(value) = all.get(field) else {
            let known: Vec<&str> = all.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            return Err(CliError::Usage(format!(
                "done, but the result has no field {field}; it has {}",
                known.join(", ")
            )));
        };
        let line = |value: &Value| match value {
            Value::String(text) => format!("{text}\n"),
            other => format!("{other}\n"),
        };
        Ok(Self::plain(match value {
            Value::Array(items) => items.iter().map(line).collect(),
            value => line(value),
        }))
    }

    /// One JSON object.
    pub fn to_json(&self) -> Value {
        if let Some(text) = &self.text {
            return json!({ "text": text });
        }
        if let Some(document) = &self.document {
            return document.clone();
        }
        let mut object: Map<String, Value> =
            self.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if let Some(list) = &self.list {
            let row = |row: &Vec<Value>| -> Value {
                let cells = list.columns.iter().zip(row);
                Value::Object(cells.map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
            };
            object.insert(list.name.to_owned(), list.rows.iter().map(row).collect());
        }
        Value::Object(object)
    }

    /// For people, without colours; ends with a line break.
    pub fn to_text(&self) -> String {
        self.to_coloured(Colour::Never)
    }

    /// For people; ends with a line break.
    pub fn to_coloured(&self, colour: Colour) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        if let Some(document) = &self.document {
            return format!("{document:#}\n");
        }
        let mut out = String::new();
        if !self.title.is_empty() {
            out += &self.title;
            out += "\n";
        }
        if !self.fields.is_empty() {
            let mut table = table(colour);
            table.load_style(presets::NOTHING);
            for (name, value) in &self.fields {
                let named = Cell::new(format!("  {}", name.replace('_', " ")));
                table.add_row(vec![named, cell(name, value, shown(value), colour)]);
            }
            push_table(&mut out, &table);
        }
        if let Some(list) = &self.list {
            self.push_list(&mut out, list, colour);
        }
        out
    }

    fn push_list(&self, out: &mut String, list: &List, colour: Colour) {
        if list.rows.is_empty() {
            *out += "  none\n";
            return;
        }
        let ids = self.ids();
        let mut shortened = false;
        let mut table = table(colour);
        table.load_style(LIST_STYLE).set_content_arrangement(ContentArrangement::Dynamic);
        // A column in which nothing stands would only make the others narrower.
        let said: Vec<bool> = (0..list.columns.len())
            .map(|column| list.rows.iter().any(|row| row.get(column).is_some_and(is_something)))
            .collect();
        let named = list.columns.iter().zip(&said).filter(|(_, said)| **said);
        table.set_header(named.map(|(name, _)| name.replace('_', " ")));
        for row in &list.rows {
            let cells = list.columns.iter().zip(row).zip(&said).filter(|(_, said)| **said);
            table.add_row(cells.map(|((name, value), _)| {
                let whole = shown(value);
                let text = if WHOLE.contains(name) { whole.clone() } else { short(&whole, &ids) };
                shortened |= text != whole;
                cell(name, value, text, colour)
            }));
        }
        push_table(out, &table);
        if shortened {
            *out += "  Ids are shown by their first digits: --json has them whole.\n";
        }
    }

    /// All ids and hashes that are printed.
    fn ids(&self) -> BTreeSet<String> {
        let cells = self.list.iter().flat_map(|list| list.rows.iter().flatten());
        let values = self.fields.iter().map(|(_, value)| value).chain(cells).map(shown);
        let texts = std::iter::once(self.title.clone()).chain(values);
        texts.flat_map(|text| words(&text).filter_map(id_digits).map(str::to_owned).collect::<Vec<_>>()).collect()
    }
}

/// Columns whose ids the next command takes: they are shown whole.
const WHOLE: [&str; 2] = ["patient", "doctor"];
/// Fewest digits of an id shown short.
const DIGITS_MIN: usize = 8;

/// What is between signs and spaces.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric())
}

/// The digits of a word that is an id, 32 of them, or a hash, 64.
fn id_digits(word: &str) -> Option<&str> {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let hex = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (hex && matches!(digits.len(), 32 | 64)).then_some(digits)
}

/// `text` with its ids cut to as many digits as tell them apart from all others.
fn short(text: &str, ids: &BTreeSet<String>) -> String {
    let mut out = text.to_owned();
    for digits in words(text).filter_map(id_digits) {
        // The nearest in order share the most.
        let before = ids.range::<str, _>((Unbounded, Excluded(digits))).next_back();
        let after = ids.range::<str, _>((Excluded(digits), Unbounded)).next();
        let shared = |other: &String| digits.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        let shared = before.into_iter().chain(after).map(shared).max();
        let length = shared.map_or(DIGITS_MIN, |shared| DIGITS_MIN.max(shared + 1)).min(digits.len());
        out = out.replacen(digits, &digits[..length], 1);
    }
    out
}

/// A table that is coloured as asked, whatever it finds out by itself.
fn table(colour: Colour) -> Table {
    let mut table = Table::new();
    if colour == Colour::Always {
        table.enforce_styling();
    }
    table
}

/// A cell with `text` for `value`, in the colour of what it says.
fn cell(name: &str, value: &Value, text: String, colour: Colour) -> Cell {
    match tone(name, value).filter(|_| colour == Colour::Always) {
        Some(tone) => Cell::new(text).fg(tone),
        None => Cell::new(text),
    }
}

/// Green for what is permitted or in order, red for what is denied or has to be seen to; none for all else.
fn tone(name: &str, value: &Value) -> Option<Color> {
    match (name, value) {
        ("permitted", Value::Bool(true)) => Some(Color::Green),
        ("permitted", Value::Bool(false)) | ("overdue" | "ended", Value::Bool(true)) | ("error", Value::String(_)) => {
            Some(Color::Red)
        }
        ("status" | "state" | "effect" | "finding", Value::String(word)) => match word.as_str() {
            "active" | "permit" | "justified" => Some(Color::Green),
            "suspended" | "removed" | "struck" | "frozen" | "closed" | "deny" | "unjustified" => Some(Color::Red),
            _ => None,
        },
        _ => None,
    }
}

/// A line under the header and nothing else.
const LIST_STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));

/// A table without the blanks at the ends of its lines.
fn push_table(out: &mut String, table: &Table) {
    for line in table.to_string().lines() {
        *out += line.trim_end();
        *out += "\n";
    }
}

/// A moment: for programs milliseconds would do, but a text says it to both.
pub fn moment_value(moment: Moment) -> Value {
    json!(instant(moment))
}

fn is_something(value: &Value) -> bool {
    !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
