//! What a command prints: for people a table, for programs one JSON object.

use comfy_table::{Cell, ContentArrangement, LineStyle, Table, TableStyle, presets};
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

    /// For people; ends with a line break.
    pub fn to_text(&self) -> String {
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
            let mut table = Table::new();
            table.load_style(presets::NOTHING);
            for (name, value) in &self.fields {
                table.add_row(vec![Cell::new(format!("  {}", name.replace('_', " "))), Cell::new(shown(value))]);
            }
            push_table(&mut out, &table);
        }
        if let Some(list) = &self.list {
            if list.rows.is_empty() {
                out += "  none\n";
            } else {
                let mut table = Table::new();
                table.load_style(LIST_STYLE).set_content_arrangement(ContentArrangement::Dynamic);
                // A column in which nothing stands would only make the others narrower.
                let said: Vec<usize> = (0..list.columns.len())
                    .filter(|column| list.rows.iter().any(|row| row.get(*column).is_some_and(is_something)))
                    .collect();
                table.set_header(said.iter().map(|column| list.columns[*column].replace('_', " ")));
                for row in &list.rows {
                    table.add_row(said.iter().map(|column| row.get(*column).map_or_else(String::new, shown)));
                }
                push_table(&mut out, &table);
            }
        }
        out
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
mod tests {
    use super::*;

    #[test]
    fn one_field_is_printed_alone_and_bare() {
        let output = Output::new("Filed.").with("record", "ab12").with("version", 3u32).with("caps", vec!["a", "b"]);
        for (field, text) in [("record", "ab12\n"), ("version", "3\n"), ("caps", "a\nb\n")] {
            assert_eq!(output.only(field).unwrap().to_text(), text);
        }
        let error = output.only("recrod").unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().ends_with("it has caps, record, version"), "{error}");
    }
}
