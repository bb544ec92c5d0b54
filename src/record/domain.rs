//! API Gateway's own domains: `{apiId}.execute-api.{region}.{suffix}`.

/// What the domains of a partition's services end with, after the beginning of its regions' names. The first one is
/// that of all others.
const PARTITIONS: [(&str, &str); 7] = [
    ("", "amazonaws.com"),
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// Whether a host, in lower case, is one of API Gateway's own domains, which begin their paths with the stage.
pub(crate) fn is_own_domain(host: &str) -> bool {
    let Some((_, region)) = host.split_once(".execute-api.") else {
        return false;
    };
    let region = region.split(':').next().unwrap_or(region);
    let mut suffixes = PARTITIONS.iter().map(|(_, suffix)| suffix);
    suffixes.any(|suffix| {
        region
            .strip_suffix(suffix)
            .is_some_and(|region| region.ends_with('.'))
    })
}

/// Writes the domain that an API has by its id. `false`: it is no id, or no region.
pub(super) fn push_own_domain(out: &mut String, api_id: &[u8], region: &str) -> bool {
    let is_id = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_region = |byte: u8| is_id(&byte) || byte == b'-';
    let api_id = str::from_utf8(api_id)
        .ok()
        .filter(|id| (4..=32).contains(&id.len()) && id.as_bytes().iter().all(is_id));
    let Some(api_id) = api_id.filter(|_| (1..=32).contains(&region.len())) else {
        return false;
    };
    let mut others = PARTITIONS[1..].iter();
    let partition = others.find(|(beginning, _)| region.starts_with(beginning));
    let (_, suffix) = partition.unwrap_or(&PARTITIONS[0]);
    out.clear();
    for part in [api_id, ".execute-api.", region, ".", suffix] {
        out.push_str(part);
    }
    region.bytes().all(is_region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_domains_of_all_partitions() {
        for (host, is_own) in [
            ("a.execute-api.us-east-1.amazonaws.com", true),
            ("a.execute-api.us-gov-west-1.amazonaws.com:8443", true),
            ("a-vpce-1.execute-api.us-east-1.vpce.amazonaws.com", true),
            ("a.execute-api.cn-north-1.amazonaws.com.cn", true),
            ("a.execute-api.eusc-de-east-1.amazonaws.eu", true),
            ("a.execute-api.us-iso-east-1.c2s.ic.gov", true),
            ("a.execute-api.us-isob-east-1.sc2s.sgov.gov", true),
            ("a.execute-api.us-east-1.example.com", false),
            ("a.execute-api.us-east-1.amazonaws.com.example", false),
            ("a.execute-api.xamazonaws.com", false),
            ("execute-api.us-east-1.amazonaws.com", false),
            ("api.example.com", false),
        ] {
            assert_eq!(is_own_domain(host), is_own, "{host}");
        }
    }

    #[test]
    fn an_api_id_tells_the_host() {
        let host = |id: &str, region| {
            let mut out = "x".to_string();
            push_own_domain(&mut out, id.as_bytes(), region).then_some(out)
        };
        for (region, expected) in [
            ("eu-west-1", "a1b2c3.execute-api.eu-west-1.amazonaws.com"),
            (
                "us-gov-west-1",
                "a1b2c3.execute-api.us-gov-west-1.amazonaws.com",
            ),
            (
                "cn-northwest-1",
                "a1b2c3.execute-api.cn-northwest-1.amazonaws.com.cn",
            ),
            (
                "eusc-de-east-1",
                "a1b2c3.execute-api.eusc-de-east-1.amazonaws.eu",
            ),
            (
                "us-iso-east-1",
                "a1b2c3.execute-api.us-iso-east-1.c2s.ic.gov",
            ),
            (
                "us-isob-east-1",
                "a1b2c3.execute-api.us-isob-east-1.sc2s.sgov.gov",
            ),
        ] {
            let host = host("a1b2c3", region);
            assert_eq!(host.as_deref(), Some(expected), "{region}");
            assert!(is_own_domain(expected));
        }
        for (id, region) in [
            ("-", "eu-west-1"),
            ("a1b2.c3", "eu-west-1"),
            ("A1B2C3", "eu-west-1"),
            ("a1b2c3", ""),
            ("a1b2c3", "eu west"),
            ("a1b2c3", "eu.west"),
        ] {
            assert_eq!(host(id, region), None, "{id} {region}");
        }
    }
}
