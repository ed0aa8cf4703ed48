//! The configuration file: what it may say, and what is told about what it may not.

use super::*;

const WHOLE: &str = r#"
organisation = "01010101010101010101010101010101"
base_path = "data"

[chain]
genesis = "0x4747474747474747474747474747474747474747474747474747474747474747"
node = "ws://127.0.0.1:9945"

[listen]
address = "127.0.0.1:0"

[keys]
officer = "officer.json"
keyring = "keys"
passphrase_file = "/secret/passphrase"

[store]
folder = "store"

[metrics]
listen = "127.0.0.1:9616"

[log]
format = "json"
"#;

fn load(text: &str, args: RunArgs) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    fs::write(&path, text).unwrap();
    let config = Config::load(&RunArgs { config: path, ..args });
    config.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "FOLDER"))
}

#[test]
fn a_whole_file_is_read_and_what_it_names_lies_beside_it() {
    let config = load(WHOLE, RunArgs::default()).unwrap();
    assert_eq!(config.organisation, OrganisationId([1; 16]));
    assert_eq!(config.genesis, Hash([0x47; 32]));
    assert_eq!((config.node.as_str(), config.log_format), ("ws://127.0.0.1:9945", LogFormat::Json));
    assert!(config.keys.keyring.ends_with("keys") && config.keys.keyring.is_absolute());
    assert_eq!(config.keys.passphrase, Path::new("/secret/passphrase"));
    assert!(config.store.folder.unwrap().is_absolute());
    assert_eq!(config.limits.blob_bytes, Limits::default().blob_bytes);
}

#[test]
fn a_flag_goes_before_the_file() {
    let args = RunArgs {
        listen: Some("127.0.0.1:7000".parse().unwrap()),
        node: Some("ws://127.0.0.1:1".to_owned()),
        log_format: Some(LogFormat::Human),
        log_filter: Some("debug".to_owned()),
        ..RunArgs::default()
    };
    let config = load(WHOLE, args).unwrap();
    assert_eq!((config.listen.address.port(), config.node.as_str()), (7_000, "ws://127.0.0.1:1"));
    assert_eq!((config.log_format, config.log_filter.as_deref()), (LogFormat::Human, Some("debug")));
}

#[test]
fn a_key_nobody_knows_is_refused_with_its_line_and_the_nearest_one() {
    let error = load(&WHOLE.replace("keyring", "keyrign"), RunArgs::default()).unwrap_err();
    assert!(error.contains("unknown field `keyrign`") && error.contains("did you mean `keyring`?"), "{error}");
    assert!(error.contains("line 14"), "{error}");
    let error = load(&format!("{WHOLE}\n[colours]\nsky = 1\n"), RunArgs::default()).unwrap_err();
    assert!(error.contains("unknown field `colours`") && !error.contains("did you mean"), "{error}");
}

#[test]
fn a_value_that_does_not_do_is_named_by_its_key() {
    for (old, new, key) in [
        ("organisation = \"01", "organisation = \"0g", "organisation"),
        ("genesis = \"0x47", "genesis = \"0x4", "chain.genesis"),
        ("listen = \"127.0.0.1:9616\"", "listen = \"0.0.0.0:9616\"", "metrics.listen"),
        ("address = \"127.0.0.1:0\"", "certificate = \"chain.pem\"", "listen.certificate"),
    ] {
        let error = load(&WHOLE.replace(old, new), RunArgs::default()).unwrap_err();
        assert!(error.contains(&format!("gateway.toml: {key} ")), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_path() {
    let error = Config::load(&RunArgs { config: "/nowhere/gateway.toml".into(), ..RunArgs::default() }).unwrap_err();
    assert!(error.to_string().contains("/nowhere/gateway.toml"), "{error}");
}
