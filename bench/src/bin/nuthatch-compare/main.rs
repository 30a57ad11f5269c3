//! Compares servers that speak the Redis protocol side by side on one machine.
//!
//! Every measurement alternates between the servers, so that a machine that changes its pace meanwhile
//! changes it for all of them, and counts the processor time of the server itself, which does not depend on
//! how busy the generator keeps it.
#![forbid(unsafe_code)]

mod collections;
mod connections;
mod expiry;
mod fill;
mod fragmentation;
mod hit_ratio;
mod memory;
mod messages;
mod pauses;
mod pipe;
mod plot;
mod process;
mod report;
mod saving;
mod scenarios;
mod scripts;
mod server;
mod soak;
mod statistics;
mod table;
mod throughput;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use nuthatch_bench::{RequestShape, Target};
use report::Report;
use server::{Server, ServerSpec};

/// Compare servers that speak the Redis protocol.
#[derive(Parser, Debug)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    profile: Profile,
}

#[derive(Subcommand, Debug)]
enum Profile {
    /// Processor time for each request, throughput and latency, in interleaved rounds
    Throughput(throughput::Options),
    /// Resident bytes for each key, with and without a deadline
    Memory(memory::Options),
    /// Memory that stays behind when values are replaced by values of other sizes, and how much of it comes back
    Fragmentation(fragmentation::Options),
    /// How late the memory of expired keys and fields comes back, and the processor time that it takes
    Expiry(expiry::Options),
    /// The longest a client waits while keys expire all at once and while the keyspace grows
    Pauses(pauses::Options),
    /// Processor time of commands on collections, and their memory
    Collections(collections::Options),
    /// Processor time of transactions and of messages
    Messages(messages::Options),
    /// Processor time of scripts
    Scripts(scripts::Options),
    /// Saving all keys while clients write, and loading them again
    Saving(saving::Options),
    /// Writing beyond the memory that a server may use, with values whose sizes grow and shrink
    Soak(soak::Options),
    /// The part of reads that miss when traces are replayed, at equal memory
    HitRatio(hit_ratio::Options),
    /// Resident bytes and processor time with very many connections
    Connections(connections::Options),
}

/// What all profiles have in common.
#[derive(Args, Debug)]
pub(crate) struct Setup {
    /// The servers, such as: redis='redis-server --port {port} --save "" --appendonly no'
    #[arg(required = true, value_name = "NAME=COMMAND")]
    servers: Vec<ServerSpec>,
    /// Servers listen on this port and the ones after it
    #[arg(long, default_value_t = 7200)]
    port: u16,
    /// Processors that the servers are bound to
    #[arg(long, default_value = "0", value_delimiter = ',', value_name = "LIST")]
    server_cpus: Vec<usize>,
    /// Processors that the generator's threads are bound to, one thread each
    #[arg(long, default_value = "1", value_delimiter = ',', value_name = "LIST")]
    load_cpus: Vec<usize>,
    /// Bytes of a key
    #[arg(long, default_value_t = 16, value_name = "BYTES")]
    key_size: usize,
    /// Bytes of a value
    #[arg(long, default_value_t = 64, value_name = "BYTES")]
    value_size: usize,
    /// Write the report to this Markdown file, too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Setup {
    fn shape(&self, key_count: u64) -> Result<RequestShape> {
        let shape = RequestShape { key_size: self.key_size, value_size: self.value_size };
        ensure!(
            key_count <= shape.distinct_keys(),
            "keys of {} bytes cannot tell {key_count} keys apart",
            self.key_size
        );
        Ok(shape)
    }

    /// Starts one of the servers.
    fn start(&self, index: usize) -> Result<Server> {
        let port = u16::try_from(index).ok().and_then(|index| self.port.checked_add(index));
        Server::start(&self.servers[index], port.context("there are not that many ports")?, &self.server_cpus)
    }

    fn target(&self, server: &Server) -> Target {
        Target {
            address: server.address,
            prelude: Vec::new(),
            threads: self.load_cpus.len(),
            processors: self.load_cpus.clone(),
            process: None,
        }
    }
}

fn main() -> ExitCode {
    match run(Options::parse().profile) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nuthatch-compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(profile: Profile) -> Result<()> {
    match profile {
        Profile::Throughput(options) => finish(&options.setup, throughput::run(&options)?),
        Profile::Memory(options) => finish(&options.setup, memory::run(&options)?),
        Profile::Fragmentation(options) => finish(&options.setup, fragmentation::run(&options)?),
        Profile::Expiry(options) => finish(&options.setup, expiry::run(&options)?),
        Profile::Pauses(options) => finish(&options.setup, pauses::run(&options)?),
        Profile::Collections(options) => finish(&options.setup, collections::run(&options)?),
        Profile::Messages(options) => finish(&options.setup, messages::run(&options)?),
        Profile::Scripts(options) => finish(&options.setup, scripts::run(&options)?),
        Profile::Saving(options) => finish(&options.setup, saving::run(&options)?),
        Profile::Soak(options) => finish(&options.setup, soak::run(&options)?),
        Profile::HitRatio(options) => finish(&options.setup, hit_ratio::run(&options)?),
        Profile::Connections(options) => finish(&options.setup, connections::run(&options)?),
    }
}

fn finish(setup: &Setup, report: Report) -> Result<()> {
    let text = report.render(&setup.servers);
    println!("{text}");
    if let Some(path) = &setup.report {
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
