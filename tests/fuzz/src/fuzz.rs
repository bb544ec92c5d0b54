//! The fuzz targets: libFuzzer with one of the properties, which `FUZZ_TARGET` names.

#![no_main]

use std::env;
use std::sync::LazyLock;

use cw_resend_lambda::properties::{PROPERTIES, Property, expand};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Property> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").unwrap_or_default();
    let property = PROPERTIES.iter().find(|(known, _)| *known == name);
    let (_, property) = property.expect("FUZZ_TARGET has to name a property");
    *property
});

fuzz_target!(|input: &[u8]| TARGET(&expand(input)));
