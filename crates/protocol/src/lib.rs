//! Redis protocol requests and replies, patterns and number formats; bytes in, values out.
