//! Counting and finding bits between two offsets, a word at a time.

/// How many bits are set from `start` up to, not including, `end`, which is within the text.
pub(super) fn count(text: &[u8], start: usize, end: usize) -> usize {
    let Some(part) = text.get(start / 8..end.div_ceil(8)) else { return 0 };
    let (words, rest) = part.as_chunks::<8>();
    let ones: usize = words.iter().map(|word| u64::from_ne_bytes(*word).count_ones() as usize).sum();
    let ones = ones + rest.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
    let ones_in = |byte: Option<&u8>, mask: u8| byte.map_or(0, |byte| (byte & mask).count_ones() as usize);
    ones - ones_in(part.first(), !after(start)) - ones_in(part.last(), !before(end))
}

/// The first bit that is set, or clear, from `start` up to, not including, `end`, which is within the text.
pub(super) fn find(text: &[u8], bit: bool, start: usize, end: usize) -> Option<usize> {
    // Looking for set bits in what is different from a text without any.
    let background = if bit { 0 } else { u8::MAX };
    let part = text.get(start / 8..end.div_ceil(8))?;
    let first = (part.first()? ^ background) & after(start);
    let position = if first != 0 {
        start / 8 * 8 + first.leading_zeros() as usize
    } else {
        let index = 1 + find_other(&part[1..], background)?;
        (start / 8 + index) * 8 + (part[index] ^ background).leading_zeros() as usize
    };
    (position < end).then_some(position)
}

/// The first byte that is not `background`.
fn find_other(text: &[u8], background: u8) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let same = [background; 8];
    let word = words.iter().position(|word| *word != same);
    let (from, candidates) = match word {
        Some(word) => (word * 8, &words[word][..]),
        None => (words.len() * 8, rest),
    };
    Some(from + candidates.iter().position(|byte| *byte != background)?)
}

/// The bits of a byte from an offset on.
fn after(offset: usize) -> u8 {
    u8::MAX >> (offset % 8)
}

/// The bits of the last byte before an offset.
fn before(offset: usize) -> u8 {
    u8::MAX << ((8 - offset % 8) % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_agree_with_single_bits() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..3000 {
            let length = random.usize(1..40);
            let filler = if random.bool() { 0 } else { u8::MAX };
            let mut text = vec![filler; length];
            for _ in 0..random.usize(..4) {
                text[random.usize(..length)] = random.u8(..);
            }
            let start = random.usize(..length * 8);
            let end = random.usize(start + 1..=length * 8);
            let is_set = |offset: &usize| text[offset / 8] & (0x80 >> (offset % 8)) != 0;
            assert_eq!(count(&text, start, end), (start..end).filter(is_set).count());
            assert_eq!(find(&text, true, start, end), (start..end).find(is_set));
            assert_eq!(find(&text, false, start, end), (start..end).find(|offset| !is_set(offset)));
        }
    }
}
