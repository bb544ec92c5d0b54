//! Templates of paths, by the process: from specifications of each form, from routes, and learned.

use std::{collections::BTreeSet, process::Output};

use serde_json::{Value, json};

use crate::tool::{self, Folder};

const CALLS: &str = "tests/tool/paths/calls.log";
/// The same API in each form that is read.
const SPECIFICATIONS: [&str; 7] = [
    "openapi.json",
    "openapi.yaml",
    "swagger.json",
    "swagger.yaml",
    "resources.json",
    "resources.yaml",
    "routes.json",
];

fn tool(arguments: &[&str]) -> Output {
    tool::command(arguments).output().unwrap()
}

fn inventory(arguments: &[&str]) -> Value {
    let output = tool(&[&["inventory", "--format", "json"], arguments].concat());
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Method and path of each endpoint.
fn endpoints(inventory: &Value) -> Vec<String> {
    let text = |endpoint: &Value, name: &str| endpoint[name].as_str().unwrap().to_string();
    let endpoints = inventory["endpoints"].as_array().unwrap().iter();
    endpoints
        .map(|endpoint| text(endpoint, "method") + " " + &text(endpoint, "path"))
        .collect()
}

#[test]
fn each_form_of_a_specification_gives_the_same_templates() {
    for name in SPECIFICATIONS {
        let file = format!("tests/tool/paths/{name}");
        let found = inventory(&["--spec", &file, CALLS]);
        let called: Vec<String> = endpoints(&found)
            .into_iter()
            .filter(|endpoint| !endpoint.starts_with("DELETE "))
            .collect();
        assert_eq!(
            called,
            [
                "GET /prod/files/{date}/notes.txt",
                "PUT /prod/files/{date}/notes.txt",
                "GET /prod/owners/{email}",
                "GET /prod/owners/{email}/pets",
                "GET /prod/pets",
                "POST /prod/pets",
                "GET /prod/pets/{petId}",
                "PATCH /prod/pets/{petId}",
                "GET /prod/reports/daily",
            ],
            "{name}"
        );
    }
}

#[test]
fn a_specification_is_held_against_a_log() {
    for name in SPECIFICATIONS {
        let file = format!("tests/tool/paths/{name}");
        let output = tool(&["diff", "--format", "json", "--spec", &file, CALLS]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings: BTreeSet<String> = found["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| {
                let text = |name: &str| finding[name].as_str().unwrap().to_string();
                format!("{} {} {}", text("kind"), text("method"), text("path"))
            })
            .collect();
        let expected = [
            "proxy GET /prod/files/{date}/notes.txt",
            "proxy PUT /prod/files/{date}/notes.txt",
            "undeclared GET /prod/reports/daily",
            "undeclared PATCH /prod/pets/{petId}",
            "unused DELETE /prod/pets/{petId}",
        ];
        assert_eq!(findings, expected.map(str::to_string).into(), "{name}");
    }
    // All that is declared is called, and all that is called is declared.
    let folder = Folder::new("paths-whole");
    let line = json!({"httpMethod": "GET", "path": "/pets/rex", "status": "200", "domainName": "api.example.com"});
    let log = folder.write("calls.log", &format!("{line}\n"));
    let routes = folder.write(
        "routes.json",
        r#"{"Items":[{"RouteKey":"GET /pets/{id}"}]}"#,
    );
    assert_eq!(
        tool(&["diff", "--spec", &routes, &log]).status.code(),
        Some(0)
    );
    // What is no specification is an error that names the file and what is expected.
    for command in ["inventory", "diff"] {
        let output = tool(&[command, "--spec", CALLS, &log]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(
            error.contains(CALLS) && error.contains("get-resources"),
            "{error}"
        );
    }
}

/// A generator of numbers, the same on each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(end).unwrap()).unwrap()
    }

    fn text(&mut self, letters: &str, length: usize) -> String {
        let letters = letters.as_bytes();
        (0..length)
            .map(|_| char::from(letters[self.below(letters.len())]))
            .collect()
    }
}

const HEX: &str = "0123456789abcdef";
const UPPER: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ALL: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A word that can be spoken, the same for its number.
fn word(number: usize) -> String {
    let mut random = Random(u64::try_from(number).unwrap() * 7_919 + 3);
    (0..3)
        .map(|_| random.text("bdfgklmnprstvz", 1) + &random.text("aeiou", 1))
        .collect()
}

fn value(kind: &str, random: &mut Random) -> String {
    match kind {
        "email" => format!(
            "{}.{}%40example.com",
            word(random.below(60)),
            word(random.below(60))
        ),
        "phone" => format!("%2B49{}", 1_600_000_000 + random.below(90_000_000)),
        "jwt" => format!(
            "eyJ{}.eyJ{}.{}",
            random.text(ALL, 17),
            random.text(ALL, 40),
            random.text(ALL, 43)
        ),
        "sku" => format!(
            "{}-{}-{}",
            random.text("ABCDEFGHIJ", 3),
            100 + random.below(900),
            random.text("SML", 1)
        ),
        "user" => {
            let number = random.below(300).min(random.below(300));
            match number % 3 {
                0 => word(number),
                1 => format!("{}_{}", word(number), word(number + 1)),
                _ => format!("{}{}", word(number), number % 90),
            }
        }
        "slug" => format!(
            "{}-{}",
            word(1_000 + random.below(80)),
            word(2_000 + random.below(80))
        ),
        "country" => ["de", "fr", "us", "gb", "es", "it", "pl", "se", "no", "dk"][random.below(10)]
            .to_string(),
        "pdf" => value("uuid", random) + ".pdf",
        "uuid" => [8, 4, 4, 4, 12]
            .map(|length| random.text(HEX, length))
            .join("-"),
        "integer" => random.below(1_000_000).to_string(),
        "negative" => format!("-{}", 1 + random.below(300)),
        "charge" => format!("ch_{}", random.text(ALL, 16)),
        "invoice" => format!("INV-{:06}", random.below(1_000_000)),
        "hash" => random.text(HEX, 64),
        "date" => format!(
            "2025-{:02}-{:02}",
            1 + random.below(12),
            1 + random.below(28)
        ),
        "ip" => format!("203.0.113.{}", random.below(256)),
        "ksuid" => format!("2{}xY1", random.text(ALL, 23)),
        "ulid" => format!("01{}", random.text(UPPER, 24)),
        _ => panic!("{kind}"),
    }
}

const ENDPOINTS: [&str; 22] = [
    "GET /shop/v2/customers/<email>",
    "GET /shop/v2/customers/<email>/orders",
    "GET /shop/v2/calls/<phone>",
    "POST /shop/v2/tokens/<jwt>",
    "GET /shop/v2/articles/<sku>",
    "PUT /shop/v2/articles/<sku>",
    "GET /shop/v2/profiles/<user>",
    "GET /shop/v2/profiles/<user>/reviews",
    "GET /shop/v2/news/<slug>",
    "GET /shop/v2/shipping/<country>",
    "GET /shop/v2/receipts/<pdf>",
    "GET /shop/v2/Products(<integer>)",
    "GET /shop/v2/charges/<charge>",
    "POST /shop/v2/charges",
    "GET /shop/v2/invoices/<invoice>",
    "GET /shop/v2/blobs/<hash>",
    "GET /shop/v2/days/<date>",
    "GET /shop/v2/clients/<ip>",
    "GET /shop/v2/floors/<negative>",
    "GET /shop/v2/events/<ksuid>",
    "DELETE /shop/v2/carts/<ulid>/lines/<integer>",
    "GET /shop/v2/health",
];

/// A path, its template, and its values.
fn path(pattern: &str, random: &mut Random) -> (String, String, Vec<String>) {
    let (mut path, mut template, mut values) = (String::new(), String::new(), Vec::new());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('<') {
        let (kind, after) = after.split_once('>').unwrap();
        let value = value(kind, random);
        path += &format!("{before}{value}");
        template += &format!("{before}{{p{}}}", values.len());
        values.push(value);
        rest = after;
    }
    (path + rest, template + rest, values)
}

struct Made {
    lines: Vec<String>,
    templates: BTreeSet<String>,
    /// Of people.
    personal: BTreeSet<String>,
    /// By endpoint, some paths.
    paths: Vec<Vec<String>>,
}

fn log(calls: usize, variable: Option<&str>) -> Made {
    let mut random = Random(17);
    let mut made = Made {
        lines: Vec::new(),
        templates: BTreeSet::new(),
        personal: BTreeSet::new(),
        paths: vec![Vec::new(); ENDPOINTS.len()],
    };
    for number in 0..calls {
        // The first ones far more often than the last.
        let end = ENDPOINTS.len();
        let at = if number < end {
            number
        } else {
            random.below(end).min(random.below(end))
        };
        let (method, pattern) = ENDPOINTS[at].split_once(' ').unwrap();
        let (path, template, values) = path(pattern, &mut random);
        let status = match random.below(40) {
            0 => "404",
            1 => "500",
            _ => "200",
        };
        let mut line = json!({
            "httpMethod": method, "path": path, "status": status, "domainName": "api.example.com",
            "requestTimeEpoch": (1_760_000_000_000_u64 + u64::try_from(number).unwrap() * 250).to_string(),
            "responseLatency": random.below(400).to_string(),
        });
        // The gateway's own routes know nothing of the base path, and have places of whole segments.
        let template = match variable {
            Some(_) => template.replace("Products({p0})", "{p0}"),
            None => template,
        };
        let route = template.strip_prefix("/shop").unwrap();
        match variable {
            Some("resourcePath") => line["resourcePath"] = route.into(),
            Some(_) => line["routeKey"] = format!("{method} {route}").into(),
            None => {}
        }
        made.lines.push(line.to_string());
        made.templates.insert(format!("{method} {template}"));
        if ["<email>", "<phone>", "<jwt>", "<user>"]
            .iter()
            .any(|kind| pattern.contains(kind))
        {
            made.personal.extend(values);
        }
        if status == "200" && made.paths[at].len() < 40 {
            made.paths[at].push(path);
        }
    }
    made
}

/// Whether a path is one of a template.
fn is_of(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(place, text)| {
            match (place.find('{'), place.rfind('}')) {
                (Some(open), Some(close)) => {
                    text.len() > place.len() - (close + 1 - open)
                        && text.starts_with(&place[..open])
                        && text.ends_with(&place[close + 1..])
                }
                _ => place == text,
            }
        })
}

#[test]
fn a_specification_or_a_route_gives_every_endpoint_of_20_000_calls() {
    let folder = Folder::new("paths-known");
    let made = log(20_000, None);
    let file = folder.write("calls.log", &made.lines.join("\n"));
    let routes: Vec<Value> = made
        .templates
        .iter()
        .map(|route| json!({"RouteKey": route}))
        .collect();
    let routes = folder.write("routes.json", &json!({"Items": routes}).to_string());
    let found: BTreeSet<String> = endpoints(&inventory(&["--spec", &routes, &file]))
        .into_iter()
        .collect();
    assert_eq!(found, made.templates);
    for variable in ["resourcePath", "routeKey"] {
        let made = log(5_000, Some(variable));
        let file = folder.write(variable, &made.lines.join("\n"));
        let found: BTreeSet<String> = endpoints(&inventory(&[&file])).into_iter().collect();
        assert_eq!(found, made.templates, "{variable}");
    }
}

#[test]
fn what_is_learned_of_20_000_calls_is_each_endpoint_alone() {
    let folder = Folder::new("paths-learned");
    let made = log(20_000, None);
    let file = folder.write("calls.log", &made.lines.join("\n"));
    let output = tool(&["inventory", "--format", "json", &file]);
    let found = endpoints(&serde_json::from_slice(&output.stdout).unwrap());
    assert!((22..=30).contains(&found.len()), "{found:#?}");
    let mut taken = BTreeSet::new();
    for (endpoint, paths) in ENDPOINTS.iter().zip(&made.paths) {
        let method = endpoint.split(' ').next().unwrap();
        for path in paths {
            let own: Vec<&String> = found
                .iter()
                .filter(|found| {
                    let (own, template) = found.split_once(' ').unwrap();
                    own == method && is_of(template, path)
                })
                .collect();
            assert_eq!(own.len(), 1, "{method} {path}: {own:?}");
            taken.insert((own[0].clone(), endpoint));
        }
    }
    let templates: BTreeSet<&String> = taken.iter().map(|(template, _)| template).collect();
    assert_eq!(templates.len(), taken.len(), "{taken:#?}");
    for template in found {
        let segment = template
            .split('/')
            .find(|segment| made.personal.contains(*segment));
        assert_eq!(segment, None, "{template}");
    }
    // The same lines in another order.
    let mut random = Random(5);
    let mut lines = made.lines;
    for at in (1..lines.len()).rev() {
        lines.swap(at, random.below(at + 1));
    }
    let shuffled = folder.write("shuffled.log", &lines.join("\n"));
    let other = tool(&["inventory", "--format", "json", &shuffled]);
    assert!(
        output.stdout == other.stdout,
        "another order gives something else"
    );
}

/// Words that no path has hold no place for them.
#[test]
fn files_beside_languages_do_not_keep_them_apart() {
    let folder = Folder::new("paths-languages");
    let mut lines = String::new();
    let mut call = |path: &str| {
        let line = json!({"httpMethod": "GET", "path": path, "status": "200", "domainName": "example.com"});
        lines.push_str(&format!("{line}\n"));
    };
    for language in ["en", "de", "fr", "es", "it", "nl", "pl", "pt"] {
        for number in 0..60 {
            call(&format!(
                "/{language}/flights/{}/{}",
                word(number % 16),
                word(number % 23)
            ));
            call(&format!("/{language}/hotels/{}", word(100 + number % 24)));
            call(&format!("/{language}/help"));
            call(&format!("/{language}/account"));
        }
    }
    for _ in 0..20 {
        call("/sitemap.xml");
        call("/robots.txt");
        call("/assets/main.css");
    }
    let file = folder.write("calls.log", &lines);
    assert_eq!(
        endpoints(&inventory(&[&file])),
        [
            "GET /assets/main.css",
            "GET /robots.txt",
            "GET /sitemap.xml",
            "GET /{text}/account",
            "GET /{text}/flights/{text2}/{text3}",
            "GET /{text}/help",
            "GET /{text}/hotels/{text2}",
        ]
    );
}
