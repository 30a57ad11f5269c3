//! MEMORY DOCTOR: what the figures give cause to look into.

use crate::call::Call;
use crate::error::Outcome;
use crate::host::MemoryFacts;

use super::stats::ratio;

pub(super) fn doctor(call: &mut Call<'_, '_>) -> Outcome {
    let report = report(&call.engine.host.facts().memory);
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

fn report(memory: &MemoryFacts) -> String {
    /// With less than this the figures say nothing.
    const ALLOCATED_MIN: u64 = 5 * 1024 * 1024;
    /// Waste below this is not worth a word.
    const WASTE_MIN: u64 = 10 * 1024 * 1024;
    const PEAK_RATIO_MAX: f64 = 1.5;
    const FRAGMENTATION_MAX: f64 = 1.1;
    const RESIDENT_RATIO_MAX: f64 = 1.1;
    if memory.allocated < ALLOCATED_MIN {
        return "There is too little data for a diagnosis.\n".to_owned();
    }
    let mut findings = Vec::new();
    if ratio(memory.allocated_peak, memory.allocated) > PEAK_RATIO_MAX {
        findings.push(
            "Peak: more than one and a half times as much memory was in use as is now. Memory that was \
             given back by values may not have gone back to the operating system yet.",
        );
    }
    let exceeds = |larger: u64, smaller: u64, ratio_max: f64| {
        ratio(larger, smaller) > ratio_max && larger - smaller > WASTE_MIN
    };
    if exceeds(memory.active, memory.allocated, FRAGMENTATION_MAX) {
        findings.push(
            "Fragmentation: the allocator holds pages that are only partly in use, which happens when \
             values were replaced by values of other sizes.",
        );
    }
    if exceeds(memory.resident, memory.active, RESIDENT_RATIO_MAX) {
        findings
            .push("Unused pages: the allocator holds pages that nothing is in. MEMORY PURGE releases them.");
    }
    if exceeds(memory.process_resident, memory.resident, RESIDENT_RATIO_MAX) {
        findings.push("Other memory: much of the process's memory is not the allocator's.");
    }
    if memory.limit > 0 && memory.allocated > memory.limit {
        findings.push("Limit: more memory is in use than maxmemory allows.");
    }
    if findings.is_empty() {
        return "No trouble with memory was found.\n".to_owned();
    }
    findings.iter().map(|finding| format!("* {finding}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn sound() -> MemoryFacts {
        MemoryFacts {
            allocated: 100 * MIB,
            allocated_peak: 101 * MIB,
            active: 102 * MIB,
            resident: 103 * MIB,
            process_resident: 105 * MIB,
            ..MemoryFacts::default()
        }
    }

    #[test]
    fn only_real_trouble_is_reported() {
        assert!(report(&MemoryFacts::default()).contains("too little data"));
        assert!(report(&sound()).contains("No trouble"));
        assert!(report(&MemoryFacts { allocated_peak: 300 * MIB, ..sound() }).starts_with("* Peak:"));
        assert!(report(&MemoryFacts { active: 200 * MIB, ..sound() }).starts_with("* Fragmentation:"));
        assert!(report(&MemoryFacts { resident: 200 * MIB, ..sound() }).starts_with("* Unused pages:"));
        assert!(report(&MemoryFacts { process_resident: 200 * MIB, ..sound() }).starts_with("* Other"));
        assert!(report(&MemoryFacts { limit: MIB, ..sound() }).starts_with("* Limit:"));
    }
}
