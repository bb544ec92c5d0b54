//! The Node's own host.

/// A host that is compared whatever its case, port and final dot. A call to the Node itself must not be sent
/// there again.
#[derive(Debug)]
pub(crate) struct NodeHost(String);

impl NodeHost {
    pub(crate) fn new(host: &str) -> Self {
        Self(comparable(host).to_ascii_lowercase())
    }

    /// Whether a record's host is it.
    pub(crate) fn is(&self, host: &str) -> bool {
        comparable(host).eq_ignore_ascii_case(&self.0)
    }
}

/// A host without port and final dot.
fn comparable(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_port_and_final_dot_do_not_count() {
        for (own, host, is_own) in [
            ("node.example.com", "node.example.com", true),
            ("node.example.com", "NODE.Example.com:5050", true),
            ("Node.example.com.", "node.example.com", true),
            ("node.example.com", "node.example.com.:443", true),
            ("node.example.com", "x.node.example.com", false),
            ("[::1]", "[::1]:5050", true),
            ("[::1]", "::1", false),
        ] {
            assert_eq!(NodeHost::new(own).is(host), is_own, "{own} {host}");
        }
    }
}
