//! Numbers that are read are shown, and what is shown reads back as the same number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nuthatch_protocol::{
    LongDouble,
    number::{format_f64, format_i64, parse_f64, parse_i64},
};

fuzz_target!(|text: &[u8]| {
    if let Some(number) = parse_i64(text) {
        let mut shown = Vec::new();
        format_i64(number, &mut shown);
        assert_eq!(shown, text);
    }
    if let Some(number) = parse_f64(text) {
        let mut shown = Vec::new();
        format_f64(number, &mut shown);
        assert_eq!(parse_f64(&shown), Some(number));
    }
    if let Some(number) = LongDouble::parse(text) {
        let mut shown = Vec::new();
        number.format(&mut shown);
        let read = LongDouble::parse(&shown).expect("what is shown is a number");
        let mut again = Vec::new();
        read.format(&mut again);
        assert_eq!(shown, again);
    }
});
