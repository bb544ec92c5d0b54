//! `X_NODE_URL` and `X_NODE_SCHEME`: where the Node is.

use super::vars::{VariableError, Vars};
use crate::wire::Format;

/// Where the Node is.
pub(super) struct Address {
    pub(super) https: bool,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) path: String,
}

/// Reads the address. A path is for a collector that takes `batch`.
pub(super) fn address(vars: &Vars<'_>, format: Format) -> Result<Address, VariableError> {
    const URL: &str = "X_NODE_URL";
    const EXAMPLE: &str = "node.example.com:5050";
    let url = vars.get(URL).ok_or_else(|| {
        VariableError::new(
            URL,
            "is not set: it is the address of the Native Node",
            EXAMPLE,
        )
    })?;
    let scheme = vars.one_of(
        "X_NODE_SCHEME",
        &[("https", Some(true)), ("http", Some(false))],
        None,
    )?;
    let lower = url.to_ascii_lowercase();
    let (in_url, rest) = if lower.starts_with("https://") {
        (Some(true), &url["https://".len()..])
    } else if lower.starts_with("http://") {
        (Some(false), &url["http://".len()..])
    } else if url.contains("://") {
        return Err(VariableError::new(
            URL,
            "has a scheme that is neither http nor https",
            EXAMPLE,
        ));
    } else {
        (None, &url[..])
    };
    if in_url.is_some() && scheme.is_some() && in_url != scheme {
        return Err(VariableError::new(
            URL,
            "has another scheme than X_NODE_SCHEME: remove one of the two",
            EXAMPLE,
        ));
    }
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    if path != "/" && format == Format::Resend {
        return Err(VariableError::new(
            URL,
            "has a path, which the format resend can't use: it sends each call with its own",
            EXAMPLE,
        ));
    }
    if !path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#')
    {
        return Err(VariableError::new(
            URL,
            "has a path with a character that no URL has",
            EXAMPLE,
        ));
    }
    let (host, port) = host_and_port(authority).ok_or_else(|| {
        VariableError::new(
            URL,
            "must be a host name or an address, possibly with a port",
            EXAMPLE,
        )
    })?;
    // `resend` repeats every call, DELETE included: it must not reach a real API.
    if host
        .to_ascii_lowercase()
        .split('.')
        .any(|label| label.starts_with("execute-api"))
    {
        return Err(VariableError::new(
            URL,
            "is an endpoint of API Gateway: every logged call would be made there once more; \
             it has to be the Native Node's address",
            EXAMPLE,
        ));
    }
    Ok(Address {
        https: in_url.or(scheme).unwrap_or(true),
        host,
        port,
        path: path.to_string(),
    })
}

/// Splits `host[:port]`, where the host may be an IPv6 address in brackets.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(port) => Some(port.parse::<u16>().ok().filter(|&port| port > 0)?),
        None => None,
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = (1..=253).contains(&host.len())
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    (is_address || is_name).then(|| (host.to_string(), port))
}
