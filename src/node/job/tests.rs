//! Each arrow of the picture in `job.rs` has a row here, and so has each way in which a record is left alone.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "a group is a range, and a list may have one"
)]

use super::*;

use Stage::{Requested, Settled, Unsent};
use Verdict::{Forwarded, Refused, Undelivered};

const REQUEST: bool = false;
const RESPONSE: bool = true;

/// A job of so many records, with the ordinals 10, 11, and so on.
fn job(records: usize) -> Job {
    let part = |at| Part {
        ordinal: 10 + at,
        from: 100 * at,
        middle: 100 * at + 60,
        to: 100 * at + 100,
        is_head: at == 1,
    };
    let mut chunk = Chunk::default();
    chunk.parts.extend((0..records).map(part));
    Job::new(chunk)
}

/// A job of one record in this state.
fn one(stage: Stage) -> Job {
    let mut job = job(1);
    job.records[0].stage = stage;
    job
}

fn message(record: usize, is_response: bool) -> Message {
    Message {
        record,
        is_response,
    }
}

/// The next round as text: `0?` is the request message of the record 0, `0!` its response message.
fn round(job: &Job, window: usize) -> String {
    let mut round = Vec::new();
    job.compose_round(window, &mut round);
    let spell = |message: &Message| {
        let mark = if message.is_response { '!' } else { '?' };
        format!("{}{mark}", message.record)
    };
    round.iter().map(spell).collect::<Vec<_>>().join(" ")
}

fn verdicts(job: &Job) -> Vec<Verdict> {
    let (ordinals, verdicts): (Vec<_>, Vec<_>) = job.verdicts().unzip();
    assert!(ordinals.into_iter().eq(10..10 + verdicts.len()));
    verdicts
}

/// The ways in which a status is understood, with the statuses at their borders.
#[test]
fn statuses() {
    for (statuses, expected) in [
        (&[200, 201, 204, 299][..], Class::Accepted),
        (&[408, 425, 429, 500, 502, 503, 504, 599], Class::Transient),
        (
            &[199, 300, 301, 400, 401, 403, 404, 405, 413, 422, 501, 600],
            Class::Refused,
        ),
    ] {
        for &status in statuses {
            assert_eq!(Class::of(status), expected, "{status}");
        }
    }
}

/// `resend`, a response: from, message, connection, status, to, later, note.
#[test]
fn a_response_moves_its_record() {
    let transient = Note::Transient;
    for (from, of, connection, status, to, is_later, note) in [
        (Unsent, REQUEST, 1, 200, Requested(1), false, Note::Accepted),
        (
            Unsent,
            REQUEST,
            1,
            403,
            Settled(Refused(403)),
            false,
            Note::Refused,
        ),
        (Unsent, REQUEST, 1, 503, Unsent, true, transient),
        (Unsent, REQUEST, 1, 429, Unsent, true, transient),
        (
            Unsent,
            REQUEST,
            1,
            501,
            Settled(Refused(501)),
            false,
            Note::Refused,
        ),
        (
            Requested(1),
            RESPONSE,
            1,
            200,
            Settled(Forwarded),
            false,
            Note::Accepted,
        ),
        (
            Requested(1),
            RESPONSE,
            2,
            200,
            Settled(Forwarded),
            false,
            Note::Accepted,
        ),
        (
            Requested(1),
            RESPONSE,
            1,
            404,
            Settled(Refused(404)),
            false,
            Note::Refused,
        ),
        // The Node may have been started again since it accepted the request: the pair is repeated.
        (Requested(1), RESPONSE, 2, 404, Unsent, false, Note::Refused),
        (
            Requested(1),
            RESPONSE,
            1,
            500,
            Requested(1),
            true,
            transient,
        ),
        (
            Requested(1),
            RESPONSE,
            2,
            500,
            Requested(1),
            true,
            transient,
        ),
        // The response message was already in flight when its request was refused.
        (
            Settled(Refused(403)),
            RESPONSE,
            1,
            404,
            Settled(Refused(403)),
            false,
            Note::Nothing,
        ),
        (
            Settled(Forwarded),
            RESPONSE,
            1,
            503,
            Settled(Forwarded),
            false,
            Note::Nothing,
        ),
    ] {
        let mut job = one(from);
        let case = format!("{from:?}, response message: {of}, on {connection}: {status}");
        assert_eq!(
            job.take_response(message(0, of), status, connection),
            note,
            "{case}"
        );
        assert_eq!(job.records[0].stage, to, "{case}");
        assert_eq!(job.records[0].is_later, is_later, "{case}");
    }
}

/// A record whose request was postponed is not moved by the response message behind it.
#[test]
fn a_record_that_is_later_waits_for_the_next_pass() {
    let mut job = one(Unsent);
    job.take_response(message(0, REQUEST), 503, 1);
    assert_eq!(
        job.take_response(message(0, RESPONSE), 200, 1),
        Note::Nothing
    );
    assert!(!job.has_open() && !job.is_settled());
    assert_eq!(round(&job, 32), "");
    job.begin_pass();
    assert_eq!(round(&job, 32), "0? 0!");
}

#[test]
fn a_pair_is_repeated_twice_and_then_refused() {
    let mut job = job(1);
    for (connection, expected) in [(1, Unsent), (3, Unsent), (5, Settled(Refused(404)))] {
        job.take_response(message(0, REQUEST), 200, connection);
        job.take_response(message(0, RESPONSE), 404, connection + 1);
        assert_eq!(job.records[0].stage, expected, "{connection}");
    }
}

/// `resend`, a broken connection: from, suspect before, timeout; to, later.
#[test]
fn a_broken_connection_moves_the_record_whose_response_was_due() {
    for (from, was_suspect, is_timeout, to, is_later) in [
        (Unsent, false, false, Unsent, false),
        (Unsent, false, true, Unsent, true),
        (Unsent, true, false, Unsent, true),
        (Unsent, true, true, Unsent, true),
        // What the Node knew of the request may be gone.
        (Requested(1), false, false, Unsent, false),
        (Requested(1), true, false, Unsent, true),
        (Requested(1), false, true, Unsent, true),
        (Requested(1), true, true, Unsent, true),
    ] {
        let mut job = one(from);
        job.records[0].is_suspect = was_suspect;
        job.take_broken_round(&[message(0, from != Unsent)], is_timeout);
        let case = format!("{from:?}, suspect: {was_suspect}, timeout: {is_timeout}");
        assert_eq!(job.records[0].stage, to, "{case}");
        assert!(job.records[0].is_suspect, "{case}");
        assert_eq!(job.records[0].is_later, is_later, "{case}");
    }
}

#[test]
fn only_the_first_record_without_a_response_is_suspect() {
    let mut job = job(3);
    let all = [0, 1, 2].map(|record| message(record, REQUEST));
    job.take_response(all[0], 200, 1);
    job.take_broken_round(&all[1..], false);
    // The first one's response message was not in this round: what the Node knows of it may well be there.
    assert_eq!(job.records[0].stage, Requested(1));
    let suspects = job.records.iter().map(|record| record.is_suspect);
    assert!(suspects.eq([false, true, false]));
    assert_eq!(round(&job, 32), "0! 2? 2! 1? 1!");
    // A connection that broke before anything was asked moves nothing.
    let before = job.records.clone();
    job.take_broken_round(&[], true);
    assert_eq!(job.records, before);
}

#[test]
fn every_request_whose_response_message_was_in_the_broken_round_is_repeated() {
    let mut job = job(2);
    let responses = [0, 1].map(|record| message(record, RESPONSE));
    for record in [0, 1] {
        job.take_response(message(record, REQUEST), 200, 1);
    }
    job.take_broken_round(&responses, false);
    let now: Vec<_> = job
        .records
        .iter()
        .map(|record| (record.stage, record.is_suspect))
        .collect();
    assert_eq!(now, [(Unsent, true), (Unsent, false)]);
}

/// A broken connection does not tell on which of them: a record that is settled stays so.
#[test]
fn a_settled_record_stays_settled_when_the_connection_breaks() {
    let mut job = one(Settled(Refused(403)));
    job.take_broken_round(&[message(0, RESPONSE)], false);
    assert_eq!(job.records[0].stage, Settled(Refused(403)));
}

#[test]
fn repeats_are_counted_together_whatever_they_are_for() {
    let mut job = job(1);
    job.take_response(message(0, REQUEST), 200, 1);
    job.take_response(message(0, RESPONSE), 404, 2);
    job.take_response(message(0, REQUEST), 200, 3);
    job.take_broken_round(&[message(0, RESPONSE)], false);
    job.take_response(message(0, REQUEST), 200, 4);
    assert_eq!(job.records[0].stage, Requested(4));
    job.take_response(message(0, RESPONSE), 404, 5);
    assert_eq!(job.records[0].stage, Settled(Refused(404)));
}

#[test]
fn a_suspect_stays_one_in_the_next_pass() {
    let mut job = job(2);
    job.take_broken_round(&[message(0, REQUEST)], true);
    assert_eq!(round(&job, 32), "1? 1!");
    job.begin_pass();
    assert_eq!(round(&job, 32), "1? 1! 0? 0!");
}

#[test]
fn a_pair_whose_connections_break_is_repeated_twice_and_then_only_its_response_message_is_sent() {
    let mut job = job(1);
    for expected in [Unsent, Unsent, Requested(1)] {
        job.take_response(message(0, REQUEST), 200, 1);
        job.take_broken_round(&[message(0, RESPONSE)], false);
        assert_eq!(job.records[0].stage, expected);
        job.begin_pass();
    }
    assert_eq!(round(&job, 32), "0!");
}

#[test]
fn a_round_takes_what_the_window_has_room_for() {
    let mut job = job(4);
    for (window, expected) in [
        (1, "0?"),
        (2, "0? 0!"),
        (3, "0? 0!"),
        (4, "0? 0! 1? 1!"),
        (32, "0? 0! 1? 1! 2? 2! 3? 3!"),
    ] {
        assert_eq!(round(&job, window), expected, "{window}");
    }
    job.records[0].stage = Requested(1);
    job.records[1].stage = Settled(Forwarded);
    job.records[2].is_suspect = true;
    for (window, expected) in [(1, "0!"), (2, "0!"), (3, "0! 3? 3!"), (5, "0! 3? 3! 2? 2!")] {
        assert_eq!(round(&job, window), expected, "{window}");
    }
}

#[test]
fn the_window_doubles_up_to_its_limit() {
    let windows = std::iter::successors(Some(1), |&window| Some(wider(window)));
    assert!(windows.take(7).eq([1, 2, 4, 8, 16, 32, 32]));
}

#[test]
fn messages_know_their_bytes() {
    let job = job(2);
    assert_eq!(job.span(message(0, REQUEST)), 0..60);
    assert_eq!(job.span(message(1, RESPONSE)), 160..200);
    let is_head = |record, of| job.is_head(message(record, of));
    assert!(is_head(1, REQUEST) && !is_head(1, RESPONSE) && !is_head(0, REQUEST));
}

#[test]
fn what_is_not_settled_is_undelivered() {
    let mut job = job(4);
    job.records[0].stage = Settled(Forwarded);
    job.records[1].stage = Settled(Refused(403));
    job.records[2].stage = Requested(1);
    assert_eq!(
        verdicts(&job),
        [Forwarded, Refused(403), Undelivered, Undelivered]
    );
    assert!(!job.is_settled() && job.has_open());
    job.records.truncate(2);
    assert!(job.is_settled() && !job.has_open());
}

/// `batch`, a response to a group of some records: records, status, whether the Node refuses everything; verdict,
/// groups that follow, note.
#[test]
fn a_response_settles_or_halves_its_group() {
    let halved = |records| halves(0..records).to_vec();
    for (records, status, refuses_everything, verdict, follow, note) in [
        (4, 200, false, Some(Forwarded), vec![], Note::Accepted),
        (1, 204, false, Some(Forwarded), vec![], Note::Accepted),
        (4, 503, false, None, vec![], Note::Transient),
        (1, 429, false, None, vec![], Note::Transient),
        // One of the records may be the reason.
        (4, 400, false, None, halved(4), Note::Refused),
        (5, 403, false, None, halved(5), Note::Refused),
        (2, 422, false, None, halved(2), Note::Refused),
        (2, 501, false, None, halved(2), Note::Refused),
        // It is too much together, whatever else the Node refuses.
        (4, 413, true, None, halved(4), Note::Refused),
        (4, 400, true, Some(Refused(400)), vec![], Note::Refused),
        // The status speaks of the address, or of who is asking.
        (4, 300, false, Some(Refused(300)), vec![], Note::Refused),
        (4, 399, false, Some(Refused(399)), vec![], Note::Refused),
        (4, 401, false, Some(Refused(401)), vec![], Note::Refused),
        (4, 404, false, Some(Refused(404)), vec![], Note::Refused),
        (4, 405, false, Some(Refused(405)), vec![], Note::Refused),
        (4, 415, false, Some(Refused(415)), vec![], Note::Refused),
        (
            1,
            400,
            false,
            Some(Refused(400)),
            vec![],
            Note::RefusedAlone,
        ),
        (
            1,
            413,
            false,
            Some(Refused(413)),
            vec![],
            Note::RefusedAlone,
        ),
        (1, 404, true, Some(Refused(404)), vec![], Note::RefusedAlone),
    ] {
        let mut job = job(records);
        let mut groups = Groups::new();
        let case = format!("{records} records: {status}, {refuses_everything}");
        let found = job.take_batch_response(0..records, status, refuses_everything, &mut groups);
        assert_eq!(found, note, "{case}");
        assert_eq!(Vec::from(groups), follow, "{case}");
        let expected = verdict.unwrap_or(Undelivered);
        assert_eq!(verdicts(&job), vec![expected; records], "{case}");
        assert_eq!(job.is_settled(), verdict.is_some(), "{case}");
        assert_eq!(job.has_open(), !follow.is_empty(), "{case}");
    }
}

#[test]
fn halves_go_before_the_groups_that_wait() {
    let mut job = job(6);
    let mut groups = Groups::from([4..6]);
    job.take_batch_response(0..4, 400, false, &mut groups);
    assert_eq!(groups, [0..2, 2..4, 4..6]);
}

/// `batch`, a broken connection: records, suspect before, timeout; groups that follow, later.
#[test]
fn a_broken_connection_sends_its_group_again_and_then_halves_it() {
    for (records, was_suspect, is_timeout, follow, is_later) in [
        (4, false, false, vec![0..4], false),
        (4, true, false, vec![0..2, 2..4], false),
        (5, true, false, vec![0..3, 3..5], false),
        (1, false, false, vec![0..1], false),
        (1, true, false, vec![], true),
        (4, false, true, vec![], true),
        (4, true, true, vec![], true),
    ] {
        let mut job = job(records);
        for record in &mut job.records {
            record.is_suspect = was_suspect;
        }
        let mut groups = Groups::from([8..9]);
        job.take_broken_batch(0..records, is_timeout, &mut groups);
        let case = format!("{records} records, suspect: {was_suspect}, timeout: {is_timeout}");
        let mut expected = vec![8..9];
        expected.extend(follow);
        assert_eq!(Vec::from(groups), expected, "{case}");
        for record in &job.records {
            assert!(record.is_suspect, "{case}");
            assert_eq!(record.is_later, is_later, "{case}");
        }
    }
}

#[test]
fn groups_are_neighbours_that_may_share_a_message_and_suspects_go_last() {
    let mut job = job(8);
    assert_eq!(job.open_groups(), [0..8]);
    // One that is settled, or later, parts its neighbours.
    job.records[3].stage = Settled(Forwarded);
    job.records[5].is_later = true;
    assert_eq!(job.open_groups(), [0..3, 4..5, 6..8]);
    // A group that broke connections twice is no longer sent whole in later passes, either.
    job.take_broken_batch(0..3, false, &mut Groups::new());
    assert_eq!(job.open_groups(), [4..5, 6..8, 0..3]);
    job.take_broken_batch(0..3, false, &mut Groups::new());
    assert_eq!(job.open_groups(), [4..5, 6..8, 0..2, 2..3]);
}

#[test]
fn a_suspect_does_not_share_a_batch_with_others() {
    let mut job = job(4);
    job.take_broken_batch(0..2, true, &mut Groups::new());
    job.begin_pass();
    assert_eq!(job.open_groups(), [2..4, 0..2]);
}

#[test]
fn a_node_that_has_accepted_nothing_and_refused_eight_alone_refuses_everything() {
    for (accepted, refused_alone, expected) in [
        (0, 0, false),
        (0, 7, false),
        (0, 8, true),
        (1, 8, false),
        (1, 1000, false),
    ] {
        assert_eq!(
            refuses_everything(accepted, refused_alone),
            expected,
            "{accepted} {refused_alone}"
        );
    }
}

/// How often the Node has responded when each pass ends, and how many passes may follow.
#[test]
fn passes_end_while_the_node_responds_to_others() {
    for (responses, expected) in [
        // Nobody is responded to: it is the Node that is waited for, as long as the deadline allows.
        (vec![0; 100], 100),
        (vec![7; 100], 100),
        // Others are: five attempts after the first pass.
        ((0..100).collect::<Vec<u64>>(), 5),
        (vec![0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7], 8),
    ] {
        let mut passes = Passes::default();
        let may = responses
            .iter()
            .take_while(|&&count| passes.may_go_on(count));
        assert_eq!(may.count(), expected, "{responses:?}");
    }
}

#[test]
fn pauses_double_and_have_jitter_over_their_upper_half() {
    for (made, longest) in [
        (1, 100),
        (2, 200),
        (3, 400),
        (5, 1600),
        (6, 2000),
        (1000, 2000),
    ] {
        let passes = Passes {
            made,
            ..Passes::default()
        };
        let milliseconds = |share| passes.pause(share).as_millis();
        assert_eq!(
            [milliseconds(0.0), milliseconds(0.5), milliseconds(1.0)],
            [longest / 2, longest / 4 * 3, longest],
            "{made}"
        );
    }
}

#[test]
fn a_node_that_has_responded_is_connected_to_again_at_once() {
    assert!(!may_reconnect(0, 0));
    assert!(may_reconnect(1, 0));
    assert!(may_reconnect(0, 1));
}
