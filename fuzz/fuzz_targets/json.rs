//! Whatever `cjson.decode` is given, it is refused, or read, and what was read is written as what is read again.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use nuthatch_fuzz::sandbox::Sandbox;
use nuthatch_scripting::Script;

/// The first byte of the input chooses the settings.
const CHECK: &str = "
    local function must(holds, what) if not holds then error({err = 'VIOLATION ' .. what}) end end
    local choices, text = KEYS[1]:byte() or 0, KEYS[1]:sub(2)
    local function chosen(bit) return math.floor(choices / 2 ^ bit) % 2 == 1 end
    if chosen(0) then cjson.decode_invalid_numbers(chosen(1)) end
    if chosen(2) then cjson.decode_array_with_array_mt(true) end
    if chosen(3) then cjson.encode_invalid_numbers('null') end
    if chosen(4) then cjson.encode_sparse_array(true) end
    if chosen(5) then cjson.encode_number_precision(3) end
    if chosen(6) then cjson.decode_max_depth(10) end
    if chosen(7) then cjson.encode_max_depth(10) end
    local read, value = pcall(cjson.decode, text)
    if not read then return end
    local wrote, first = pcall(cjson.encode, value)
    if not wrote then return end
    if not chosen(6) then
        local read_again, again = pcall(cjson.decode, first)
        must(read_again or not chosen(0) and first:find('[nN][aA]?[nN]') or first:find('inf'), 'what was written is not read')
        if read_again then
            local wrote_again, second = pcall(cjson.encode, again)
            must(wrote_again and #second == #first, 'what was read again is another')
        end
    end
";

thread_local! {
    static STATE: RefCell<(Sandbox, Script)> = RefCell::new({
        let sandbox = Sandbox::default();
        let script = sandbox.compile(CHECK.as_bytes()).expect("a script");
        (sandbox, script)
    });
}

fuzz_target!(|data: &[u8]| {
    STATE.with_borrow_mut(|(sandbox, script)| sandbox.run(script, &[data]));
});
