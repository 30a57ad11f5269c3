//! Makes a failing sequence of commands short.

/// The shortest sequence found, by leaving out ever smaller pieces of `sequence`, for which `fails`
/// still holds. It must hold for `sequence` itself.
pub fn shrink<T: Clone>(sequence: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut shortest = sequence.to_vec();
    let mut piece = shortest.len().div_ceil(2);
    loop {
        let mut start = 0;
        let mut shortened = false;
        while start < shortest.len() {
            let end = (start + piece).min(shortest.len());
            let without = [&shortest[..start], &shortest[end..]].concat();
            if fails(&without) {
                shortest = without;
                shortened = true;
            } else {
                start = end;
            }
        }
        if piece == 1 && !shortened {
            return shortest;
        }
        piece = piece.div_ceil(2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_failure_needs_is_left() {
        let sequence: Vec<u32> = (0..1000).collect();
        let fails = |part: &[u32]| part.contains(&17) && part.contains(&801);
        assert_eq!(shrink(&sequence, fails), [17, 801]);
    }

    #[test]
    fn a_failure_of_nothing_shrinks_to_nothing() {
        assert_eq!(shrink(&[1, 2, 3], |_| true), [0; 0]);
    }
}
