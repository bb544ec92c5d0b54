//! A made-up log of 22 endpoints, in the forms that `cw-resend inventory` and its rivals read.
//!
//! `inventory lines CALLS PATHS` writes access-log lines in the documented format, `inventory har CALLS PATHS` the same
//! calls as an HTTP archive, and `inventory endpoints` what there is to be found. Each endpoint has a share of `PATHS`
//! different paths, as far as its values can differ so much.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

/// The first call, in Unix milliseconds.
const FIRST: u64 = 1_700_000_000_000;
/// From one call to the next, in milliseconds.
const STEP: u64 = 40;
const SEED: u64 = 0x696e_7665_6e74;

/// The endpoints: a method, a template, and how many of a thousand calls it gets.
const ENDPOINTS: [(&str, &str, u64); 22] = [
    ("GET", "/v1/health", 20),
    ("GET", "/v1/products", 120),
    ("GET", "/v1/products/{integer}", 160),
    ("GET", "/v1/products/{integer}/reviews", 70),
    ("POST", "/v1/products/{integer}/reviews", 20),
    ("GET", "/v1/orders/{uuid}", 100),
    ("POST", "/v1/orders", 50),
    ("GET", "/v1/orders/{uuid}/items/{integer}", 50),
    ("DELETE", "/v1/orders/{uuid}", 15),
    ("GET", "/v1/customers/{prefixed}", 60),
    ("PATCH", "/v1/customers/{prefixed}", 20),
    ("GET", "/v1/customers/{prefixed}/cards", 30),
    ("GET", "/v1/users/{email}", 40),
    ("GET", "/v1/sessions/{hex}", 40),
    ("GET", "/v1/reports/{date}", 25),
    ("GET", "/v1/invoices/{invoice}", 35),
    ("GET", "/v1/documents/{uuid}.pdf", 30),
    ("GET", "/v1/events/{ulid}", 40),
    ("GET", "/v1/stock/{sku}", 30),
    ("GET", "/v2/products/{integer}", 20),
    ("GET", "/v2/profiles/{name}", 15),
    ("PUT", "/v2/profiles/{name}/settings", 10),
];

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "PetShop/7.4.1 (iPhone; iOS 17.5.1)",
    "okhttp/4.12.0",
];

struct Call {
    endpoint: usize,
    path: String,
    status: u16,
    latency: u64,
    length: u64,
    id: u64,
    time: u64,
}

/// The calls, one after the other.
struct Calls {
    state: u64,
    /// Different values for each endpoint.
    values: u64,
    count: u64,
}

impl Calls {
    fn new(paths: u64) -> Self {
        Self {
            state: SEED,
            values: (paths / ENDPOINTS.len() as u64).max(1),
            count: 0,
        }
    }

    /// xorshift64*.
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn call(&mut self, call: &mut Call) {
        let mut at = (self.next() >> 16) % SHARES;
        let mut endpoint = 0;
        while at >= ENDPOINTS[endpoint].2 {
            at -= ENDPOINTS[endpoint].2;
            endpoint += 1;
        }
        let value = (self.next() >> 16) % self.values;
        call.endpoint = endpoint;
        call.path.clear();
        fill(
            ENDPOINTS[endpoint].1,
            endpoint as u64,
            value,
            &mut call.path,
        );
        let random = self.next();
        call.status = match random % 100 {
            0 => 500,
            1..=4 => 404,
            _ if ENDPOINTS[endpoint].0 == "POST" => 201,
            _ => 200,
        };
        call.latency = 3 + (random >> 8) % 400;
        call.length = 20 + (random >> 20) % 20_000;
        call.id = random;
        call.time = FIRST + self.count * STEP;
        self.count += 1;
    }
}

/// Puts values into a template.
fn fill(template: &str, endpoint: u64, value: u64, path: &mut String) {
    let mut rest = template;
    let mut place = 0;
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        let (shape, after) = after.split_once('}').unwrap_or((after, ""));
        // A second value is one of a few, as a position in an order is.
        let value = if place == 0 { value } else { value % 7 };
        push(shape, mixed(value + (endpoint << 40)), value, path);
        rest = after;
        place += 1;
    }
    path.push_str(rest);
}

/// A number that looks random, the same for the same one.
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Writes a value of a shape.
fn push(shape: &str, random: u64, value: u64, path: &mut String) {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const NAMES: [&str; 8] = ["ada", "bob", "carl", "dora", "emil", "fay", "gus", "hal"];
    let more = mixed(random);
    // The index keeps two values of a short shape apart.
    let text = match shape {
        "integer" => write!(path, "{}", 1 + value),
        "uuid" => write!(
            path,
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            random >> 32,
            random >> 16 & 0xffff,
            random & 0xfff,
            more >> 48 & 0xfff,
            more & 0xffff_ffff_ffff
        ),
        "prefixed" => write!(path, "cus_{random:016x}"),
        "email" => write!(path, "{}{value}@example.com", NAMES[(random % 8) as usize]),
        "hex" => write!(path, "{random:016x}{more:016x}"),
        "date" => write!(
            path,
            "{}-{:02}-{:02}",
            2015 + value / 336 % 10,
            1 + value / 28 % 12,
            1 + value % 28
        ),
        "invoice" => write!(path, "INV-{value:06}"),
        "sku" => write!(
            path,
            "{}-{value}-XL",
            &NAMES[(random % 8) as usize].to_uppercase()
        ),
        "ulid" => {
            path.push_str("01H");
            for at in 0..23 {
                let bits = if at < 12 {
                    random >> (at * 5)
                } else {
                    more >> ((at - 12) * 5)
                };
                path.push(char::from(LETTERS[(bits & 31) as usize]));
            }
            Ok(())
        }
        _ => write!(path, "{}-{value}", NAMES[(random % 8) as usize]),
    };
    text.unwrap_or_default();
}

const SHARES: u64 = {
    let mut sum = 0;
    let mut at = 0;
    while at < ENDPOINTS.len() {
        sum += ENDPOINTS[at].2;
        at += 1;
    }
    sum
};

/// `(year, month, day)` of a number of days since 1970 (Howard Hinnant's algorithm for the civil calendar).
fn date(days: u64) -> (u64, usize, u64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march as usize + 2) % 12;
    (year_of_era + era * 400 + u64::from(month < 2), month, day)
}

fn line(call: &Call, out: &mut String) -> std::fmt::Result {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = call.time / 1000;
    let (year, month, day) = date(seconds / 86_400);
    let (id, status, latency) = (call.id, call.status, call.latency);
    out.clear();
    writeln!(
        out,
        "{{ \"requestId\": \"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}\", \"httpMethod\": \"{}\", \"path\": \"{}\", \
         \"protocol\": \"HTTP/1.1\", \"status\": \"{status}\", \"responseLength\": \"{}\", \"requestTime\": \
         \"{day:02}/{}/{year}:{:02}:{:02}:{:02} +0000\", \"requestTimeEpoch\": \"{}\", \"responseLatency\": \
         \"{latency}\", \"integrationLatency\": \"{}\", \"integrationStatus\": \"{status}\", \"errorMessage\": \"-\", \
         \"stage\": \"live\", \"domainName\": \"api.example.com\", \"sourceIp\": \"203.0.113.{}\", \"userAgent\": \
         \"{}\" }}",
        id >> 32,
        id >> 16 & 0xffff,
        id & 0xfff,
        id >> 20 & 0xfff,
        mixed(id) & 0xffff_ffff_ffff,
        ENDPOINTS[call.endpoint].0,
        call.path,
        call.length,
        MONTHS[month],
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        call.time,
        latency - 2,
        1 + id % 254,
        AGENTS[(id >> 40) as usize % AGENTS.len()],
    )
}

/// An entry of an HTTP archive, with no more than its readers need.
fn entry(call: &Call, out: &mut String) -> std::fmt::Result {
    let seconds = call.time / 1000;
    let (year, month, day) = date(seconds / 86_400);
    out.clear();
    write!(
        out,
        "{{\"startedDateTime\":\"{year}-{:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z\",\"time\":{},\"request\":{{\"method\":\
         \"{}\",\"url\":\"https://api.example.com{}\",\"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[],\
         \"queryString\":[],\"headersSize\":-1,\"bodySize\":0}},\"response\":{{\"status\":{},\"statusText\":\"\",\
         \"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[],\"content\":{{\"size\":0,\"mimeType\":\
         \"application/json\",\"text\":\"{{}}\"}},\"redirectURL\":\"\",\"headersSize\":-1,\"bodySize\":{}}},\
         \"cache\":{{}},\"timings\":{{\"send\":0,\"wait\":{},\"receive\":0}}}}",
        month + 1,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        call.time % 1000,
        call.latency,
        ENDPOINTS[call.endpoint].0,
        call.path,
        call.status,
        call.length,
        call.latency,
    )
}

fn run(out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (is_archive, calls, paths) = match arguments[..] {
        ["lines", calls, paths] => (false, calls, paths),
        ["har", calls, paths] => (true, calls, paths),
        ["endpoints"] => {
            for (method, template, _) in ENDPOINTS {
                writeln!(out, "{method} {template}")?;
            }
            return Ok(());
        }
        _ => return Err("usage: inventory lines|har CALLS PATHS, or inventory endpoints".into()),
    };
    let (count, paths): (u64, u64) = (calls.parse()?, paths.parse()?);
    let mut calls = Calls::new(paths);
    let mut call = Call {
        endpoint: 0,
        path: String::new(),
        status: 0,
        latency: 0,
        length: 0,
        id: 0,
        time: 0,
    };
    let mut text = String::new();
    if is_archive {
        out.write_all(
            br#"{"log":{"version":"1.2","creator":{"name":"bench","version":"1"},"entries":["#,
        )?;
    }
    for at in 0..count {
        calls.call(&mut call);
        if is_archive {
            entry(&call, &mut text)?;
            if at > 0 {
                out.write_all(b",")?;
            }
        } else {
            line(&call, &mut text)?;
        }
        out.write_all(text.as_bytes())?;
    }
    if is_archive {
        out.write_all(b"]}}")?;
    }
    Ok(out.flush()?)
}

fn main() -> ExitCode {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    match run(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        }
    }
}
