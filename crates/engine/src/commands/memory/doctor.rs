//! MEMORY DOCTOR: what the figures give cause to look into.

use crate::call::Call;
use crate::error::Outcome;
use crate::host::MemoryFacts;

use super::stats::ratio;

pub(super) fn doctor(call: &mut Call<'_, '_>) -> Outcome {
    let engine = call.engine;
    let symptoms = Symptoms {
        memory: engine.host.facts().memory,
        clients: engine.clients.len() as u64,
        client_bytes: engine.clients.memory_bytes(),
        scripts: engine.scripts.figures().scripts as u64,
    };
    call.reply.verbatim("txt", symptoms.report().as_bytes());
    Ok(())
}

/// What it goes by.
#[derive(Debug, Clone, Copy, Default)]
struct Symptoms {
    memory: MemoryFacts,
    clients: u64,
    /// What their buffers take, in bytes.
    client_bytes: u64,
    /// Scripts that are kept.
    scripts: u64,
}

impl Symptoms {
    fn report(&self) -> String {
        let memory = &self.memory;
        /// With less than this the figures say nothing.
        const ALLOCATED_MIN: u64 = 5 * 1024 * 1024;
        /// Waste below this is not worth a word.
        const WASTE_MIN: u64 = 10 * 1024 * 1024;
        const PEAK_RATIO_MAX: f64 = 1.5;
        const FRAGMENTATION_MAX: f64 = 1.1;
        const RESIDENT_RATIO_MAX: f64 = 1.1;
        const TOTAL_RATIO_MAX: f64 = 1.4;
        /// What the program takes besides, whatever it holds: its code, and memory that it has ready.
        const BESIDES: u64 = 32 * 1024 * 1024;
        const CLIENT_BYTES_MAX: u64 = 200 * 1024;
        const SCRIPTS_MAX: u64 = 1000;
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
        let resident = memory.process_resident.saturating_sub(BESIDES);
        if exceeds(resident, memory.allocated, TOTAL_RATIO_MAX) {
            findings.push(
            "Resident memory: the process takes more than 1.4 times the memory that is in use. If there was more in use \
             before, see above; else the findings below say where it is.",
        );
        }
        if exceeds(memory.active, memory.allocated, FRAGMENTATION_MAX) {
            findings.push(
                "Fragmentation: the allocator holds pages that are only partly in use, which happens when \
             values were replaced by values of other sizes.",
            );
        }
        if exceeds(memory.resident, memory.active, RESIDENT_RATIO_MAX) {
            findings.push(
                "Unused pages: the allocator holds pages that nothing is in. MEMORY PURGE releases them.",
            );
        }
        if exceeds(resident, memory.resident, RESIDENT_RATIO_MAX) {
            findings.push("Other memory: much of the process's memory is not the allocator's.");
        }
        if self.client_bytes > self.clients.saturating_mul(CLIENT_BYTES_MAX) {
            findings.push(
            "Clients: their buffers take more than 200 KB each on average. CLIENT LIST tells whose they are: clients \
             that do not read what they are sent, or send or ask for very much at once.",
        );
        }
        if self.scripts > SCRIPTS_MAX {
            findings.push(
            "Scripts: more than 1000 are kept. Texts that differ in values only had better take these as arguments; \
             SCRIPT FLUSH removes them all.",
        );
        }
        if memory.limit > 0 && memory.allocated > memory.limit {
            findings.push("Limit: more memory is in use than maxmemory allows.");
        }
        if findings.is_empty() {
            return "No trouble with memory was found.\n".to_owned();
        }
        findings.iter().map(|finding| format!("* {finding}\n")).collect()
    }
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
            process_resident: 135 * MIB,
            ..MemoryFacts::default()
        }
    }

    /// What is reported besides sound memory.
    fn findings(symptoms: Symptoms) -> Vec<String> {
        let report = symptoms.report();
        let titles = report.lines().filter_map(|line| line.strip_prefix("* ")?.split_once(':'));
        titles.map(|(title, _)| title.to_owned()).collect()
    }

    #[test]
    fn only_real_trouble_is_reported() {
        let of = |memory| findings(Symptoms { memory, clients: 1, ..Symptoms::default() });
        assert!(Symptoms::default().report().contains("too little data"));
        assert!(Symptoms { memory: sound(), ..Symptoms::default() }.report().contains("No trouble"));
        assert_eq!(of(MemoryFacts { allocated_peak: 300 * MIB, ..sound() }), ["Peak"]);
        assert_eq!(of(MemoryFacts { active: 200 * MIB, ..sound() }), ["Fragmentation"]);
        assert_eq!(of(MemoryFacts { resident: 200 * MIB, ..sound() }), ["Unused pages"]);
        let process_resident = 200 * MIB;
        assert_eq!(of(MemoryFacts { process_resident, ..sound() }), ["Resident memory", "Other memory"]);
        assert_eq!(of(MemoryFacts { limit: MIB, ..sound() }), ["Limit"]);
        let client_bytes = 300 * 1024;
        let symptoms = Symptoms { memory: sound(), clients: 1, client_bytes, scripts: 1000 };
        assert_eq!(findings(symptoms), ["Clients"]);
        assert_eq!(findings(Symptoms { clients: 2, scripts: 1001, ..symptoms }), ["Scripts"]);
    }
}
