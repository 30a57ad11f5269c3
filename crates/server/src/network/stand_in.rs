//! Serving the other clients of a thread while a script on it runs for too long.
//!
//! The thread's turn cannot go on until the script has ended, so the script now and then lets those be served who are not
//! the client that runs it: first those who take part in the same turn leave it, and then further turns are taken, inside
//! the first one. Commands answer in them that the server is busy, but for those by which scripts are ended.

use std::mem;

use nuthatch_engine::dispatch::Worker;
use nuthatch_engine::dispatch::bystanders::Bystanders;
use rustix::event::{Timespec, epoll};

use super::clients::{Clients, LISTENERS, MAILBOX};
use super::mailbox::Message;
use super::participant::Aftermath;
use super::turn::{Rest, Turn};

/// Events taken from the system at once.
const EVENTS_MAX: usize = 128;

/// What a thread needs for that, which it keeps once it has needed it.
#[derive(Debug, Default)]
pub(super) struct StandIn {
    parts: Option<Box<Parts>>,
    /// Messages that have to wait until the script has ended.
    mail: Vec<Message>,
}

#[derive(Debug)]
struct Parts {
    turn: Turn,
    worker: Worker,
    aftermath: Aftermath,
}

impl StandIn {
    /// Whether messages have had to wait.
    pub(super) fn has_mail(&self) -> bool {
        !self.mail.is_empty()
    }

    /// Those messages.
    pub(super) fn take_mail(&mut self) -> Vec<Message> {
        mem::take(&mut self.mail)
    }
}

/// The other clients of a thread whose turn is interrupted.
pub(super) struct Others<'t> {
    pub(super) stand_in: &'t mut StandIn,
    pub(super) clients: &'t mut Clients,
    /// What is left of the turn.
    pub(super) rest: Rest<'t>,
    /// The place of the client that runs the script among those who take part in it.
    pub(super) own: usize,
    /// Whether the others have left the turn.
    pub(super) are_left: bool,
}

impl Bystanders for Others<'_> {
    fn attend(&mut self) {
        let StandIn { parts, mail } = &mut *self.stand_in;
        let engine = &self.clients.shared.engine;
        let parts = parts.get_or_insert_with(|| {
            Box::new(Parts { turn: Turn::new(), worker: engine.worker(), aftermath: Aftermath::default() })
        });
        let Parts { turn, worker, aftermath } = &mut **parts;
        if !mem::replace(&mut self.are_left, true) {
            self.rest.leave(self.own, self.clients, worker, aftermath);
            self.clients.settle(aftermath, worker);
        }
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let room = rustix::buffer::spare_capacity(&mut events);
        if epoll::wait(&self.clients.epoll, room, Some(&at_once)).is_err() {
            return;
        }
        for event in &events {
            match event.data.u64() {
                MAILBOX => read_mailbox(self.clients, mail),
                place if place >= LISTENERS => self.clients.accept((place - LISTENERS) as usize, worker),
                place => {
                    self.clients.serve(place as usize, event.flags, turn, worker);
                    if turn.is_full() {
                        take_turn(turn, self.clients, worker, aftermath);
                    }
                }
            }
        }
        take_turn(turn, self.clients, worker, aftermath);
    }
}

fn take_turn(turn: &mut Turn, clients: &mut Clients, worker: &mut Worker, aftermath: &mut Aftermath) {
    turn.run(clients, worker, aftermath, None);
    clients.settle(aftermath, worker);
    clients.release_kept(worker);
}

/// Serves new connections, and keeps other messages.
fn read_mailbox(clients: &mut Clients, mail: &mut Vec<Message>) {
    for message in clients.shared.mailboxes[clients.number].take() {
        match message {
            Message::Serve(accepted) => clients.adopt(accepted),
            Message::Stop => {
                clients.shared.engine.scripts.busy.end_all();
                mail.push(Message::Stop);
            }
            // It is looked at after each turn.
            Message::Kept | Message::Help => {}
            message @ Message::Client(..) => mail.push(message),
        }
    }
}
