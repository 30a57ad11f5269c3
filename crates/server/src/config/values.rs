//! The value of every directive, addressed by the directive's place in the table or by its name.

use super::compound::{OutputBufferLimits, SavePoint};
use super::directives::{self, Default, Directive, Index};
use super::kind::Value;
use super::settings::Share;

/// One value for each row of the table, always of the row's kind.
#[derive(Debug, Clone)]
pub(super) struct Values(Vec<Value>);

impl Values {
    /// The values that hold when no configuration is given.
    pub(super) fn defaults() -> Self {
        Self(directives::all().iter().map(|directive| default_of(directive)).collect())
    }

    pub(super) fn at(&self, index: Index) -> &Value {
        &self.0[index]
    }

    pub(super) fn set(&mut self, index: Index, value: Value) {
        self.0[index] = value;
    }

    /// The value of a directive of the table.
    ///
    /// # Panics
    ///
    /// Panics if the table has no such directive, as the accessors below do if it is of another kind: both are
    /// mistakes in the program, and every start of the server reads every setting.
    pub(super) fn get(&self, name: &str) -> &Value {
        let Some((_, index)) = directives::find(name.as_bytes()) else { panic!("no directive {name}") };
        self.at(index)
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        let Value::Boolean(value) = self.get(name) else { mismatch(name) };
        *value
    }

    /// A number, which the bounds of the directive must keep within those of the type.
    pub(super) fn number<N: TryFrom<i64>>(&self, name: &str) -> N {
        let Value::Integer(value) = self.get(name) else { mismatch(name) };
        N::try_from(*value).unwrap_or_else(|_| mismatch(name))
    }

    pub(super) fn size(&self, name: &str) -> u64 {
        let Value::Size(value) = self.get(name) else { mismatch(name) };
        *value
    }

    pub(super) fn share(&self, name: &str) -> Share {
        match self.get(name) {
            Value::Size(bytes) => Share::Bytes(*bytes),
            Value::Percent(percent) => Share::Percent(*percent),
            _ => mismatch(name),
        }
    }

    pub(super) fn permissions(&self, name: &str) -> u32 {
        let Value::Permissions(value) = self.get(name) else { mismatch(name) };
        *value
    }

    pub(super) fn text(&self, name: &str) -> &[u8] {
        let Value::Text(value) = self.get(name) else { mismatch(name) };
        value
    }

    pub(super) fn choice(&self, name: &str) -> &'static str {
        let Value::Choice(value) = self.get(name) else { mismatch(name) };
        value
    }

    pub(super) fn choices(&self, name: &str) -> &[&'static str] {
        let Value::Choices(value) = self.get(name) else { mismatch(name) };
        value
    }

    pub(super) fn addresses(&self, name: &str) -> Vec<String> {
        let Value::Addresses(value) = self.get(name) else { mismatch(name) };
        value.iter().map(|address| String::from_utf8_lossy(address).into_owned()).collect()
    }

    pub(super) fn output_buffer_limits(&self, name: &str) -> OutputBufferLimits {
        let Value::OutputBufferLimits(value) = self.get(name) else { mismatch(name) };
        *value
    }

    pub(super) fn save_points(&self, name: &str) -> Vec<SavePoint> {
        let Value::SavePoints(value) = self.get(name) else { mismatch(name) };
        value.clone()
    }

    pub(super) fn keyspace_events(&self, name: &str) -> String {
        let Value::KeyspaceEvents(value) = self.get(name) else { mismatch(name) };
        value.clone()
    }

    pub(super) fn percentiles(&self, name: &str) -> Vec<f64> {
        let Value::Percentiles(value) = self.get(name) else { mismatch(name) };
        value.clone()
    }

    pub(super) fn out_of_memory_scores(&self, name: &str) -> [i32; 3] {
        let Value::OutOfMemoryScores(value) = self.get(name) else { mismatch(name) };
        *value
    }
}

fn mismatch(name: &str) -> ! {
    panic!("directive {name} is of another kind")
}

/// The default of a directive, read by its own kind.
pub(super) fn default_of(directive: &Directive) -> Value {
    let text = match directive.default {
        Default::Text("") if matches!(directive.kind, super::kind::Kind::Primary) => {
            return Value::Primary(None);
        }
        Default::Text(text) => text.as_bytes().to_vec(),
        Default::Computed(_, compute) => compute(),
    };
    match directive.kind.parse(&[&text], None) {
        Ok(value) => value,
        Err(refusal) => panic!("default of {}: {refusal}", directive.name),
    }
}
