//! INFO's sections about the data set: keys, files, replicas, cluster.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Facts, Lines};
use crate::persistence::{Job, Persistence};

pub(super) fn keyspace(lines: &mut Lines, facts: &Facts<'_>) {
    for number in 0..facts.engine.keyspace.databases() {
        let figures = facts.keys.figures(number);
        if figures.keys > 0 {
            let (keys, hashes) = (figures.keys, figures.with_field_deadlines);
            let (expires, mean) =
                (figures.with_deadline.keys, figures.with_deadline.mean_left_ms(facts.now_us / 1000));
            lines.field(
                &format!("db{number}"),
                format_args!("keys={keys},expires={expires},avg_ttl={mean},subexpiry={hashes}"),
            );
        }
    }
}

pub(super) fn persistence(lines: &mut Lines, facts: &Facts<'_>) {
    let Persistence { loading, background, saved_s, saves, changes_saved, .. } = &facts.engine.persistence;
    let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    lines.field("loading", u8::from(loading.is_active()));
    lines.none_of(&["async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"]);
    let total = number(&background.keys_total).max(1);
    let done = if background.running().is_some() { number(&background.keys) } else { 0 };
    lines.field("current_fork_perc", format_args!("{:.2}", 100.0 * done as f64 / total as f64));
    lines.field("current_save_keys_processed", number(&background.keys));
    lines.field("current_save_keys_total", number(&background.keys_total));
    lines.field("rdb_changes_since_last_save", facts.keys.changes().saturating_sub(number(changes_saved)));
    let is_saving = background.running() == Some(Job::Save);
    lines.field("rdb_bgsave_in_progress", u8::from(is_saving));
    lines.field("rdb_last_save_time", number(saved_s));
    let has_failed = background.has_save_failed.load(Ordering::Relaxed);
    lines.field("rdb_last_bgsave_status", if has_failed { "err" } else { "ok" });
    lines.field("rdb_last_bgsave_time_sec", background.save_seconds.load(Ordering::Relaxed));
    let elapsed = (facts.now_us / 1_000_000).saturating_sub(number(&background.started_s)).cast_signed();
    lines.field("rdb_current_bgsave_time_sec", if is_saving { elapsed } else { -1 });
    lines.field("rdb_saves", number(saves));
    lines.none_of(&["rdb_last_cow_size"]);
    lines.field("rdb_last_load_keys_expired", number(&loading.keys_expired));
    lines.field("rdb_last_load_keys_loaded", number(&loading.keys));
    append_only_file(lines, facts);
    if loading.is_active() {
        let (bytes, loaded) = (number(&loading.bytes), number(&loading.bytes_loaded));
        let elapsed = (facts.now_us / 1_000_000).saturating_sub(number(&loading.started_s));
        lines.field("loading_start_time", number(&loading.started_s));
        lines.field("loading_total_bytes", bytes);
        lines.field("loading_rdb_used_mem", number(&loading.memory_there));
        lines.field("loading_loaded_bytes", loaded);
        lines
            .field("loading_loaded_perc", format_args!("{:.2}", 100.0 * loaded as f64 / bytes.max(1) as f64));
        // One second, as long as it cannot be estimated.
        let eta = elapsed.saturating_mul(bytes.saturating_sub(loaded)).checked_div(loaded);
        let eta = eta.filter(|_| elapsed > 0).unwrap_or(1);
        lines.field("loading_eta_seconds", eta);
    }
}

fn append_only_file(lines: &mut Lines, facts: &Facts<'_>) {
    let log = &facts.engine.persistence.log;
    let figures = facts.engine.host.log_facts();
    let seconds = |time: Option<u64>| time.map_or("-1".to_owned(), |time| time.to_string());
    let status = |has_failed| if has_failed { "err" } else { "ok" };
    lines.field("aof_enabled", u8::from(log.is_enabled()));
    lines.field("aof_rewrite_in_progress", u8::from(figures.is_rewriting));
    lines.field("aof_rewrite_scheduled", u8::from(figures.is_scheduled));
    lines.field("aof_last_rewrite_time_sec", seconds(figures.last_rewrite_s));
    lines.field("aof_current_rewrite_time_sec", seconds(figures.current_rewrite_s));
    lines.field("aof_last_bgrewrite_status", status(figures.rewrite_failed));
    lines.field("aof_rewrites", figures.rewrites);
    lines.field("aof_rewrites_consecutive_failures", figures.failures);
    lines.field("aof_last_write_status", status(log.is_failing()));
    lines.none_of(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"]);
    if log.is_enabled() {
        lines.field("aof_current_size", figures.bytes);
        lines.field("aof_base_size", figures.bytes_base);
        lines.field("aof_pending_rewrite", u8::from(figures.is_scheduled));
        lines.field("aof_buffer_length", figures.buffered);
        lines.field("aof_pending_bio_fsync", u8::from(figures.is_syncing));
        lines.field("aof_delayed_fsync", figures.delayed);
    }
}

pub(super) fn replication(lines: &mut Lines, facts: &Facts<'_>) {
    /// The id of no history of changes: there is none that a replica could ask for.
    const NO_HISTORY: &str = "0000000000000000000000000000000000000000";
    lines.field("role", "master");
    lines.field("connected_slaves", 0);
    lines.field("master_failover_state", "no-failover");
    lines.field("master_replid", NO_HISTORY);
    lines.field("master_replid2", NO_HISTORY);
    lines.field("master_repl_offset", 0);
    lines.field("second_repl_offset", -1);
    lines.field("repl_backlog_active", 0);
    lines.field("repl_backlog_size", facts.directive("repl-backlog-size"));
    lines.none_of(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"]);
}

pub(super) fn cluster(lines: &mut Lines, _: &Facts<'_>) {
    lines.field("cluster_enabled", 0);
}
