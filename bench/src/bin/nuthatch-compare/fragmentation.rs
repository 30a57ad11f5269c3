//! What memory is left behind when values are replaced by values of other sizes, and how much of it comes back by itself.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::Setup;
use crate::pipe::Pipe;
use crate::report::Report;
use crate::server::Server;
use crate::table::Table;

/// How often the memory is looked at while it settles.
const STEP: Duration = Duration::from_secs(1);
/// Each server gets the same keys in the same order.
const SEED: u64 = 7;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Number of keys
    #[arg(long, default_value_t = 10_000_000)]
    keys: u32,
    /// How long the memory may settle after each phase
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// What happens to every key, in random order.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// It gets a value of so many bytes.
    Set(usize),
    /// It gets a value of a random length.
    SetRandom(usize, usize),
    /// It is deleted, or, as likely, stays.
    DeleteHalf,
}

/// The phases with their names.
const PHASES: [(&str, Phase); 5] = [
    ("64 bytes", Phase::Set(64)),
    ("16 to 512 bytes", Phase::SetRandom(16, 512)),
    ("32 bytes", Phase::Set(32)),
    ("200 bytes", Phase::Set(200)),
    ("half deleted", Phase::DeleteHalf),
];

/// The memory after a phase.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Bytes of keys and values.
    live: u64,
    /// What the server says that it uses.
    used: u64,
    resident_at_once: u64,
    resident: u64,
    /// Processor time while the memory settled.
    processor_time: Duration,
    settled_after: Duration,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let method = format!(
        "{} keys of {} bytes, set in order to values of 64 bytes. Then, in random order, all get values of random \
         lengths, short ones, long ones, and half of them is deleted. Resident bytes divided by what the server itself \
         says that it uses (used_memory), at once and when they have settled, at most {} s later; and divided by the \
         bytes of keys and values.",
        options.keys, options.setup.key_size, options.seconds
    );
    let mut table = Table::new([
        "server and phase",
        "at once ÷ used",
        "settled ÷ used",
        "settled ÷ live",
        "settled, MiB",
        "bytes for a key",
        "after, s",
        "processor time, s",
    ]);
    for (index, spec) in options.setup.servers.iter().enumerate() {
        let server = options.setup.start(index)?;
        let mut lengths = vec![None; options.keys as usize];
        for (name, phase) in PHASES {
            let figures =
                measure(options, &server, phase, &mut lengths).with_context(|| spec.name.clone())?;
            eprintln!("{}, {name}: {figures:?}", spec.name);
            let keys = lengths.iter().flatten().count();
            let ratio = |bytes: u64, to: u64| format!("{:.3}", bytes as f64 / to as f64);
            table.push([
                format!("{}, {name}", spec.name),
                ratio(figures.resident_at_once, figures.used),
                ratio(figures.resident, figures.used),
                ratio(figures.resident, figures.live),
                format!("{}", figures.resident >> 20),
                format!("{:.1}", figures.resident as f64 / keys as f64),
                format!("{}", figures.settled_after.as_secs()),
                format!("{:.2}", figures.processor_time.as_secs_f64()),
            ]);
        }
    }
    let mut report = Report::new("Fragmentation", method);
    report.section("Resident bytes", table);
    Ok(report)
}

fn measure(options: &Options, server: &Server, phase: Phase, lengths: &mut [Option<u16>]) -> Result<Figures> {
    let key_size = options.setup.key_size;
    run_phase(server, phase, key_size, lengths)?;
    let live = lengths.iter().flatten().map(|length| (key_size + usize::from(*length)) as u64).sum();
    let before = server.statistics()?;
    let (mut resident, mut settled_after) = (before.resident_bytes, Duration::ZERO);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(options.seconds) {
        thread::sleep(STEP);
        let now = server.statistics()?.resident_bytes;
        // A change of less than half a percent is none.
        if now.abs_diff(resident) > resident / 200 {
            (resident, settled_after) = (now, started.elapsed());
        }
    }
    let after = server.statistics()?;
    let used = server.client()?.info("memory", "used_memory")?.context("INFO has no used_memory")?;
    Ok(Figures {
        live,
        used,
        resident_at_once: before.resident_bytes,
        resident: after.resident_bytes,
        processor_time: after.processor_time - before.processor_time,
        settled_after,
    })
}

/// Does with all keys what the phase says, the first time in order. `lengths` says how long their values are.
fn run_phase(server: &Server, phase: Phase, key_size: usize, lengths: &mut [Option<u16>]) -> Result<()> {
    const VALUE: [u8; 1024] = [b'v'; 1024];
    let mut random = SmallRng::seed_from_u64(SEED);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    if lengths.iter().any(Option::is_some) {
        order.shuffle(&mut random);
    }
    let mut pipe = Pipe::connect(server.address)?;
    for index in order {
        let key = format!("{index:0key_size$}");
        let length = match phase {
            Phase::Set(length) => length,
            Phase::SetRandom(least, most) => random.random_range(least..=most),
            Phase::DeleteHalf if random.random_bool(0.5) => {
                pipe.send(&[b"DEL", key.as_bytes()])?;
                lengths[index] = None;
                continue;
            }
            Phase::DeleteHalf => continue,
        };
        pipe.send(&[b"SET", key.as_bytes(), &VALUE[..length]])?;
        lengths[index] = Some(length as u16);
    }
    pipe.finish()
}
