//! Whatever scripts are, the interpreter goes on: it does not crash, uses no more memory than it may, and keeps nothing.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use nuthatch_fuzz::author;
use nuthatch_fuzz::sandbox::Sandbox;

thread_local! {
    static SANDBOX: RefCell<Sandbox> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let source = if kind % 8 == 0 { bytes.to_vec() } else { author::script(&mut Unstructured::new(bytes)) };
    SANDBOX.with_borrow_mut(|sandbox| {
        let arguments = [&b"key"[..], bytes];
        if kind % 8 == 1 {
            let library =
                [b"redis.register_function('f', function(KEYS, ARGV) ", &source[..], b" end)"].concat();
            sandbox.load(&library, &arguments);
        } else if let Ok(script) = sandbox.compile(&source) {
            sandbox.run(&script, &arguments);
        }
    });
});
