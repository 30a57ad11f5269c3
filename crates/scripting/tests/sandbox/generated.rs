//! Scripts that are made at random: whatever they are, the interpreter goes on.
//!
//! `NUTHATCH_MUTATIONS` says how many (2,000 unless told), `NUTHATCH_SEED` which.

use std::env;

use nuthatch_testkit::scripts::Scripts;

use crate::Sandbox;

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn generated_scripts_neither_crash_nor_leak() {
    let mut scripts = Scripts::new(number("NUTHATCH_SEED", 1));
    let count = number("NUTHATCH_MUTATIONS", 2000);
    let sandbox = Sandbox::new();
    let collected = || {
        sandbox.run("collectgarbage() collectgarbage()").expect("it may be asked for");
        sandbox.interpreter.memory()
    };
    let _ = collected();
    let before = collected();
    for turn in 0..count {
        let script = if turn % 3 == 0 { scripts.broken() } else { scripts.valid() };
        // Kept where it can be found if the process ends.
        if let Some(file) = env::var_os("NUTHATCH_LAST_SCRIPT") {
            std::fs::write(file, &script).expect("the file can be written");
        }
        let _ = sandbox.run_bytes(&script);
        if turn % 1000 == 999 {
            let now = collected();
            assert!(now < before + 256 * 1024, "{now} bytes are left of {before} after {turn} scripts");
        }
    }
    sandbox.holds("return true");
}
