//! Stages, as the AWS CLI prints them.

use serde_json::Value;

use crate::local::yaml;

/// Which kind of API it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Rest,
    Http,
    WebSocket,
    Unknown,
}

impl Api {
    /// Of a format alone, the variables tell.
    pub(super) fn guessed(self, format: &str) -> Self {
        match self {
            Self::Unknown if format.contains("$context.routeKey") => Self::Http,
            Self::Unknown => Self::Rest,
            known => known,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Http => "HTTP or WebSocket",
            Self::WebSocket => "WebSocket",
            Self::Unknown => "unknown",
        }
    }
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) api: Api,
    pub(super) name: Option<String>,
    pub(super) format: Option<String>,
    pub(super) destination: Option<String>,
    /// API Gateway manages it: it can't be changed.
    pub(super) is_managed: bool,
    /// Its execution log has bodies.
    pub(super) logs_bodies: bool,
}

/// The stages of what the CLI has printed, as JSON or YAML: all of an API, one, any number of such documents one after
/// the other, or settings that a `--query` has taken out. `None`: the text is none of these.
pub(super) fn read(text: &str) -> Option<Vec<Stage>> {
    let mut stages = Vec::new();
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let documents: Option<Vec<Value>> = documents.map(Result::ok).collect();
    let documents = match documents {
        Some(documents) => documents,
        // A format is YAML of a kind, too, and a log could be.
        None if text.contains("tageName") || text.contains("ccessLogSettings") => {
            vec![yaml::read(text).ok()?]
        }
        None => return None,
    };
    for document in documents {
        add(&document, &mut stages)?;
    }
    Some(stages)
}

fn add(value: &Value, stages: &mut Vec<Stage>) -> Option<()> {
    if let Value::Array(items) = value {
        return items.iter().try_for_each(|item| add(item, stages));
    }
    for (list, api) in [("item", Api::Rest), ("Items", Api::Http)] {
        if let Some(Value::Array(items)) = value.get(list) {
            for item in items {
                stages.push(stage(item, api)?);
            }
            return Some(());
        }
    }
    let api = match value.get("StageName").or_else(|| value.get("Format")) {
        Some(_) => Api::Http,
        None => Api::Rest,
    };
    stages.push(stage(value, api)?);
    Some(())
}

/// A stage, or the settings of its log alone.
fn stage(value: &Value, api: Api) -> Option<Stage> {
    let names = match api {
        Api::Rest => ["stageName", "accessLogSettings", "format", "destinationArn"],
        _ => ["StageName", "AccessLogSettings", "Format", "DestinationArn"],
    };
    let [name, settings, format, destination] = names;
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_string)
    };
    let is_stage = value.get(name).is_some_and(Value::is_string);
    let is_settings = !is_stage && text(value, format).is_some_and(|text| text.contains('$'));
    if !is_stage && !is_settings {
        return None;
    }
    let settings = match is_stage {
        true => value.get(settings).unwrap_or(&Value::Null),
        false => value,
    };
    let methods = value.get("methodSettings").and_then(Value::as_object);
    let logs_bodies = methods.is_some_and(|methods| {
        let is_true = |method: &Value| method.get("dataTraceEnabled") == Some(&Value::Bool(true));
        methods.values().any(is_true)
    });
    Some(Stage {
        api,
        name: text(value, name),
        format: text(settings, format),
        destination: text(settings, destination),
        is_managed: value.get("ApiGatewayManaged") == Some(&Value::Bool(true)),
        logs_bodies,
    })
}

/// Where a stage logs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) region: Option<String>,
}

impl Destination {
    /// Reads an ARN. That of a log group may end with `:*`.
    pub(super) fn of(arn: &str) -> Self {
        let parts: Vec<&str> = arn.splitn(7, ':').collect();
        let is_region = |text: &&str| {
            let is_byte =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_byte)
        };
        let region = parts.get(3).copied().filter(is_region).map(str::to_string);
        match parts[..] {
            ["arn", _, "logs", _, _, "log-group", name] => Self {
                kind: "log group",
                name: name.strip_suffix(":*").unwrap_or(name).to_string(),
                region,
            },
            ["arn", _, "firehose", _, _, stream] if stream.starts_with("deliverystream/") => Self {
                kind: "Firehose stream",
                name: stream["deliverystream/".len()..].to_string(),
                region,
            },
            _ => Self {
                kind: "unknown place",
                name: arn.to_string(),
                region: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<(Api, Option<String>, bool)>> {
        let stages = read(text)?.into_iter();
        Some(
            stages
                .map(|stage| (stage.api, stage.name, stage.format.is_some()))
                .collect(),
        )
    }

    #[test]
    fn stages_are_read_in_each_form() {
        let prod = |api, has_format| (api, Some("prod".to_string()), has_format);
        let rest = r#"{"item":[{"stageName":"prod","accessLogSettings":{"format":"$context.path","destinationArn":"a"}}]}"#;
        let both = format!("{rest}\n{rest}");
        let yaml = "item:\n- accessLogSettings:\n    destinationArn: a\n    format: '{\"a\":\"$context.path\"}'\n  stageName: prod\n";
        for (text, expected) in [
            (rest, Some(vec![prod(Api::Rest, true)])),
            (
                &both,
                Some(vec![prod(Api::Rest, true), prod(Api::Rest, true)]),
            ),
            (yaml, Some(vec![prod(Api::Rest, true)])),
            (
                r#"{"Items":[{"StageName":"prod"}]}"#,
                Some(vec![prod(Api::Http, false)]),
            ),
            (
                r#"{"stageName":"prod","accessLogSettings":{}}"#,
                Some(vec![prod(Api::Rest, false)]),
            ),
            (
                r#"[{"StageName":"prod","AccessLogSettings":{"Format":"$context.path"}}]"#,
                Some(vec![prod(Api::Http, true)]),
            ),
            (
                r#"[{"format":"$context.path"}]"#,
                Some(vec![(Api::Rest, None, true)]),
            ),
            (r#"{"item":[]}"#, Some(vec![])),
            (r#"{"item":[{"id":"a"}]}"#, None),
            (r#"{"path":"/$context."}"#, None),
            (r#"{"format":"plain"}"#, None),
            ("$context.path", None),
            ("stageName: [", None),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn destinations() {
        for (arn, kind, name, region) in [
            (
                "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/apigateway/pets",
                "log group",
                "/aws/apigateway/pets",
                Some("eu-central-1"),
            ),
            (
                "arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:a:*",
                "log group",
                "a",
                Some("us-gov-west-1"),
            ),
            (
                "arn:aws:firehose:us-east-1:123456789012:deliverystream/amazon-apigateway-a",
                "Firehose stream",
                "amazon-apigateway-a",
                Some("us-east-1"),
            ),
            ("arn:aws:logs:--x:1:log-group:a", "log group", "a", None),
            ("x", "unknown place", "x", None),
        ] {
            let destination = Destination::of(arn);
            let region = region.map(str::to_string);
            assert_eq!(
                (destination.kind, &*destination.name, destination.region),
                (kind, name, region)
            );
        }
    }
}
