//! Whatever `cmsgpack.unpack` is given, it is refused, or read in the same way at once and one by one, and what was read
//! is packed to what is read again.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use nuthatch_fuzz::sandbox::Sandbox;
use nuthatch_scripting::Script;

const CHECK: &str = "
    local function must(holds, what) if not holds then error({err = 'VIOLATION ' .. what}) end end
    local function packed(...) return {n = select('#', ...), ...} end
    local data = KEYS[1]
    local all = packed(pcall(cmsgpack.unpack, data))
    if not all[1] and all[2]:find('memory') then return end
    local place, count = 0, 0
    repeat
        local one = packed(pcall(cmsgpack.unpack_one, data, place))
        if not one[1] then
            must(not all[1] or one[2]:find('memory'), 'not read one by one')
            return
        end
        must(one[2] == -1 or one[2] > place, 'no step ahead')
        place, count = one[2], count + one.n - 2
    until place == -1 or count == 100
    if place == -1 then must(all[1] and all.n - 1 == count, 'another count one by one') end
    for limit = 1, 3 do
        local some = packed(pcall(cmsgpack.unpack_limit, data, limit, 0))
        must(not some[1] or some[2] == -1 or some.n - 2 == limit, 'another count with a limit')
    end
    if not all[1] or all.n == 1 or all.n > 1000 then return end
    local again = packed(cmsgpack.unpack(cmsgpack.pack(unpack(all, 2, all.n))))
    must(again.n == all.n - 1, 'another count again')
    cmsgpack.pack(unpack(again, 1, again.n))
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
