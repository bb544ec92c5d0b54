//! The inventory as one self-contained page, to send to a colleague.
//!
//! The table is in the page's markup, so that it can be read without scripts; the script only sorts and filters the rows
//! that are there. No data stands within a script, a style or a URL: names and paths were written by strangers, and a
//! template engine escapes them for the two places that there are, an element's text and a quoted attribute. Attributes
//! without quotes are ours, and so are the tags that HTML lets one leave out: a page has thousands of rows. The page's
//! policy allows this one style and this one script, by their hashes, and no connection.
//!
//! The same inventory gives the same bytes: the page has no clock and nothing random.

use std::{collections::BTreeSet, io::Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use minijinja::{Environment, Value, syntax::SyntaxConfig, value::Serde};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use serde::Serialize;

use super::{
    reasons, shown_host,
    text::{Moment, grouped, milliseconds, moment, percent},
};
use crate::local::{
    error::{CommandError, printing},
    escape::terminal as visible,
    inventory::{
        model::{Endpoint, Inventory, Latency, Parameter, Source, split_place},
        published,
    },
};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The width of the picture of latencies.
const RANGE: f64 = 120.0;

/// Lines may end at the slashes of a path of more characters. Shorter ones have room in any case, and a large page has
/// fewer elements so.
const SHORT_PATH: usize = 24;

/// Writes it.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, out: &mut dyn Write) -> Result<(), CommandError> {
    let environment = environment().map_err(rendering)?;
    let hosts = inventory.named_hosts();
    let page = Page {
        has_hosts: hosts.len() > 1,
        most_calls: inventory
            .endpoints
            .iter()
            .map(|endpoint| endpoint.calls)
            .max()
            .unwrap_or(0),
        scale: Scale::of(&inventory.endpoints),
    };
    let head = Head {
        style_hash: hash(STYLE),
        script_hash: hash(SCRIPT),
        style: STYLE,
        script: SCRIPT,
        tool: concat!("cw-resend ", env!("CARGO_PKG_VERSION")),
        title: title(&hosts),
        period: inventory
            .first
            .and_then(moment)
            .zip(inventory.last.and_then(moment))
            .map(|(first, last)| Period { first, last }),
        figures: figures(inventory, hosts.len()),
        classes: classes(inventory.endpoints.iter()),
        lines: grouped(inventory.lines),
        skipped_lines: grouped(inventory.skipped.values().sum()),
        skipped: skipped(inventory),
        limits: inventory
            .limits
            .iter()
            .map(|limit| visible(limit).into_owned())
            .collect(),
        has_hosts: page.has_hosts,
        has_specification: inventory.has_specification(),
        scale: page.scale.as_ref().map(Scale::described),
        sources: sources(inventory),
        reasons: reasons(inventory)
            .into_iter()
            .map(|(reason, _)| Named {
                name: visible(reason).into_owned(),
                value: published::sentence(reason).unwrap_or_default().into(),
            })
            .collect(),
    };
    let head = Value::from(Serde(&head));
    let mut render = |name: &str, context: &Value| {
        let template = environment.get_template(name).map_err(rendering)?;
        let text = template.render(context).map_err(rendering)?;
        out.write_all(text.as_bytes()).map_err(printing)
    };
    render("head.html", &head)?;
    // The most called come first: it is what the picture is looked at for.
    let mut endpoints: Vec<&Endpoint> = inventory.endpoints.iter().collect();
    endpoints.sort_by_key(|endpoint| std::cmp::Reverse(endpoint.calls));
    // A row at a time: a large inventory is not held twice.
    for endpoint in endpoints {
        let row = page.row(endpoint);
        render("row.html", &Value::from(Serde(&row)))?;
    }
    render("foot.html", &head)
}

/// The templates. Their names end with `.html`, by which the engine escapes what they take in.
fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).keep_trailing_newline(true);
    environment.set_syntax(syntax.build()?);
    environment.add_template("head.html", include_str!("html/head.html"))?;
    environment.add_template("row.html", include_str!("html/row.html"))?;
    environment.add_template("foot.html", include_str!("html/foot.html"))?;
    Ok(environment)
}

fn rendering(error: minijinja::Error) -> CommandError {
    CommandError::with_cause("failed to make the page", error)
}

/// The hash of an element's text, by which the page's policy allows it. TLS has the function for it.
fn hash(text: &str) -> String {
    let suite = TLS13_AES_128_GCM_SHA256
        .tls13()
        .expect("it is one of TLS 1.3");
    let hash = suite.common.hash_provider.hash(text.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(hash))
}

fn title(hosts: &BTreeSet<&str>) -> String {
    let mut hosts = hosts.iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => format!("API inventory of {}", visible(host)),
        _ => "API inventory".into(),
    }
}

/// What is above and below the table.
#[derive(Serialize)]
struct Head {
    style_hash: String,
    script_hash: String,
    style: &'static str,
    script: &'static str,
    tool: &'static str,
    title: String,
    period: Option<Period>,
    figures: Vec<Named>,
    classes: Vec<Class>,
    lines: String,
    skipped_lines: String,
    skipped: Vec<Named>,
    limits: Vec<String>,
    has_hosts: bool,
    has_specification: bool,
    scale: Option<DescribedScale>,
    sources: String,
    reasons: Vec<Named>,
}

#[derive(Serialize)]
struct Period {
    first: Moment,
    last: Moment,
}

#[derive(Serialize)]
struct Named {
    name: String,
    value: String,
}

/// The figures at the top of the page.
fn figures(inventory: &Inventory, hosts: usize) -> Vec<Named> {
    let count = |is_counted: &dyn Fn(&Endpoint) -> bool| {
        let endpoints = inventory.endpoints.iter();
        grouped(
            endpoints
                .filter(|endpoint| is_counted(endpoint))
                .map(|_| 1)
                .sum(),
        )
    };
    let mut figures = vec![
        ("Calls", grouped(inventory.calls)),
        ("Endpoints", count(&|endpoint| endpoint.calls > 0)),
    ];
    if hosts > 1 {
        figures.push(("Hosts", hosts.to_string()));
    }
    if inventory.has_specification() {
        figures.push(("Not declared", count(&|e| e.documented == Some(false))));
        figures.push(("Declared, not called", count(&|e| e.calls == 0)));
    }
    figures.push((
        "Wallarm would not show",
        count(&|e| e.calls > 0 && e.hidden.is_some()),
    ));
    figures
        .into_iter()
        .map(|(name, value)| Named {
            name: name.into(),
            value,
        })
        .collect()
}

fn skipped(inventory: &Inventory) -> Vec<Named> {
    inventory
        .skipped
        .iter()
        .map(|(reason, &lines)| Named {
            name: visible(reason).into_owned(),
            value: grouped(lines),
        })
        .collect()
}

/// Where the templates are from, in sentences.
fn sources(inventory: &Inventory) -> String {
    let count = |source| {
        let endpoints = inventory.endpoints.iter();
        endpoints
            .filter(|endpoint| endpoint.source == source)
            .count()
    };
    let mut parts = Vec::new();
    for (source, what) in [
        (Source::Specification, "from the specification"),
        (Source::Route, "as the gateway logged them"),
        (Source::Learned, "learned from the paths that were called"),
    ] {
        match count(source) {
            0 => {}
            n => parts.push(format!("{n} {what}")),
        }
    }
    let mut text = match parts.is_empty() {
        true => "There are no paths.".into(),
        false => format!("Where the paths are from: {}.", parts.join(", ")),
    };
    if count(Source::Learned) > 0 {
        text += " What is learned is a guess; only a specification or the gateway's route is sure.";
    }
    text
}

/// A class of status in a picture.
#[derive(Serialize)]
struct Class {
    id: char,
    name: &'static str,
    meaning: &'static str,
    calls: String,
    share: String,
    /// In percent of the bar.
    width: String,
}

/// The classes that there are, as parts of a bar. Each has two hundredths of it or so at least, so that it can be seen.
fn classes<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<Class> {
    let mut counts = [0_u64; 5];
    for endpoint in endpoints {
        let statuses = &endpoint.statuses;
        let of_endpoint = [
            statuses.success,
            statuses.redirection,
            statuses.client_error,
            statuses.server_error,
            statuses.other,
        ];
        for (sum, n) in counts.iter_mut().zip(of_endpoint) {
            *sum = sum.saturating_add(n);
        }
    }
    let all = counts.iter().copied().fold(0, u64::saturating_add);
    let units: Vec<f64> = counts
        .iter()
        .map(|&n| match n {
            0 => 0.0,
            _ => (n as f64 / all as f64 * 100.0).max(2.0),
        })
        .collect();
    let stretch = 100.0 / units.iter().sum::<f64>();
    let mut classes = Vec::new();
    let names = [
        ('2', "2xx", "success"),
        ('3', "3xx", "redirection"),
        ('4', "4xx", "client errors"),
        ('5', "5xx", "server errors"),
        ('0', "other", "another status, or none"),
    ];
    for ((&n, units), (id, name, meaning)) in counts.iter().zip(units).zip(names) {
        if n > 0 {
            // Together they are never more than the bar.
            let width = (units * stretch * 10.0).floor() / 10.0;
            classes.push(Class {
                id,
                name,
                meaning,
                calls: grouped(n),
                share: percent(n, all),
                width: short(width),
            });
        }
    }
    classes
}

/// The logarithmic scale of the pictures of latencies: whole powers of ten.
struct Scale {
    /// The power of ten at its beginning, which is a millisecond or more.
    from: i32,
    /// The one at its end, which is greater.
    to: i32,
}

#[derive(Serialize)]
struct DescribedScale {
    from: String,
    to: String,
    powers: i32,
}

impl Scale {
    /// The scale that has all of them; `None` where there is no latency.
    fn of(endpoints: &[Endpoint]) -> Option<Self> {
        let latencies = || {
            endpoints
                .iter()
                .filter_map(|endpoint| endpoint.latency.as_ref())
        };
        let from = latencies().map(|latency| latency.p50).min()?;
        let to = latencies().map(|latency| latency.p99).max()?;
        let power = |ms: u64| ms.max(1).ilog10().cast_signed();
        Some(Self {
            from: power(from),
            to: power(to) + 1,
        })
    }

    /// The place of a latency in the picture.
    fn x(&self, ms: u64) -> f64 {
        let power = (ms.max(1) as f64).log10();
        let share = (power - f64::from(self.from)) / f64::from(self.to - self.from);
        share.clamp(0.0, 1.0) * RANGE
    }

    /// One path: a thick bar from p50 to p95, a thin one to p99, and its end.
    fn picture(&self, latency: &Latency) -> String {
        // The bar and the end have two units in any case, so that they can be seen.
        let last = RANGE - 2.0;
        let from = self.x(latency.p50).min(last - 2.0);
        let to = self.x(latency.p95).clamp(from + 2.0, last);
        let end = self.x(latency.p99).clamp(to, last);
        format!(
            "M{from} 6h{bar}v8h-{bar}zM{to} 9.5h{rest}v1h-{rest}zM{end} 6h1.5v8h-1.5z",
            from = short(from),
            to = short(to),
            end = short(end),
            bar = short(to - from),
            rest = short(end - to),
        )
    }

    fn described(&self) -> DescribedScale {
        DescribedScale {
            from: milliseconds(self.from),
            to: milliseconds(self.to),
            powers: self.to - self.from,
        }
    }
}

/// A number with one decimal at most.
fn short(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}

/// What rows have in common.
struct Page {
    has_hosts: bool,
    most_calls: u64,
    scale: Option<Scale>,
}

#[derive(Serialize)]
struct Row {
    method: String,
    pieces: Vec<Piece>,
    host: Option<String>,
    places: String,
    calls: String,
    calls_width: String,
    classes: Vec<Class>,
    /// The classes' ids.
    statuses: String,
    /// The share of 4xx and 5xx, from 0 to 1, where there are any.
    errors: Option<String>,
    latency: Option<Range>,
    /// The day of the first call, where it is another one than that of the last.
    first: Option<String>,
    last: Option<String>,
    /// What a specification has to do with it.
    flag: Option<&'static str>,
    /// The greedy template that is all that it matched.
    under: Option<String>,
    /// What Wallarm would do.
    shown: String,
    declared: Option<&'static str>,
    is_hidden: bool,
}

/// A part of a path.
#[derive(Serialize)]
struct Piece {
    text: String,
    is_place: bool,
    /// Whether a line may end behind it.
    breaks: bool,
}

#[derive(Serialize)]
struct Range {
    p50: String,
    p95: String,
    p99: String,
    max: String,
    picture: String,
}

impl Page {
    fn row(&self, endpoint: &Endpoint) -> Row {
        let classes = classes(std::iter::once(endpoint));
        let statuses = &endpoint.statuses;
        let last = endpoint.last.and_then(moment);
        let errors = statuses.client_error.saturating_add(statuses.server_error);
        let share = |n: u64| {
            // A logarithmic scale that begins with nothing.
            ((n as f64) + 1.0).ln() / ((self.most_calls as f64) + 1.0).ln() * 100.0
        };
        let declared = endpoint
            .documented
            .map(|is_declared| match (is_declared, endpoint.calls) {
                (true, 0) => "uncalled",
                (true, _) => "yes",
                (false, _) => "no",
            });
        Row {
            method: visible(&endpoint.method).into_owned(),
            pieces: pieces(&endpoint.path, endpoint.path.chars().count() > SHORT_PATH),
            host: self
                .has_hosts
                .then(|| visible(shown_host(&endpoint.host)).into_owned()),
            places: places(&endpoint.parameters),
            calls: grouped(endpoint.calls),
            calls_width: match endpoint.calls {
                0 => "0".into(),
                n => short(share(n)),
            },
            statuses: classes.iter().map(|class| class.id).collect(),
            classes,
            errors: (errors > 0).then(|| format!("{:.4}", errors as f64 / endpoint.calls as f64)),
            latency: self
                .scale
                .as_ref()
                .zip(endpoint.latency)
                .map(|(scale, latency)| Range {
                    p50: grouped(latency.p50),
                    p95: grouped(latency.p95),
                    p99: grouped(latency.p99),
                    max: grouped(latency.max),
                    picture: scale.picture(&latency),
                }),
            first: endpoint
                .first
                .and_then(moment)
                .map(|first| first.date)
                .filter(|first| last.as_ref().is_none_or(|last| last.date != *first)),
            last: last.map(|last| format!("{} {}", last.date, last.time)),
            flag: match declared {
                Some("no") => Some("Not declared"),
                Some("uncalled") => Some("Declared, not called"),
                _ => None,
            },
            under: endpoint
                .under
                .as_deref()
                .map(|template| visible(template).into_owned()),
            shown: match &endpoint.hidden {
                Some(reason) => format!("not shown: {}", visible(reason)),
                None => "shown".into(),
            },
            declared,
            is_hidden: endpoint.hidden.is_some(),
        }
    }
}

/// A path, cut around its places and, where it is long, at the slashes within it.
fn pieces(path: &str, is_long: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if !is_long {
        push_pieces(path, false, &mut pieces);
        return pieces;
    }
    let (first, rest) = path.split_at(usize::from(path.starts_with('/')));
    if !first.is_empty() {
        push_pieces(first, false, &mut pieces);
    }
    for segment in rest.split_inclusive('/') {
        push_pieces(segment, segment.ends_with('/'), &mut pieces);
    }
    if let Some(last) = pieces.last_mut() {
        last.breaks = false;
    }
    pieces
}

fn push_pieces(text: &str, breaks: bool, pieces: &mut Vec<Piece>) {
    let mut rest = text;
    let mut push = |text: &str, is_place, breaks| {
        if !text.is_empty() {
            pieces.push(Piece {
                text: visible(text).into_owned(),
                is_place,
                breaks,
            });
        }
    };
    while let Some((before, place, after)) = split_place(rest) {
        push(before, false, false);
        push(&format!("{{{place}}}"), true, false);
        rest = after;
    }
    push(rest, false, breaks);
}

/// What is known of a template's places beside their names, such as `{id}: integer, 128 values`.
fn places(parameters: &[Parameter]) -> String {
    let mut described = Vec::new();
    for parameter in parameters {
        let mut known = Vec::new();
        // A learned place is named after its shape.
        let named = parameter
            .name
            .trim_end_matches(|c: char| c.is_ascii_digit());
        if parameter.shape != named && parameter.shape != "text" {
            known.push(visible(&parameter.shape).into_owned());
        }
        match parameter.values {
            Some(1) => known.push("1 value".to_string()),
            Some(n) => known.push(format!("{} values", grouped(n))),
            None => {}
        }
        if !known.is_empty() {
            described.push(format!(
                "{{{}}}: {}",
                visible(&parameter.name),
                known.join(", ")
            ));
        }
    }
    described.join("; ")
}

#[cfg(test)]
mod tests;
