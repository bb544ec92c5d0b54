//! The response to a single document: counts for whoever invokes the function by hand. Lambda itself reads
//! nothing of it.

use serde::Serialize;

use crate::account::Counts;

/// What the invoker gets to see of a success.
pub(crate) fn summary(counts: &Counts) -> Vec<u8> {
    #[derive(Serialize)]
    struct Summary {
        received: u64,
        forwarded: u64,
        refused: u64,
        skipped: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        sampled: Option<u64>,
    }
    serde_json::to_vec(&Summary {
        received: counts.received,
        forwarded: counts.forwarded + counts.forwarded_earlier,
        refused: counts.refused(),
        skipped: counts.skipped(),
        sampled: (counts.sampled > 0).then_some(counts.sampled),
    })
    .expect("numbers into memory always go")
}
