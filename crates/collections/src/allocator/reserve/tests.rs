use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;

use super::*;

fn reserve(pages: usize, ahead: usize) -> Reserve {
    Reserve::new(pages * PAGE, ahead * PAGE, true).unwrap()
}

impl Reserve {
    /// Whether an address was handed out.
    pub(crate) fn contains(&self, address: usize) -> bool {
        let taken = self.taken.load(Ordering::Relaxed);
        (self.base.addr().get()..self.base.addr().get() + taken).contains(&address)
    }

    /// How many bytes of the range are in memory, as the system says: proc_pid_pagemap(5).
    fn resident(&self) -> usize {
        /// Pages as the system counts them.
        const SMALL_PAGE: usize = 4096;
        const WORD: usize = size_of::<u64>();
        const PRESENT: u64 = 1 << 63;
        let mut words = vec![0; self.len / SMALL_PAGE * WORD];
        let map = File::open("/proc/self/pagemap").unwrap();
        map.read_exact_at(&mut words, (self.base.addr().get() / SMALL_PAGE * WORD) as u64).unwrap();
        let words = words.chunks_exact(WORD).map(|word| u64::from_ne_bytes(word.try_into().unwrap()));
        words.filter(|word| word & PRESENT != 0).count() * SMALL_PAGE
    }
}

#[test]
#[cfg_attr(miri, ignore = "asks the system for huge pages")]
fn no_byte_is_handed_out_twice_and_all_are_aligned() {
    let reserve = reserve(64, 0);
    let sizes = [4096, 12_288, PAGE, PAGE / 2, 5 * 4096];
    let mut parts: Vec<(usize, usize)> = thread::scope(|scope| {
        let takers: Vec<_> = (0..4)
            .map(|number| {
                let reserve = &reserve;
                scope.spawn(move || {
                    let mut parts = Vec::new();
                    for round in number.. {
                        let size = sizes[round % sizes.len()];
                        let align = 4096 << (round % 10);
                        let Some(part) = reserve.take(size, align) else { return parts };
                        assert!(part.addr().get().is_multiple_of(align));
                        parts.push((part.addr().get(), size));
                    }
                    parts
                })
            })
            .collect();
        takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
    });
    parts.sort_unstable();
    assert!(parts.len() > 64);
    assert!(parts.is_sorted_by(|(start, size), (next, _)| start + size <= *next), "some overlap");
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    assert_eq!(first.0, reserve.base.addr().get());
    assert!(last.0 + last.1 <= first.0 + 64 * PAGE, "beyond the end");
}

#[test]
#[cfg_attr(miri, ignore = "asks the system for huge pages")]
fn what_is_too_much_or_cannot_be_aligned_is_refused_and_the_rest_still_handed_out() {
    let reserve = reserve(2, 0);
    assert_eq!(reserve.take(3 * PAGE, 4096), None);
    assert_eq!(reserve.take(usize::MAX, 4096), None);
    assert_eq!(reserve.take(4096, 2 * PAGE), None);
    assert!(reserve.take(4096, 4096).is_some());
    assert_eq!(reserve.take(2 * PAGE, 4096), None);
    assert!(reserve.take(2 * PAGE - 4096, 4096).is_some());
    assert_eq!(reserve.take(4096, 4096), None);
}

#[test]
#[cfg_attr(miri, ignore = "asks the system for huge pages")]
fn so_much_is_prepared_as_is_wanted_ahead_and_no_more() {
    let reserve = reserve(16, 3);
    while reserve.prepare() {}
    assert_eq!(reserve.resident(), 3 * PAGE);
    reserve.take(PAGE + 4096, 4096).unwrap();
    while reserve.prepare() {}
    // The last page that was begun is needed as a whole.
    assert_eq!(reserve.resident(), 5 * PAGE);
}

#[test]
#[cfg_attr(miri, ignore = "asks the system for huge pages")]
fn preparing_catches_up_without_looking_back_and_ends_at_the_end() {
    let reserve = reserve(8, 2);
    reserve.take(5 * PAGE, PAGE).unwrap();
    while reserve.prepare() {}
    assert_eq!(reserve.resident(), 2 * PAGE);
    reserve.take(2 * PAGE, PAGE).unwrap();
    while reserve.prepare() {}
    assert_eq!(reserve.resident(), 3 * PAGE);
}

#[test]
#[cfg_attr(miri, ignore = "asks the system for huge pages")]
fn preparing_leaves_what_was_written() {
    let reserve = reserve(2, 2);
    let words = reserve.take(PAGE, PAGE).unwrap().cast::<u64>();
    // SAFETY: the page was handed out to this test, zeroed.
    unsafe {
        assert_eq!(words.read(), 0);
        words.write(7);
        while reserve.prepare() {}
        assert_eq!(words.read(), 7);
    }
}
