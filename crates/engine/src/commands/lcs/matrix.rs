//! The lengths of the longest common subsequences of all prefixes of two texts, one bit a cell.
//!
//! Let L(i, j) be the length for the first i bytes of one text, the rows, and the first j bytes of the other,
//! the columns. A row of L grows by 0 or 1 from each column to the next; the bit at (i, j) is clear where it
//! grows. The bits of a row follow from those of the row above by an addition (Hyyrö, "Bit-parallel
//! LCS-length computation revisited", 2004). Columns are taken in blocks of one word, and the addition
//! carries from one block into the next.
//!
//! The bits are also all that finding a subsequence takes: where the bytes differ, L(i - 1, j) is greater
//! than L(i, j - 1) exactly if L grows from (i, j - 1) to (i, j).

/// Columns of a block.
const BLOCK: usize = u64::BITS as usize;

/// The state of one block of columns while the rows go by.
struct Block {
    /// For each byte, the columns that hold it.
    columns_of: [u64; 256],
    /// The bits of the current row.
    bits: u64,
}

impl Block {
    fn new(columns: &[u8]) -> Self {
        let mut columns_of = [0; 256];
        for (column, byte) in columns.iter().enumerate() {
            columns_of[usize::from(*byte)] |= 1 << column;
        }
        Self { columns_of, bits: !0 }
    }

    /// Goes on to a row with `byte`; `carry` comes from the same row of the block before and goes to the next.
    #[inline]
    fn advance(&mut self, byte: u8, carry: &mut bool) {
        let matches = self.columns_of[usize::from(byte)];
        let (sum, first) = self.bits.overflowing_add(self.bits & matches);
        let (sum, second) = sum.overflowing_add(u64::from(*carry));
        *carry = first | second;
        self.bits = sum | (self.bits & !matches);
    }
}

/// The length of the longest common subsequence, or nothing if memory is short.
pub(super) fn length(rows: &[u8], columns: &[u8]) -> Option<usize> {
    let mut carries = reserve(rows.len())?;
    carries.resize(rows.len(), false);
    let growth = columns.chunks(BLOCK).map(|columns| {
        let mut block = Block::new(columns);
        for (byte, carry) in rows.iter().zip(&mut carries) {
            block.advance(*byte, carry);
        }
        let beyond = u64::MAX.checked_shl(columns.len() as u32).unwrap_or(0);
        (!block.bits & !beyond).count_ones() as usize
    });
    Some(growth.sum())
}

/// The matrix of two texts.
pub(super) struct Matrix<'a> {
    rows: &'a [u8],
    columns: &'a [u8],
    /// Block by block, and within each row by row.
    words: Vec<u64>,
}

/// Bytes in common that stand next to each other in both texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Where it begins in the text of the rows.
    pub(super) row: usize,
    /// Where it begins in the text of the columns.
    pub(super) column: usize,
    /// In bytes.
    pub(super) length: usize,
}

impl<'a> Matrix<'a> {
    /// Computes the matrix, or nothing if memory is short.
    pub(super) fn new(rows: &'a [u8], columns: &'a [u8]) -> Option<Self> {
        let mut carries = reserve(rows.len())?;
        carries.resize(rows.len(), false);
        let mut words = reserve(rows.len().checked_mul(columns.len().div_ceil(BLOCK))?)?;
        for columns in columns.chunks(BLOCK) {
            let mut block = Block::new(columns);
            words.extend(rows.iter().zip(&mut carries).map(|(byte, carry)| {
                block.advance(*byte, carry);
                block.bits
            }));
        }
        Some(Self { rows, columns, words })
    }

    /// The rows and columns of a longest common subsequence, from its end to its start. Of several it is the
    /// one that the textbook's walk finds which goes up a row only where that keeps a greater length.
    pub(super) fn common_backwards(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut rows, mut columns) = (self.rows.len(), self.columns.len());
        std::iter::from_fn(move || {
            while rows > 0 && columns > 0 {
                let (row, column) = (rows - 1, columns - 1);
                if self.rows[row] == self.columns[column] {
                    (rows, columns) = (row, column);
                    return Some((row, column));
                }
                if self.grows(row, column) {
                    rows = row;
                } else {
                    columns = column;
                }
            }
            None
        })
    }

    /// The runs of the same subsequence, from its end to its start.
    pub(super) fn runs_backwards(&self) -> impl Iterator<Item = Run> {
        let mut common = self.common_backwards().peekable();
        std::iter::from_fn(move || {
            let (mut row, mut column) = common.next()?;
            let mut length = 1;
            while let Some(before) = common.next_if(|before| (before.0 + 1, before.1 + 1) == (row, column)) {
                (row, column) = before;
                length += 1;
            }
            Some(Run { row, column, length })
        })
    }

    /// Whether L grows from the column before to this one, in this row.
    fn grows(&self, row: usize, column: usize) -> bool {
        self.words[column / BLOCK * self.rows.len() + row] >> (column % BLOCK) & 1 == 0
    }
}

/// Memory for `count` elements, if there is that much.
fn reserve<T>(count: usize) -> Option<Vec<T>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(count).ok()?;
    Some(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook's table and walk.
    fn textbook(rows: &[u8], columns: &[u8]) -> Vec<(usize, usize)> {
        let mut lengths = vec![vec![0; columns.len() + 1]; rows.len() + 1];
        for (row, byte) in rows.iter().enumerate() {
            for (column, other) in columns.iter().enumerate() {
                lengths[row + 1][column + 1] = if byte == other {
                    lengths[row][column] + 1
                } else {
                    lengths[row][column + 1].max(lengths[row + 1][column])
                };
            }
        }
        let (mut row, mut column) = (rows.len(), columns.len());
        let mut common = Vec::new();
        while row > 0 && column > 0 {
            if rows[row - 1] == columns[column - 1] {
                (row, column) = (row - 1, column - 1);
                common.push((row, column));
            } else if lengths[row - 1][column] > lengths[row][column - 1] {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        common
    }

    #[test]
    fn bits_lead_the_way_that_the_whole_table_does() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..400u16 {
            let mut text = || -> Vec<u8> {
                let length = random.usize(..200);
                (0..length).map(|_| random.u8(..2 + (round % 5) as u8)).collect()
            };
            let (rows, columns) = (text(), text());
            let expected = textbook(&rows, &columns);
            let matrix = Matrix::new(&rows, &columns).unwrap();
            assert_eq!(matrix.common_backwards().collect::<Vec<_>>(), expected, "{rows:?} {columns:?}");
            assert_eq!(length(&rows, &columns), Some(expected.len()));
            let of_runs = matrix.runs_backwards().flat_map(|run| {
                (0..run.length).rev().map(move |offset| (run.row + offset, run.column + offset))
            });
            assert_eq!(of_runs.collect::<Vec<_>>(), expected);
        }
    }
}
