//! What a client gives up when it leaves, or is put back into the state of a new one.

use std::sync::atomic::Ordering;

use crate::Engine;
use crate::pubsub::Namespace;
use crate::session::Session;

impl Engine {
    /// Ends all that makes others tell a client something, and its transaction. Takes locks.
    pub fn end_attention(&self, session: &mut Session) {
        self.end_transaction(session);
        let messages = &self.keyspace.messages;
        let record = session.record.clone();
        if let Some(subscriptions) = session.subscriptions.take() {
            for namespace in [Namespace::Channels, Namespace::Patterns, Namespace::ShardChannels] {
                for name in subscriptions.of(namespace) {
                    messages.channels.unsubscribe(namespace, name, &record.inbox);
                }
            }
            session.publish_subscriptions();
        }
        self.end_tracking(session);
        if std::mem::take(&mut session.is_monitor) {
            messages.monitors.remove(&record.inbox);
            record.monitors.store(false, Ordering::Relaxed);
        }
    }

    /// No longer tells a client of keys that change.
    pub(crate) fn end_tracking(&self, session: &mut Session) {
        if session.tracking.take().is_some() {
            self.keyspace.messages.followers.remove(session.record.id);
            session.record.redirection.store(-1, Ordering::Relaxed);
            session.record.inbox.is_redirection_broken.store(false, Ordering::Relaxed);
            session.record.broadcasts.store(false, Ordering::Relaxed);
        }
    }

    /// Forgets what a client has queued and ends its watches. Takes locks.
    pub(crate) fn end_transaction(&self, session: &mut Session) {
        session.transaction = None;
        session.record.queued.store(-1, Ordering::Relaxed);
        session.record.queued_bytes.store(0, Ordering::Relaxed);
        self.unwatch(session);
    }

    /// Ends a client's watches. Takes locks.
    pub(crate) fn unwatch(&self, session: &mut Session) {
        let Some(watched) = session.watched.take() else { return };
        session.record.watched.store(0, Ordering::Relaxed);
        session.record.watched_bytes.store(0, Ordering::Relaxed);
        for key in watched.keys() {
            self.keyspace.unwatch(&key, &session.record.watch);
        }
        session.record.watch.mend();
    }
}
