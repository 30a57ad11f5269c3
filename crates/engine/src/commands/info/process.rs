//! INFO's section about the process.

use crate::REDIS_VERSION;

use super::{Facts, Lines};

/// This program's own version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn server(lines: &mut Lines, facts: &Facts<'_>) {
    let process = &facts.process;
    let uptime_seconds = (facts.now_us / 1000).saturating_sub(process.started_ms) / 1000;
    lines.field("redis_version", REDIS_VERSION);
    lines.field("redis_git_sha1", "00000000");
    lines.field("redis_git_dirty", 0);
    lines.field("redis_build_id", "0");
    lines.field("nuthatch_version", VERSION);
    lines.field("redis_mode", "standalone");
    lines.field("os", &process.operating_system);
    lines.field("arch_bits", usize::BITS);
    lines.field("monotonic_clock", "POSIX clock_gettime");
    lines.field("multiplexing_api", "epoll");
    lines.field("atomicvar_api", "rust-std");
    // No part of the program is compiled by it.
    lines.field("gcc_version", "0.0.0");
    lines.field("process_id", process.process_id);
    let supervised = if process.supervised.is_empty() { "no" } else { &process.supervised };
    lines.field("process_supervised", supervised);
    lines.field("run_id", &process.run_id);
    lines.field("tcp_port", process.tcp_port);
    lines.field("server_time_usec", facts.now_us);
    lines.field("uptime_in_seconds", uptime_seconds);
    lines.field("uptime_in_days", uptime_seconds / (24 * 60 * 60));
    lines.field("hz", process.hz);
    lines.field("configured_hz", process.hz);
    lines.field("lru_clock", (facts.now_us / 1_000_000) & 0xff_ffff);
    lines.field("executable", &process.executable);
    lines.field("config_file", &process.config_file);
    lines.field("io_threads_active", u8::from(process.io_threads > 1));
    listeners(lines, facts);
}

fn listeners(lines: &mut Lines, facts: &Facts<'_>) {
    let mut listeners = Vec::new();
    if facts.process.tcp_port > 0 {
        let bind = facts.directive("bind");
        let addresses: Vec<String> =
            bind.split_whitespace().map(|address| format!("bind={address}")).collect();
        listeners.push(format!("name=tcp,{},port={}", addresses.join(","), facts.process.tcp_port));
    }
    let socket = facts.directive("unixsocket");
    if !socket.is_empty() {
        listeners.push(format!("name=unix,bind={socket}"));
    }
    for (number, listener) in listeners.iter().enumerate() {
        lines.field(&format!("listener{number}"), listener);
    }
}
