//! docs/paper.md says what every claim of the paper is here, by a command each. All of them are typed, from top to
//! bottom, in the scene that the page names, and end as the page says.

#[path = "support/program.rs"]
mod support;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use support::program;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    Refused,
}

/// One claim.
struct Row {
    line: usize,
    command: String,
    ending: Ending,
    /// What is printed among other things.
    text: String,
    /// File and name of a test.
    test: (String, String),
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The cells of a line of a table. A bar within backticks is none between cells.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for letter in line.trim().trim_start_matches('|').trim_end_matches('|').chars() {
        quoted ^= letter == '`';
        match letter {
            '|' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().expect("there is one from the start").push(letter),
        }
    }
    cells.into_iter().map(|cell| cell.trim().to_owned()).collect()
}

fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The page's rows, in order. Whoever forgets a cell is told the line.
fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root().join("docs/paper.md")).expect("docs/paper.md is there");
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(page.lines()).filter(|(_, text)| text.starts_with('|')) {
        let cells = cells(text);
        if cells[0] == "The claim" || cells[0].starts_with("---") {
            continue;
        }
        assert!(cells.len() == 5 && cells.iter().all(|cell| !cell.is_empty()), "line {line} has an empty cell: {text}");
        let (ending, printed) = cells[3].split_once(": ").unwrap_or_else(|| panic!("line {line}: how does it end?"));
        let ending = match ending {
            "done" => Ending::Done,
            "refused" => Ending::Refused,
            other => panic!("line {line}: {other} is no way to end"),
        };
        let (command, printed, test) = (quoted(&cells[2]), quoted(printed), quoted(&cells[4]));
        let ([command], [printed], [file, name]) = (&command[..], &printed[..], &test[..]) else {
            panic!("line {line}: one command, one text, and one test by file and name: {text}")
        };
        let test = ((*file).to_owned(), (*name).to_owned());
        rows.push(Row { line, command: (*command).to_owned(), ending, text: (*printed).to_owned(), test });
    }
    rows
}

#[test]
fn every_claim_of_the_paper_has_a_test_that_is_there() {
    for Row { line, test: (file, name), .. } in rows() {
        let text =
            fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("line {line}: {file}: {error}"));
        let begins = format!("fn {name}(");
        let place = text.find(&begins).unwrap_or_else(|| panic!("line {line}: {file} has no test {name}"));
        let before = text[..place].trim_end_matches("async ").trim_end();
        assert!(before.ends_with(']'), "line {line}: {name} in {file} is no test");
    }
}

#[test]
fn every_section_of_the_paper_and_each_of_its_ten_requirements_is_there() {
    let page = fs::read_to_string(root().join("docs/paper.md")).expect("docs/paper.md is there");
    for section in ["## Section 3", "## Section 4", "## Section 5"] {
        assert!(page.contains(section), "{section}");
    }
    for number in 1..=10 {
        assert_eq!(page.matches(&format!("\n| {number}. ")).count(), 1, "requirement {number}");
    }
}

#[test]
fn every_command_of_the_page_ends_as_it_says() {
    let rows = rows();
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    fs::create_dir(&out).expect("a temporary folder is writable");
    // One shell types them all, for a command sets what later ones need.
    let mut script = String::from(". ./env\n");
    for (number, row) in rows.iter().enumerate() {
        let typed = out.join(format!("{number}.sh"));
        fs::write(&typed, format!("{}\n", row.command)).expect("a temporary folder is writable");
        let (typed, said) = (typed.display(), out.join(format!("{number}.said")).display().to_string());
        writeln!(script, ". {typed} >{said} 2>&1; echo $? >>{}", out.join("endings").display())
            .expect("a text takes what is written");
    }
    let walk = scratch.path().join("walk.sh");
    fs::write(&walk, script).expect("a temporary folder is writable");

    let programs = program("salus");
    let scene = Command::new(root().join("scripts/scene"))
        .arg("--programs")
        .arg(programs.parent().expect("a program lies in a folder"))
        .arg(scratch.path().join("scene"))
        .args(["--", "bash"])
        .arg(&walk)
        .output()
        .expect("the scene starts");
    let endings = fs::read_to_string(out.join("endings")).unwrap_or_default();
    let endings: Vec<&str> = endings.lines().collect();
    let told = String::from_utf8_lossy(&scene.stderr);
    assert_eq!(endings.len(), rows.len(), "the scene broke off: {told}");

    let mut wrong = String::new();
    for ((number, row), status) in rows.iter().enumerate().zip(endings) {
        let said = fs::read_to_string(out.join(format!("{number}.said"))).unwrap_or_default();
        let ending = if status == "0" { Ending::Done } else { Ending::Refused };
        // A table's blanks and a terminal's line breaks say nothing.
        let plain = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if ending != row.ending || !plain.contains(&row.text) {
            writeln!(
                wrong,
                "line {}: {}\nexpected {:?}: {}\nfound status {status}:\n{said}",
                row.line, row.command, row.ending, row.text
            )
            .expect("a text takes what is written");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
