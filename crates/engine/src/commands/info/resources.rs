//! INFO's sections about memory and processors.

use crate::commands::memory::overhead::Overhead;
use crate::commands::memory::stats::ratio;
use crate::defragmentation::Load;
use crate::host::MemoryFacts;
use crate::scripts::Scripts;

use super::{Facts, Lines, human_bytes};

pub(super) fn memory(lines: &mut Lines, facts: &Facts<'_>) {
    let memory = &facts.process.memory;
    let overhead = Overhead::of(facts.engine, facts.keys);
    let overhead_bytes = overhead.total(memory);
    let data_bytes = memory.allocated.saturating_sub(overhead_bytes);
    let since_start = memory.allocated.saturating_sub(memory.allocated_at_start);
    let percent = |of: u64, to: u64| format!("{:.2}%", 100.0 * ratio(of, to));
    lines.bytes("used_memory", memory.allocated);
    lines.bytes("used_memory_rss", memory.process_resident);
    lines.bytes("used_memory_peak", memory.allocated_peak);
    lines.field("used_memory_peak_perc", percent(memory.allocated, memory.allocated_peak));
    lines.field("used_memory_overhead", overhead_bytes);
    lines.field("used_memory_startup", memory.allocated_at_start);
    lines.field("used_memory_dataset", data_bytes);
    lines.field("used_memory_dataset_perc", percent(data_bytes, since_start));
    lines.field("allocator_allocated", memory.allocated);
    lines.field("allocator_active", memory.active);
    lines.field("allocator_resident", memory.resident);
    lines.field("allocator_muzzy", 0);
    lines.bytes("total_system_memory", memory.system);
    scripts(lines, &facts.engine.scripts, &overhead);
    lines.bytes("maxmemory", memory.limit);
    lines.field("maxmemory_policy", facts.directive("maxmemory-policy"));
    ratios(lines, memory);
    lines.field("mem_not_counted_for_evict", facts.engine.uncounted_memory());
    lines.none_of(&[
        "mem_replication_backlog",
        "mem_total_replication_buffers",
        "mem_replica_full_sync_buffer",
        "mem_clients_slaves",
    ]);
    lines.field("mem_clients_normal", overhead.clients);
    lines.none_of(&["mem_cluster_links"]);
    lines.field("mem_aof_buffer", overhead.log);
    lines.field("mem_allocator", &facts.process.allocator);
    lines.none_of(&["mem_overhead_db_hashtable_rehashing"]);
    lines.field("active_defrag_running", facts.engine.defragmentation.share(Load::Clients));
    let reclaimed = facts.engine.keyspace.reclaim_figures();
    lines.field("lazyfree_pending_objects", reclaimed.pending);
    lines.field("lazyfreed_objects", reclaimed.released);
}

/// Scripts and functions are run by the same interpreters, one for each thread.
fn scripts(lines: &mut Lines, scripts: &Scripts, overhead: &Overhead) {
    let figures = scripts.figures();
    let libraries = scripts.libraries.all();
    let functions: usize = libraries.iter().map(|library| library.functions.len()).sum();
    lines.field("used_memory_lua", overhead.interpreters);
    lines.field("used_memory_vm_eval", overhead.interpreters);
    lines.field("used_memory_lua_human", human_bytes(overhead.interpreters));
    lines.field("used_memory_scripts_eval", overhead.scripts);
    lines.field("number_of_cached_scripts", figures.scripts);
    lines.field("number_of_functions", functions);
    lines.field("number_of_libraries", libraries.len());
    lines.field("used_memory_vm_functions", 0);
    lines.bytes("used_memory_vm_total", overhead.interpreters);
    lines.field("used_memory_functions", overhead.functions);
    lines.bytes("used_memory_scripts", overhead.scripts + overhead.functions);
    lines.field("scripts_using_undeclared_keys", figures.undeclared);
}

fn ratios(lines: &mut Lines, memory: &MemoryFacts) {
    let mut compare = |ratio_name: &str, bytes_name: &str, of: u64, to: u64| {
        lines.field(ratio_name, format_args!("{:.2}", ratio(of, to)));
        lines.field(bytes_name, i128::from(of) - i128::from(to));
    };
    compare("allocator_frag_ratio", "allocator_frag_bytes", memory.active, memory.allocated);
    compare("allocator_rss_ratio", "allocator_rss_bytes", memory.resident, memory.active);
    compare("rss_overhead_ratio", "rss_overhead_bytes", memory.process_resident, memory.resident);
    compare("mem_fragmentation_ratio", "mem_fragmentation_bytes", memory.process_resident, memory.allocated);
}

pub(super) fn processor(lines: &mut Lines, facts: &Facts<'_>) {
    let process = &facts.process;
    let mut seconds = |name, seconds: f64| lines.field(name, format_args!("{seconds:.6}"));
    seconds("used_cpu_sys", process.cpu_system);
    seconds("used_cpu_user", process.cpu_user);
    // It starts no processes.
    seconds("used_cpu_sys_children", 0.0);
    seconds("used_cpu_user_children", 0.0);
    // All threads that run commands are alike: this is the one that runs INFO.
    seconds("used_cpu_sys_main_thread", process.cpu_system_thread);
    seconds("used_cpu_user_main_thread", process.cpu_user_thread);
}
