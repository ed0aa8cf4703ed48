//! What people do with `salus` on machines of their own, against one node: a token at the door, calls that two of
//! them sign, the council's own acts, and keys that change.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::node::{Node, Plan, program, words};

/// One person's machine: a folder of keys, and how to reach the node.
struct Desk {
    folder: TempDir,
    node: String,
    token: Option<PathBuf>,
}

impl Desk {
    fn at(node: &str) -> Self {
        let desk = Self {
            folder: tempfile::tempdir().expect("there is a place for temporary files"),
            node: node.to_owned(),
            token: None,
        };
        desk.file("passphrase", "good enough for a test", 0o600);
        desk
    }

    /// Make or replace a file here.
    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a temporary folder is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its owner may");
        path
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(program("salus"));
        command.args(line.split_whitespace()).args(["--json", "--node", &self.node]);
        command.arg("--keys").arg(self.folder.path().join("keys"));
        command.arg("--passphrase-file").arg(self.folder.path().join("passphrase"));
        if let Some(token) = &self.token {
            command.arg("--token-file").arg(token);
        }
        command.output().expect("salus starts")
    }

    /// What a command that works prints.
    #[track_caller]
    fn ok(&self, line: &str) -> Value {
        let output = self.run(line);
        assert!(output.status.success(), "salus {line}: {}", words(&output));
        serde_json::from_slice(&output.stdout).expect("one JSON object")
    }

    /// The message of a command that ends with `status`.
    #[track_caller]
    fn refused(&self, line: &str, status: i32) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(status), "salus {line}: {}", words(&output));
        let answer: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        answer["error"]["message"].as_str().expect("a message").to_owned()
    }

    /// Make a key; its address.
    fn key(&self, name: &str) -> String {
        text(&self.ok(&format!("key generate {name} --development")), "address")
    }

    /// The machine of the council's only member.
    fn of_council(node: &str) -> Self {
        let desk = Self::at(node);
        desk.ok("key import council --dev council");
        desk
    }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} of {value}")).to_owned()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// An address where no node is: for what needs none.
const NOWHERE: &str = "ws://127.0.0.1:1";

#[test]
fn a_node_with_a_token_serves_who_shows_it_and_nobody_else() {
    let mut desk = Desk::of_council(NOWHERE);
    let secret = "0123456789abcdef0123456789abcdef";
    let token = desk.file("token", &format!("{secret}\n"), 0o600);
    let plan: Plan = Node::dev().argument("--rpc-token-file").argument(shown(&token));
    let node = plan.start();
    desk.node = node.url();

    assert!(desk.refused("chain status", 1).contains("--token-file"));
    desk.token = Some(desk.file("wrong", &secret.replace('0', "1"), 0o600));
    assert!(desk.refused("chain status", 1).contains("does not take this token"));
    desk.token = Some(desk.file("open", secret, 0o644));
    let open = desk.refused("chain status", 1);
    assert!(open.contains("mode 0644") && !open.contains(secret), "{open}");
    desk.token = Some(token);
    desk.ok("chain status");
    // Reads, a subscription and a submission go the same way.
    desk.key("admin");
    let made = desk.ok("council register-org North --admin-key admin --key council");
    assert_eq!(made["outcome"], "executed");
}

#[test]
fn two_people_sign_one_call_on_two_machines() {
    let node = Node::dev().start();
    let council = Desk::of_council(&node.url());
    let hospital = Desk::at(NOWHERE);
    let admin = hospital.key("admin");
    let file = council.folder.path().join("call.json");
    let call = format!("council register-org North --caps custodian,licensing --admin-key {admin} --key council");

    assert!(council.refused(&call, 2).contains("--cosign-out"));
    let call = format!("{call} --cosign-out {}", shown(&file));
    let made = council.ok(&call);
    assert_eq!(made["needed"], serde_json::json!([admin]));
    let organisation = text(&made, "organisation");
    assert!(council.refused(&call, 1).contains("making"), "nothing is overwritten");
    assert!(council.refused(&format!("org show {organisation}"), 1).contains("is not on the chain"));
    let on = |what: &str| format!("cosign {what} {}", shown(&file));
    assert!(council.refused(&(on("submit") + " --key council"), 1).contains("has not signed yet"));

    // At the hospital there is no node, and what is signed can be read first.
    let read = hospital.ok(&on("show"));
    assert_eq!((text(&read, "name"), text(&read, "admin")), ("North".to_owned(), admin.clone()));
    hospital.ok(&(on("sign") + " --key admin"));

    let hospital = Desk { node: node.url(), ..hospital };
    assert!(hospital.refused(&(on("submit") + " --key admin"), 1).contains("has to submit this call"));
    let done = council.ok(&(on("submit") + " --key council"));
    let events: Vec<&str> = done["events"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(events.contains(&"Council.Executed"), "{events:?}");
    let entry = council.ok(&format!("org show {organisation}"));
    assert_eq!((text(&entry, "name"), text(&entry["officers"][0], "address")), ("North".to_owned(), admin));
    assert!(council.refused(&(on("submit") + " --key council"), 1).contains("nonce"));

    // The chain takes what the new Admin does with it.
    hospital.key("gateway");
    hospital.ok("officer set gateway --roles gateway --key admin");
    let other = format!("officer set gateway --roles gateway,privacy --key admin --cosign-out {}", shown(&file));
    assert!(hospital.refused(&other, 2).contains("nobody has to agree"), "an officer there is agrees to nothing");
}

#[test]
fn the_council_changes_parameters_members_and_its_mind() {
    let node = Node::dev().start();
    let council = Desk::of_council(&node.url());
    let second = Desk::at(&node.url());
    let newcomer = second.key("member");

    let before = council.ok("council status");
    let hasty = council.refused("council set-parameters --root-delay 1h --key council", 1);
    assert!(hasty.contains("outside its bounds"), "where root acts wait, a recovery of seconds is none: {hasty}");
    let set =
        council.ok("council set-parameters --root-delay 1h --recovery-delay 3d --patient-weight 30000 --key council");
    assert_eq!(set["outcome"], "executed", "this chain's delay was nothing until now");
    let after = council.ok("council status");
    assert_eq!((&after["root_delay_ms"], &after["patient_weight"]), (&3_600_000.into(), &30_000.into()));
    assert_eq!(after["practitioner_weight"], before["practitioner_weight"], "what is not named stays");
    let wild = council.refused("council set-parameters --block-interval-min 0 --key council", 1);
    assert!(wild.contains("outside its bounds"), "{wild}");

    let line = format!("council set-members council {newcomer} --threshold 2 --key council");
    let waits = council.ok(&line);
    assert!(text(&waits, "outcome").contains("takes effect at"), "{waits}");
    let cancelled = council.ok(&format!("council cancel {} --key council", waits["motion"]));
    assert_eq!(cancelled["outcome"], "executed");
    let motions = council.ok("council status")["motions"].clone();
    let stage = motions.as_array().expect("a list").iter().find(|motion| motion["number"] == waits["motion"]);
    assert_eq!(stage.expect("the motion is kept")["stage"], "cancelled");
    assert!(second.refused("council cancel 0 --key member", 1).contains("not registered"));

    // The delay itself was set with none, and goes only after it has run out: so another chain shows the members.
    let node = Node::dev().start();
    let (council, second) = (Desk { node: node.url(), ..council }, Desk { node: node.url(), ..second });
    assert_eq!(council.ok(&line)["outcome"], "executed");
    let status = council.ok("council status");
    assert_eq!((&status["threshold"], &status["members"][1]), (&2.into(), &newcomer.into()));
    let open = council.ok("council set-parameters --patient-weight 30000 --key council");
    assert!(text(&open, "outcome").contains("needs more votes"), "{open}");
    let voted = second.ok(&format!("council vote {} --key member", open["motion"]));
    assert_eq!(voted["outcome"], "executed");
}

#[test]
fn a_patient_takes_a_new_key_on_a_new_telephone() {
    let node = Node::dev().start();
    let council = Desk::of_council(&node.url());
    council.key("admin");
    let organisation = text(&council.ok("council register-org North --admin-key admin --key council"), "organisation");
    council.key("registrar");
    council.ok("officer set registrar --roles registrar --key admin");
    council.ok("patient invite invitation --key registrar");
    council.key("old");
    council.ok("key generate seal --kind kem --development");
    let patient = text(&council.ok("patient register --invite-key invitation --kem-key seal --key old"), "patient");

    let telephone = Desk::at(&node.url());
    let new = telephone.key("new");
    let file = council.folder.path().join("rotation.json");
    council.ok(&format!("key rotate {new} --key old --cosign-out {}", shown(&file)));
    let read = telephone.ok(&format!("cosign show {}", shown(&file)));
    assert_eq!(read["added"], serde_json::json!([new]));
    telephone.ok(&format!("cosign sign {} --key new", shown(&file)));
    council.ok(&format!("cosign submit {} --key old", shown(&file)));

    let grant = format!("consent grant --patient {patient} --to-org {organisation}");
    assert!(council.refused(&format!("{grant} --key old"), 1).contains("signer"), "the old key is nobody's");
    telephone.ok(&format!("{grant} --key new"));
    let session = telephone.key("ward");
    telephone.ok("key add ward --session 8h --key new");
    assert_eq!(telephone.ok("key show ward --chain")["ended"], false);
    telephone.ok(&format!("key end {session} --key new"));
    assert_eq!(telephone.ok("key show ward --chain")["ended"], true);
    let last = telephone.refused("key end new --key new", 1);
    assert!(last.contains("LastKey"), "{last}");
}
