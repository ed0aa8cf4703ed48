//! Help: what it shows can be typed, and the commands it names are there.

use clap::CommandFactory as _;

use super::{Cli, tests::parse};

/// Every text that a command's help shows, its subcommands' too.
fn texts(command: &clap::Command, into: &mut Vec<String>) {
    let own = [
        command.get_about(),
        command.get_long_about(),
        command.get_before_help(),
        command.get_after_help(),
        command.get_after_long_help(),
    ];
    into.extend(own.into_iter().flatten().map(ToString::to_string));
    let arguments = command.get_arguments().flat_map(|argument| [argument.get_help(), argument.get_long_help()]);
    into.extend(arguments.flatten().map(ToString::to_string));
    command.get_subcommands().for_each(|inner| texts(inner, into));
}

fn all() -> Vec<String> {
    let mut all = Vec::new();
    texts(&Cli::command(), &mut all);
    all
}

#[test]
fn every_example_in_the_help_can_be_typed() {
    let joined = all().join("\n").replace(" \\\n", " ");
    let examples: Vec<&str> = joined.lines().filter(|line| line.starts_with("  salus ")).collect();
    assert!(examples.len() >= 8, "{examples:?}");
    for example in examples {
        let line = example.split(" #").next().unwrap_or(example).replace("RECORD", "4f1c");
        parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

/// Does a command line that begins so lead to a command? Words count until one is no name of a subcommand.
fn is_a_command(line: &str) -> bool {
    let mut command = Cli::command();
    for word in line.split_whitespace().skip(1) {
        if !command.has_subcommands() {
            return true;
        }
        match command.find_subcommand(word) {
            Some(found) => command = found.clone(),
            // What follows the name of a group that takes commands is a command, or nothing is said of it.
            None => return false,
        }
    }
    true
}

#[test]
fn help_and_advice_name_only_commands_that_there_are() {
    let mut said = all();
    said.push(include_str!("../chain/explain.rs").to_owned());
    let said = said.join("\n");
    let named: Vec<&str> = said.split('`').skip(1).step_by(2).filter(|text| text.starts_with("salus ")).collect();
    assert!(named.len() >= 20, "{named:?}");
    for line in named {
        assert!(is_a_command(line), "{line}");
    }
    assert!(is_a_command("salus patient status freeze"));
    assert!(!is_a_command("salus council motions"));
}
