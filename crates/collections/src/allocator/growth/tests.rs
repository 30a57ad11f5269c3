use std::sync::mpsc;

use tikv_jemalloc_sys::{free, malloc};

use super::*;

/// The last of the arenas that jemalloc shares out, which it gives to threads only when all others are in use.
fn last_arena() -> c_uint {
    // SAFETY: the manual gives this type.
    unsafe { exchange::<c_uint, usize>(c"opt.narenas", None) }.unwrap() - 1
}

/// The reserve is the process's, so that one test looks at all of it.
#[test]
#[cfg_attr(miri, ignore = "jemalloc is foreign code")]
fn threads_that_draw_from_the_reserve_get_its_memory_and_others_do_not() {
    let arena = last_arena();
    if arena == 0 {
        // All threads share the only one, as on a machine with one processor.
        return;
    }
    let filler = reserve(0).unwrap();
    assert!(reserve(0).is_none());
    thread::spawn(move || filler.run());
    let reserve = &GROWTH.get().unwrap().reserve;

    let allocate = |size: usize, count: usize| -> Vec<usize> {
        // SAFETY: the blocks are written to within their size, and freed below.
        let blocks = (0..count).map(|number| unsafe {
            let block = malloc(size).cast::<usize>();
            block.write(number);
            block.add(size / size_of::<usize>() - 1).write(number);
            block.expose_provenance()
        });
        blocks.collect()
    };
    let release = |blocks: Vec<usize>, size: usize| {
        for (number, block) in blocks.into_iter().enumerate() {
            let block = ptr::with_exposed_provenance_mut::<usize>(block);
            // SAFETY: the block was allocated and written to above.
            unsafe {
                assert_eq!(block.read(), number, "blocks overlap");
                assert_eq!(block.add(size / size_of::<usize>() - 1).read(), number, "blocks overlap");
                free(block.cast());
            }
        }
    };
    let (sender, receiver) = mpsc::channel();
    let drawing = thread::spawn(move || {
        // SAFETY: the manual gives this type.
        unsafe { exchange::<c_uint, c_uint>(c"thread.arena", Some(arena)) }.unwrap();
        draw_from_reserve();
        for (size, count) in [(96, 200_000), (4096, 2000), (3 << 20, 3)] {
            let blocks = allocate(size, count);
            sender.send(blocks.clone()).unwrap();
            release(blocks, size);
        }
        let big = allocate(LARGEST + 1, 1);
        sender.send(Vec::new()).unwrap();
        assert!(!reserve.contains(big[0]));
        release(big, LARGEST);
    });
    drawing.join().unwrap();
    let drawn: Vec<Vec<usize>> = receiver.into_iter().collect();
    assert_eq!(drawn.len(), 4, "the thread has ended early");
    assert!(drawn.iter().flatten().all(|block| reserve.contains(*block)));
    let others = allocate(96, 1000);
    assert!(!others.iter().any(|block| reserve.contains(*block)));
    release(others, 96);
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no scheduler to ask")]
fn a_thread_that_steps_back_runs_only_when_nobody_else_wants_to() {
    thread::spawn(|| {
        step_back();
        // SAFETY: zero stands for the calling thread.
        assert_eq!(unsafe { libc::sched_getscheduler(0) }, libc::SCHED_IDLE);
    })
    .join()
    .unwrap();
}

#[test]
fn less_is_kept_ready_where_memory_is_limited() {
    let gibibyte = 1 << 30;
    let limits = [0, 16 << 10, 64 << 20, gibibyte, 1024 * gibibyte];
    assert_eq!(limits.map(ahead), [AHEAD, 512, PAGE, AHEAD, AHEAD]);
}
