//! One integer within a string: where it is, and what happens to values that it cannot hold.

/// The bytes from the first one that a field touches, with zeros beyond the end of the string. A field of 64
/// bits touches 9 bytes at most.
pub(super) type Window = [u8; 16];

/// An integer of `bits` bits from a bit of a string on, the highest bit first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Whether the highest bit is the sign, in two's complement.
    pub(super) signed: bool,
    /// 1 to 64, or to 63 if unsigned.
    pub(super) bits: u32,
    /// In bits from the start of the string.
    pub(super) offset: usize,
}

/// What becomes of a value that a field cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overflow {
    /// Its low bits count.
    Wrap,
    /// It is replaced by the nearest value that the field can hold.
    Saturate,
    /// Nothing is done.
    Fail,
}

impl Field {
    /// The first byte that the field touches.
    pub(super) fn first_byte(self) -> usize {
        self.offset / 8
    }

    /// How many bytes the field touches.
    pub(super) fn bytes(self) -> usize {
        (self.offset % 8 + self.bits as usize).div_ceil(8)
    }

    /// The field's bytes within `text`.
    pub(super) fn window(self, text: &[u8]) -> Window {
        let mut window = Window::default();
        let present = text.get(self.first_byte()..).unwrap_or_default();
        let present = &present[..present.len().min(self.bytes())];
        window[..present.len()].copy_from_slice(present);
        window
    }

    /// The field's value.
    pub(super) fn load(self, window: Window) -> i64 {
        self.wrap(u128::from_be_bytes(window) >> self.shift())
    }

    /// Puts a value that [`Self::fit`] gave into the field.
    pub(super) fn store(self, window: &mut Window, value: i64) {
        let mask = self.mask() << self.shift();
        let value = (value as u128) << self.shift() & mask;
        *window = (u128::from_be_bytes(*window) & !mask | value).to_be_bytes();
    }

    /// A value that was given as a signed integer, as the field's type reads it: for an unsigned field, negative
    /// ones are large.
    fn widen(self, value: i64) -> i128 {
        if self.signed { value.into() } else { (value as u64).into() }
    }

    /// The value that the field takes for one that a client gives, if any.
    ///
    /// A value so low that its distance from the greatest does not fit 64 bits saturates to the greatest, as it
    /// does in stock servers.
    pub(super) fn fit_given(self, value: i64, overflow: Overflow) -> Option<i64> {
        let (_, greatest) = self.range();
        let wraps_around = self.signed && self.bits < 64 && greatest - i128::from(value) > i64::MAX.into();
        match overflow {
            Overflow::Saturate if wraps_around => i64::try_from(greatest).ok(),
            _ => self.fit(self.widen(value), overflow),
        }
    }

    /// The least and the greatest value that the field holds.
    fn range(self) -> (i128, i128) {
        if self.signed {
            (-(1i128 << (self.bits - 1)), (1i128 << (self.bits - 1)) - 1)
        } else {
            (0, (1i128 << self.bits) - 1)
        }
    }

    /// The value that the field takes for `value`, if any.
    pub(super) fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (least, greatest) = self.range();
        let fits = (least..=greatest).contains(&value);
        match overflow {
            _ if fits => i64::try_from(value).ok(),
            Overflow::Wrap => Some(self.wrap(value as u128)),
            Overflow::Saturate => i64::try_from(value.clamp(least, greatest)).ok(),
            Overflow::Fail => None,
        }
    }

    /// The low bits of `value` as the field's type reads them.
    fn wrap(self, value: u128) -> i64 {
        let unused = 64 - self.bits;
        let high = ((value & self.mask()) as u64) << unused;
        if self.signed { high as i64 >> unused } else { (high >> unused) as i64 }
    }

    fn mask(self) -> u128 {
        (1 << self.bits) - 1
    }

    /// Bits of the window behind the field.
    fn shift(self) -> u32 {
        u128::BITS - (self.offset % 8) as u32 - self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_leave_their_neighbours_alone() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..2000 {
            let signed = random.bool();
            let bits = random.u32(1..=if signed { 64 } else { 63 });
            let field = Field { signed, bits, offset: random.usize(..64) };
            let before: Vec<u8> = (0..24).map(|_| random.u8(..)).collect();
            let Some(value) = field.fit(random.i64(..).into(), Overflow::Wrap) else { panic!("wraps") };
            let mut window = field.window(&before);
            field.store(&mut window, value);
            let mut after = before.clone();
            after[field.first_byte()..][..field.bytes()].copy_from_slice(&window[..field.bytes()]);
            assert_eq!(field.load(field.window(&after)), value, "{field:?}");
            for bit in (0..24 * 8).filter(|bit| !(field.offset..field.offset + bits as usize).contains(bit)) {
                let mask = 0x80 >> (bit % 8);
                assert_eq!(before[bit / 8] & mask, after[bit / 8] & mask, "{field:?}, bit {bit}");
            }
        }
    }

    #[test]
    fn values_that_do_not_fit_wrap_saturate_or_fail() {
        let signed = Field { signed: true, bits: 8, offset: 0 };
        let unsigned = Field { signed: false, ..signed };
        let fits = |field: Field, value, expected: [Option<i64>; 3]| {
            let outcomes = [Overflow::Wrap, Overflow::Saturate, Overflow::Fail];
            assert_eq!(outcomes.map(|overflow| field.fit(value, overflow)), expected);
        };
        fits(signed, -128, [Some(-128); 3]);
        fits(signed, -200, [Some(56), Some(-128), None]);
        fits(signed, 300, [Some(44), Some(127), None]);
        fits(unsigned, 300, [Some(44), Some(255), None]);
        fits(unsigned, -1, [Some(255), Some(0), None]);
        fits(unsigned, unsigned.widen(-200), [Some(56), Some(255), None]);
        assert_eq!(signed.fit_given(-200, Overflow::Saturate), Some(-128));
        assert_eq!(signed.fit_given(i64::MIN, Overflow::Saturate), Some(127));
    }
}
