//! CLIENT TRACKING and what goes with it: being told of keys that change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::delivery::Inbox;
use crate::error::{CommandError, Outcome};
use crate::session::{Caching, Tracking};
use crate::tracking::Follower;

/// What is answered for the client that is told of keys while nobody is.
const NOT_TRACKING: i64 = -1;

/// What CLIENT TRACKING asks for.
#[derive(Debug, Default)]
struct Options {
    redirection: Option<Arc<Inbox>>,
    prefixes: Vec<Box<[u8]>>,
    broadcasts: bool,
    opts_in: bool,
    opts_out: bool,
    no_loop: bool,
}

impl Options {
    fn parse(call: &Call<'_, '_>) -> Result<Self, CommandError> {
        const SEVERAL: CommandError =
            CommandError::fixed("ERR A client can only redirect to a single other client");
        const UNKNOWN: CommandError =
            CommandError::fixed("ERR The client ID you want redirect to does not exist");
        let mut options = Self::default();
        let mut words = call.arguments.from(3);
        while let Some(word) = words.next() {
            let rest = words.len();
            if is_word(word, "REDIRECT") && rest > 0 {
                if options.redirection.is_some() {
                    return Err(SEVERAL);
                }
                let id = words.next().and_then(parse_i64).ok_or(CommandError::NOT_AN_INTEGER)?;
                let client = u64::try_from(id).ok().and_then(|id| call.engine.clients.get(id));
                options.redirection = Some(client.ok_or(UNKNOWN)?.inbox.clone());
            } else if is_word(word, "PREFIX") && rest > 0 {
                options.prefixes.extend(words.next().map(Box::from));
            } else if is_word(word, "BCAST") {
                options.broadcasts = true;
            } else if is_word(word, "OPTIN") {
                options.opts_in = true;
            } else if is_word(word, "OPTOUT") {
                options.opts_out = true;
            } else if is_word(word, "NOLOOP") {
                options.no_loop = true;
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }

    /// Checks that the options go together, and with those of before.
    fn check(&self, before: Option<&Tracking>) -> Outcome {
        const PREFIX_ONLY: CommandError =
            CommandError::fixed("ERR PREFIX option requires BCAST mode to be enabled");
        const OTHER_MODE: CommandError = CommandError::fixed(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
             re-enabling it with a different mode.",
        );
        const OPT_AND_BROADCAST: CommandError =
            CommandError::fixed("ERR OPTIN and OPTOUT are not compatible with BCAST");
        const IN_AND_OUT: CommandError =
            CommandError::fixed("ERR You can't specify both OPTIN mode and OPTOUT mode");
        const OTHER_OPT: CommandError = CommandError::fixed(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
             re-enabling it with a different mode.",
        );
        let before = before.map(|tracking| tracking.caching);
        if !self.prefixes.is_empty() && !self.broadcasts {
            return Err(PREFIX_ONLY);
        }
        if before.is_some_and(|before| (before == Caching::Broadcast) != self.broadcasts) {
            return Err(OTHER_MODE);
        }
        if self.broadcasts && (self.opts_in || self.opts_out) {
            return Err(OPT_AND_BROADCAST);
        }
        if self.opts_in && self.opts_out {
            return Err(IN_AND_OUT);
        }
        if (self.opts_in && before == Some(Caching::OptOut))
            || (self.opts_out && before == Some(Caching::OptIn))
        {
            return Err(OTHER_OPT);
        }
        Ok(())
    }

    /// The prefixes together with those of before.
    ///
    /// # Errors
    /// One of the new ones begins another one, or the other way round, so that some keys would be told of twice.
    fn joined_prefixes(&self, before: Option<&Tracking>) -> Result<BTreeSet<Box<[u8]>>, CommandError> {
        let overlap = |one: &[u8], other: &[u8], which: &str| {
            let text: [&[u8]; _] = [
                b"ERR Prefix '",
                one,
                b"' overlaps with ",
                which.as_bytes(),
                b" prefix '",
                other,
                b"'. Prefixes for a single client must not overlap.",
            ];
            CommandError::new(text.concat())
        };
        let overlaps = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
        let mut all = before.map(|tracking| tracking.follower.prefixes.clone()).unwrap_or_default();
        for (place, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = all.iter().find(|other| overlaps(prefix, other)) {
                return Err(overlap(prefix, other, "an existing"));
            }
            if let Some(other) = self.prefixes[place + 1..].iter().find(|other| overlaps(prefix, other)) {
                return Err(overlap(prefix, other, "another provided"));
            }
        }
        all.extend(self.prefixes.iter().cloned());
        if self.broadcasts && self.prefixes.is_empty() {
            all.insert(Box::default());
        }
        Ok(all)
    }
}

/// CLIENT TRACKING.
pub(super) fn tracking(call: &mut Call<'_, '_>) -> Outcome {
    let is_on = match call.arguments.at(2) {
        word if is_word(word, "ON") => true,
        word if is_word(word, "OFF") => false,
        _ => {
            Options::parse(call)?;
            return Err(CommandError::SYNTAX);
        }
    };
    let options = Options::parse(call)?;
    if is_on {
        let before = call.session.tracking.as_deref();
        options.check(before)?;
        let prefixes = options.joined_prefixes(before)?;
        let next = before.and_then(|tracking| tracking.next);
        begin(call, options, prefixes, next);
    } else {
        call.engine.end_tracking(call.session);
    }
    call.reply.ok();
    Ok(())
}

fn begin(call: &mut Call<'_, '_>, options: Options, prefixes: BTreeSet<Box<[u8]>>, next: Option<bool>) {
    let caching = match (options.broadcasts, options.opts_in, options.opts_out) {
        (true, ..) => Caching::Broadcast,
        (_, true, _) => Caching::OptIn,
        (_, _, true) => Caching::OptOut,
        _ => Caching::All,
    };
    let redirection = options.redirection.as_ref().map_or(0, |inbox| inbox.recipient.client.cast_signed());
    let follower = Arc::new(Follower {
        inbox: call.session.record.inbox.clone(),
        redirection: options.redirection,
        no_loop: options.no_loop,
        prefixes,
    });
    follower.inbox.is_redirection_broken.store(false, Ordering::Relaxed);
    call.engine.keyspace.messages.followers.add(follower.clone());
    call.session.record.redirection.store(redirection, Ordering::Relaxed);
    call.session.record.broadcasts.store(options.broadcasts, Ordering::Relaxed);
    call.session.tracking = Some(Box::new(Tracking { caching, next, follower }));
}

/// CLIENT CACHING.
pub(super) fn caching(call: &mut Call<'_, '_>) -> Outcome {
    const NO_CHOICE: CommandError = CommandError::fixed(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    );
    const NOT_IN: CommandError =
        CommandError::fixed("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    const NOT_OUT: CommandError =
        CommandError::fixed("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    let word = call.arguments.at(2);
    let tracking = call.session.tracking.as_deref_mut().ok_or(NO_CHOICE)?;
    if is_word(word, "YES") {
        if tracking.caching != Caching::OptIn {
            return Err(NOT_IN);
        }
        tracking.next = Some(true);
    } else if is_word(word, "NO") {
        if tracking.caching != Caching::OptOut {
            return Err(NOT_OUT);
        }
        tracking.next = Some(false);
    } else {
        return Err(CommandError::SYNTAX);
    }
    call.reply.ok();
    Ok(())
}

/// CLIENT GETREDIR.
pub(super) fn get_redirection(call: &mut Call<'_, '_>) -> Outcome {
    call.reply.integer(redirection(call));
    Ok(())
}

fn redirection(call: &Call<'_, '_>) -> i64 {
    match &call.session.tracking {
        None => NOT_TRACKING,
        Some(tracking) => {
            let other = tracking.follower.redirection.as_ref();
            other.map_or(0, |inbox| inbox.recipient.client.cast_signed())
        }
    }
}

/// CLIENT TRACKINGINFO.
pub(super) fn info(call: &mut Call<'_, '_>) -> Outcome {
    let mut flags: Vec<&[u8]> = Vec::new();
    let mut prefixes: Vec<Box<[u8]>> = Vec::new();
    match &call.session.tracking {
        None => flags.push(b"off"),
        Some(tracking) => {
            flags.push(b"on");
            let (caching, next) = (tracking.caching, tracking.next);
            let choices: [(bool, &[u8]); 7] = [
                (caching == Caching::Broadcast, b"bcast"),
                (caching == Caching::OptIn, b"optin"),
                (caching == Caching::OptIn && next.is_some(), b"caching-yes"),
                (caching == Caching::OptOut, b"optout"),
                (caching == Caching::OptOut && next.is_some(), b"caching-no"),
                (tracking.follower.no_loop, b"noloop"),
                (tracking.follower.inbox.is_redirection_broken.load(Ordering::Relaxed), b"broken_redirect"),
            ];
            flags.extend(choices.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag)));
            prefixes.extend(tracking.follower.prefixes.iter().cloned());
        }
    }
    let redirection = redirection(call);
    let reply = &mut *call.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.into_iter().for_each(|flag| reply.bulk(flag));
    reply.bulk(b"redirect");
    reply.integer(redirection);
    reply.bulk(b"prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}
