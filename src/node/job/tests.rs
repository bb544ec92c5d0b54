//! Each arrow of the picture in `job.rs` has a row here, and so has each way in which a record is left alone.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "a group is a range, and a list may have one"
)]

use super::*;

use Stage::{Requested, Settled, Unsent};
use Verdict::{Forwarded, Refused};

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
    job.compose_round(window, false, &mut round);
    let spell = |message: &Message| {
        let mark = if message.is_response { '!' } else { '?' };
        format!("{}{mark}", message.record)
    };
    round.iter().map(spell).collect::<Vec<_>>().join(" ")
}

/// Where something came: on this connection, which has accepted others or not, and the Node had given so many final
/// responses.
const fn on(connection: usize, is_proven: bool, responses: u64) -> On {
    On {
        connection,
        is_proven,
        is_first: !is_proven,
        responses,
    }
}

/// A connection that has accepted others.
const fn good(connection: usize) -> On {
    on(connection, true, 1)
}

/// Gives a message's response to the job; the claims are of no interest.
fn respond(job: &mut Job, message: Message, status: u16, connection: usize) {
    job.take_response(message, status, good(connection), &mut Vec::new());
}

/// The ways in which a status is understood, with the statuses at their borders.
#[test]
fn statuses() {
    for (statuses, expected) in [
        (&[200, 201, 204, 299][..], Note::Accepted),
        (&[408, 425, 429, 500, 502, 503, 504, 599], Note::Transient),
        (
            &[199, 300, 301, 400, 401, 403, 404, 405, 413, 422, 501, 600],
            Note::Refused,
        ),
    ] {
        for &status in statuses {
            assert_eq!(Note::of(status), expected, "{status}");
        }
    }
}

/// `resend`, a response: from, message, connection, status, to, later.
#[test]
fn a_response_moves_its_record() {
    for (from, of, connection, status, to, is_later) in [
        (Unsent, REQUEST, 1, 200, Requested(1), false),
        (Unsent, REQUEST, 1, 403, Settled(Refused(403)), false),
        (Unsent, REQUEST, 1, 503, Unsent, true),
        (Unsent, REQUEST, 1, 429, Unsent, true),
        (Unsent, REQUEST, 1, 501, Settled(Refused(501)), false),
        (Requested(1), RESPONSE, 1, 200, Settled(Forwarded), false),
        (Requested(1), RESPONSE, 2, 200, Settled(Forwarded), false),
        (Requested(1), RESPONSE, 1, 404, Settled(Refused(404)), false),
        // The Node may have been started again since it accepted the request: the pair is repeated.
        (Requested(1), RESPONSE, 2, 404, Unsent, false),
        (Requested(1), RESPONSE, 1, 500, Requested(1), true),
        (Requested(1), RESPONSE, 2, 500, Requested(1), true),
        // The response message was already in flight when its request was refused.
        (
            Settled(Refused(403)),
            RESPONSE,
            1,
            404,
            Settled(Refused(403)),
            false,
        ),
        (
            Settled(Forwarded),
            RESPONSE,
            1,
            503,
            Settled(Forwarded),
            false,
        ),
    ] {
        let mut job = one(from);
        let mut claims = Vec::new();
        job.take_response(message(0, of), status, good(connection), &mut claims);
        let case = format!("{from:?}, response message: {of}, on {connection}: {status}");
        assert_eq!(job.records[0].stage, to, "{case}");
        assert_eq!(job.records[0].is_later, is_later, "{case}");
        // What the response has settled is claimed, by the record's ordinal.
        let expected = match (from, to) {
            (Unsent | Requested(_), Settled(verdict)) => vec![(10, verdict)],
            _ => vec![],
        };
        assert_eq!(claims, expected, "{case}");
    }
}

/// A record whose request was postponed is not moved by the response message behind it.
#[test]
fn a_record_that_is_later_waits_for_the_next_pass() {
    let mut job = one(Unsent);
    respond(&mut job, message(0, REQUEST), 503, 1);
    respond(&mut job, message(0, RESPONSE), 200, 1);
    assert!(!job.has_open() && !job.is_settled());
    assert_eq!(round(&job, 32), "");
    job.end_pass(1);
    assert_eq!(round(&job, 32), "0? 0!");
}

#[test]
fn a_pair_is_repeated_four_times_and_then_refused() {
    let mut job = job(1);
    for connection in 1..=5 {
        assert_eq!(job.records[0].stage, Unsent);
        respond(&mut job, message(0, REQUEST), 200, connection);
        respond(&mut job, message(0, RESPONSE), 404, connection + 10);
    }
    assert_eq!(job.records[0].stage, Settled(Refused(404)));
}

/// `resend`, a broken connection: from, suspect before, timeout, in a round of so many, on a proven connection; to,
/// later.
#[test]
fn a_broken_connection_moves_the_record_whose_response_was_due() {
    for (from, was_suspect, is_timeout, of, is_proven, is_later) in [
        (Unsent, false, false, 1, true, false),
        (Unsent, false, true, 1, true, true),
        // It may be the connection that nobody responds on.
        (Unsent, false, true, 1, false, false),
        (Unsent, true, true, 1, false, true),
        (Unsent, true, false, 1, true, false),
        // The message before it may be what it was dropped for.
        (Unsent, false, true, 2, true, false),
        // What the Node knew of the request may be gone.
        (Requested(1), false, false, 1, true, false),
        (Requested(1), false, true, 1, true, true),
        (Requested(1), false, true, 8, true, false),
    ] {
        let mut job = one(from);
        job.records[0].is_suspect = was_suspect;
        let unanswered = [message(0, from != Unsent)];
        job.take_broken_round(&unanswered, of, is_timeout, on(1, is_proven, 1));
        let case = format!("{from:?}, {was_suspect}, {is_timeout}, {of}, {is_proven}");
        assert_eq!(job.records[0].stage, Unsent, "{case}");
        assert!(job.records[0].is_suspect, "{case}");
        assert_eq!(job.records[0].is_later, is_later, "{case}");
        let is_evidence = job.records[0].breaks.evidence > 0;
        assert_eq!(is_evidence, of == 1 && !is_proven, "{case}");
    }
}

#[test]
fn only_the_first_record_without_a_response_is_suspect_and_it_goes_alone_and_last() {
    let mut job = job(3);
    let all = [0, 1, 2].map(|record| message(record, REQUEST));
    respond(&mut job, all[0], 200, 1);
    job.take_broken_round(&all[1..], 3, false, good(1));
    // The first one's response message was not in this round: what the Node knows of it may well be there.
    assert_eq!(job.records[0].stage, Requested(1));
    let suspects = job.records.iter().map(|record| record.is_suspect);
    assert!(suspects.eq([false, true, false]));
    assert_eq!(round(&job, 32), "0! 2? 2!");
    for record in [0, 2] {
        job.records[record].stage = Settled(Forwarded);
    }
    assert_eq!(round(&job, 32), "1?");
    // It has broken no connection alone so far, and then one that had brought others.
    let round = [message(1, REQUEST)];
    assert!(!job.needs_new_connection(&round));
    job.take_broken_round(&round, 1, false, good(1));
    assert!(job.needs_new_connection(&round));
    job.take_broken_round(&round, 1, false, on(2, false, 1));
    assert!(!job.needs_new_connection(&round));
    respond(&mut job, message(1, REQUEST), 200, 1);
    assert!(!job.records[1].is_suspect && job.records[1].breaks == Breaks::NONE);
    // A connection that broke before anything was asked moves nothing.
    let before = job.records.clone();
    job.take_broken_round(&[], 0, true, good(1));
    assert_eq!(job.records, before);
}

#[test]
fn every_request_whose_response_message_was_in_the_broken_round_is_repeated() {
    let mut job = job(2);
    let responses = [0, 1].map(|record| message(record, RESPONSE));
    for record in [0, 1] {
        respond(&mut job, message(record, REQUEST), 200, 1);
    }
    job.take_broken_round(&responses, 2, false, good(1));
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
    for _ in 0..20 {
        job.take_broken_round(&[message(0, RESPONSE)], 1, false, good(1));
    }
    assert_eq!(job.records[0].stage, Settled(Refused(403)));
}

#[test]
fn a_pair_whose_connections_break_is_repeated_and_then_only_its_response_message_is_sent() {
    let mut job = job(1);
    for expected in [Unsent, Unsent, Unsent, Unsent, Requested(1)] {
        respond(&mut job, message(0, REQUEST), 200, 1);
        // On a connection without any other response, when nobody has had one: the record is not to blame.
        job.take_broken_round(&[message(0, RESPONSE)], 1, false, on(1, false, 0));
        assert_eq!(job.records[0].stage, expected);
    }
    assert_eq!(round(&job, 32), "0!");
}

/// What a failure weighs: on a proven connection; on a new one while others get responses; while nobody gets any.
#[test]
fn a_record_is_given_up_after_as_much_evidence_as_bad_luck_can_not_bring() {
    let transient = |job: &mut Job, on| {
        job.take_response(message(0, REQUEST), 503, on, &mut Vec::new());
    };
    let breaks = |job: &mut Job, on| job.take_broken_round(&[message(0, REQUEST)], 1, false, on);
    let times_out = |job: &mut Job, on| job.take_broken_round(&[message(0, REQUEST)], 1, true, on);
    let breaks_batch =
        |job: &mut Job, on| job.take_broken_batch(0..1, false, on, &mut Groups::new());
    type Fail = fn(&mut Job, On);
    let [used, new, silent] = [on(1, true, 1), on(1, false, 1), on(1, false, 0)];
    let all: [(Fail, &[On], Option<u32>); 9] = [
        (transient, &[used], Some(12)),
        (transient, &[new], Some(24)),
        (transient, &[silent], None),
        // A server may close after each response: that says nothing, however often.
        (breaks, &[used], None),
        (breaks, &[new], Some(24)),
        (breaks, &[silent], None),
        (breaks, &[used, new], Some(13)),
        (times_out, &[used, new], Some(13)),
        (breaks_batch, &[used, new], Some(13)),
    ];
    for (which, (fail, places, expected)) in all.into_iter().enumerate() {
        let mut job = job(1);
        let mut made = 0;
        for &on in places.iter().cycle().take(100) {
            // Responses of before the last pass do not count.
            job.end_pass(0);
            fail(&mut job, on);
            made += 1;
            if job.is_settled() {
                break;
            }
        }
        assert_eq!(made, expected.unwrap_or(100), "{which}");
        assert!(job.undelivered().eq([10]));
    }
    // The same number of responses as when the last pass ended: nobody has had one since.
    let mut job = job(1);
    job.end_pass(7);
    respond_on(&mut job, 503, on(1, false, 7));
    assert_eq!(job.records[0].evidence, 0);
    job.end_pass(7);
    respond_on(&mut job, 503, on(1, false, 8));
    assert_eq!(job.records[0].evidence, 1);
}

fn respond_on(job: &mut Job, status: u16, on: On) {
    job.take_response(message(0, REQUEST), status, on, &mut Vec::new());
}

/// The first tries come at once, and the others in passes of their own. What has broken on the request says nothing
/// of the response message, and an accepted request clears the record.
#[test]
fn broken_connections_count_for_one_message() {
    let mut job = job(1);
    let request = [message(0, REQUEST)];
    for (on, is_later) in [(good(1), false), (on(2, false, 1), false), (good(3), true)] {
        job.take_broken_round(&request, 1, false, on);
        assert_eq!(job.records[0].is_later, is_later);
    }
    assert_eq!(job.records[0].breaks.evidence, 2 * BROKEN);
    job.end_pass(1);
    respond(&mut job, request[0], 200, 4);
    assert_eq!(job.records[0].breaks, Breaks::NONE);
    // The pair begins anew, and what breaks then is another message.
    job.take_broken_round(&[message(0, RESPONSE)], 1, false, good(4));
    assert_eq!(job.records[0].stage, Unsent);
    job.take_broken_round(&request, 1, false, on(5, false, 1));
    let breaks = job.records[0].breaks;
    assert_eq!(
        (breaks.as_first, breaks.as_later, breaks.count),
        (true, false, 1)
    );
}

/// A collector that does not respond to one record costs a timeout for each half, and the others nothing.
#[test]
fn a_group_that_times_out_speaks_against_nobody() {
    let mut job = job(4);
    for _ in 0..20 {
        job.take_broken_batch(0..4, true, good(1), &mut Groups::new());
        job.end_pass(1);
    }
    assert!(
        job.records
            .iter()
            .all(|record| record.evidence == 0 && record.breaks.evidence == 0)
    );
}

/// A response came that no message had asked for.
#[test]
fn what_can_not_be_believed_is_open_again() {
    let mut job = job(3);
    let mut claims = Vec::new();
    for (record, of, status) in [(0, REQUEST, 200), (0, RESPONSE, 200), (1, REQUEST, 403)] {
        job.take_response(message(record, of), status, good(4), &mut claims);
    }
    respond(&mut job, message(2, REQUEST), 200, 4);
    assert_eq!(claims, [(10, Forwarded), (11, Refused(403))]);
    job.forget_requests(3);
    assert_eq!(job.records[2].stage, Requested(4));
    job.forget_requests(4);
    for (ordinal, is_ours) in [(9, false), (10, true), (11, true), (13, false)] {
        assert_eq!(job.recall(ordinal), is_ours, "{ordinal}");
    }
    assert!(job.records.iter().all(|record| record.stage == Unsent));
    job.records[0].stage = Requested(5);
    job.records[2].stage = Requested(6);
    let evidence = |job: &Job| job.records.iter().map(|record| record.evidence).sum::<u8>();
    let before = evidence(&job);
    job.void_requests(5);
    assert_eq!(evidence(&job), before + UNTRUSTED);
    assert_eq!(job.records[0].stage, Unsent);
    job.forget_requests(6);
    // They wait for the next pass, and not for ever.
    assert_eq!(round(&job, 32), "2? 2!");
    job.end_pass(1);
    assert_eq!(round(&job, 32), "0? 0! 1?");
    for _ in 0..20 {
        job.take_void_round(&[message(0, REQUEST)]);
        job.take_void_batch(1..2);
        job.recall(12);
    }
    assert!(job.is_settled());
    assert!(job.undelivered().eq([10, 11, 12]));
}

#[test]
fn a_round_takes_what_the_window_has_room_for() {
    let mut job = job(4);
    // The second one is a HEAD.
    for (window, expected) in [
        (1, "0?"),
        (2, "0? 0!"),
        (3, "0? 0!"),
        (4, "0? 0! 1?"),
        (32, "0? 0! 1?"),
    ] {
        assert_eq!(round(&job, window), expected, "{window}");
    }
    job.records[0].stage = Requested(1);
    job.records[1].stage = Requested(1);
    for (window, expected) in [
        (1, "0!"),
        (2, "0! 1!"),
        (3, "0! 1!"),
        (4, "0! 1! 2? 2!"),
        (32, "0! 1! 2? 2! 3? 3!"),
    ] {
        assert_eq!(round(&job, window), expected, "{window}");
    }
}

#[test]
fn a_head_ends_the_round_until_one_has_shown_that_it_need_not() {
    let job = job(3);
    let mut round = Vec::new();
    for (heads_are_bare, window, expected) in [(false, 32, 3), (true, 32, 6), (true, 4, 4)] {
        job.compose_round(window, heads_are_bare, &mut round);
        assert_eq!(round.len(), expected, "{heads_are_bare} {window}");
    }
}

#[test]
fn the_window_doubles_up_to_its_limit() {
    let windows = std::iter::successors(Some(1), |&window| Some(wider(window, window)));
    assert!(windows.take(10).eq([1, 2, 4, 8, 16, 32, 64, 128, 256, 256]));
    // Only rounds that there were show what a server can do.
    assert_eq!(wider(32, 10), 32);
    assert_eq!(wider(32, 20), 40);
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
fn what_no_response_has_settled_is_undelivered() {
    let mut job = job(4);
    job.records[0].stage = Settled(Forwarded);
    job.records[1].stage = Settled(Refused(403));
    job.records[2].stage = Requested(1);
    assert!(job.undelivered().eq([12, 13]));
    assert!(!job.is_settled() && job.has_open());
    job.records.truncate(2);
    assert!(job.is_settled() && !job.has_open());
}

/// `batch`, a response to a group of some records: records, status, whether others are accepted; verdict, groups that
/// follow.
#[test]
fn a_response_settles_or_halves_its_group() {
    let halved = |records| halves(0..records).to_vec();
    for (records, status, accepts_others, verdict, follow) in [
        (4, 200, false, Some(Forwarded), vec![]),
        (1, 204, false, Some(Forwarded), vec![]),
        (4, 503, false, None, vec![]),
        (1, 503, true, None, vec![]),
        (1, 429, false, None, vec![]),
        (4, 429, true, None, vec![]),
        (4, 408, true, None, vec![]),
        // One of the records may be the reason.
        (4, 500, true, None, halved(4)),
        (4, 503, true, None, halved(4)),
        (4, 400, false, None, halved(4)),
        (5, 403, false, None, halved(5)),
        (2, 422, true, None, halved(2)),
        (2, 501, false, None, halved(2)),
        (4, 413, false, None, halved(4)),
        // The status speaks of the address, or of who is asking.
        (4, 300, false, Some(Refused(300)), vec![]),
        (4, 399, false, Some(Refused(399)), vec![]),
        (4, 401, true, Some(Refused(401)), vec![]),
        (4, 404, false, Some(Refused(404)), vec![]),
        (4, 405, false, Some(Refused(405)), vec![]),
        (4, 415, true, Some(Refused(415)), vec![]),
        (1, 400, false, Some(Refused(400)), vec![]),
        (1, 413, false, Some(Refused(413)), vec![]),
        (1, 404, true, Some(Refused(404)), vec![]),
    ] {
        let mut job = job(records);
        let mut groups = Groups::new();
        let mut claims = Vec::new();
        let case = format!("{records} records: {status}, {accepts_others}");
        let group = 0..records;
        job.take_batch_response(
            group.clone(),
            status,
            accepts_others,
            good(1),
            &mut groups,
            &mut claims,
        );
        assert_eq!(Vec::from(groups), follow, "{case}");
        let ordinals = 10..10 + u32::try_from(records).unwrap();
        let expected: Vec<_> = verdict.map_or(vec![], |verdict| {
            ordinals.map(|ordinal| (ordinal, verdict)).collect()
        });
        assert_eq!(claims, expected, "{case}");
        assert_eq!(job.is_settled(), verdict.is_some(), "{case}");
        assert_eq!(job.has_open(), !follow.is_empty(), "{case}");
    }
}

/// A collector that fails on one record, and has no other batch to show that it accepts any. Of a collector that fails
/// on everything, only the first batch is halved.
#[test]
fn the_first_group_that_fails_twice_is_halved_although_no_other_is_accepted() {
    let mut job = job(8);
    for record in &mut job.records {
        record.group = 4;
    }
    let silent = on(1, false, 0);
    let fail = |job: &mut Job, group, groups: &mut Groups| {
        job.take_batch_response(group, 500, false, silent, groups, &mut Vec::new());
    };
    for group in job.open_groups() {
        fail(&mut job, group, &mut Groups::new());
    }
    job.end_pass(0);
    assert_eq!(job.open_groups(), [0..4, 4..8]);
    let mut groups = Groups::new();
    fail(&mut job, 0..4, &mut groups);
    assert_eq!(groups, [0..2, 2..4]);
    fail(&mut job, 2..4, &mut groups);
    fail(&mut job, 4..8, &mut groups);
    assert_eq!(groups, [0..2, 2..4]);
    // It stays so in the next pass.
    job.end_pass(0);
    assert_eq!(job.open_groups(), [4..8, 0..2, 2..4]);
}

#[test]
fn halves_go_before_the_groups_that_wait() {
    let mut job = job(6);
    let mut groups = Groups::from([4..6]);
    job.take_batch_response(0..4, 400, false, good(1), &mut groups, &mut Vec::new());
    assert_eq!(groups, [0..2, 2..4, 4..6]);
}

/// `batch`, a broken connection: records, suspect before, timeout, proven; groups that follow, later.
#[test]
fn a_broken_connection_sends_its_group_again_and_then_halves_it() {
    for (records, was_suspect, is_timeout, is_proven, follow, is_later) in [
        (4, false, false, true, vec![0..4], false),
        (4, true, false, true, vec![0..2, 2..4], false),
        (5, true, false, true, vec![0..3, 3..5], false),
        (1, false, false, true, vec![0..1], false),
        (1, true, false, true, vec![0..1], false),
        (4, false, true, true, vec![], true),
        (4, true, true, true, vec![], true),
        (4, false, true, false, vec![0..4], false),
        (4, true, true, false, vec![], true),
    ] {
        let mut job = job(records);
        for record in &mut job.records {
            record.is_suspect = was_suspect;
        }
        let mut groups = Groups::from([8..9]);
        job.take_broken_batch(0..records, is_timeout, on(1, is_proven, 1), &mut groups);
        let case = format!("{records} records: {was_suspect}, {is_timeout}, {is_proven}");
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
    job.take_broken_batch(0..3, false, good(1), &mut Groups::new());
    assert_eq!(job.open_groups(), [4..5, 6..8, 0..3]);
    job.take_broken_batch(0..3, false, good(1), &mut Groups::new());
    assert_eq!(job.open_groups(), [4..5, 6..8, 0..2, 2..3]);
}

#[test]
fn a_suspect_does_not_share_a_batch_with_others() {
    let mut job = job(4);
    job.take_broken_batch(0..2, true, good(1), &mut Groups::new());
    job.end_pass(1);
    assert_eq!(job.open_groups(), [2..4, 0..2]);
}

#[test]
fn pauses_double_and_have_jitter_over_their_upper_half() {
    for (made, longest) in [
        (0, 100),
        (1, 100),
        (2, 200),
        (3, 400),
        (5, 1600),
        (6, 2000),
        (1000, 2000),
    ] {
        let milliseconds = |share| pause(made, share).as_millis();
        assert_eq!(
            [milliseconds(0.0), milliseconds(0.5), milliseconds(1.0)],
            [longest / 2, longest / 4 * 3, longest],
            "{made}"
        );
    }
}

/// The pause grows only as long as nothing moves.
#[test]
fn a_pass_that_settles_something_begins_the_pauses_anew() {
    let mut job = job(2);
    let pauses = |job: &Job| {
        let cases = [(true, false), (true, true), (false, true)];
        cases.map(|(is_accepting, is_busy)| job.pause(is_accepting, is_busy, 1.0).as_millis())
    };
    for expected in [
        [100, 100, 100],
        [200, 200, 200],
        [200, 400, 400],
        [200, 800, 800],
        [200, 800, 1600],
    ] {
        job.end_pass(1);
        assert_eq!(pauses(&job), expected);
    }
    respond(&mut job, message(0, REQUEST), 403, 1);
    job.end_pass(1);
    assert_eq!(pauses(&job), [100, 100, 100]);
}
