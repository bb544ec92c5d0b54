//! What an API is said to have: OpenAPI 2 and 3, and what `apigateway get-resources` and `apigatewayv2 get-routes`
//! print.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read as _,
    path::Path,
};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    local::{error::CommandError, escape, yaml},
    record::normal_host,
};

/// The largest specification that is read, in bytes. API Gateway takes 6 MB.
const MAX_BYTES: u64 = 50 << 20;
/// Operations in all: API Gateway takes some hundred an API.
const MAX_OPERATIONS: usize = 50_000;
const EXPECTED: &str = "expected OpenAPI 2 or 3 (JSON or YAML), or what `aws apigateway get-resources` or \
                        `aws apigatewayv2 get-routes` prints";

/// The operations that specifications declare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specification {
    /// Them, each once, in the order of the files.
    pub operations: Vec<Operation>,
}

/// A method and a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// The host in lower case, where the specification tells it.
    pub host: Option<String>,
    /// In capitals; `None` for any.
    pub method: Option<String>,
    /// The template with its base path: `{id}` for a segment, `{proxy+}` for one or more. The bare `$default` route
    /// of an HTTP API is `/{proxy+}`.
    pub path: String,
}

/// Reads specifications, JSON or YAML, told by content.
///
/// # Errors
///
/// Returns an error that names the file, what is wrong in it, and what is expected.
pub fn read(files: &[impl AsRef<Path>]) -> Result<Specification, CommandError> {
    let mut specification = Specification::default();
    let mut known = BTreeSet::new();
    for file in files {
        let file = file.as_ref();
        let name = escape::path(file);
        let fail = |cause: String| {
            CommandError::new(format!("failed to read specification {name}: {cause}"))
        };
        let mut bytes = Vec::new();
        File::open(file)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| fail(error.to_string()))?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > MAX_BYTES) {
            return Err(fail(format!("it has more than {} MB", MAX_BYTES >> 20)));
        }
        let found = parse(&bytes).map_err(fail)?;
        for operation in found {
            if known.insert(operation.clone()) {
                specification.operations.push(operation);
            }
        }
        if known.len() > MAX_OPERATIONS {
            return Err(fail(too_many()));
        }
    }
    Ok(specification)
}

fn too_many() -> String {
    format!("there are more than {MAX_OPERATIONS} operations")
}

/// What is read of a document of any of the forms. All else in it is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    swagger: Option<Value>,
    openapi: Option<Value>,
    host: Option<String>,
    #[serde(rename = "basePath")]
    base_path: Option<String>,
    servers: Option<Vec<Server>>,
    paths: Option<BTreeMap<String, Methods>>,
    /// `get-resources`.
    items: Option<Vec<Resource>>,
    /// `get-routes`.
    #[serde(rename = "Items")]
    routes: Option<Vec<Route>>,
    /// `get-export`, where it was printed and not written to a file.
    body: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Server {
    url: Option<String>,
    variables: Option<BTreeMap<String, Variable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    default: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resource {
    path: Option<String>,
    #[serde(rename = "resourceMethods")]
    methods: Option<Methods>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Route {
    #[serde(rename = "RouteKey")]
    key: Option<String>,
}

/// The names of a map, whose values are not read.
#[derive(Debug, Default)]
struct Methods(Vec<String>);

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Methods;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a map of operations")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Methods, A::Error> {
                let mut names = Vec::new();
                while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                    names.push(name);
                }
                Ok(Methods(names))
            }

            fn visit_unit<E>(self) -> Result<Methods, E> {
                Ok(Methods::default())
            }
        }
        deserializer.deserialize_any(Names)
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<Operation>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|_| format!("it is no text in UTF-8; {EXPECTED}"))?;
    let is_json = text.trim_start().starts_with(['{', '[']);
    let document = if is_json {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        yaml::read(text)
            .and_then(|value| serde_json::from_value(value).map_err(|error| error.to_string()))
    };
    let document: Document = document.map_err(|error: String| {
        // A parser's message may show the text around it.
        let first = escape::terminal(error.lines().next().unwrap_or_default());
        format!("it can not be read: {first}; {EXPECTED}")
    })?;
    operations(document)
}

fn operations(document: Document) -> Result<Vec<Operation>, String> {
    let mut out = Vec::new();
    if let Some(body) = document.body {
        use base64::Engine as _;
        let decoded = base64::engine::general_purpose::STANDARD.decode(body.trim());
        return parse(decoded.as_deref().unwrap_or(body.as_bytes()));
    }
    if document.swagger.is_some() || document.openapi.is_some() {
        let bases = match document.servers {
            Some(servers) if document.openapi.is_some() && !servers.is_empty() => {
                servers.iter().map(base).collect()
            }
            _ => vec![(document.host, document.base_path.unwrap_or_default())],
        };
        // Servers may differ in what is not read of them, such as the scheme.
        let bases: BTreeSet<(Option<String>, &str)> = bases
            .iter()
            .map(|(host, base)| {
                let host = host.as_deref().and_then(normal_host);
                (host, base.trim_matches('/'))
            })
            .collect();
        for (path, Methods(names)) in document.paths.unwrap_or_default() {
            if !path.starts_with('/') {
                continue;
            }
            for name in names {
                let method = match name.to_ascii_lowercase().as_str() {
                    "x-amazon-apigateway-any-method" => None,
                    "get" | "head" | "post" | "put" | "patch" | "delete" | "options" | "trace"
                    | "query" => Some(name.to_ascii_uppercase()),
                    _ => continue,
                };
                for (host, base) in &bases {
                    let path = if path == "/$default" {
                        "/{proxy+}"
                    } else {
                        &path
                    };
                    out.push(Operation {
                        host: host.clone(),
                        method: method.clone(),
                        path: match (*base, path) {
                            ("", path) => path.to_string(),
                            (base, "/") => format!("/{base}"),
                            (base, path) => format!("/{base}{path}"),
                        },
                    });
                    // A short file may have many operations: each on each server.
                    if out.len() > MAX_OPERATIONS {
                        return Err(too_many());
                    }
                }
            }
        }
    } else if let Some(resources) = document.items {
        for resource in resources {
            let Some(path) = resource.path.filter(|path| path.starts_with('/')) else {
                return Err(format!("an item has no path; {EXPECTED}"));
            };
            for method in resource.methods.unwrap_or_default().0 {
                out.push(operation(&method, &path));
            }
        }
    } else if let Some(routes) = document.routes {
        for route in routes {
            let Some(key) = route.key else {
                return Err(format!("an item has no RouteKey; {EXPECTED}"));
            };
            if key == "$default" {
                out.push(operation("ANY", "/{proxy+}"));
            } else if let Some((method, path)) = key.split_once(' ')
                && path.starts_with('/')
            {
                out.push(operation(method, path));
            }
        }
    } else {
        return Err(format!("it is none that is known; {EXPECTED}"));
    }
    if out.is_empty() {
        return Err("it declares no operation".to_string());
    }
    Ok(out)
}

fn operation(method: &str, path: &str) -> Operation {
    Operation {
        host: None,
        method: Some(method.to_ascii_uppercase()).filter(|method| method != "ANY"),
        path: path.to_string(),
    }
}

/// The host of a server, where its URL has one without variables, and its base path.
fn base(server: &Server) -> (Option<String>, String) {
    let mut url = server.url.clone().unwrap_or_default();
    for (name, variable) in server.variables.iter().flatten() {
        let default = match &variable.default {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => continue,
        };
        url = url.replace(&format!("{{{name}}}"), &default);
    }
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let has_host = rest.len() < url.len() || url.starts_with("//");
    let rest = rest.trim_start_matches("//");
    let (host, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None if has_host => (rest, ""),
        None => ("", rest),
    };
    let path = if path.contains('{') {
        ""
    } else {
        path.split(['?', '#']).next().unwrap_or_default()
    };
    let host = Some(host).filter(|host| has_host && !host.is_empty() && !host.contains('{'));
    (host.map(str::to_string), path.replace("//", "/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let found = parse(text.as_bytes()).unwrap();
        let one = |operation: &Operation| {
            let host = operation.host.as_deref().unwrap_or("-");
            format!(
                "{host} {} {}",
                operation.method.as_deref().unwrap_or("ANY"),
                operation.path
            )
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn each_form_is_read() {
        let export = r#"{"openapi":"3.0.1","servers":[{"url":"https://a1b2c3.execute-api.eu-west-1.amazonaws.com/{basePath}",
            "variables":{"basePath":{"default":"prod"}}}],"paths":{"/pets/{id}":{"get":{},"parameters":[]},"/":{"post":{}}}}"#;
        let own = "a1b2c3.execute-api.eu-west-1.amazonaws.com";
        use base64::Engine as _;
        let printed = format!(
            r#"{{"contentType":"application/octet-stream","body":"{}"}}"#,
            base64::engine::general_purpose::STANDARD.encode(export)
        );
        let of_export = vec![
            format!("{own} POST /prod"),
            format!("{own} GET /prod/pets/{{id}}"),
        ];
        for (text, expected) in [
            (export, of_export.clone()),
            (&*printed, of_export),
            (
                "swagger: '2.0'\nhost: api.example.com\nbasePath: /v1\npaths:\n  /pets:\n    get:\n      x: 1\n    \
                 x-amazon-apigateway-any-method: {}\n",
                vec![
                    "api.example.com GET /v1/pets".into(),
                    "api.example.com ANY /v1/pets".into(),
                ],
            ),
            (
                "openapi: 3.1.0\npaths:\n  /a:\n    parameters: []\n    delete: {}\n",
                vec!["- DELETE /a".into()],
            ),
            (
                r#"{"openapi":"3.0.1","servers":[{"url":"/v2/"}],"paths":{"/a":{"get":{}},"/$default":{"x-amazon-apigateway-any-method":{}}}}"#,
                vec!["- ANY /v2/{proxy+}".into(), "- GET /v2/a".into()],
            ),
            (
                r#"{"items":[{"id":"a","path":"/"},{"id":"b","path":"/pets/{proxy+}","resourceMethods":{"ANY":{},"GET":{}}}]}"#,
                vec!["- ANY /pets/{proxy+}".into(), "- GET /pets/{proxy+}".into()],
            ),
            (
                "items:\n- id: b\n  path: /pets\n  resourceMethods:\n    GET: {}\n",
                vec!["- GET /pets".into()],
            ),
            (
                r#"{"Items":[{"RouteKey":"GET /pets"},{"RouteKey":"$default"},{"RouteKey":"ANY /x/{proxy+}"},{"RouteKey":"$connect"}]}"#,
                vec![
                    "- GET /pets".into(),
                    "- ANY /{proxy+}".into(),
                    "- ANY /x/{proxy+}".into(),
                ],
            ),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_names_a_file_as_it_is_called() {
        let error = read(&["no such 'file'\u{1b}.json"]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("failed to read specification no such 'file'\\u{1b}.json: "),
            "{error}"
        );
    }

    #[test]
    fn each_server_has_each_operation_and_not_more_than_the_limit() {
        let text = |servers: usize, paths: usize| {
            let servers = (0..servers).map(|at| json!({"url": format!("/v{at}")}));
            let paths = (0..paths).map(|at| (format!("/{at}"), json!({"get": {}})));
            json!({
                "openapi": "3.0.3",
                "servers": servers.collect::<Vec<_>>(),
                "paths": paths.collect::<serde_json::Map<_, _>>(),
            })
            .to_string()
        };
        assert_eq!(shown(&text(2, 1)), ["- GET /v0/0", "- GET /v1/0"]);
        // In all, there would be 400 million.
        let error = parse(text(20_000, 20_000).as_bytes()).unwrap_err();
        assert_eq!(error, "there are more than 50000 operations");
        let same = r#"{"openapi":"3.0.3","servers":[{"url":"http://h.example.com/"},{"url":"https://H.example.com"}],
            "paths":{"/a":{"get":{}}}}"#;
        assert_eq!(shown(same), ["h.example.com GET /a"]);
    }

    #[test]
    fn what_is_none_is_refused() {
        let deep = "[".repeat(100_000);
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_string();
        for level in 1..20 {
            let one = format!("*a{},", level - 1).repeat(9);
            bomb += &format!("a{level}: &a{level} [{one}]\n");
        }
        for text in [
            "",
            "{}",
            "null",
            "text",
            "[]",
            "{",
            "\u{1}",
            r#"{"openapi":"3.0.1"}"#,
            r#"{"items":[{}]}"#,
            r#"{"Items":[{"RouteId":"a"}]}"#,
            r#"{"openapi":"3.0.1","paths":7}"#,
            &deep,
            &bomb,
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(!error.is_empty() && error.len() < 600, "{error}");
        }
        assert!(parse(b"\xff\xfe").is_err());
    }
}
