use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use proptest::prelude::*;

use super::page::{SLAB_BYTES, Slab};
use super::*;

/// Objects that are in use, by address, with their sizes and what is written all over them.
#[derive(Default)]
struct Twin(BTreeMap<usize, (NonNull<u8>, usize, u8)>);

impl Twin {
    fn allocate(&mut self, bytes: usize, fill: u8) {
        let object = allocate(bytes);
        let address = object.addr().get();
        assert_eq!(address % STEP_BYTES, 0);
        assert!(address % SLAB_BYTES + bytes <= SLAB_BYTES, "it reaches beyond its slab");
        let before = self.0.range(..=address).next_back();
        assert!(
            before.is_none_or(|(start, (_, bytes, _))| start + bytes <= address),
            "it overlaps the one before"
        );
        let after = self.0.range(address..).next();
        assert!(after.is_none_or(|(start, _)| address + bytes <= *start), "it overlaps the one behind");
        // SAFETY: the object has so many bytes.
        unsafe { object.write_bytes(fill, bytes) };
        self.0.insert(address, (object, bytes, fill));
    }

    fn release(&mut self, index: usize) {
        let Some(address) = self.0.keys().nth(index % self.0.len().max(1)).copied() else { return };
        let Some((object, bytes, fill)) = self.0.remove(&address) else { return };
        check(object, bytes, fill);
        // SAFETY: it was allocated with this size, and is forgotten.
        unsafe { release(object, bytes) };
    }

    fn release_all(&mut self) {
        while !self.0.is_empty() {
            self.release(0);
        }
    }
}

fn check(object: NonNull<u8>, bytes: usize, fill: u8) {
    // SAFETY: the object has so many bytes, all written.
    let content = unsafe { std::slice::from_raw_parts(object.as_ptr(), bytes) };
    assert!(content.iter().all(|byte| *byte == fill), "somebody else has written to it");
}

fn sizes() -> impl Strategy<Value = usize> {
    const STEPS_MAX: usize = OBJECT_BYTES_MAX / STEP_BYTES;
    prop_oneof![Just(11), Just(STEPS_MAX), 1..=STEPS_MAX].prop_map(|steps| steps * STEP_BYTES)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

    #[test]
    fn objects_in_use_are_apart_and_keep_their_content(
        steps in prop::collection::vec((any::<bool>(), sizes(), any::<usize>(), any::<u8>()), 1..if cfg!(miri) { 60 } else { 2_000 }),
    ) {
        let mut twin = Twin::default();
        for (allocates, bytes, index, fill) in steps {
            if allocates {
                twin.allocate(bytes, fill);
            } else {
                twin.release(index);
            }
        }
        twin.release_all();
    }
}

#[test]
fn the_fullest_slabs_are_filled_first_so_that_others_become_empty() {
    // A size that no other test uses.
    const BYTES: usize = 504;
    let per_slab = SLAB_BYTES / BYTES;
    thread::spawn(move || {
        let count = if cfg!(miri) { 3 } else { 20 } * per_slab;
        let mut objects: Vec<NonNull<u8>> = (0..count).map(|_| allocate(BYTES)).collect();
        // SAFETY: here and below, the slabs of objects in use exist, and what is released is forgotten.
        unsafe {
            // One of four stays of the first half, three of four of the second.
            let mut kept = Vec::new();
            for (index, object) in objects.drain(..).enumerate() {
                let stays = if index < count / 2 { index % 4 == 0 } else { index % 4 != 0 };
                if stays { kept.push(object) } else { release(object, BYTES) }
            }
            let live = |object: &NonNull<u8>| Slab::live(Slab::of(*object));
            let sparse = kept.iter().filter(|object| live(object) < per_slab / 2).count();
            for _ in 0..count / 8 {
                kept.push(allocate(BYTES));
            }
            let sparse_after = kept.iter().filter(|object| live(object) < per_slab / 2).count();
            // Some were at hand.
            assert!(sparse_after <= sparse + 16, "{sparse_after} objects in sparse slabs, {sparse} before");
            kept.into_iter().for_each(|object| release(object, BYTES));
        }
    })
    .join()
    .expect("the thread succeeds");
}

#[test]
fn what_one_thread_allocates_others_may_release() {
    const ROUNDS: usize = if cfg!(miri) { 60 } else { 20_000 };
    /// Objects on their way between threads.
    struct Sent(NonNull<u8>, usize, u8);
    // SAFETY: an object belongs to whoever has it.
    unsafe impl Send for Sent {}
    thread::scope(|scope| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<Sent>()).unzip();
        for (number, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(number + 1) % 3].clone();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let bytes = (1 + round % 7) * 3 * STEP_BYTES;
                    let object = allocate(bytes);
                    let fill = (round ^ number) as u8;
                    // SAFETY: the object has so many bytes.
                    unsafe { object.write_bytes(fill, bytes) };
                    let _ = next.send(Sent(object, bytes, fill));
                    if let Ok(Sent(object, bytes, fill)) = receiver.try_recv() {
                        check(object, bytes, fill);
                        // SAFETY: it was sent here to be released.
                        unsafe { release(object, bytes) };
                    }
                }
                drop(next);
                for Sent(object, bytes, fill) in receiver {
                    check(object, bytes, fill);
                    // SAFETY: as above.
                    unsafe { release(object, bytes) };
                }
            });
        }
        drop(senders);
    });
}

#[test]
fn moving_what_sits_sparsely_leaves_full_slabs() {
    // A size that no other test of this process has many objects of.
    const BYTES: usize = 504;
    let count = if cfg!(miri) { 400 } else { 8_000 };
    let slabs = |objects: &[NonNull<u8>]| {
        objects.iter().map(|object| Slab::of(*object).addr()).collect::<std::collections::BTreeSet<_>>().len()
    };
    let all: Vec<_> = (0..count).map(|_| allocate(BYTES)).collect();
    let mut random = 7_u64;
    let (mut kept, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|_| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        random >> 62 == 0
    });
    for object in gone {
        // SAFETY: it was allocated with this size, and is forgotten.
        unsafe { release(object, BYTES) };
    }
    let before = slabs(&kept);
    let mut moved = 0;
    for _ in 0..10 {
        for object in &mut kept {
            // SAFETY: the object is in use, has this size, and is forgotten once it is given back.
            unsafe {
                if sits_sparsely(*object, BYTES) {
                    let new = allocate_from_fullest(BYTES);
                    assert_ne!(
                        Slab::of(new),
                        Slab::of(*object),
                        "it stays in the slab that is to become empty"
                    );
                    release_to_slab(std::mem::replace(object, new), BYTES);
                    moved += 1;
                }
            }
        }
    }
    let capacity = SLAB_BYTES / BYTES;
    let (after, least) = (slabs(&kept), kept.len().div_ceil(capacity));
    assert!(before > 3 * least, "{before} slabs, and there must be {least}");
    assert!(after <= least + least / 8 + 2, "{after} slabs, and there must be {least}");
    assert!(moved <= 2 * kept.len(), "{moved} moves of {} objects", kept.len());
    for object in kept {
        // SAFETY: as above.
        unsafe { release(object, BYTES) };
    }
}
