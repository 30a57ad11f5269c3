//! The arguments of one request, borrowed from the buffer that it was read into.

use nuthatch_protocol::request::Span;

/// Arguments by position; the command's name is argument 0.
#[derive(Debug, Clone, Copy)]
pub struct Arguments<'a> {
    input: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Arguments<'a> {
    /// The arguments at `spans` of `input`.
    pub fn new(input: &'a [u8], spans: &'a [Span]) -> Self {
        Self { input, spans }
    }

    /// How many there are, the command's name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none, not even a name.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The argument at `index`, or nothing beyond the last.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        self.input.get(span.start as usize..span.end as usize)
    }

    /// The arguments from `index` on as a request of their own.
    pub fn skip(&self, index: usize) -> Self {
        Self { spans: self.spans.get(index..).unwrap_or_default(), ..*self }
    }

    /// The argument at an index that the command's arity guarantees.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        debug_assert!(index < self.len(), "an argument that the arity does not guarantee");
        self.get(index).unwrap_or_default()
    }

    /// The arguments from `index` on, one after another.
    pub fn from(
        &self,
        index: usize,
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + Clone + use<'a> {
        let (input, spans) = (self.input, self.spans.get(index..).unwrap_or_default());
        spans.iter().map(move |span| input.get(span.start as usize..span.end as usize).unwrap_or_default())
    }
}

/// Whether `argument` is the keyword `word` (given in upper case), in any case.
#[inline]
pub fn is_word(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}
