//! INFO's sections about clients, threads and what they do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Facts, Lines};
use crate::clients::ClientRecord;
use crate::pubsub::Namespace;

pub(super) fn clients(lines: &mut Lines, facts: &Facts<'_>) {
    let clients: Vec<Arc<ClientRecord>> = facts.engine.clients.all();
    let largest =
        |buffer: fn(&ClientRecord) -> u64| clients.iter().map(|client| buffer(client)).max().unwrap_or(0);
    lines.field("connected_clients", clients.len());
    lines.field("cluster_connections", 0);
    lines.field("maxclients", facts.process.clients_max);
    lines.field(
        "client_recent_max_input_buffer",
        largest(|client| client.query_buffer.load(Ordering::Relaxed)),
    );
    lines.field(
        "client_recent_max_output_buffer",
        largest(|client| client.output_buffer.load(Ordering::Relaxed)),
    );
    let waiting = &facts.engine.clients.waiting;
    lines.field("blocked_clients", waiting.all());
    let messages = &facts.engine.keyspace.messages;
    lines.field("tracking_clients", messages.followers.len());
    let is_subscriber = |client: &&Arc<ClientRecord>| client.subscriptions.any();
    lines.field("pubsub_clients", clients.iter().filter(is_subscriber).count());
    let watched = |client: &Arc<ClientRecord>| client.keys_watched();
    lines.field("watching_clients", clients.iter().filter(|client| watched(client) > 0).count());
    lines.field("clients_in_timeout_table", waiting.with_timeout());
    lines.field("total_watched_keys", facts.keys.watched_keys());
    lines.field("total_blocking_keys", facts.keys.keys_waited_for());
    lines.none_of(&["total_blocking_keys_on_nokey"]);
}

pub(super) fn threads(lines: &mut Lines, facts: &Facts<'_>) {
    let clients = facts.engine.clients.all();
    for (number, turns) in facts.engine.statistics.socket_turns().iter().enumerate() {
        let clients = clients.iter().filter(|client| client.inbox.thread as usize == number).count();
        let (reads, writes) = (turns.reads, turns.writes);
        lines.field(
            &format!("io_thread_{number}"),
            format_args!("clients={clients},reads={reads},writes={writes}"),
        );
    }
}

pub(super) fn stats(lines: &mut Lines, facts: &Facts<'_>) {
    let counters = &facts.counters;
    let rates = facts.engine.statistics.rates();
    let kilobytes = |bytes: f64| format!("{:.2}", bytes / 1024.0);
    lines.field("total_connections_received", counters.connections);
    lines.field("total_commands_processed", counters.processed);
    lines.field("instantaneous_ops_per_sec", rates.commands.round());
    lines.field("total_net_input_bytes", counters.received);
    lines.field("total_net_output_bytes", counters.sent);
    lines.none_of(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    lines.field("instantaneous_input_kbps", kilobytes(rates.received));
    lines.field("instantaneous_output_kbps", kilobytes(rates.sent));
    lines.field("instantaneous_input_repl_kbps", kilobytes(0.0));
    lines.field("instantaneous_output_repl_kbps", kilobytes(0.0));
    lines.field("rejected_connections", counters.connections_rejected);
    lines.none_of(&["sync_full", "sync_partial_ok", "sync_partial_err"]);
    lines.field("expired_subkeys", counters.keys.expired_fields);
    lines.field("expired_keys", counters.keys.expired);
    // Expiry is exact: no key outlives its deadline unnoticed.
    lines.field("expired_stale_perc", "0.00");
    lines.none_of(&["expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds"]);
    lines.field("evicted_keys", counters.keys.evicted);
    lines.field("evicted_clients", counters.clients_evicted);
    lines.field("evicted_scripts", facts.engine.scripts.figures().evicted);
    let exceeded = facts.engine.memory.exceeded_time(facts.now_us / 1000);
    lines.field("total_eviction_exceeded_time", exceeded.total_ms);
    lines.field("current_eviction_exceeded_time", exceeded.current_ms);
    lines.field("keyspace_hits", counters.keys.hits);
    lines.field("keyspace_misses", counters.keys.misses);
    let messages = &facts.engine.keyspace.messages;
    lines.field("pubsub_channels", messages.channels.len(Namespace::Channels));
    lines.field("pubsub_patterns", messages.channels.len(Namespace::Patterns));
    lines.field("pubsubshard_channels", messages.channels.len(Namespace::ShardChannels));
    lines.none_of(&[
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
    ]);
    let defragmentation = facts.engine.defragmentation.figures(facts.engine.now_ms());
    lines.field("active_defrag_hits", defragmentation.done.moved);
    lines.field("active_defrag_misses", defragmentation.done.kept);
    lines.field("active_defrag_key_hits", defragmentation.done.keys_moved);
    lines.field("active_defrag_key_misses", defragmentation.done.keys_kept);
    lines.field("total_active_defrag_time", defragmentation.total_ms);
    lines.field("current_active_defrag_time", defragmentation.current_ms);
    lines.field("tracking_total_keys", messages.followers.tracked_keys.load(Ordering::Relaxed));
    lines.field("tracking_total_items", messages.followers.tracked_items.load(Ordering::Relaxed));
    lines.field("tracking_total_prefixes", messages.followers.prefixes());
    lines.none_of(&["unexpected_error_replies"]);
    lines.field("total_error_replies", counters.error_replies);
    lines.field("dump_payload_sanitizations", 0);
    sockets_and_batches(lines, facts);
    lines.field("acl_access_denied_auth", counters.errors.get("WRONGPASS").copied().unwrap_or(0));
    lines.none_of(&["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"]);
}

fn sockets_and_batches(lines: &mut Lines, facts: &Facts<'_>) {
    let counters = &facts.counters;
    let rates = facts.engine.statistics.rates();
    let others = facts.engine.statistics.socket_turns();
    let others = others.iter().skip(1);
    let run_nanoseconds: u64 = counters.commands.iter().map(|command| command.nanoseconds).sum();
    lines.field("total_reads_processed", counters.reads);
    lines.field("total_writes_processed", counters.writes);
    lines.field("io_threaded_reads_processed", others.clone().map(|turns| turns.reads).sum::<u64>());
    lines.field("io_threaded_writes_processed", others.map(|turns| turns.writes).sum::<u64>());
    lines.field("client_query_buffer_limit_disconnections", counters.query_buffer_disconnections);
    lines.field("client_output_buffer_limit_disconnections", counters.output_buffer_disconnections);
    // Reply buffers are lent to connections for as long as they need one.
    lines.none_of(&["reply_buffer_shrinks", "reply_buffer_expands"]);
    lines.field("eventloop_cycles", counters.batches);
    lines.field("eventloop_duration_sum", counters.batch_nanoseconds / 1000);
    lines.field("eventloop_duration_cmd_sum", run_nanoseconds / 1000);
    lines.field("eventloop_duration_max", counters.longest_turn / 1000);
    lines.field("eventloop_cpu_max", counters.costliest_turn / 1000);
    lines.field("instantaneous_eventloop_cycles_per_sec", rates.batches.round());
    lines.field("instantaneous_eventloop_duration_usec", (rates.nanoseconds_per_batch / 1000.0).round());
}
