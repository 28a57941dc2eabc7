//! nginx configurations come from machines that nobody has seen: whatever the text, reading it ends with a
//! complaint or with a file that the gateway itself accepts, and with a word about each directive. Where it does not
//! accept the file, that is said; FUZZ_STRICT=1 looks for such files, each of which is to be mended.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use wsgate::config;
use wsgate::import::{Fate, import_text};

fuzz_target!(|text: &str| {
    let imported = match import_text(Path::new("nginx.conf"), text) {
        Ok(imported) => imported,
        Err(errors) => return assert!(!errors.is_empty(), "refused without a reason"),
    };
    for entry in &imported.report.entries {
        assert!(!entry.reason.is_empty() || entry.fate == Fate::Carried, "{entry:?}");
    }
    if let Some(flaw) = &imported.flaw {
        assert!(std::env::var_os("FUZZ_STRICT").is_none(), "{}\n{flaw}", imported.toml);
    } else if imported.sites > 0 {
        let parsed = config::parse(Path::new("gateway.toml"), &imported.toml, &|_| None);
        let (config, _) = parsed.unwrap_or_else(|report| panic!("{}", report.render()));
        assert_eq!(config.sites.len(), imported.sites);
    }
});
