//! Replaying a trace through a cache: get, and after a miss set.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nuthatch_bench::traces::{NEVER, REQUESTS_PER_MS, Step, Steps};

use super::cache::Cache;
use crate::server::Dialect;

/// Requests that are sent together.
const BATCH: usize = 64;

/// How a trace is replayed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Requests in a second.
    pub(crate) rate: u64,
    /// Bytes of a key.
    pub(crate) key_size: usize,
}

/// What came of a replay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replayed {
    /// The limit that the server was given, and the resident bytes that it had more in the end than in the
    /// beginning.
    pub(crate) limit: u64,
    pub(crate) added_bytes: u64,
    /// Of the reads that count, the part that missed.
    pub(crate) miss_ratio: f64,
    /// Keys that the server had in the end.
    pub(crate) keys: u64,
    /// Requests in a second, as it came to be.
    pub(crate) rate: f64,
}

/// Replays a trace; what the server's memory is, the caller has to see.
pub(crate) fn replay(address: SocketAddr, dialect: Dialect, steps: &Steps, pace: Pace) -> Result<Replayed> {
    let mut replay = Replay::new(Cache::connect(address, dialect)?, steps, pace);
    for (number, batch) in steps.steps.chunks(BATCH).enumerate() {
        replay.batch(number, batch)?;
    }
    replay.set_missed()?;
    replay.cache.send()?;
    replay.read_sets()?;
    let seconds = replay.start.elapsed().as_secs_f64();
    Ok(Replayed {
        limit: 0,
        added_bytes: 0,
        miss_ratio: replay.misses as f64 / steps.reads().max(1) as f64,
        keys: replay.cache.key_count()?,
        rate: steps.steps.len() as f64 / seconds,
    })
}

struct Replay<'a> {
    cache: Cache,
    steps: &'a Steps,
    pace: Pace,
    start: Instant,
    value: Vec<u8>,
    key: Vec<u8>,
    /// Steps whose values are to be set before the next batch.
    missed: Vec<Step>,
    /// Sets whose replies are to be read.
    sets: usize,
    /// Of each key, the batch that set it last (counted from 1), and when the value expires, in microseconds
    /// from the start.
    set_in: Vec<u32>,
    expires_us: Vec<u64>,
    misses: u64,
}

impl<'a> Replay<'a> {
    fn new(cache: Cache, steps: &'a Steps, pace: Pace) -> Replay<'a> {
        let largest = steps.steps.iter().map(|step| step.value_bytes).max().unwrap_or(0);
        Replay {
            cache,
            steps,
            pace,
            start: Instant::now(),
            // Values that do not compress.
            value: (0..u64::from(largest)).map(|place| (mixed(place) >> 32) as u8).collect(),
            key: Vec::new(),
            missed: Vec::new(),
            sets: 0,
            set_in: vec![0; steps.keys()],
            expires_us: vec![0; steps.keys()],
            misses: 0,
        }
    }

    fn batch(&mut self, number: usize, batch: &[Step]) -> Result<()> {
        let due = Duration::from_secs_f64((number * BATCH) as f64 / self.pace.rate as f64);
        std::thread::sleep(due.saturating_sub(self.start.elapsed()));
        self.set_missed()?;
        self.cache.send()?;
        self.read_sets()?;
        let now = number as u32 + 1;
        for step in batch {
            if step.write {
                self.set(step, now)?;
            } else {
                self.render_key(step)?;
                self.cache.get(&self.key);
            }
        }
        self.cache.send()?;
        let mut written = 0;
        for (place, step) in batch.iter().enumerate() {
            if step.write {
                written += 1;
                self.cache.is_set()?;
                continue;
            }
            let there = self.cache.has_value()?;
            let key = step.key as usize;
            // What this batch has missed before is set after it, and would be there already, were it not a
            // batch.
            let just_set = self.set_in[key] == now;
            let alive = there && self.start.elapsed().as_micros() < u128::from(self.expires_us[key]);
            if alive || just_set {
                continue;
            }
            self.misses += u64::from(number * BATCH + place >= self.steps.first_counted);
            self.set_in[key] = now;
            self.missed.push(*step);
        }
        self.sets -= written;
        Ok(())
    }

    fn set_missed(&mut self) -> Result<()> {
        for step in std::mem::take(&mut self.missed) {
            let batch = self.set_in[step.key as usize];
            self.set(&step, batch)?;
        }
        Ok(())
    }

    fn set(&mut self, step: &Step, batch: u32) -> Result<()> {
        self.render_key(step)?;
        let ttl_ms = (step.ttl_ms != NEVER).then(|| {
            let scaled = u64::from(step.ttl_ms) * REQUESTS_PER_MS * 1000 / self.pace.rate;
            scaled.max(1)
        });
        self.cache.set(&self.key, &self.value[..step.value_bytes as usize], ttl_ms);
        self.sets += 1;
        let key = step.key as usize;
        self.set_in[key] = batch;
        self.expires_us[key] = match ttl_ms {
            Some(ttl_ms) => self.start.elapsed().as_micros() as u64 + ttl_ms * 1000,
            None => u64::MAX,
        };
        Ok(())
    }

    fn read_sets(&mut self) -> Result<()> {
        for _ in 0..std::mem::take(&mut self.sets) {
            self.cache.is_set()?;
        }
        Ok(())
    }

    fn render_key(&mut self, step: &Step) -> Result<()> {
        self.key.clear();
        // Sixteen digits without a pattern, and more or fewer of them where keys have another size.
        write!(self.key, "{:016x}", mixed(u64::from(step.key)))?;
        ensure!(self.pace.key_size >= self.key.len(), "keys have at least {} bytes", self.key.len());
        self.key.resize(self.pace.key_size, b'k');
        Ok(())
    }
}

/// A number without pattern that belongs to `number` and to no other one (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader, Read};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use nuthatch_bench::traces::Request;

    use super::*;

    /// Requests for keys in an order, each at its own time; `true` is a write.
    fn steps(keys: &[(u64, bool)]) -> Steps {
        let requests = keys.iter().enumerate().map(|(number, (key, write))| Request {
            key: *key,
            value_bytes: 10 + *key as u32,
            ttl_ms: matches!(key, 8 | 9).then_some(if *key == 9 { 60 } else { 60_000 }),
            write: *write,
            at_ms: number as u64,
        });
        Steps::of(requests, None)
    }

    /// A server without a limit that serves one connection; it returns how many sets it got.
    fn serve(dialect: Dialect) -> (SocketAddr, std::thread::JoinHandle<usize>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let mut reader = BufReader::new(stream);
            let (mut values, mut sets) = (HashMap::new(), 0);
            while let Some(request) = read_request(&mut reader, dialect) {
                sets += usize::from(request.len() > 2);
                let reply = answer(&request, &mut values, dialect);
                reader.get_mut().write_all(&reply).unwrap();
            }
            sets
        });
        (address, server)
    }

    /// The arguments of the next request: a name, perhaps a key, perhaps a value.
    fn read_request(reader: &mut BufReader<TcpStream>, dialect: Dialect) -> Option<Vec<Vec<u8>>> {
        let mut line = String::new();
        let mut next_line = |reader: &mut BufReader<TcpStream>| {
            line.clear();
            (reader.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
        };
        let value = |reader: &mut BufReader<TcpStream>, length: usize| {
            let mut value = vec![0; length + 2];
            reader.read_exact(&mut value).unwrap();
            value.truncate(length);
            value
        };
        let first = next_line(reader)?;
        if dialect == Dialect::Memcached {
            let mut words: Vec<_> = first.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            if words.len() == 5 {
                let length = String::from_utf8(words[4].clone()).unwrap().parse().unwrap();
                words.truncate(2);
                words.push(value(reader, length));
            }
            return Some(words);
        }
        let count: usize = first.strip_prefix('*').unwrap().parse().unwrap();
        let argument = |_| {
            let length = next_line(reader).unwrap().strip_prefix('$').unwrap().parse().unwrap();
            value(reader, length)
        };
        Some((0..count).map(argument).collect())
    }

    fn answer(request: &[Vec<u8>], values: &mut HashMap<Vec<u8>, Vec<u8>>, dialect: Dialect) -> Vec<u8> {
        let redis = dialect == Dialect::Redis;
        match request {
            [name] if redis && name == b"DBSIZE" => format!(":{}\r\n", values.len()).into_bytes(),
            [_] => format!("STAT a 1\r\nSTAT curr_items {}\r\nEND\r\n", values.len()).into_bytes(),
            [_, key] => match values.get(key) {
                None if redis => b"$-1\r\n".to_vec(),
                None => b"END\r\n".to_vec(),
                Some(value) => {
                    let length = value.len();
                    let head = match redis {
                        true => format!("${length}\r\n"),
                        false => format!("VALUE {} 0 {length}\r\n", key.escape_ascii()),
                    };
                    let tail = if redis { &b"\r\n"[..] } else { b"\r\nEND\r\n" };
                    [head.as_bytes(), value, tail].concat()
                }
            },
            [_, key, value, ..] => {
                values.insert(key.clone(), value.clone());
                if redis { b"+OK\r\n".to_vec() } else { b"STORED\r\n".to_vec() }
            }
            [] => panic!("a request has a name"),
        }
    }

    #[test]
    fn a_server_that_keeps_all_misses_each_key_once() {
        // 400 requests, of which the first 100 do not count; 90 keys, 40 of them new after the first 100; a
        // write in between is neither a hit nor a miss, and makes the read behind it a hit.
        let mut keys: Vec<_> = (0..100).map(|number| (100 + number % 50, false)).collect();
        keys.extend((0..298).map(|number| (100 + number % 90, false)));
        keys.extend([(900, true), (900, false)]);
        let steps = steps(&keys);
        assert_eq!((steps.first_counted, steps.reads()), (100, 299));
        for dialect in [Dialect::Redis, Dialect::Memcached] {
            let (address, server) = serve(dialect);
            let replayed = replay(address, dialect, &steps, Pace { rate: 1_000_000, key_size: 20 }).unwrap();
            assert_eq!(replayed.miss_ratio, 40.0 / 299.0, "{dialect:?}");
            assert_eq!(replayed.keys, 91, "{dialect:?}");
            assert_eq!(server.join().unwrap(), 91, "{dialect:?}");
        }
    }

    #[test]
    fn a_value_past_its_deadline_is_a_miss_even_if_the_server_gives_it() {
        // Key 9 lives for as long as the trace has 600 requests, key 8 for 600,000.
        let mut keys = vec![(9, false), (8, false)];
        keys.extend([(1, false); 2000]);
        keys.extend([(8, false), (9, false)]);
        let mut steps = steps(&keys);
        steps.first_counted = 0;
        let (address, server) = serve(Dialect::Redis);
        let pace = Pace { rate: 100_000, key_size: 16 };
        let replayed = replay(address, Dialect::Redis, &steps, pace).unwrap();
        assert_eq!(replayed.miss_ratio, 4.0 / keys.len() as f64);
        assert_eq!(server.join().unwrap(), 4);
    }
}
