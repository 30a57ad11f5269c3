//! MEMORY STATS: how much memory is used for what.

use nuthatch_protocol::Reply;

use crate::Engine;
use crate::call::Call;
use crate::error::Outcome;
use crate::keyspace::DatabaseFigures;
use crate::keyspace::locked::Keys;

use super::overhead::Overhead;

/// A figure of the reply.
enum Figure {
    /// Bytes, or a number of something.
    Count(u64),
    /// A quotient or a percentage.
    Ratio(f64),
    /// One database's tables.
    Database(DatabaseFigures),
}

pub(super) fn stats(call: &mut Call<'_, '_>) -> Outcome {
    let figures = figures(call.engine, call.keys);
    call.reply.map(figures.len());
    for (name, figure) in &figures {
        call.reply.bulk(name.as_bytes());
        match figure {
            Figure::Count(count) => reply_count(call.reply, *count),
            Figure::Ratio(ratio) => call.reply.double(*ratio),
            Figure::Database(database) => {
                call.reply.map(2);
                call.reply.bulk(b"overhead.hashtable.main");
                reply_count(call.reply, database.table_bytes as u64);
                call.reply.bulk(b"overhead.hashtable.expires");
                reply_count(call.reply, database.index_bytes as u64);
            }
        }
    }
    Ok(())
}

fn reply_count(reply: &mut Reply, count: u64) {
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

/// The figures in the order, and under the names, of stock servers.
fn figures(engine: &Engine, keys: &Keys<'_>) -> Vec<(String, Figure)> {
    use Figure::{Count, Database, Ratio};
    let memory = engine.host.facts().memory;
    let use_of_memory = Overhead::of(engine, keys);
    let overhead = use_of_memory.total(&memory);
    let Overhead { clients, log, interpreters, scripts, functions, tables, databases } = use_of_memory;
    let keys: u64 = databases.iter().map(|(_, database)| database.keys as u64).sum();
    let data = memory.allocated.saturating_sub(overhead);
    let used = memory.allocated.saturating_sub(memory.allocated_at_start);
    let mut figures: Vec<(String, Figure)> = Vec::new();
    let mut add = |name: &str, figure| figures.push((name.to_owned(), figure));
    add("peak.allocated", Count(memory.allocated_peak));
    add("total.allocated", Count(memory.allocated));
    add("startup.allocated", Count(memory.allocated_at_start));
    add("replication.backlog", Count(0));
    add("replica.fullsync.buffer", Count(0));
    add("clients.slaves", Count(0));
    add("clients.normal", Count(clients));
    add("cluster.links", Count(0));
    add("aof.buffer", Count(log));
    add("lua.caches", Count(scripts));
    add("functions.caches", Count(functions));
    add("script.VMs", Count(interpreters));
    for (number, database) in databases {
        add(&format!("db.{number}"), Database(database));
    }
    add("overhead.db.hashtable.lut", Count(tables));
    add("overhead.db.hashtable.rehashing", Count(0));
    add("overhead.total", Count(overhead));
    add("db.dict.rehashing.count", Count(0));
    add("keys.count", Count(keys));
    add("keys.bytes-per-key", Count(used.checked_div(keys).unwrap_or(0)));
    add("dataset.bytes", Count(data));
    add("dataset.percentage", Ratio(100.0 * ratio(data, used)));
    add("peak.percentage", Ratio(100.0 * ratio(memory.allocated, memory.allocated_peak)));
    add("allocator.allocated", Count(memory.allocated));
    add("allocator.active", Count(memory.active));
    add("allocator.resident", Count(memory.resident));
    add("allocator.muzzy", Count(0));
    add("allocator-fragmentation.ratio", Ratio(ratio(memory.active, memory.allocated)));
    add("allocator-fragmentation.bytes", Count(memory.active.saturating_sub(memory.allocated)));
    add("allocator-rss.ratio", Ratio(ratio(memory.resident, memory.active)));
    add("allocator-rss.bytes", Count(memory.resident.saturating_sub(memory.active)));
    add("rss-overhead.ratio", Ratio(ratio(memory.process_resident, memory.resident)));
    add("rss-overhead.bytes", Count(memory.process_resident.saturating_sub(memory.resident)));
    add("fragmentation", Ratio(ratio(memory.process_resident, memory.allocated)));
    add("fragmentation.bytes", Count(memory.process_resident.saturating_sub(memory.allocated)));
    figures
}

/// The quotient of two figures; 0 if the second is.
pub(in crate::commands) fn ratio(of: u64, to: u64) -> f64 {
    if to == 0 { 0.0 } else { of as f64 / to as f64 }
}
