//! Makes the schema that bundles are checked by, from HL7's files. `scripts/setup` runs it.
//!
//! ```text
//! salus-fhir-schema HL7-SCHEMA DEFINITIONS... OUT
//! ```

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use serde_json::Value;

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [schema, definitions @ .., out] = arguments else {
        return Err("usage: salus-fhir-schema HL7-SCHEMA DEFINITIONS... OUT".into());
    };
    let read = |path: &String| -> Result<Value, Box<dyn Error>> {
        let bytes = fs::read(path).map_err(|error| format!("reading {path} failed: {error}"))?;
        Ok(serde_json::from_slice(&bytes).map_err(|error| format!("{path}: {error}"))?)
    };
    let definitions = definitions.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let patched = salus_fhir::patch::patch(read(schema)?, &definitions)?;
    // Never half a file under the name that programs read.
    let temporary = Path::new(out).with_extension("new");
    fs::write(&temporary, serde_json::to_vec(&patched)?)?;
    Ok(fs::rename(&temporary, out)?)
}
