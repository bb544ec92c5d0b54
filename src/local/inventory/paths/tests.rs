//! Made-up logs, whose endpoints are known, held against what is learned from them.

use std::{collections::HashSet, fmt::Write as _};

use super::{
    trie::{MAX_DEPTH, MAX_NODES},
    *,
};
use crate::local::inventory::spec::Operation;

/// A generator of numbers, the same on each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// The first of `end` far more often than the last.
    fn skewed(&mut self, end: usize) -> usize {
        let mut at = self.below(end);
        for _ in 0..2 {
            at = at.min(self.below(end));
        }
        at
    }

    fn text(&mut self, letters: &[u8], length: usize) -> String {
        (0..length)
            .map(|_| char::from(letters[self.below(letters.len())]))
            .collect()
    }
}

const HEX: &[u8] = b"0123456789abcdef";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CROCKFORD: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A word that can be spoken, always the same for its number.
fn word(number: usize) -> String {
    let mut random = Random(u64::try_from(number).unwrap() * 977 + 5);
    let syllables = 2 + random.below(2);
    (0..syllables)
        .map(|_| random.text(b"bdfgklmnprstvz", 1) + &random.text(b"aeiou", 1))
        .collect()
}

/// A value of a kind.
fn value(kind: &str, random: &mut Random) -> String {
    let (kind, size) = kind.split_once('*').unwrap_or((kind, "150"));
    let size: usize = size.parse().unwrap();
    match kind {
        "int" => random.below(100_000).to_string(),
        "neg" => format!("-{}", random.below(500)),
        "uuid" => {
            let hex = random.text(HEX, 32);
            format!(
                "{}-{}-{}-{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..]
            )
        }
        "ulid" => format!("01{}", random.text(CROCKFORD, 24)),
        "ksuid" => format!("2{}aA0", random.text(BASE62, 23)),
        "hex" => random.text(HEX, 24),
        "sha" => random.text(HEX, 40),
        "date" => format!(
            "2024-{:02}-{:02}",
            1 + random.below(12),
            1 + random.below(28)
        ),
        "email" => format!("{}%40example.com", word(random.below(900))),
        "phone" => format!("%2B49{}", 1_000_000 + random.below(8_000_000)),
        "jwt" => format!(
            "eyJ{}.{}.{}",
            random.text(BASE62, 20),
            random.text(BASE62, 30),
            random.text(BASE62, 30)
        ),
        "base64" => random.text(BASE62, 22),
        "nano" => random.text(b"0123456789abcdefghijklmnopqrstuvwxyz", 10),
        "cus" => format!("cus_{}", random.text(BASE62, 14)),
        "inv" => format!("INV-{:06}", random.below(1_000_000)),
        "sku" => format!(
            "{}-{}-{}",
            random.text(b"ABCDEFGH", 3),
            random.below(900),
            random.text(b"SMLX", 1)
        ),
        "pdf" => value("uuid", random) + ".pdf",
        "ip" => format!("192.0.2.{}", random.below(255)),
        "odata" => format!("Products({})", random.below(5000)),
        "user" => {
            let number = random.skewed(size);
            match number % 5 {
                0 => word(number) + &(number % 90).to_string(),
                1 => format!("{}.{}", word(number), word(number + 1)),
                2 => format!("{}_{}", word(number), word(number + 7)),
                _ => word(number),
            }
        }
        "word" => word(10_000 + random.skewed(size)),
        "slug" => {
            let number = random.skewed(size);
            format!("{}-{}", word(20_000 + number), word(30_000 + number))
        }
        "country" => {
            let number = random.skewed(size.min(60));
            let letters = b"abcdefghijklmnopqrstuvwxyz";
            format!(
                "{}{}",
                char::from(letters[number % 26]),
                char::from(letters[(number * 7 + 3) % 26])
            )
        }
        "text" => format!("{}%20{}", word(random.below(500)), word(random.below(500))),
        _ => panic!("{kind}"),
    }
}

/// A call of an endpoint such as `GET /users/<user>/orders`, with the number of the endpoint.
#[derive(Debug, Clone)]
struct Made {
    path: String,
    method: String,
    template: String,
    status: u16,
    endpoint: usize,
}

/// `calls` of `endpoints`, the first ones more often than the last.
fn log(endpoints: &[&str], calls: usize, seed: u64) -> Vec<Made> {
    let mut random = Random(seed);
    (0..calls)
        .map(|number| {
            // Each has some.
            let endpoint = if number < endpoints.len() * 2 {
                number % endpoints.len()
            } else {
                let at = random.below(endpoints.len());
                at.min(random.below(endpoints.len()))
            };
            let (method, pattern) = endpoints[endpoint].split_once(' ').unwrap();
            let (mut path, mut template, mut places) = (String::new(), String::new(), 0);
            for segment in pattern[1..].split('/') {
                match segment
                    .strip_prefix('<')
                    .and_then(|kind| kind.strip_suffix('>'))
                {
                    Some(kind) => {
                        places += 1;
                        write!(path, "/{}", value(kind, &mut random)).unwrap();
                        write!(template, "/{{p{places}}}").unwrap();
                    }
                    None => {
                        write!(path, "/{segment}").unwrap();
                        write!(template, "/{segment}").unwrap();
                    }
                }
            }
            let is_lost = places > 0 && random.below(20) == 0;
            Made {
                path,
                method: method.to_string(),
                template,
                status: match random.below(100) {
                    _ if is_lost => 404,
                    0 => 500,
                    1..=3 => 400,
                    _ if method == "POST" => 201,
                    _ => 200,
                },
                endpoint,
            }
        })
        .collect()
}

fn call<'a>(made: &'a Made, host: &'a str, has_template: bool) -> Call<'a> {
    Call {
        host,
        method: &made.method,
        path: made.path.as_bytes(),
        template: has_template.then_some(made.template.as_bytes()),
        status: Some(made.status),
        latency_ms: Some(u64::try_from(made.path.len()).unwrap()),
        time: Some(i64::from(made.status)),
    }
}

const HOST: &str = "api.example.com";

fn learned(log: &[Made]) -> Vec<Endpoint> {
    let mut paths = Paths::new(None);
    for made in log {
        paths.add(&call(made, HOST, false));
    }
    let (endpoints, limits) = paths.finish();
    assert_eq!(limits, Vec::<String>::new());
    let calls: u64 = endpoints.iter().map(|endpoint| endpoint.calls).sum();
    assert_eq!(calls, u64::try_from(log.len()).unwrap());
    endpoints
}

/// Says which of the endpoints were merged, going by the learned template that each call's path fits best.
fn merged(log: &[Made], endpoints: &[Endpoint]) -> Vec<String> {
    let mut known = Known::default();
    for (number, endpoint) in endpoints.iter().enumerate() {
        known.insert(endpoint.path.as_bytes(), number);
    }
    let mut of: BTreeMap<usize, HashSet<usize>> = BTreeMap::new();
    for made in log.iter().filter(|made| made.status < 400) {
        let mut found = None;
        known.find(made.path.as_bytes(), &mut |at| {
            let endpoint = &endpoints[at.template];
            let is_it = endpoint.method == made.method && endpoint.path != ANY_PATH;
            found = found.or_else(|| Some(at.template).filter(|_| is_it));
            is_it
        });
        if let Some(at) = found {
            of.entry(at).or_default().insert(made.endpoint);
        }
    }
    of.into_iter()
        .filter(|(_, made)| made.len() > 1)
        .map(|(at, made)| format!("{} {}: {made:?}", endpoints[at].method, endpoints[at].path))
        .collect()
}

fn show(endpoints: &[Endpoint]) -> String {
    endpoints.iter().fold(String::new(), |mut out, endpoint| {
        writeln!(
            out,
            "{:6} {} {}",
            endpoint.method, endpoint.path, endpoint.calls
        )
        .unwrap();
        out
    })
}

const SHOP: [&str; 22] = [
    "GET /v1/users/<user*400>",
    "GET /v1/products/<slug*300>",
    "GET /v1/orders/<uuid>",
    "GET /v1/users/me",
    "POST /v1/orders",
    "GET /v1/products",
    "GET /v1/invoices/<inv>",
    "GET /v1/customers/<cus>",
    "GET /v1/reports/<date>",
    "GET /v1/files/<pdf>",
    "PUT /v1/users/<user*400>",
    "GET /v1/users/<user*400>/orders",
    "GET /v1/lookup/<email>",
    "GET /v1/phones/<phone>",
    "POST /v1/sessions/<jwt>",
    "GET /v1/countries/<country>",
    "GET /v1/items/<sku>",
    "GET /v1/events/<ulid>",
    "GET /v1/commits/<sha>",
    "GET /v1/hosts/<ip>",
    "GET /v1/products/search",
    "DELETE /v1/orders/<uuid>/lines/<int>",
];

const LOGS: &[(&str, usize, &[&str])] = &[
    ("shop", 10_000, &SHOP),
    (
        "code host",
        8_000,
        &[
            "GET /repos/<user*90>/<word*120>/issues/<int>",
            "GET /repos/<user*90>/<word*120>/pulls",
            "GET /repos/<user*90>/<word*120>",
            "POST /repos/<user*90>/<word*120>/issues",
            "GET /users/<user*200>",
            "GET /users/<user*200>/repos",
            "GET /orgs/<word*40>/members",
            "GET /repos/<user*90>/<word*120>/commits/<sha>",
            "GET /user",
            "GET /user/repos",
            "GET /search/issues",
            "GET /search/users",
            "GET /gists/<hex>",
            "GET /rate_limit",
            "POST /user/keys",
            "DELETE /user/keys/<int>",
        ],
    ),
    (
        "payments",
        5_000,
        &[
            "GET /v1/customers/<cus>",
            "POST /v1/customers",
            "GET /v1/customers",
            "POST /v1/customers/<cus>",
            "GET /v1/charges/<cus>",
            "POST /v1/charges",
            "GET /v1/charges",
            "POST /v1/charges/<cus>/capture",
            "POST /v1/refunds",
            "GET /v1/refunds/<cus>",
            "GET /v1/balance",
            "GET /v1/balance/history",
            "POST /v1/tokens",
            "GET /v1/events",
            "GET /v1/events/<cus>",
            "GET /v1/plans/<slug*40>",
            "POST /v1/plans",
            "GET /v1/coupons/<word*60>",
            "DELETE /v1/coupons/<word*60>",
            "GET /v1/country_specs/<country>",
        ],
    ),
    (
        "resources alike",
        5_000,
        &[
            "GET /pets",
            "POST /pets",
            "GET /pets/<int>",
            "PUT /pets/<int>",
            "GET /owners",
            "POST /owners",
            "GET /owners/<int>",
            "PUT /owners/<int>",
            "GET /vets",
            "POST /vets",
            "GET /vets/<int>",
            "PUT /vets/<int>",
            "GET /visits",
            "POST /visits",
            "GET /visits/<int>",
            "PUT /visits/<int>",
            "GET /clinics",
            "POST /clinics",
            "GET /clinics/<int>",
            "PUT /clinics/<int>",
            "GET /drugs",
            "POST /drugs",
            "GET /drugs/<int>",
            "PUT /drugs/<int>",
            "GET /bills",
            "POST /bills",
            "GET /bills/<int>",
            "PUT /bills/<int>",
            "GET /rooms",
            "POST /rooms",
            "GET /rooms/<int>",
            "PUT /rooms/<int>",
        ],
    ),
    (
        "procedures",
        6_000,
        &[
            "POST /api/login",
            "POST /api/logout",
            "GET /api/profile",
            "POST /api/transfer",
            "GET /api/accounts",
            "GET /api/cards",
            "POST /api/freeze",
            "GET /api/rates",
            "GET /api/news",
            "GET /api/help",
            "POST /api/feedback",
            "GET /api/limits",
            "GET /api/offers",
            "GET /api/branches",
            "POST /api/loan",
            "GET /api/status",
            "GET /api/fees",
            "POST /api/pin",
            "GET /api/statements",
            "POST /api/dispute",
            "GET /api/terms",
            "GET /api/version",
        ],
    ),
    (
        "tenants",
        5_000,
        &[
            "GET /<word*30>/users",
            "GET /<word*30>/users/<uuid>",
            "POST /<word*30>/users",
            "GET /<word*30>/projects",
            "GET /<word*30>/projects/<slug*200>",
            "GET /<word*30>/billing",
            "PUT /<word*30>/settings",
            "GET /<word*30>/projects/<slug*200>/tasks/<int>",
            "GET /health",
        ],
    ),
    (
        "odata",
        5_000,
        &[
            "GET /odata/<odata>",
            "GET /odata/Products",
            "GET /odata/Orders",
            "GET /odata/$metadata",
            "GET /odata/<odata>/Category",
        ],
    ),
    (
        "languages",
        5_000,
        &[
            "GET /<country*6>/products",
            "GET /<country*6>/products/<slug>",
            "GET /<country*6>/about",
            "GET /<country*6>/cart",
            "POST /<country*6>/cart",
        ],
    ),
    (
        "storage",
        5_000,
        &[
            "GET /files/<pdf>",
            "PUT /files/<pdf>",
            "GET /buckets/<word*50>/objects/<uuid>",
            "PUT /buckets/<word*50>/objects/<uuid>",
            "GET /buckets",
            "GET /buckets/<word*50>",
        ],
    ),
    (
        "versions",
        5_000,
        &[
            "GET /v1/pets/<int>",
            "GET /v2/pets/<int>",
            "GET /v1/pets",
            "GET /v2/pets",
            "GET /v2.1/pets",
            "GET /2024-01-01/pets",
            "GET /2024-06-01/pets",
        ],
    ),
    (
        "friends",
        3_000,
        &[
            "GET /users/<int>/friends/<int>",
            "GET /users/<int>/friends",
            "GET /users/<int>",
            "GET /<uuid>",
            "GET /users",
            "GET /users/<int>/<int>",
        ],
    ),
    (
        "few calls",
        60,
        &[
            "GET /pets",
            "GET /pets/<int>",
            "POST /pets",
            "GET /owners/<uuid>",
            "GET /owners",
            "GET /health",
            "GET /visits/<date>",
            "POST /visits",
            "GET /v1/x",
            "GET /v1/y",
        ],
    ),
    ("three calls", 3, &["GET /a", "GET /b", "GET /c"]),
    ("one endpoint", 500, &["GET /users/<user*300>"]),
    (
        "actions",
        5_000,
        &[
            "GET /orders/<int>",
            "GET /orders/export",
            "GET /orders/search",
            "GET /orders/count",
            "POST /orders/import",
            "POST /orders/<int>/cancel",
            "POST /orders/<int>/refund",
            "GET /orders/<int>/lines",
        ],
    ),
    (
        "short codes",
        5_000,
        &[
            "GET /<nano>",
            "POST /links",
            "GET /links/<nano>",
            "GET /links/<nano>/stats",
            "GET /health",
        ],
    ),
    (
        "reports",
        3_000,
        &[
            "GET /reports/daily",
            "GET /reports/weekly",
            "GET /reports/monthly",
            "GET /reports/yearly",
            "GET /reports/<uuid>",
            "GET /metrics/cpu",
            "GET /metrics/memory",
            "GET /metrics/disk",
        ],
    ),
    (
        "texts",
        4_000,
        &[
            "GET /search/<text>",
            "GET /tags/<word*80>",
            "GET /tags/<word*80>/posts",
            "GET /posts/<slug*500>",
            "GET /posts/<slug*500>/comments",
            "POST /posts/<slug*500>/comments",
            "GET /posts/latest",
            "GET /temperature/<neg>",
            "GET /tokens/<base64>",
            "GET /keys/<ksuid>",
        ],
    ),
];

#[test]
fn endpoints_are_learned() {
    let mut report = String::new();
    for (name, calls, endpoints) in LOGS {
        let log = log(endpoints, *calls, 1);
        let found = learned(&log);
        let merged = merged(&log, &found);
        let most = endpoints.len() + (endpoints.len() / 3).max(2);
        if found.len() > most || !merged.is_empty() || found.len() < endpoints.len() {
            writeln!(
                report,
                "{name}: {} for {}, merged {merged:?}\n{}",
                found.len(),
                endpoints.len(),
                show(&found)
            )
            .unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// A scanner comes back, so that many of its paths have many calls.
#[test]
fn of_what_was_refused_often_few_paths_stand() {
    let mut log = log(&SHOP, 3_000, 6);
    let before = learned(&log).len();
    for number in 0..900 {
        let path = format!("/admin/{}", word(number % 30));
        log.push(Made {
            template: path.clone(),
            path,
            method: "GET".to_string(),
            status: 404,
            endpoint: 0,
        });
    }
    let found = learned(&log);
    assert_eq!(found.len(), before + FEW_REFUSED + 1, "{}", show(&found));
}

/// It took twice as long for each segment more, so that this one did not end.
#[test]
fn a_refused_path_of_many_segments_takes_no_longer() {
    let deep = "/a".repeat(MAX_DEPTH - 1);
    let made = |number: usize, status| Made {
        template: String::new(),
        path: format!("{deep}/{}", word(number)),
        method: "GET".to_string(),
        status,
        endpoint: 0,
    };
    let mut log: Vec<Made> = (0..100).map(|number| made(number, 200)).collect();
    log.extend((1_000..3_000).map(|number| made(number, 404)));
    assert_eq!(
        show(&learned(&log)),
        format!("GET    {deep}/{{text}} 2100\n")
    );
}

#[test]
fn the_order_of_the_calls_does_not_matter() {
    for (name, calls, endpoints) in LOGS {
        let mut log = log(endpoints, (*calls).min(800), 7);
        let first = learned(&log);
        for seed in 0..2 {
            let mut random = Random(seed);
            for at in (1..log.len()).rev() {
                log.swap(at, random.below(at + 1));
            }
            assert_eq!(learned(&log), first, "{name}");
        }
    }
}

/// Calls of a scanner.
fn scan(calls: usize) -> Vec<Made> {
    let mut random = Random(99);
    (0..calls)
        .map(|number| {
            let path = match number % 5 {
                0 => format!("/{}.php", word(random.below(9_000))),
                1 => format!(
                    "/{}/{}",
                    word(random.below(9_000)),
                    word(random.below(9_000))
                ),
                2 => "/.env".to_string(),
                3 => format!("/v1/{}", word(random.below(900))),
                _ => format!("/wp-content/plugins/{}/readme.txt", word(random.below(900))),
            };
            Made {
                template: path.clone(),
                path,
                method: "GET".to_string(),
                status: [404, 403, 400][number % 3],
                endpoint: 0,
            }
        })
        .collect()
}

#[test]
fn scanners_make_no_endpoints() {
    let quiet = log(&SHOP, 6_000, 4);
    let mut noisy = quiet.clone();
    noisy.extend(scan(3_000));
    let (before, after) = (learned(&quiet), learned(&noisy));
    let names = |endpoints: &[Endpoint]| -> Vec<String> {
        endpoints
            .iter()
            .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
            .collect()
    };
    let added: Vec<_> = names(&after)
        .into_iter()
        .filter(|name| !names(&before).contains(name))
        .collect();
    assert!(
        added.len() <= 3 && added.contains(&"GET /{path+}".to_string()),
        "{added:?}"
    );
    assert!(
        names(&before)
            .iter()
            .all(|name| names(&after).contains(name))
    );
    noisy.reverse();
    assert_eq!(learned(&noisy), after);
}

#[test]
fn a_specification_and_a_route_tell_every_endpoint() {
    let log = log(&SHOP, 4_000, 5);
    let mut names: Vec<_> = log
        .iter()
        .map(|made| (made.method.clone(), made.template.clone()))
        .collect();
    names.sort();
    names.dedup();
    let operations = names.iter().map(|(method, path)| Operation {
        host: None,
        method: Some(method.clone()),
        path: path.clone(),
    });
    let specification = Specification {
        operations: operations.collect(),
    };
    for (specification, has_template, source) in [
        (Some(specification.clone()), false, Source::Specification),
        (Some(specification), true, Source::Specification),
        (None, true, Source::Route),
    ] {
        let documented = specification.is_some().then_some(true);
        let mut paths = Paths::new(specification);
        for made in &log {
            paths.add(&call(made, HOST, has_template));
        }
        let (found, limits) = paths.finish();
        assert!(limits.is_empty());
        assert_eq!(found.len(), 22, "{}", show(&found));
        assert!(
            found
                .iter()
                .all(|endpoint| endpoint.source == source && endpoint.documented == documented)
        );
    }
}

/// The templates of some calls, all answered 200 unless told otherwise.
fn templates(
    specification: Option<Specification>,
    calls: &[(&str, &str, &str, Option<&str>)],
) -> Vec<String> {
    let mut paths = Paths::new(specification);
    for (host, method, path, template) in calls {
        paths.add(&Call {
            host,
            method,
            path: path.as_bytes(),
            template: template.map(str::as_bytes),
            status: Some(200),
            latency_ms: None,
            time: None,
        });
    }
    let (found, _) = paths.finish();
    let show = |endpoint: &Endpoint| {
        let Endpoint {
            host,
            method,
            path,
            documented,
            under,
            calls,
            ..
        } = endpoint;
        format!(
            "{host} {method} {path} {documented:?} {} {calls}",
            under.as_deref().unwrap_or("-")
        )
    };
    found.iter().map(show).collect()
}

#[test]
fn what_a_specification_has_comes_first() {
    let operation = |host: Option<&str>, method: Option<&str>, path: &str| Operation {
        host: host.map(str::to_string),
        method: method.map(str::to_string),
        path: path.to_string(),
    };
    let own = "a1b2c3.execute-api.eu-west-1.amazonaws.com";
    let plain = Specification {
        operations: vec![
            operation(None, Some("GET"), "/pets/{id}"),
            operation(None, Some("GET"), "/pets/search"),
            operation(None, None, "/files/{proxy+}"),
            operation(None, Some("POST"), "/pets"),
            operation(None, None, "/unused"),
        ],
    };
    let export = Specification {
        operations: vec![operation(Some(own), Some("GET"), "/prod/pets/{id}")],
    };
    let greedy = Specification {
        operations: vec![operation(None, None, "/{tenant}/files/{proxy+}")],
    };
    for (specification, calls, expected) in [
        // The gateway's route takes more than the specification's.
        (
            greedy,
            vec![("h", "GET", "/anna/files/a/7", Some("/{proxy+}"))],
            vec!["h GET /{tenant}/files/a/{integer} Some(false) /{tenant}/files/{proxy+} 1"],
        ),
        (
            plain,
            vec![
                ("h", "GET", "/pets/anna", None),
                ("h", "GET", "/pets/search", None),
                ("h", "DELETE", "/pets/7", None),
                ("h", "GET", "/files/a/7", None),
                ("h", "GET", "/other/7", None),
            ],
            vec![
                "h GET /files/a/{integer} Some(false) /files/{proxy+} 1",
                "h GET /other/{integer} Some(false) - 1",
                "h POST /pets Some(true) - 0",
                "h GET /pets/search Some(true) - 1",
                "h DELETE /pets/{id} Some(false) - 1",
                "h GET /pets/{id} Some(true) - 1",
                "h ANY /unused Some(true) - 0",
            ],
        ),
        (
            export,
            vec![
                (own, "GET", "/prod/pets/7", None),
                ("api.example.com", "GET", "/pets/7", None),
                ("api.example.com", "GET", "/base/pets/7", None),
            ],
            vec![
                "a1b2c3.execute-api.eu-west-1.amazonaws.com GET /prod/pets/{id} Some(true) - 1",
                "api.example.com GET /base/pets/{id} Some(true) - 1",
                "api.example.com GET /pets/{id} Some(true) - 1",
            ],
        ),
    ] {
        assert_eq!(templates(Some(specification), &calls), expected);
    }
}

#[test]
fn a_route_tells_the_template() {
    let own = "a1b2c3.execute-api.eu-west-1.amazonaws.com";
    let calls = [
        (own, "GET", "/prod/pets/anna", Some("/pets/{petId}")),
        (own, "GET", "/prod/x/7", Some("/{proxy+}")),
        ("h", "GET", "/base/pets/anna", Some("/pets/{petId}")),
        ("h", "GET", "/u/anna/x/8", Some("/u/{id}/{proxy+}")),
        ("h", "GET", "/pets/{petId}", Some("/pets/{petId}")),
    ];
    assert_eq!(
        templates(None, &calls),
        [
            "a1b2c3.execute-api.eu-west-1.amazonaws.com GET /prod/pets/{petId} None - 1",
            "a1b2c3.execute-api.eu-west-1.amazonaws.com GET /prod/x/{integer} None /{proxy+} 1",
            "h GET /base/pets/{petId} None - 1",
            "h GET /pets/{petId} None - 1",
            "h GET /u/{id}/x/{integer} None /u/{id}/{proxy+} 1",
        ]
    );
}

/// What stands in a query is nobody's path, also where a template has no room any more.
#[test]
fn templates_that_are_too_many_are_learned_without_their_queries() {
    let mut paths = Paths::new(None);
    let mut add = |path: &str, template: &str| {
        paths.add(&Call {
            host: HOST,
            method: "GET",
            path: path.as_bytes(),
            template: Some(template.as_bytes()),
            status: Some(200),
            latency_ms: None,
            time: None,
        });
        paths.size.nodes
    };
    for number in 0..=MAX_NODES {
        let path = format!("/known/{number}");
        add(&path, &path);
    }
    for number in 0..2_000 {
        let path = format!("/late/{}/x?token={number}", word(number));
        let nodes = add(&path, "/late/{id}/{action}");
        assert!(nodes < MAX_NODES + 100, "{nodes}");
    }
    let (found, _) = paths.finish();
    let calls: u64 = found.iter().map(|endpoint| endpoint.calls).sum();
    assert_eq!(calls, u64::try_from(MAX_NODES + 1 + 2_000).unwrap());
    assert!(!found.iter().any(|one| one.path.contains("token")));
}

#[test]
fn slashes_count_and_names_are_unique() {
    let calls = [
        ("h", "GET", "/", None),
        ("h", "GET", "/pets", None),
        ("h", "GET", "/pets/", None),
        ("h", "GET", "//pets?x=1", None),
        ("h", "GET", "/a/1/2/b%7Bc", None),
        ("h", "GET", "/mail/anna%40example.com", None),
    ];
    assert_eq!(
        templates(None, &calls),
        [
            "h GET / None - 1",
            "h GET //pets None - 1",
            "h GET /a/{integer}/{integer2}/{text} None - 1",
            "h GET /mail/{email} None - 1",
            "h GET /pets None - 1",
            "h GET /pets/ None - 1",
        ]
    );
}

#[test]
fn no_log_takes_more_memory_than_the_limits() {
    let mut random = Random(3);
    let hosts: Vec<String> = (0..3_000)
        .map(|number| format!("{number}.example.com"))
        .collect();
    let methods: Vec<String> = (0..200).map(|number| format!("M{number}")).collect();
    let mut paths = Paths::new(None);
    let mut calls = 0;
    for number in 0..40_000 {
        let path = match number % 4 {
            0 => format!(
                "/{}/{}/{}",
                word(random.below(90_000)),
                word(random.below(90_000)),
                random.below(9)
            ),
            1 => format!("/a{}", "/x".repeat(random.below(60))),
            2 => format!(
                "/{}/{}",
                random.text(b"abcdefgh", 5),
                random.text(b"()=;:.,%@ab7-", 6)
            ),
            _ => {
                let length = random.below(300);
                "/".to_string() + &random.text(BASE62, length)
            }
        };
        let (host, method) = match number % 10 {
            0 => (
                &*hosts[random.below(hosts.len())],
                &*methods[random.below(methods.len())],
            ),
            _ => (HOST, "GET"),
        };
        calls += 1;
        paths.add(&Call {
            host,
            method,
            path: path.as_bytes(),
            template: None,
            status: Some(if number % 3 == 0 { 404 } else { 200 }),
            latency_ms: Some(number),
            time: None,
        });
        assert!(paths.size.nodes < 60_000 && paths.hosts.len() <= MAX_HOSTS);
    }
    paths.add(&Call {
        host: HOST,
        method: "GET",
        path: "/7".repeat(100_000).as_bytes(),
        template: None,
        status: None,
        latency_ms: Some(u64::MAX),
        time: Some(i64::MIN),
    });
    let (found, limits) = paths.finish();
    assert_eq!(
        found.iter().map(|endpoint| endpoint.calls).sum::<u64>(),
        calls + 1
    );
    assert_eq!(limits.len(), 3, "{limits:?}");
}
