//! The libraries that scripts find beside those of the language.
