//! One target under libFuzzer: the one that `FUZZ_TARGET` names. One binary for all of them links once.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<fuzz::Check> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let found = fuzz::TARGETS.iter().find(|(name, _)| *name == wanted);
    found.expect("FUZZ_TARGET is one of fuzz::TARGETS").1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
