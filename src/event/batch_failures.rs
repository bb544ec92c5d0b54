//! The response to a batch of SQS or of Kinesis: the items that are to come again.

use serde::Serialize;

/// What an event source mapping reads (`ReportBatchItemFailures`). An empty list means that the whole batch is
/// done (DESIGN.md, "SQS batches").
pub(super) fn batch_item_failures(identifiers: &[&str]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Failures<'a> {
        batch_item_failures: Vec<Failure<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure<'a> {
        item_identifier: &'a str,
    }
    serde_json::to_vec(&Failures {
        batch_item_failures: identifiers
            .iter()
            .map(|identifier| Failure {
                item_identifier: identifier,
            })
            .collect(),
    })
    .expect("text into memory always goes")
}
