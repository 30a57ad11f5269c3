//! Whatever format and data `struct.unpack` is given, it stays inside the data, and what it reads has the size that
//! `struct.size` tells; `struct.pack` takes whatever it is given.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use nuthatch_fuzz::sandbox::Sandbox;
use nuthatch_scripting::Script;

const CHECK: &str = "
    local function must(holds, what) if not holds then error({err = 'VIOLATION ' .. what}) end end
    local format, data = KEYS[1], ARGV[1]
    local offset = tonumber(ARGV[2])
    local function packed(...) return {n = select('#', ...), ...} end
    local sized, size = pcall(struct.size, format)
    local values = packed(pcall(struct.unpack, format, data))
    if values[1] then
        must(values[values.n] - 1 <= #data, 'behind the end of the data')
        if sized then must(values[values.n] - 1 == size, 'another size read') end
        pcall(struct.pack, format, unpack(values, 2, values.n - 1))
    end
    values = packed(pcall(struct.unpack, format, data, offset))
    -- An empty format reads nothing, and the place stays where it was.
    if values[1] and values.n > 2 then must(values[values.n] - 1 <= #data, 'behind the end of the data from an offset') end
    local written, text = pcall(struct.pack, format, offset, offset, offset, offset, data, data, offset, data)
    if written and sized then must(#text >= size, 'shorter than its size') end
    pcall(struct.pack, format, data, data, data, data)
    pcall(struct.pack, format, offset, {}, data, true)
";

/// What formats consist of. Other bytes stand for themselves.
const LETTERS: &[u8] = b"bBhHlLTfdnsixcI0123456789<>! =c0i8!4";

/// The format that bytes stand for: half of them for what a format consists of.
fn format_of(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| LETTERS.get(usize::from(*byte ^ 0x80)).copied().unwrap_or(*byte)).collect()
}

thread_local! {
    static STATE: RefCell<(Sandbox, Script)> = RefCell::new({
        let sandbox = Sandbox::default();
        let script = sandbox.compile(CHECK.as_bytes()).expect("a script");
        (sandbox, script)
    });
}

fuzz_target!(|input: (&[u8], f64, i16, bool, &[u8])| {
    let (data, anywhere, near, is_near, format) = input;
    let offset = if is_near { near.to_string() } else { format!("{anywhere:e}") };
    let format = format_of(&format[..format.len().min(200)]);
    STATE.with_borrow_mut(|(sandbox, script)| sandbox.run(script, &[&format, data, offset.as_bytes()]));
});
