//! PFDEBUG and PFSELFTEST: a look into HyperLogLogs, for tests of the server.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::arguments::is_word;
use crate::call::Call;
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::value::hyperloglog::{self, Encoding, Merged, Observation, dense, sparse};
use crate::value::string::StringRef;

use super::{KEPT_OTHERWISE, Rewrite, encoding, sketch};

pub(super) fn pfdebug(call: &mut Call<'_, '_>) -> Outcome {
    const NO_SUCH_KEY: CommandError = CommandError::fixed("ERR The specified key does not exist");
    let (subcommand, key) = (call.arguments.at(1), call.key(2));
    if is_word(subcommand, "SIMD") {
        return simd(call);
    }
    let encoding = encoding(call.keys, &key)?.ok_or(NO_SUCH_KEY)?;
    call.keys.make_raw(&key);
    if is_word(subcommand, "GETREG") {
        get_registers(call, &key)
    } else if is_word(subcommand, "DECODE") {
        decode(call, &key)
    } else if is_word(subcommand, "ENCODING") {
        call.reply.simple(if encoding == Encoding::Dense { "dense" } else { "sparse" });
        Ok(())
    } else if is_word(subcommand, "TODENSE") {
        let converted = make_dense(call, &key)?;
        call.reply.integer(i64::from(converted));
        Ok(())
    } else {
        Err(CommandError::repeating("ERR Unknown PFDEBUG subcommand '", subcommand, "'"))
    }
}

/// Answers as if vector instructions were switched: there is but one way in which registers are merged, which the
/// compiler turns into those that the processor has.
fn simd(call: &mut Call<'_, '_>) -> Outcome {
    let argument = call.arguments.at(2);
    if is_word(argument, "ON") {
        call.reply.simple("enabled");
    } else if is_word(argument, "OFF") {
        call.reply.simple("disabled");
    } else {
        return Err(CommandError::fixed("ERR Argument must be ON or OFF"));
    }
    Ok(())
}

/// Makes a sparse value dense. Says whether it was sparse.
fn make_dense(call: &mut Call<'_, '_>, key: &Key<'_>) -> Result<bool, CommandError> {
    let text = call.keys.peek_string(key)?.map(StringRef::bytes).unwrap_or_default();
    let sketch = sketch(&text)?;
    if sketch.encoding() == Encoding::Dense {
        return Ok(false);
    }
    let value = hyperloglog::to_dense(sketch)?;
    Rewrite::between(&text, value).apply(call.keys, key, KEPT_OTHERWISE);
    Ok(true)
}

fn get_registers(call: &mut Call<'_, '_>, key: &Key<'_>) -> Outcome {
    make_dense(call, key)?;
    let text = call.keys.peek_string(key)?.map(StringRef::bytes).unwrap_or_default();
    call.reply.array(hyperloglog::REGISTERS);
    dense::registers(sketch(&text)?.body()).for_each(|value| call.reply.integer(i64::from(value)));
    Ok(())
}

fn decode(call: &mut Call<'_, '_>, key: &Key<'_>) -> Outcome {
    const NOT_SPARSE: CommandError = CommandError::fixed("ERR HLL encoding is not sparse");
    let text = call.keys.peek_string(key)?.map(StringRef::bytes).unwrap_or_default();
    let sketch = sketch(&text)?;
    if sketch.encoding() == Encoding::Dense {
        return Err(NOT_SPARSE);
    }
    let mut words = String::new();
    for run in sparse::runs(sketch.body()) {
        let separator = if words.is_empty() { "" } else { " " };
        let _ = match run.value {
            0 if run.is_long() => write!(words, "{separator}Z:{}", run.len),
            0 => write!(words, "{separator}z:{}", run.len),
            value => write!(words, "{separator}v:{value},{}", run.len),
        };
    }
    call.reply.bulk(words.as_bytes());
    Ok(())
}

/// Checks that both encodings keep the same registers, and that the estimate is as good as it should be.
pub(super) fn pfselftest(call: &mut Call<'_, '_>) -> Outcome {
    const ELEMENTS: u64 = 100_000;
    /// Six standard errors.
    const ERROR_MAX: f64 = 6.0 * 1.04 / 128.0;
    let mut sparse = Cow::Owned(hyperloglog::empty());
    let mut dense = Cow::Owned(hyperloglog::with_dense_body(
        &hyperloglog::empty()[..hyperloglog::HEADER_BYTES],
        &Merged::default(),
    ));
    for element in 1..=ELEMENTS {
        let observation = Observation::of(&element.to_le_bytes());
        hyperloglog::observe(&mut dense, observation, 0)?;
        if element <= 1000 {
            hyperloglog::observe(&mut sparse, observation, usize::MAX)?;
        }
        if element == 1000 && hyperloglog::to_dense(sketch(&sparse)?)? != *dense {
            return Err(CommandError::fixed("ERR TESTFAILED sparse and dense registers differ"));
        }
        if element.is_power_of_two() {
            let estimate = sketch(&dense)?.cardinality()? as f64;
            if (estimate - element as f64).abs() > (element as f64 * ERROR_MAX).max(2.0) {
                return Err(CommandError::fixed("ERR TESTFAILED the estimate is too far off"));
            }
        }
    }
    call.reply.ok();
    Ok(())
}
