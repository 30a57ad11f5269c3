//! Files that servers which were killed while they saved have left behind.

use std::fs::{self, File};
use std::path::Path;

use rustix::process::{Pid, test_kill_process};

use crate::disk;
use crate::log;

/// The name under which the process of this number writes a file before it takes its final name.
pub(crate) fn temporary_name(process: u32) -> String {
    format!("temp-{process}.rdb")
}

/// Removes such files from the working directory. To be called before this process writes one.
///
/// Only those go whose process is gone. It may also be in another container that has the directory in common, where
/// numbers of processes mean nothing here; therefore whoever writes a file keeps it locked, and what is locked stays. What
/// cannot be removed does no harm.
pub(crate) fn remove_remains() {
    let Ok(entries) = fs::read_dir(".") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Whatever else has such a name is nobody's file.
        let is_file = entry.file_type().is_ok_and(|file_type| file_type.is_file());
        if is_file
            && name.to_str().and_then(writer_of).is_some_and(is_gone)
            && is_unlocked(Path::new(&name))
            && disk::remove_file(Path::new(&name)).is_ok()
        {
            log::notice!("Removed {}, which a server that was killed has left behind", name.display());
        }
    }
}

/// The number of the process that writes a file of this name.
fn writer_of(name: &str) -> Option<u32> {
    let process = name.strip_prefix("temp-")?.strip_suffix(".rdb")?.parse().ok()?;
    // Not with signs or zeros before it.
    (temporary_name(process) == name).then_some(process)
}

/// Whether a process has ended. This one has begun to write nothing: the name is that of another with its number.
fn is_gone(process: u32) -> bool {
    let other = i32::try_from(process).ok().and_then(Pid::from_raw);
    process == std::process::id()
        || other.is_some_and(|other| test_kill_process(other) == Err(rustix::io::Errno::SRCH))
}

fn is_unlocked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_made_here_name_a_process() {
        assert_eq!(writer_of(&temporary_name(4711)), Some(4711));
        for name in
            ["temp-.rdb", "temp-01.rdb", "temp-+1.rdb", "temp-1.rdb.old", "temp-1.aof", "1.rdb", "dump.rdb"]
        {
            assert_eq!(writer_of(name), None, "{name}");
        }
    }
}
