//! How output looks: short ids, and colours for those who see them.

use super::*;

const ONE: &str = "0123456789abcdef0123456789abcdef";
const NEAR: &str = "0123456789abffffffffffffffffffff";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn listed(columns: &'static [&'static str], rows: &[&[&str]]) -> Output {
    let rows = rows.iter().map(|row| row.iter().map(|text| Value::from(*text)).collect()).collect();
    Output::new("").with_list("rows", columns, rows)
}

#[test]
fn ids_in_a_list_are_short_and_longer_where_two_begin_alike() {
    let text = listed(&["record", "who"], &[&[ONE, "doctor fedcba9876543210fedcba9876543210 at home"]]).to_text();
    assert!(text.contains("01234567 ") && text.contains("doctor fedcba98 at home"), "{text}");
    assert!(text.ends_with("--json has them whole.\n"), "{text}");
    let text = listed(&["record"], &[&[ONE], &[NEAR], &[OTHER]]).to_text();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(
        words.contains(&"0123456789abc") && words.contains(&"0123456789abf") && words.contains(&"fedcba98"),
        "{text}"
    );
}

#[test]
fn an_id_elsewhere_in_the_output_counts_when_others_are_shortened() {
    let output = listed(&["record"], &[&[ONE]]).with("newest", NEAR);
    let text = output.to_text();
    assert!(text.contains(NEAR), "a field is whole: {text}");
    assert!(text.lines().any(|line| line.trim() == "0123456789abc"), "{text}");
}

#[test]
fn a_hash_keeps_what_says_that_it_is_one_and_other_words_stay_whole() {
    let hash = format!("0x{}", "ab".repeat(32));
    let address = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu";
    let text =
        listed(&["digest", "address", "number"], &[&[&hash, address, "1234567890123456789012345678901"]]).to_text();
    assert!(text.contains("0xabababab "), "{text}");
    assert!(text.contains(address) && text.contains("1234567890123456789012345678901"), "{text}");
    let both = listed(&["pair"], &[&[&format!("{ONE}/{OTHER}")]]).to_text();
    assert!(both.contains("01234567/fedcba98"), "{both}");
}

#[test]
fn whom_the_next_command_asks_for_is_named_whole() {
    let text = listed(&["patient", "doctor"], &[&[ONE, OTHER]]).to_text();
    assert!(text.contains(ONE) && text.contains(OTHER), "{text}");
    assert!(!text.contains("--json"), "nothing was cut: {text}");
}

#[test]
fn programs_get_whole_ids_and_no_colours() {
    let output = listed(&["record", "status"], &[&[ONE, "suspended"]]).with("permitted", false);
    let json = output.to_json();
    assert_eq!(json, json!({"permitted": false, "rows": [{"record": ONE, "status": "suspended"}]}));
    assert!(!json.to_string().contains('\u{1b}'));
}

fn verdicts() -> Output {
    let rows = vec![vec!["a".into(), true.into()], vec!["b".into(), false.into()]];
    Output::new("Verdicts").with("status", "active").with_list("entries", &["record", "permitted"], rows)
}

#[test]
fn nothing_is_coloured_where_no_terminal_shows_it() {
    let file = || tempfile::tempfile().unwrap();
    let pipe = console::Term::read_write_pair(file(), file());
    assert_eq!(Colour::of(&pipe), Colour::Never);
    assert!(!verdicts().to_coloured(Colour::of(&pipe)).contains('\u{1b}'));
    assert!(!verdicts().to_text().contains('\u{1b}'));
}

#[test]
fn what_decides_is_green_or_red_and_all_else_is_plain() {
    let bool = Value::Bool;
    assert_eq!(tone("permitted", &bool(true)), Some(Color::Green));
    assert_eq!(tone("permitted", &bool(false)), Some(Color::Red));
    assert_eq!(tone("overdue", &bool(true)), Some(Color::Red));
    assert_eq!(tone("overdue", &bool(false)), None);
    assert_eq!(tone("served", &bool(true)), None);
    assert_eq!(tone("effect", &"deny".into()), Some(Color::Red));
    assert_eq!(tone("status", &"active".into()), Some(Color::Green));
    assert_eq!(tone("name", &"active".into()), None);
}

#[test]
fn colours_change_no_word_of_what_is_said() {
    let coloured = verdicts().to_coloured(Colour::Always);
    assert!(coloured.contains('\u{1b}'), "{coloured:?}");
    // An escape ends at its first letter.
    let mut plain = String::new();
    let mut letters = coloured.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                let _ = letters.by_ref().find(char::is_ascii_alphabetic);
            }
            other => plain.push(other),
        }
    }
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&plain), words(&verdicts().to_text()));
}

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
