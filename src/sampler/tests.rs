use super::*;

const RULE: Rule = Rule {
    calls: 5,
    seconds: 3600,
    keeps_errors: false,
};

/// A sampler between deliveries, of a process that has run for some time.
struct Process {
    sampler: Sampler,
    now: Moment,
}

impl Process {
    fn new(rule: Rule) -> Self {
        Self {
            sampler: Sampler::new(rule),
            now: Moment {
                monotonic: 1_000,
                wall: 1_795_341_600,
            },
        }
    }

    fn wait(&mut self, seconds: u32) {
        self.now.monotonic += seconds;
        self.now.wall += seconds;
    }

    /// A delivery of these calls, of which the Node accepts some. Says how many were not left out.
    fn deliver(&mut self, calls: &[Endpoint<'_>], is_accepted: &dyn Fn(usize) -> bool) -> usize {
        self.sampler.begin(self.now, false);
        let calls = calls.iter().enumerate();
        let sent = calls
            .filter(|(at, call)| self.sampler.decide(call, *at, &|| false) == Decision::Forward)
            .count();
        self.sampler.end(self.now, is_accepted);
        sent
    }

    /// A delivery of so many calls of one endpoint.
    fn send(&mut self, calls: usize, is_accepted: bool) -> usize {
        self.deliver(&vec![call("/pets"); calls], &|_| is_accepted)
    }

    /// How many endpoints have an entry.
    fn known(&self) -> usize {
        let entries = self.sampler.entries.iter();
        entries.filter(|entry| entry.calls > 0).count()
    }
}

fn call(path: &str) -> Endpoint<'_> {
    Endpoint {
        method: "GET",
        host: "api.example.com",
        path: path.as_bytes(),
        template: None,
        status: Some(200),
    }
}

/// A word of small letters, which no other number has.
fn word(mut number: usize) -> String {
    let mut word = String::from("w");
    loop {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

/// Half a megabyte, with the list of places.
#[test]
fn the_table_has_its_size() {
    let bytes = ENTRIES * size_of::<Entry>() + MAX_TAKEN * size_of::<Taken>();
    assert_eq!(bytes, 512 * 1024);
    // Its parts cover it, and none another one.
    let mut parts: Vec<_> = [2, 4, 5, 3].map(sets).into();
    parts.sort_unstable();
    let ends = parts.iter().scan(0, |end, (first, count)| {
        assert_eq!(first, end);
        *end += count;
        Some(*end)
    });
    assert_eq!(ends.last(), Some(ENTRIES / WAYS));
    assert_eq!(sets(1), sets(3));
}

#[test]
fn a_window_keeps_its_last_place_for_a_late_call() {
    let mut process = Process::new(RULE);
    // In the order of time: seconds since the last delivery, its calls, and how many are sent.
    for (wait, calls, sent) in [
        (0, 100, 4),
        (1, 100, 0),
        // 300 seconds after the first, and one more.
        (299, 100, 0),
        (1, 100, 1),
        (1, 100, 0),
        (3_297, 100, 0),
        // The next window.
        (1, 3, 3),
        (10, 3, 1),
        (300, 3, 1),
        (1, 3, 0),
    ] {
        process.wait(wait);
        assert_eq!(process.send(calls, true), sent, "{:?}", process.now);
    }
}

#[test]
fn rare_calls_are_all_sent() {
    let mut process = Process::new(RULE);
    for _ in 0..50 {
        process.wait(900);
        assert_eq!(process.send(1, true), 1);
    }
    // The same where each window has one call too many: that one is left out.
    let mut process = Process::new(RULE);
    let sent: usize = (0..60)
        .map(|_| {
            process.wait(601);
            process.send(1, true)
        })
        .sum();
    assert_eq!(sent, 50);
}

#[test]
fn a_window_opens_when_its_first_record_has_arrived() {
    let mut process = Process::new(RULE);
    process.sampler.begin(process.now, false);
    for at in 0..4 {
        let decision = process.sampler.decide(&call("/pets"), at, &|| false);
        assert_eq!(decision, Decision::Forward);
    }
    // The Node took its time, so that the records may have arrived only now.
    process.wait(200);
    process.sampler.end(process.now, &|_| true);
    process.wait(250);
    assert_eq!(process.send(1, true), 0);
    process.wait(51);
    assert_eq!(process.send(1, true), 1);
}

#[test]
fn only_what_was_accepted_uses_a_place() {
    let mut process = Process::new(RULE);
    for _ in 0..3 {
        assert_eq!(process.send(10, false), 4);
    }
    // Two of four arrive.
    let calls = [call("/pets"); 10];
    assert_eq!(process.deliver(&calls, &|at| at == 1 || at == 3), 4);
    assert_eq!(process.send(10, true), 2);
    assert_eq!(process.send(10, true), 0);
    // A late call that did not arrive leaves its place to the next one.
    process.wait(301);
    assert_eq!(process.send(10, false), 1);
    assert_eq!(process.send(10, true), 1);
    assert_eq!(process.send(10, true), 0);
}

/// Each change of the clocks before a call 100 seconds after the first one by the monotonic clock, and what it and
/// the next one get: an execution environment that was frozen, or whose clock was set.
#[test]
fn where_the_clocks_disagree_calls_are_sent() {
    for (wall, sent) in [
        (100_i64, [0, 0, 1]),
        (-100, [0, 0, 1]),
        // As late as it may be: another late call follows when the other clock says so, too.
        (320, [1, 0, 1]),
        // The window may be over.
        (3_600, [4, 0, 1]),
        (-3_600, [4, 0, 1]),
    ] {
        let mut process = Process::new(RULE);
        assert_eq!(process.send(10, true), 4);
        let first = process.now;
        process.now.monotonic += 100;
        process.now.wall = u32::try_from(i64::from(first.wall) + wall).unwrap();
        let mut found = [0; 3];
        found[0] = process.send(10, true);
        process.wait(1);
        found[1] = process.send(10, true);
        process.wait(301);
        found[2] = process.send(10, true);
        assert_eq!(found, sent, "{wall}");
    }
}

#[test]
fn errors_are_kept_where_that_is_wished() {
    for (keeps_errors, status, sent) in [
        (false, 500, 4),
        (true, 500, 50),
        (true, 400, 50),
        (true, 399, 4),
    ] {
        let mut process = Process::new(Rule {
            keeps_errors,
            ..RULE
        });
        let call = Endpoint {
            status: Some(status),
            ..call("/pets")
        };
        assert_eq!(process.deliver(&[call; 50], &|_| true), sent);
    }
}

#[test]
fn one_record_is_a_probe_where_the_node_has_accepted_none_for_long() {
    let mut process = Process::new(RULE);
    process.send(10, true);
    let calls = |process: &mut Process, is_over| {
        process.sampler.begin(process.now, true);
        let decide = |at| process.sampler.decide(&call("/pets"), at, &|| is_over);
        let decisions: Vec<_> = (0..4).map(decide).collect();
        process.sampler.end(process.now, &|_| true);
        decisions
    };
    let expected = [
        Decision::Probe,
        Decision::Sample,
        Decision::Sample,
        Decision::Sample,
    ];
    assert_eq!(calls(&mut process, false), expected);
    // It would not be sent.
    assert_eq!(calls(&mut process, true), [Decision::Sample; 4]);
}

/// Nothing is left out on account of records that will not arrive.
#[test]
fn once_a_delivery_is_over_only_what_has_arrived_counts() {
    let mut process = Process::new(RULE);
    process.sampler.begin(process.now, false);
    let mut decide = |at, is_over| process.sampler.decide(&call("/pets"), at, &|| is_over);
    for at in 0..4 {
        assert_eq!(decide(at, false), Decision::Forward);
    }
    assert_eq!(decide(4, false), Decision::Sample);
    assert_eq!(decide(5, true), Decision::Forward);
    process.sampler.end(process.now, &|at| at == 0);
    process.send(3, true);
    process.sampler.begin(process.now, false);
    let decision = process.sampler.decide(&call("/pets"), 0, &|| true);
    assert_eq!(decision, Decision::Sample);
}

#[test]
fn more_records_than_there_are_places_are_sent() {
    let mut process = Process::new(Rule {
        calls: 1000,
        ..RULE
    });
    let paths: Vec<String> = (0..10).map(|n| format!("/{}", word(n))).collect();
    let calls: Vec<_> = (0..20_000).map(|n| call(&paths[n % 10])).collect();
    // Places were taken by 8,192 of them; the rest have none.
    assert_eq!(process.deliver(&calls, &|_| true), 20_000);
    assert_eq!(process.deliver(&calls, &|_| true), 999 * 10 - MAX_TAKEN);
}

/// Known endpoints, and somebody who asks for endless paths. What the API says to them is a class of its own, or the
/// same one; each path comes once, or several times.
#[test]
fn endless_paths_take_no_entry_from_endpoints_that_are_called() {
    const ENDPOINTS: usize = 300;
    for (status, paths, times) in [
        (404, 100_000, 1),
        (404, 40_000, 3),
        (200, 100_000, 1),
        (200, 40_000, 3),
        (200, 30_000, 10),
    ] {
        let mut process = Process::new(RULE);
        let known: Vec<String> = (0..ENDPOINTS).map(|n| format!("/{}", word(n))).collect();
        let mut sent = vec![Vec::new(); ENDPOINTS];
        let mut scanned = 0;
        // Two hours and a half: in each second a delivery with a call of each fifth endpoint, and the scanner's.
        let seconds = 9_000;
        for second in 0..seconds {
            process.wait(1);
            process.sampler.begin(process.now, false);
            for at in (second % 5..ENDPOINTS).step_by(5) {
                let decision = process.sampler.decide(&call(&known[at]), at, &|| false);
                if decision == Decision::Forward {
                    sent[at].push(second);
                }
            }
            for n in paths * second / seconds..paths * (second + 1) / seconds {
                let path = format!("/{}", word(1_000_000 + n));
                let call = Endpoint {
                    status: Some(status),
                    ..call(&path)
                };
                for time in 0..times {
                    let decision = process
                        .sampler
                        .decide(&call, 1_000 + n * times + time, &|| false);
                    scanned += usize::from(decision == Decision::Forward);
                }
            }
            process.sampler.end(process.now, &|_| true);
        }
        // Each has its calls in each of the three windows, late ones among them, and not many more.
        for sent in &sent {
            assert!(
                sent.windows(2).any(|two| two[1] - two[0] > 300),
                "{status}, {times}: {sent:?}"
            );
        }
        let total: usize = sent.iter().map(Vec::len).sum();
        let (least, most) = match status {
            404 => (ENDPOINTS * 15, ENDPOINTS * 15),
            _ => (ENDPOINTS * 15, ENDPOINTS * 16),
        };
        assert!(
            (least..=most).contains(&total),
            "{status}, {times}: {total} of {}",
            seconds * ENDPOINTS / 5
        );
        // Each path of the scanner is new, so that it is sent as ever; at most it takes more than its places.
        assert!(scanned <= paths * times, "{scanned}");
        assert!(process.known() <= ENTRIES);
    }
}

/// The other way round: endpoints that come when the table is full of paths that were each asked for several times.
#[test]
fn an_endpoint_that_is_called_gets_an_entry_in_a_full_table() {
    let mut process = Process::new(RULE);
    for n in 0..100_000 {
        let path = format!("/{}", word(n));
        process.deliver(&[call(&path); 4], &|_| true);
    }
    let (_, sets) = sets(2);
    assert_eq!(process.known(), sets * WAYS);
    for n in 0..300 {
        let path = format!("/api/{}", word(n));
        let sent = process.deliver(&[call(&path); 1_000], &|_| true);
        assert!(sent < 40, "{sent}");
        assert_eq!(process.deliver(&[call(&path); 1_000], &|_| true), 0);
    }
}
