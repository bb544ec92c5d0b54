//! Lines as a gateway writes them with a format.

use serde_json::Value;

use super::stages::Api;

/// The format of README.
pub(super) const DOCUMENTED: &str = r#"{ "requestId": "$context.requestId", "httpMethod": "$context.httpMethod", "path": "$context.path", "protocol": "$context.protocol", "status": "$context.status", "responseLength": "$context.responseLength", "requestTime": "$context.requestTime", "requestTimeEpoch": "$context.requestTimeEpoch", "responseLatency": "$context.responseLatency", "integrationLatency": "$context.integrationLatency", "integrationStatus": "$context.integrationStatus", "errorMessage": "$context.error.message", "stage": "$context.stage", "domainName": "$context.domainName", "sourceIp": "$context.identity.sourceIp", "userAgent": "$context.identity.userAgent" }"#;

/// A call of a gateway: what its variables have.
#[derive(Debug, Clone, Copy)]
struct Call {
    method: &'static str,
    path: &'static str,
    template: &'static str,
    status: &'static str,
    host: &'static str,
    address: &'static str,
    agent: &'static str,
    /// The gateway has answered by itself: what an integration tells is `-`.
    is_gateways: bool,
}

const HOST: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";

/// An ordinary call, one of a template without parameters, one that the gateway refused, one by a custom domain, and one
/// whose client has chosen what it could.
const CALLS: [Call; 5] = [
    Call {
        method: "GET",
        path: "/prod/pets/42",
        template: "/pets/{petId}",
        status: "200",
        host: HOST,
        address: "192.0.2.10",
        agent: "curl/8.5.0",
        is_gateways: false,
    },
    Call {
        method: "POST",
        path: "/prod/pets",
        template: "/pets",
        status: "201",
        host: HOST,
        address: "198.51.100.7",
        agent: "Mozilla/5.0 (X11; Linux x86_64)",
        is_gateways: false,
    },
    Call {
        method: "DELETE",
        path: "/prod/pets/7",
        template: "/pets/{petId}",
        status: "403",
        host: HOST,
        address: "203.0.113.9",
        agent: "-",
        is_gateways: true,
    },
    Call {
        method: "GET",
        path: "/v2/pets/8",
        template: "/pets/{petId}",
        status: "200",
        host: "api.example.com",
        address: "2001:db8::3",
        agent: "okhttp/4.12.0",
        is_gateways: false,
    },
    Call {
        method: "GET",
        path: "/prod/pets/9",
        template: "/pets/{petId}",
        status: "404",
        host: HOST,
        address: "192.0.2.11",
        agent: r#"app "beta, 2" (ü) \ {x}"#,
        is_gateways: false,
    },
];

/// Lines of all calls. Values are escaped for JSON, as gateways do now, or put in as they are, as they did before.
pub(super) fn lines(format: &str, api: Api, escapes: bool) -> Vec<String> {
    let line = |call: &Call| line(format, call, api, escapes);
    CALLS.iter().map(line).collect()
}

fn line(format: &str, call: &Call, api: Api, escapes: bool) -> String {
    const BEGINNING: &str = "$context.";
    let mut line = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once(BEGINNING) {
        line += before;
        let length = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
            .unwrap_or(after.len());
        let name = after[..length].trim_end_matches('.');
        let value = value(name, call, api);
        // The one variable that brings its own quotes.
        if escapes && name != "error.messageString" {
            let escaped = Value::from(value).to_string();
            line += &escaped[1..escaped.len() - 1];
        } else {
            line += &value;
        }
        rest = &after[name.len()..];
    }
    line + rest
}

/// What a variable has, `-` where it has nothing.
fn value(name: &str, call: &Call, api: Api) -> String {
    let of_integration = |value: &str| match call.is_gateways {
        true => "-".to_string(),
        false => value.to_string(),
    };
    let of_error = |value: &str| match call.is_gateways {
        true => value.to_string(),
        false => "-".to_string(),
    };
    let is_web_socket = api == Api::WebSocket;
    let text = match name {
        "accountId" => "123456789012",
        "apiId" => "a1b2c3d4e5",
        "domainName" => call.host,
        "domainPrefix" => call.host.split('.').next().unwrap_or_default(),
        "requestId" => "0b7c9f52-6f1e-4c53-8d0a-5e3a7d1f2b66",
        "extendedRequestId" => "aXt0qG1PFiAEY2Q=",
        "awsEndpointRequestId" => "c6af9ac6-7b61-4c1a-9d6e-2f1f6f0f5a11",
        "httpMethod" | "path" | "resourcePath" if is_web_socket => "-",
        "httpMethod" => call.method,
        "path" => call.path,
        "resourcePath" if api == Api::Rest => call.template,
        "resourceId" if api == Api::Rest => "9x8y7z",
        "routeKey" if is_web_socket => "sendMessage",
        "routeKey" if api == Api::Http => return format!("{} {}", call.method, call.template),
        "eventType" if is_web_socket => "MESSAGE",
        "connectionId" if is_web_socket => "P4mHdfB3liACEtg=",
        "status" => call.status,
        "protocol" => "HTTP/1.1",
        "stage" => "prod",
        "responseLength" => "512",
        "dataProcessed" => "512",
        "responseLatency" => "31",
        "requestTime" => "22/Nov/2026:10:00:00 +0000",
        "requestTimeEpoch" => "1795341600123",
        "identity.sourceIp" => call.address,
        "identity.userAgent" => call.agent,
        "integrationLatency" | "integration.latency" => return of_integration("27"),
        "integrationStatus" | "integration.integrationStatus" => return of_integration("200"),
        "integration.status" => return of_integration(call.status),
        "integration.requestId" => return of_integration("c6af9ac6-7b61"),
        "error.message" => return of_error("Forbidden"),
        "error.messageString" => return of_error("\"Forbidden\""),
        "error.responseType" => return of_error("ACCESS_DENIED"),
        "customDomain.basePathMatched" if call.path.starts_with("/v2") => "v2",
        _ => "-",
    };
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_that_of_the_readme() {
        let readme = include_str!("../../../README.md");
        assert!(readme.contains(DOCUMENTED));
    }

    #[test]
    fn variables_are_replaced_to_their_ends() {
        let format = r#"{"a":"$context.path.","b":$context.integration.latency,"c":"$context.nobody","d":"$context.identity.userAgent"}"#;
        let lines = lines(format, Api::Rest, true);
        assert_eq!(lines[2], r#"{"a":"/prod/pets/7.","b":-,"c":"-","d":"-"}"#);
        assert_eq!(
            lines[4],
            r#"{"a":"/prod/pets/9.","b":27,"c":"-","d":"app \"beta, 2\" (ü) \\ {x}"}"#
        );
    }
}
