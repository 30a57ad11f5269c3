//! Against naive twins: one byte for each register.

use proptest::prelude::*;

use super::*;

/// The registers of a value.
fn registers_of(value: &[u8]) -> Result<Vec<u8>, Corrupted> {
    let mut merged = Merged::default();
    merged.add(Sketch::of(value).ok_or(Corrupted)?)?;
    Ok(merged.registers().to_vec())
}

fn dense() -> Vec<u8> {
    with_dense_body(&empty()[..HEADER_BYTES], &Merged::default())
}

/// Registers near to each other, so that runs are split and joined, and ranks of either encoding.
fn observations() -> impl Strategy<Value = Vec<Observation>> {
    let register = prop_oneof![0..40usize, 8000..8200usize, REGISTERS - 20..REGISTERS];
    let rank = prop_oneof![8 => 1..4u8, 1 => 1..=32u8, 1 => 33..=51u8];
    let observation = (register, rank).prop_map(|(register, rank)| Observation { register, rank });
    proptest::collection::vec(observation, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn registers_hold_the_highest_rank(
        observations in observations(),
        starts_dense in any::<bool>(),
        sparse_bytes_max in prop_oneof![0..200usize, Just(3000)],
    ) {
        let mut value = Cow::Owned(if starts_dense { dense() } else { empty() });
        let mut naive = vec![0; REGISTERS];
        for observation in observations {
            let register = &mut naive[observation.register];
            let raised = *register < observation.rank;
            *register = observation.rank.max(*register);
            prop_assert_eq!(observe(&mut value, observation, sparse_bytes_max), Ok(raised));
            prop_assert_eq!(&registers_of(&value), &Ok(naive.clone()));
        }
        let sketch = Sketch::of(&value).expect("it stays one");
        if sketch.encoding() == Encoding::Sparse {
            prop_assert!(value.len() <= sparse_bytes_max.max(empty().len()));
        }
        let converted = to_dense(sketch).expect("it is whole");
        prop_assert_eq!(registers_of(&converted), Ok(naive));
        let estimates = [&value[..], &converted].map(|value| Sketch::of(value).map(Sketch::cardinality));
        prop_assert_eq!(estimates[0], estimates[1]);
    }

    #[test]
    fn registers_in_a_row_are_raised_as_one_by_one(
        into in observations(),
        more in observations(),
        sparse_bytes_max in prop_oneof![0..200usize, Just(3000)],
    ) {
        let mut value: Cow<'_, [u8]> = Cow::Owned(empty());
        for observation in into {
            prop_assert!(observe(&mut value, observation, sparse_bytes_max).is_ok());
        }
        let mut merged = Merged::default();
        for Observation { register, rank } in more {
            merged.registers[register] = rank;
        }
        let mut one_by_one = value.clone();
        for observation in merged.observations() {
            prop_assert!(observe(&mut one_by_one, observation, sparse_bytes_max).is_ok());
        }
        prop_assert_eq!(merge(&mut value, &merged, sparse_bytes_max), Ok(()));
        prop_assert_eq!(value, one_by_one);
    }

    #[test]
    fn any_bytes_are_read_and_changed_without_a_panic(
        body in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0x7f), Just(0xff), Just(0x84)], 0..60),
        observations in observations(),
    ) {
        let mut bytes = empty()[..HEADER_BYTES].to_vec();
        bytes.extend_from_slice(&body);
        let whole = sparse::whole(&body).all(|run| run.is_ok());
        prop_assert_eq!(registers_of(&bytes).is_ok(), whole);
        prop_assert_eq!(Sketch::of(&bytes).expect("the header is right").cardinality().is_ok(), whole);
        prop_assert!(sparse::runs(&body).count() <= body.len());
        let mut value: Cow<'_, [u8]> = Cow::Owned(bytes);
        for observation in observations {
            let before = value.clone();
            if observe(&mut value, observation, 3000).is_err() {
                prop_assert_eq!(&before, &value);
            }
            prop_assert!(value.len() <= DENSE_BYTES.max(before.len() + 4));
        }
    }

    #[test]
    fn any_registers_have_an_estimate(body in proptest::collection::vec(any::<u8>(), dense::BODY_BYTES)) {
        let mut bytes = dense()[..HEADER_BYTES].to_vec();
        bytes.extend_from_slice(&body);
        prop_assert!(Sketch::of(&bytes).expect("the header is right").cardinality().is_ok());
    }
}

#[test]
fn elements_fall_where_stock_servers_put_them() {
    let observed = |element: &[u8]| {
        let Observation { register, rank } = Observation::of(element);
        (register, rank)
    };
    assert_eq!(observed(b"x"), (16_374, 2));
    assert_eq!(observed(b"hello"), (9216, 1));
    assert_eq!(observed(b"12345678"), (10_579, 3));
    assert_eq!(observed(b"123456789abcdefgh"), (1958, 3));
}

#[test]
fn values_are_written_as_by_stock_servers() {
    let mut value = Cow::Owned(empty());
    assert_eq!(*value, *b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    for element in [b"x", b"y", b"z", b"w"] {
        assert_eq!(observe(&mut value, Observation::of(element), 3000), Ok(true));
    }
    assert_eq!(value[HEADER_BYTES..], *b"PG\x84Q;\x80X\xcd\x88E\xa0\x84\x08");
}

#[test]
fn estimates_are_those_of_stock_servers() {
    let all = |value: u8| {
        let mut histogram = Histogram::default();
        histogram.add(value, REGISTERS);
        histogram.cardinality()
    };
    assert_eq!([0, 1, 40, 49].map(all), [0, 23_637, 12_994_641_697_113_596, 6_653_256_548_922_161_152]);
    assert_eq!([50, 51, 52, 63].map(all), [1 << 63; 4]);
}

#[test]
fn what_is_no_hyperloglog_is_not_taken_for_one() {
    let sparse = empty();
    let mut unknown_encoding = sparse.clone();
    unknown_encoding[4] = 2;
    let too_long = [&dense()[..], b"x"].concat();
    for bytes in [
        &b""[..],
        b"HYLL",
        &sparse[..HEADER_BYTES - 1],
        &unknown_encoding,
        &too_long,
        b"hyll\x01\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        assert!(Sketch::of(bytes).is_none(), "{}", bytes.escape_ascii());
    }
    assert!(Sketch::of(&sparse[..HEADER_BYTES]).is_some());
}
