//! The options that say how long a key lives: EX, PX, EXAT, PXAT, and KEEPTTL or PERSIST.

use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::error::CommandError;
use crate::keyspace::strings::NewDeadline;

/// What the options said about a key's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    /// Nothing.
    Unsaid,
    /// KEEPTTL: it stays.
    Keep,
    /// PERSIST: it goes.
    Persist,
    /// It is set anew.
    Ends(Expiration<'a>),
}

/// A time as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiration<'a> {
    form: Form,
    amount: &'a [u8],
}

/// How a time is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// EX: seconds from now.
    Seconds,
    /// PX: milliseconds from now.
    Milliseconds,
    /// EXAT: seconds since 1970.
    UnixSeconds,
    /// PXAT: milliseconds since 1970.
    UnixMilliseconds,
}

impl<'a> Lifetime<'a> {
    /// Takes `word` and the amount behind it if `word` is EX, PX, EXAT or PXAT. Says whether it is.
    ///
    /// # Errors
    /// The amount is missing, or an earlier option said something else.
    pub(super) fn accept(
        &mut self,
        word: &[u8],
        rest: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<bool, CommandError> {
        let form = if is_word(word, "EX") {
            Form::Seconds
        } else if is_word(word, "PX") {
            Form::Milliseconds
        } else if is_word(word, "EXAT") {
            Form::UnixSeconds
        } else if is_word(word, "PXAT") {
            Form::UnixMilliseconds
        } else {
            return Ok(false);
        };
        let amount = rest.next().ok_or(CommandError::SYNTAX)?;
        self.choose(Self::Ends(Expiration { form, amount }))?;
        Ok(true)
    }

    /// Takes what an option says. The same option may be repeated; the last counts.
    ///
    /// # Errors
    /// An earlier option said something else.
    pub(super) fn choose(&mut self, choice: Self) -> Result<(), CommandError> {
        let agrees = match (*self, choice) {
            (Self::Unsaid, _) => true,
            (Self::Ends(earlier), Self::Ends(later)) => earlier.form == later.form,
            (earlier, later) => earlier == later,
        };
        *self = choice;
        if agrees { Ok(()) } else { Err(CommandError::SYNTAX) }
    }

    /// What becomes of the deadline of a key that is set.
    ///
    /// # Errors
    /// As [`Expiration::deadline`].
    pub(super) fn of_new_value(self, now_ms: u64, command: &str) -> Result<NewDeadline, CommandError> {
        Ok(match self {
            Self::Unsaid | Self::Persist => NewDeadline::Clear,
            Self::Keep => NewDeadline::Keep,
            Self::Ends(expiration) => NewDeadline::At(expiration.deadline(now_ms, command)?),
        })
    }
}

impl<'a> Expiration<'a> {
    /// `amount` seconds from now.
    pub(super) fn seconds(amount: &'a [u8]) -> Self {
        Self { form: Form::Seconds, amount }
    }

    /// `amount` milliseconds from now.
    pub(super) fn milliseconds(amount: &'a [u8]) -> Self {
        Self { form: Form::Milliseconds, amount }
    }

    /// The deadline in milliseconds since 1970.
    ///
    /// # Errors
    /// The amount is no integer, not positive, or too large; `command` is named in the error.
    pub(super) fn deadline(self, now_ms: u64, command: &str) -> Result<u64, CommandError> {
        let amount = parse_i64(self.amount).ok_or(CommandError::NOT_AN_INTEGER)?;
        let milliseconds_each = match self.form {
            Form::Seconds | Form::UnixSeconds => 1000,
            Form::Milliseconds | Form::UnixMilliseconds => 1,
        };
        let from = match self.form {
            Form::Seconds | Form::Milliseconds => i64::try_from(now_ms).unwrap_or(i64::MAX),
            Form::UnixSeconds | Form::UnixMilliseconds => 0,
        };
        Some(amount)
            .filter(|amount| *amount > 0)
            .and_then(|amount| amount.checked_mul(milliseconds_each)?.checked_add(from)?.try_into().ok())
            .ok_or_else(|| CommandError::invalid_expire_time(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_beyond_what_a_deadline_holds_are_refused() {
        let deadline = |form, amount: &str| {
            Expiration { form, amount: amount.as_bytes() }.deadline(1_000_000, "set").ok()
        };
        assert_eq!(deadline(Form::Seconds, "5"), Some(1_005_000));
        assert_eq!(deadline(Form::UnixMilliseconds, "5"), Some(5));
        assert_eq!(deadline(Form::UnixSeconds, "9223372036854775"), Some(9_223_372_036_854_775_000));
        assert_eq!(deadline(Form::UnixSeconds, "9223372036854776"), None);
        assert_eq!(deadline(Form::Seconds, "9223372036854775"), None);
        assert_eq!(deadline(Form::Milliseconds, "9223372036854775807"), None);
        assert_eq!(deadline(Form::Milliseconds, "0"), None);
        assert_eq!(deadline(Form::UnixSeconds, "-1"), None);
    }

    #[test]
    fn contradicting_options_are_refused_and_repeated_ones_are_not() {
        let take = |words: &[&'static [u8]]| {
            let mut lifetime = Lifetime::Unsaid;
            let mut rest = words.iter().copied();
            while let Some(word) = rest.next() {
                assert!(lifetime.accept(word, &mut rest)?);
            }
            Ok::<_, CommandError>(lifetime)
        };
        assert_eq!(take(&[b"ex", b"1", b"EX", b"2"]), Ok(Lifetime::Ends(Expiration::seconds(b"2"))));
        assert_eq!(take(&[b"EX", b"1", b"PX", b"2"]), Err(CommandError::SYNTAX));
        assert_eq!(take(&[b"EX"]), Err(CommandError::SYNTAX));
    }
}
