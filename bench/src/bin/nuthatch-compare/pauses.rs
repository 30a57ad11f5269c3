//! The longest that a client waits for a reply: while a server idles, while many keys expire in the same
//! second, while the keyspace grows, and while as many keys are overwritten.
//!
//! One connection asks for one key at a time without a break, so that any pause of the server hits a request
//! of this connection. Such a wait is not the server's alone: the machine runs other threads, and where it is a
//! virtual one, its host other machines. How much of a wait the server has a part in, its processor time tells:
//! what it takes between a request and the reply is the most that can be its own doing.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use nuthatch_bench::{
    KeyDistribution, KeySpace, Load, Mix, Outcome, Pacing, RequestShape, Stop, Target, Traffic,
};

use crate::Setup;
use crate::fill::fill;
use crate::report::Report;
use crate::server::Server;
use crate::statistics::median;
use crate::table::Table;

/// Pipeline of the connection that sets keys beside the prober. Small, since the prober's requests wait
/// behind one such batch.
const FILL_PIPELINE: usize = 16;
/// Keys expire this long after the command that begins to set them.
const EXPIRY_DELAY: Duration = Duration::from_secs(12);
/// The prober starts this long before the keys expire.
const EXPIRY_LEAD: Duration = Duration::from_millis(500);
/// The number of keys is looked at this often.
const EXPIRY_STEP: Duration = Duration::from_millis(100);

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) setup: Setup,
    /// Number of keys that expire at once
    #[arg(long, default_value_t = 1_000_000)]
    expiring_keys: u64,
    /// Number of keys that the keyspace grows to
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,
    /// How long to watch for the expired keys to go
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Rounds; the tables show medians over them
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Memory to use and to free before each server starts, in GiB, so that a virtual machine has it at hand
    #[arg(long, default_value_t = 3)]
    warm_gib: usize,
}

/// What the prober saw in one situation.
#[derive(Debug, Clone, Copy)]
struct Waits {
    longest_us: f64,
    p99_99_us: f64,
    /// The most processor time that the server took during a wait.
    charged_us: f64,
    /// The most processor time that a turn of an event loop took, if the server tells.
    turn_us: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    idle: Waits,
    expiring: Waits,
    /// Seconds from the deadline until the server counted no key, if it came to that.
    expired_after_s: Option<f64>,
    growing: Waits,
    overwriting: Waits,
}

pub(crate) fn run(options: &Options) -> Result<Report> {
    ensure!(options.setup.load_cpus.len() == 1, "the prober is one thread: give one processor for the load");
    let servers = &options.setup.servers;
    let mut rounds = vec![Vec::new(); servers.len()];
    for number in 0..options.rounds {
        for (index, spec) in servers.iter().enumerate() {
            let round = measure(options, index).with_context(|| spec.name.clone())?;
            eprintln!("round {}, {}: {round:?}", number + 1, spec.name);
            rounds[index].push(round);
        }
    }
    let mut report = Report::new(
        "Pauses",
        format!(
            "The longest wait for a reply on one connection that sends one GET after the other, in microseconds, \
             and the 99.99th percentile in brackets; medians over {} rounds. Idle: no other traffic. Expiring: \
             {} keys reach their deadline in the same millisecond. Growing: another connection sets {} new keys \
             in pipelines of {FILL_PIPELINE}. Overwriting: it sets them again, the traffic being the same \
             without growth.",
            options.rounds, options.expiring_keys, options.keys
        ),
    );
    report.section("Longest wait", wait_table(options, &rounds));
    report.section(
        "The server's part: the most processor time that it took during a wait, in microseconds, the maximum \
         over the rounds. In brackets, what it says of itself: the most that a turn of its event loops took",
        charge_table(options, &rounds),
    );
    Ok(report)
}

fn wait_table(options: &Options, rounds: &[Vec<Round>]) -> Table {
    let mut table = Table::new(["server", "idle", "expiring", "keys gone after", "growing", "overwriting"]);
    for (spec, rounds) in options.setup.servers.iter().zip(rounds) {
        let waits = |situation: fn(&Round) -> Waits| {
            let longest = median(rounds.iter().map(|round| situation(round).longest_us));
            let p99_99 = median(rounds.iter().map(|round| situation(round).p99_99_us));
            format!("{longest:.0} ({p99_99:.0})")
        };
        let gone: Option<Vec<f64>> = rounds.iter().map(|round| round.expired_after_s).collect();
        table.push([
            spec.name.clone(),
            waits(|round| round.idle),
            waits(|round| round.expiring),
            gone.map_or_else(|| "not".to_owned(), |seconds| format!("{:.1} s", median(seconds))),
            waits(|round| round.growing),
            waits(|round| round.overwriting),
        ]);
    }
    table
}

fn charge_table(options: &Options, rounds: &[Vec<Round>]) -> Table {
    let mut table = Table::new(["server", "idle", "expiring", "growing", "overwriting"]);
    for (spec, rounds) in options.setup.servers.iter().zip(rounds) {
        let charges = |situation: fn(&Round) -> Waits| {
            let waits = rounds.iter().map(situation);
            let charged = waits.clone().map(|waits| waits.charged_us).fold(0.0, f64::max);
            match waits.filter_map(|waits| waits.turn_us).reduce(f64::max) {
                Some(turn) => format!("{charged:.0} ({turn:.0})"),
                None => format!("{charged:.0}"),
            }
        };
        table.push([
            spec.name.clone(),
            charges(|round| round.idle),
            charges(|round| round.expiring),
            charges(|round| round.growing),
            charges(|round| round.overwriting),
        ]);
    }
    table
}

fn measure(options: &Options, index: usize) -> Result<Round> {
    let shape = options.setup.shape(options.keys.max(options.expiring_keys))?;
    let (idle, expiring, expired_after_s) = {
        let (server, target) = start(options, index)?;
        let idle = with_turn(&server, || probe_while_idle(&target, &shape))?;
        fill_to_expire(options, &shape, &target)?;
        let mut expired_after = None;
        let expiring = with_turn(&server, || {
            let (waits, after) = probe_while_expiring(options, &shape, &server, &target)?;
            expired_after = after;
            Ok(waits)
        })?;
        (idle, expiring, expired_after)
    };
    let (server, target) = start(options, index)?;
    let growing = with_turn(&server, || probe_while_setting(options, &shape, &target))?;
    let overwriting = with_turn(&server, || probe_while_setting(options, &shape, &target))?;
    Ok(Round { idle, expiring, expired_after_s, growing, overwriting })
}

/// Starts a server on a machine that has memory at hand.
fn start(options: &Options, index: usize) -> Result<(Server, Target)> {
    let warmed: Vec<_> = (0..options.warm_gib).map(|_| std::hint::black_box(vec![1_u8; 1 << 30])).collect();
    drop(warmed);
    let server = options.setup.start(index)?;
    let target = Target { process: Some(server.process()), ..options.setup.target(&server) };
    Ok((server, target))
}

/// Adds what the server says of its turns during a measurement.
fn with_turn(server: &Server, measure: impl FnOnce() -> Result<Waits>) -> Result<Waits> {
    let mut client = server.client()?;
    client.call("CONFIG RESETSTAT")?;
    let waits = measure()?;
    let turn = client.info("stats", "eventloop_cpu_max")?;
    Ok(Waits { turn_us: turn.map(|turn| turn as f64), ..waits })
}

fn probe_while_idle(target: &Target, shape: &RequestShape) -> Result<Waits> {
    let mut load = Load::connect(target, &[prober(shape, 1)?])?;
    waits(&probe(&mut load, Stop::After(Duration::from_secs(2)))?)
}

/// Sets keys and returns shortly before all of them expire.
fn fill_to_expire(options: &Options, shape: &RequestShape, target: &Target) -> Result<()> {
    let deadline = SystemTime::now() + EXPIRY_DELAY;
    let deadline_ms = deadline.duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
    let template = format!("SET __key__ __data__ PXAT {deadline_ms}");
    fill(target, &template, shape, options.expiring_keys)?;
    let left =
        deadline.duration_since(SystemTime::now()).context("filling took longer than the keys live")?;
    let left = left.checked_sub(EXPIRY_LEAD).context("filling took longer than the keys live")?;
    std::thread::sleep(left);
    Ok(())
}

fn probe_while_expiring(
    options: &Options,
    shape: &RequestShape,
    server: &Server,
    target: &Target,
) -> Result<(Waits, Option<f64>)> {
    let mut client = server.client()?;
    let mut load = Load::connect(target, &[prober(shape, options.expiring_keys)?])?;
    let expiry = Instant::now() + EXPIRY_LEAD;
    let mut latency = Histogram::new_with_max(60_000_000_000, 3)?;
    let mut costliest_wait_ns = 0;
    let mut expired_after = None;
    while expiry.elapsed().as_secs_f64() < options.seconds {
        let outcome = probe(&mut load, Stop::After(EXPIRY_STEP))?;
        latency.add(&outcome.latency_ns)?;
        costliest_wait_ns = costliest_wait_ns.max(outcome.costliest_wait_ns);
        // The look at the number of keys waits behind a pause just as well.
        let asked = Instant::now();
        let key_count = client.key_count()?;
        latency.saturating_record(asked.elapsed().as_nanos() as u64);
        if key_count == Some(0) && expired_after.is_none() {
            expired_after = Some(expiry.elapsed().as_secs_f64());
        }
    }
    Ok((waits_of(&latency, costliest_wait_ns)?, expired_after))
}

fn probe_while_setting(options: &Options, shape: &RequestShape, target: &Target) -> Result<Waits> {
    let filler = Traffic {
        mix: Mix::parse("set", shape)?,
        keys: KeySpace { count: options.keys, distribution: KeyDistribution::Sequential },
        connections: 1,
        pipeline: FILL_PIPELINE,
        pacing: Pacing::Batches,
    };
    let mut load = Load::connect(target, &[filler, prober(shape, options.keys)?])?;
    let outcomes = load.run(Stop::Requests(options.keys))?;
    for outcome in &outcomes {
        refuse_errors(outcome)?;
    }
    waits(outcomes.get(1).context("the prober is missing")?)
}

/// One connection that sends one GET after the other.
fn prober(shape: &RequestShape, key_count: u64) -> Result<Traffic> {
    Ok(Traffic {
        mix: Mix::parse("get", shape)?,
        keys: KeySpace { count: key_count, distribution: KeyDistribution::Uniform },
        connections: 1,
        pipeline: 1,
        pacing: Pacing::Batches,
    })
}

fn probe(load: &mut Load, stop: Stop) -> Result<Outcome> {
    let outcome = load.run(stop)?.into_iter().next().context("the prober is missing")?;
    refuse_errors(&outcome)?;
    Ok(outcome)
}

fn refuse_errors(outcome: &Outcome) -> Result<()> {
    match outcome.tally.error_texts.keys().next() {
        Some(text) => bail!("{} replies were errors: {text}", outcome.tally.errors),
        None => Ok(()),
    }
}

fn waits(outcome: &Outcome) -> Result<Waits> {
    waits_of(&outcome.latency_ns, outcome.costliest_wait_ns)
}

fn waits_of(latency_ns: &Histogram<u64>, costliest_wait_ns: u64) -> Result<Waits> {
    ensure!(!latency_ns.is_empty(), "the prober got no reply");
    Ok(Waits {
        longest_us: latency_ns.max() as f64 / 1e3,
        p99_99_us: latency_ns.value_at_quantile(0.9999) as f64 / 1e3,
        charged_us: costliest_wait_ns as f64 / 1e3,
        turn_us: None,
    })
}
