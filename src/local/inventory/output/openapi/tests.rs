use serde_json::{Value, json};

use super::*;
use crate::local::inventory::model::{self, Statuses};

const HOST: &str = "api.example.com";

fn endpoint(method: &str, path: &str, parameters: &[(&str, &str)]) -> Endpoint {
    Endpoint {
        host: HOST.into(),
        method: method.into(),
        path: path.into(),
        parameters: parameters
            .iter()
            .map(|(name, shape)| model::Parameter {
                name: (*name).into(),
                shape: (*shape).into(),
                values: None,
            })
            .collect(),
        calls: 10,
        statuses: Statuses {
            success: 9,
            client_error: 1,
            ..Statuses::default()
        },
        ..Endpoint::default()
    }
}

fn written(endpoints: Vec<Endpoint>, host: &str) -> Value {
    let inventory = Inventory {
        endpoints,
        ..Inventory::default()
    };
    let mut out = Vec::new();
    write(&inventory, host, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn an_operation_has_what_the_log_tells() {
    let mut pets = endpoint("GET", "/pets/{integer}", &[("integer", "integer")]);
    pets.parameters[0].values = Some(1234);
    pets.first = Some(0);
    pets.last = Some(1_795_341_600_000);
    pets.latency = Some(Latency {
        count: 10,
        mean: 3,
        p50: 2,
        p95: 5,
        p99: 8,
        max: 1000,
    });
    let document = written(vec![pets], HOST);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["servers"],
        json!([{"url": "https://api.example.com"}])
    );
    assert_eq!(
        document["paths"],
        json!({"/pets/{integer}": {"get": {
            "operationId": "getPetsByInteger",
            "description": "Latency: p50 2 ms, p95 5 ms, p99 8 ms, at most 1,000 ms",
            "parameters": [{
                "name": "integer",
                "in": "path",
                "required": true,
                "description": "integer, 1,234 values",
                "schema": {"type": "integer"},
            }],
            "responses": {
                "2XX": {"description": "9 of 10 calls"},
                "4XX": {"description": "1 of 10 calls"},
            },
            "x-calls": 10,
            "x-latency": {"count": 10, "mean": 3, "p50": 2, "p95": 5, "p99": 8, "max": 1000},
            "x-first": "1970-01-01T00:00:00Z",
            "x-last": "2026-11-22T10:00:00Z",
            "x-source": "learned",
        }}})
    );
}

#[test]
fn templates_that_openapi_takes_for_one_are_merged() {
    let document = written(
        vec![
            endpoint("GET", "/a/{integer}", &[("integer", "integer")]),
            endpoint("GET", "/a/{uuid}", &[("uuid", "uuid")]),
            endpoint("PUT", "/a/{uuid}", &[("uuid", "uuid")]),
            endpoint("PUT", "/a/{proxy+}", &[("proxy", "path")]),
            endpoint("GET", "/a/list", &[]),
        ],
        HOST,
    );
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(
        paths.keys().collect::<Vec<_>>(),
        ["/a/list", "/a/{integer}"]
    );
    let get = &paths["/a/{integer}"]["get"];
    assert_eq!(get["x-calls"], 20);
    assert_eq!(get["x-templates"], json!(["/a/{integer}", "/a/{uuid}"]));
    assert_eq!(
        get["parameters"][0]["schema"],
        json!({"anyOf": [{"type": "integer"}, {"type": "string", "format": "uuid"}]})
    );
    assert!(get["parameters"][0].get("x-greedy").is_none());
    let put = &paths["/a/{integer}"]["put"];
    assert_eq!(put["parameters"][0]["name"], "integer");
    assert_eq!(put["parameters"][0]["x-greedy"], true);
    assert_eq!(put["x-templates"], json!(["/a/{proxy+}", "/a/{uuid}"]));
}

#[test]
fn methods_without_an_operation_are_an_extension() {
    let endpoints = vec![
        endpoint("PROPFIND", "/dav", &[]),
        endpoint("get", "/dav", &[]),
        endpoint("GET", "/dav", &[]),
    ];
    let inventory = Inventory {
        endpoints: endpoints.clone(),
        ..Inventory::default()
    };
    let unusual = unusual_methods(&inventory, HOST);
    assert_eq!(Vec::from_iter(unusual), ["PROPFIND", "get"]);
    let document = written(endpoints, HOST);
    let item = document["paths"]["/dav"].as_object().unwrap();
    assert_eq!(item.keys().collect::<Vec<_>>(), ["get", "x-methods"]);
    assert_eq!(item["x-methods"]["PROPFIND"]["operationId"], "propfindDav");
    assert_eq!(item["x-methods"]["get"]["operationId"], "getDav_2");
}

#[test]
fn a_stage_belongs_to_the_server() {
    let own = "a1b2c3.execute-api.eu-west-1.amazonaws.com";
    for (host, paths, url, first) in [
        (
            own,
            ["/prod/a", "/prod/{b}"],
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod",
            "/a",
        ),
        (
            own,
            ["/prod/a", "/test/a"],
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com",
            "/prod/a",
        ),
        (
            own,
            ["/prod/a", "/prod"],
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com",
            "/prod",
        ),
        (
            own,
            ["/{a}/a", "/{a}/b"],
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com",
            "/{a}/a",
        ),
        (
            own,
            ["/prod/", "/prod/a"],
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/prod",
            "/",
        ),
        (
            HOST,
            ["/prod/a", "/prod/b"],
            "https://api.example.com",
            "/prod/a",
        ),
    ] {
        let mut endpoints = vec![];
        for path in paths {
            let mut endpoint = endpoint("GET", path, &[]);
            endpoint.host = host.into();
            endpoints.push(endpoint);
        }
        let document = written(endpoints, host);
        assert_eq!(document["servers"][0]["url"], url, "{paths:?}");
        let (path, _) = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        assert_eq!(path, first, "{paths:?}");
    }
}

#[test]
fn identifiers_are_given_once() {
    let mut ids = Ids::default();
    for (method, path, expected) in [
        ("GET", "/", "get"),
        ("GET", "/pets/{id}.pdf", "getPetsByIdPdf"),
        ("GET", "/pets-/{id}/pdf", "getPetsByIdPdf_2"),
        ("GET", "/pets/{id}/pdf", "getPetsByIdPdf_3"),
        ("GET", "/petsByIdPdf_3", "getPetsByIdPdf3"),
        ("M-SEARCH", "/a%20b", "msearchA20b"),
    ] {
        assert_eq!(ids.unique(method, path), expected);
    }
    let long = "/a".repeat(1000);
    let (one, other) = (ids.unique("GET", &long), ids.unique("GET", &long));
    assert_eq!(one.len(), LONGEST_ID);
    assert_eq!(other, format!("{one}_2"));
}

#[test]
fn hosts_and_shapes_by_strangers_are_harmless() {
    let host = "{evil}\" \u{202e}/..@x";
    let mut endpoint = endpoint("GET", "/{a}", &[("a", "<b>\u{202e}")]);
    endpoint.host = host.into();
    let document = written(vec![endpoint], host);
    assert_eq!(
        document["servers"][0]["url"],
        "https://_evil_%22%20%E2%80%AE/..@x"
    );
    let parameter = &document["paths"]["/{a}"]["get"]["parameters"][0];
    assert_eq!(parameter["description"], "<b>\\u{202e}");
}

/// A document is read on a terminal, too.
#[test]
fn what_acts_on_a_terminal_is_escaped_in_a_document() {
    let names = ["\u{202e}", "\u{9b}31m"];
    let endpoints = names.map(|name| endpoint("GET", &format!("/{{{name}}}"), &[(name, "text")]));
    let inventory = Inventory {
        endpoints: endpoints.to_vec(),
        ..Inventory::default()
    };
    let mut out = Vec::new();
    write(&inventory, HOST, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains(['\u{202e}', '\u{9b}']), "{text:?}");
    let document: Value = serde_json::from_str(&text).unwrap();
    let templates = &document["paths"]["/{_31m}"]["get"]["x-templates"];
    assert_eq!(templates, &json!(["/{\u{9b}31m}", "/{\u{202e}}"]));
}

#[test]
fn shapes_are_types_and_formats() {
    for (shape, expected) in [
        ("integer", json!({"type": "integer"})),
        ("number", json!({"type": "number"})),
        ("uuid", json!({"type": "string", "format": "uuid"})),
        ("email", json!({"type": "string", "format": "email"})),
        // Of these, not each value has the format of that name.
        ("date", json!({"type": "string"})),
        ("time", json!({"type": "string"})),
        ("ip", json!({"type": "string"})),
        ("ulid", json!({"type": "string"})),
        ("text", json!({"type": "string"})),
    ] {
        assert_eq!(
            serde_json::to_value(schema(shape)).unwrap(),
            expected,
            "{shape}"
        );
    }
}

#[test]
fn an_endpoint_without_calls_has_a_response() {
    let mut silent = endpoint("GET", "/", &[]);
    silent.calls = 0;
    silent.statuses = Statuses::default();
    let document = written(vec![silent], HOST);
    assert_eq!(
        document["paths"]["/"]["get"]["responses"],
        json!({"default": {"description": "Not known from the log"}})
    );
}

#[test]
fn a_place_for_several_segments_is_named_as_such() {
    let document = written(
        vec![endpoint("GET", "/files/{path+}", &[("path", "path")])],
        HOST,
    );
    let parameter = &document["paths"]["/files/{path}"]["get"]["parameters"][0];
    assert_eq!(
        parameter,
        &json!({
            "name": "path",
            "in": "path",
            "required": true,
            "description": "one or more segments, which OpenAPI has no place for",
            "schema": {"type": "string"},
            "x-greedy": true,
        })
    );
}

#[test]
fn a_declared_operation_of_any_method_stands_as_the_gateway_has_it() {
    let mut any = endpoint("ANY", "/pets", &[]);
    any.calls = 0;
    any.documented = Some(true);
    let called = endpoint("ANY", "/called", &[]);
    let inventory = Inventory {
        endpoints: vec![any.clone(), called.clone()],
        ..Inventory::default()
    };
    assert_eq!(Vec::from_iter(unusual_methods(&inventory, HOST)), ["ANY"]);
    let paths = &written(vec![any, called], HOST)["paths"];
    let declared = &paths["/pets"]["x-amazon-apigateway-any-method"];
    assert_eq!(declared["operationId"], "anyPets");
    assert_eq!(declared["x-documented"], true);
    assert!(paths["/pets"].get("x-methods").is_none());
    assert_eq!(
        paths["/called"]["x-methods"]["ANY"]["operationId"],
        "anyCalled"
    );
}

#[test]
fn what_a_specification_does_not_have_says_so() {
    let mut below = endpoint("GET", "/files/a", &[]);
    below.documented = Some(false);
    below.under = Some("/files/{proxy+}".into());
    let document = written(vec![below], HOST);
    let get = &document["paths"]["/files/a"]["get"];
    assert_eq!(get["x-documented"], false);
    assert_eq!(get["x-under"], "/files/{proxy+}");
}

#[test]
fn hosts_that_are_too_many_have_no_server() {
    let mut other = endpoint("GET", "/{path+}", &[("path", "path")]);
    other.host = OTHER_HOSTS.into();
    let document = written(vec![other], OTHER_HOSTS);
    assert_eq!(document["info"]["title"], "Other hosts");
    assert!(document.get("servers").is_none());
}

#[test]
fn places_within_a_segment_are_parameters() {
    let document = written(
        vec![
            endpoint("GET", "/Products({integer})", &[("integer", "integer")]),
            endpoint("GET", "/{uuid}.pdf", &[("uuid", "uuid")]),
        ],
        HOST,
    );
    for (path, kind) in [
        ("/Products({integer})", "integer"),
        ("/{uuid}.pdf", "string"),
    ] {
        let parameter = &document["paths"][path]["get"]["parameters"][0];
        assert_eq!(parameter["schema"]["type"], kind, "{path}");
    }
}
