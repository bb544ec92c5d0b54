//! `X_NODE_URL` and `X_NODE_SCHEME`: where the Node is.

use std::net::Ipv6Addr;

use super::vars::VariableError;
use crate::wire::Format;

/// Where the Node is.
pub(super) struct Address {
    pub(super) https: bool,
    /// An IPv6 address has its brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) path: String,
}

const EXAMPLE: &str = "node.example.com:5050";

/// Why an address is wrong, and one that would be accepted. No text quotes the address, which may hold a password.
struct Wrong(&'static str, &'static str);

/// Reads the address. `scheme` and `format` are absent where nothing is to be said about them: the scheme where it
/// is not set, and both where they are wrong themselves. A path is for a collector that takes `batch`.
pub(super) fn address(
    url: Option<&str>,
    scheme: Option<bool>,
    format: Option<Format>,
) -> Result<Address, VariableError> {
    let address = match url {
        Some(url) => parse(url, scheme, format),
        None => Err(Wrong(
            "is not set: it is the address of the Native Node",
            EXAMPLE,
        )),
    };
    address.map_err(|Wrong(what, example)| VariableError::new("X_NODE_URL", what, example))
}

fn parse(url: &str, scheme: Option<bool>, format: Option<Format>) -> Result<Address, Wrong> {
    if url.contains(char::is_whitespace) {
        return Err(Wrong("must be an address without whitespace", EXAMPLE));
    }
    let (in_url, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(true), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(false), rest),
        Some((before, _)) if !before.contains(['/', '?', '#']) => {
            return Err(Wrong(
                "has a scheme that is neither http nor https",
                EXAMPLE,
            ));
        }
        _ => (None, url),
    };
    if scheme.is_some_and(|scheme| in_url.is_some_and(|in_url| in_url != scheme)) {
        return Err(Wrong(
            "has another scheme than X_NODE_SCHEME: remove one of the two",
            EXAMPLE,
        ));
    }
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(end) => rest.split_at(end),
        None => (rest, "/"),
    };
    if authority.contains('@') {
        return Err(Wrong(
            "has a name or a password before an @, and none is sent: remove it, and set X_NODE_HEADERS if the Node \
             needs a token",
            EXAMPLE,
        ));
    }
    let (host, port) = host_and_port(authority)?;
    // `resend` repeats every call, DELETE included: it must not reach a real API.
    if host
        .to_ascii_lowercase()
        .split('.')
        .any(|label| label.starts_with("execute-api"))
    {
        return Err(Wrong(
            "is an endpoint of API Gateway: every logged call would be made there once more; \
             it has to be the Native Node's address",
            EXAMPLE,
        ));
    }
    check_path(path, format)?;
    Ok(Address {
        https: in_url.or(scheme).unwrap_or(true),
        host: host.to_string(),
        port,
        path: path.to_string(),
    })
}

/// Splits `host[:port]`, where the host may be an IPv6 address in brackets.
fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), Wrong> {
    const IPV6_EXAMPLE: &str = "[fd00::7]:5050";
    const NO_HOST: Wrong = Wrong(
        "must be a host name or an address, possibly with a port",
        EXAMPLE,
    );
    const NO_IPV6: Wrong = Wrong(
        "must have an IPv6 address in its brackets, and at most a port behind them",
        IPV6_EXAMPLE,
    );
    const ZONE: Wrong = Wrong(
        "has an IPv6 address with a zone, which only one machine knows: use an address without a %",
        IPV6_EXAMPLE,
    );
    if let Some(rest) = authority.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or(NO_IPV6)?;
        let is_ipv6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
        if let Some((ip, _)) = inside.split_once('%')
            && is_ipv6(ip)
        {
            return Err(ZONE);
        }
        let port = match after.strip_prefix(':') {
            Some(text) => Some(port(text)?),
            None if after.is_empty() => None,
            None => return Err(NO_IPV6),
        };
        let host = &authority[..inside.len() + "[]".len()];
        return if is_ipv6(inside) {
            Ok((host, port))
        } else {
            Err(NO_IPV6)
        };
    }
    let (host, port_text) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if port_text.is_some_and(|text| text.contains(':')) {
        let (address, zone) = match authority.split_once('%') {
            Some((address, _)) => (address, true),
            None => (authority, false),
        };
        // With a port, too, it has the form of one, unless all eight groups are written.
        let has_ipv6 = address.parse::<Ipv6Addr>().is_ok()
            || address
                .rsplit_once(':')
                .is_some_and(|(ip, _)| ip.parse::<Ipv6Addr>().is_ok());
        return Err(match (has_ipv6, zone) {
            (true, true) => ZONE,
            (true, false) => Wrong("must have brackets around an IPv6 address", IPV6_EXAMPLE),
            (false, _) => NO_HOST,
        });
    }
    if host.is_empty() {
        return Err(Wrong("has no host", EXAMPLE));
    }
    let is_name = host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    if !is_name {
        return Err(NO_HOST);
    }
    Ok((host, port_text.map(port).transpose()?))
}

fn port(text: &str) -> Result<u16, Wrong> {
    if text.is_empty() {
        return Err(Wrong("has a colon without a port behind it", EXAMPLE));
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong("has a port that is not a number", EXAMPLE));
    }
    match text.parse() {
        Ok(0) => Err(Wrong("has port 0, where no server can be", EXAMPLE)),
        Ok(port) => Ok(port),
        Err(_) => Err(Wrong("has a port above 65535", EXAMPLE)),
    }
}

/// Checks what follows the host. A query is a part of the path here: `batch` sends both as they are.
fn check_path(path: &str, format: Option<Format>) -> Result<(), Wrong> {
    const BATCH_EXAMPLE: &str = "node.example.com:5050/calls?key=value";
    if path.contains('#') {
        return Err(Wrong(
            "has a fragment, a # with what follows it, which is never sent",
            EXAMPLE,
        ));
    }
    if format == Some(Format::Resend) && path != "/" {
        let what = if path.contains('?') {
            "has a query, which the format resend can't use: it sends each call with its own"
        } else {
            "has a path, which the format resend can't use: it sends each call with its own"
        };
        return Err(Wrong(what, EXAMPLE));
    }
    if path.starts_with('?') {
        let example = match format {
            Some(_) => BATCH_EXAMPLE,
            None => EXAMPLE,
        };
        return Err(Wrong("must have a path before its query", example));
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Wrong(
            "has a path with a character that no URL has",
            EXAMPLE,
        ));
    }
    Ok(())
}
