//! How late the memory of keys, and of hashes' fields, comes back after their deadlines, and what that costs.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use clap::Args;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::Setup;
use crate::pipe::Pipe;
use crate::report::Report;
use crate::server::{Client, Server};
use crate::table::Table;

/// How often it is looked at what is left.
const STEP: Duration = Duration::from_millis(50);
/// How long after the last deadline it is watched for stragglers.
const LATE_MAX: Duration = Duration::from_secs(60);
/// Fields of a hash.
const FIELDS: usize = 100;
/// Each server gets the same deadlines.
const SEED: u64 = 7;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Number of keys
    #[arg(long, default_value_t = 10_000_000)]
    keys: usize,
    /// Number of fields, a hundred in each hash
    #[arg(long, default_value_t = 1_000_000)]
    fields: usize,
    /// Seconds until the first deadline, in which all is set
    #[arg(long, default_value_t = 40)]
    lead: u64,
    /// Seconds over which the deadlines are spread
    #[arg(long, default_value_t = 60)]
    spread: u64,
}

/// What has a deadline.
#[derive(Debug, Clone, Copy)]
enum What {
    Keys,
    Fields,
}

#[derive(Debug, Clone, Copy)]
struct Figures {
    /// How long after its deadline anything was still there, at most.
    lag: Duration,
    /// Share of a processor's time while deadlines came, what the questions of the measurement take not counted.
    share: f64,
    /// Resident bytes when the first deadline came, and some seconds after the last.
    before: u64,
    after: u64,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    let mut table = Table::new([
        "server",
        "gone after the deadline, ms",
        "of a processor, %",
        "resident before, MiB",
        "resident after, MiB",
    ]);
    for (index, spec) in options.setup.servers.iter().enumerate() {
        for (what, count) in [(What::Keys, options.keys), (What::Fields, options.fields)] {
            if count == 0 {
                continue;
            }
            let server = options.setup.start(index)?;
            let figures = measure(options, &server, what, count).with_context(|| spec.name.clone())?;
            eprintln!("{}, {what:?}: {figures:?}", spec.name);
            table.push([
                format!("{}, {what:?}", spec.name),
                format!("{}", figures.lag.as_millis()),
                format!("{:.1}", 100.0 * figures.share),
                format!("{}", figures.before >> 20),
                format!("{}", figures.after >> 20),
            ]);
        }
    }
    let method = format!(
        "{} keys of {} bytes with values of {} bytes, and {} fields, {FIELDS} in each hash, have deadlines that are spread \
         over {} s by chance. What is left is compared with what should be, every {} ms: the longest that anything was \
         there after its deadline. Resident bytes are looked at when the first deadline comes, and 15 s after the last.",
        options.keys,
        options.setup.key_size,
        options.setup.value_size,
        options.fields,
        options.spread,
        STEP.as_millis()
    );
    let mut report = Report::new("Expiry", method);
    report.section("Lag and cost", table);
    Ok(report)
}

fn now_ms() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?)
}

fn measure(options: &Options, server: &Server, what: What, count: usize) -> Result<Figures> {
    let mut random = SmallRng::seed_from_u64(SEED);
    let first = now_ms()? + options.lead * 1000;
    let mut deadlines: Vec<u64> =
        (0..count).map(|_| first + random.random_range(0..options.spread * 1000)).collect();
    fill(options, server, what, &deadlines)?;
    ensure!(now_ms()? < first, "filling took longer than --lead allows");
    deadlines.sort_unstable();
    let mut client = server.client()?;
    let left_at_start = left(&mut client, what, count)?;
    ensure!(left_at_start == count, "{left_at_start} of {count} are there");
    while now_ms()? < first {
        thread::sleep(STEP / 5);
    }
    let before = server.statistics()?;
    let started = Instant::now();
    let mut lag = 0;
    let last = deadlines[count - 1];
    let mut questions = 0;
    loop {
        let asked = now_ms()?;
        let left = left(&mut client, what, count)?;
        questions += 1;
        // All but so many are gone: the one that should go next was due then.
        if left > 0 && deadlines[count - left] < asked {
            lag = lag.max(asked - deadlines[count - left]);
        }
        if left == 0 && asked >= last {
            break;
        }
        ensure!(asked < last + LATE_MAX.as_millis() as u64, "{left} are still there");
        thread::sleep(STEP);
    }
    let watched = started.elapsed();
    let after = server.statistics()?;
    // The same questions with nothing to do.
    let idle = server.statistics()?.processor_time;
    for _ in 0..questions {
        let _ = self::left(&mut client, what, count)?;
    }
    let asking = server.statistics()?.processor_time - idle;
    thread::sleep(Duration::from_secs(15));
    let busy = (after.processor_time - before.processor_time).saturating_sub(asking);
    Ok(Figures {
        lag: Duration::from_millis(lag),
        share: busy.as_secs_f64() / watched.as_secs_f64(),
        before: before.resident_bytes,
        after: server.statistics()?.resident_bytes,
    })
}

/// How many are left.
fn left(client: &mut Client, what: What, count: usize) -> Result<usize> {
    match what {
        What::Keys => {
            let keys = client.key_count()?.context("the server does not count its keys")?;
            Ok(usize::try_from(keys)?)
        }
        What::Fields => {
            let expired =
                client.info("stats", "expired_subkeys")?.or(client.info("stats", "expired_fields")?);
            let expired = expired.context("the server does not count expired fields")?;
            Ok(count.saturating_sub(usize::try_from(expired)?))
        }
    }
}

fn fill(options: &Options, server: &Server, what: What, deadlines: &[u64]) -> Result<()> {
    let mut pipe = Pipe::connect(server.address)?;
    let value = vec![b'v'; options.setup.value_size];
    let key_size = options.setup.key_size;
    for (number, deadline) in deadlines.iter().enumerate() {
        let deadline = deadline.to_string();
        match what {
            What::Keys => {
                let key = format!("{number:0key_size$}");
                pipe.send(&[b"SET", key.as_bytes(), &value, b"PXAT", deadline.as_bytes()])?;
            }
            What::Fields => {
                let (key, field) = (format!("hash:{:08}", number / FIELDS), format!("field:{number:08}"));
                let (key, field) = (key.as_bytes(), field.as_bytes());
                pipe.send(&[b"HSET", key, field, &value])?;
                pipe.send_with_lines(2, &[b"HPEXPIREAT", key, deadline.as_bytes(), b"FIELDS", b"1", field])?;
            }
        }
    }
    pipe.finish()
}
