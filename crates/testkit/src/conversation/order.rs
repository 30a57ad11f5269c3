//! Where the order of messages is free.
//!
//! The stock servers keep patterns, and the channels of one client, in hash tables. So a publication that several
//! patterns of one client match reaches it in any order of the patterns, and a client that gives up all its channels at
//! once is told so in any order of the channels. Everything else has the order in which it happened.

use crate::reply::Reply;

/// The frames in an order that does not depend on a hash table.
pub(super) fn in_one_order(frames: &[Vec<u8>]) -> Vec<Reply> {
    let mut replies: Vec<Reply> = frames
        .iter()
        .map(|frame| Reply::decode(frame).unwrap_or_else(|_| Reply::Error(frame.clone())))
        .collect();
    for run in
        replies.chunk_by_mut(|one, next| publication(one).is_some() && publication(one) == publication(next))
    {
        run.sort();
    }
    for run in replies.chunk_by_mut(|one, next| given_up(one).is_some() && given_up(one) == given_up(next)) {
        sort_names(run);
    }
    replies
}

fn parts(reply: &Reply) -> &[Reply] {
    if let Reply::Array(parts) | Reply::Push(parts) = reply { parts } else { &[] }
}

/// The channel and the message of a publication that a pattern has matched.
fn publication(reply: &Reply) -> Option<&[Reply]> {
    match parts(reply) {
        [kind, _pattern, rest @ ..] if kind.bytes() == Some(b"pmessage") => Some(rest),
        _ => None,
    }
}

/// The kind of a subscription that has ended.
fn given_up(reply: &Reply) -> Option<&[u8]> {
    match parts(reply) {
        [kind, _name, _count] => kind.bytes().filter(|kind| kind.ends_with(b"unsubscribe")),
        _ => None,
    }
}

/// Sorts the names of channels among the replies; the counts keep their places.
fn sort_names(run: &mut [Reply]) {
    let mut names: Vec<Reply> = run.iter().filter_map(|reply| parts(reply).get(1).cloned()).collect();
    names.sort();
    for (reply, sorted) in run.iter_mut().zip(names) {
        if let Reply::Array(parts) | Reply::Push(parts) = reply
            && let Some(name) = parts.get_mut(1)
        {
            *name = sorted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(frames: &[&str]) -> Vec<Reply> {
        in_one_order(&frames.iter().map(|frame| frame.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn patterns_that_match_one_publication_have_no_order() {
        let [one, other, later] = [
            "*4\r\n+pmessage\r\n+a*\r\n+a\r\n+x\r\n",
            "*4\r\n+pmessage\r\n+*\r\n+a\r\n+x\r\n",
            "*4\r\n+pmessage\r\n+*\r\n+a\r\n+y\r\n",
        ];
        assert_eq!(ordered(&[one, other]), ordered(&[other, one]));
        assert_ne!(ordered(&[one, later]), ordered(&[later, one]));
    }

    #[test]
    fn channels_that_are_given_up_together_have_no_order_but_their_counts_have() {
        let frames = |names: [&str; 2], counts: [u8; 2]| {
            let frame =
                |index: usize| format!("*3\r\n+unsubscribe\r\n+{}\r\n:{}\r\n", names[index], counts[index]);
            ordered(&[&frame(0), &frame(1)])
        };
        assert_eq!(frames(["a", "b"], [1, 0]), frames(["b", "a"], [1, 0]));
        assert_ne!(frames(["a", "b"], [1, 0]), frames(["a", "b"], [0, 1]));
        assert_ne!(frames(["a", "b"], [1, 0]), frames(["a", "c"], [1, 0]));
    }
}
