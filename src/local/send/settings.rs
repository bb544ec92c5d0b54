//! The function's configuration, made from options in place of the environment.

use std::{fs, path::PathBuf};

use crate::{
    config::Config,
    local::{error::CommandError, escape},
};

/// How to reach a Node.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct NodeArgs {
    /// The Node's address, such as node.example.com:5050. It is spoken to by TLS, unless this begins with http://.
    #[arg(long, value_name = "URL")]
    pub(crate) node: Option<String>,
    /// Certificates to trust beside Mozilla's, as PEM.
    #[arg(long, value_name = "FILE", requires = "node")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// A header for each message, such as 'X-Team: payments'. May be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "node", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// Another name for a header of the function's own, such as X-Real-IP=X-Client-IP. May be given several times.
    #[arg(long = "header-name", value_name = "OURS=OTHER", requires = "node", value_parser = header_name)]
    pub(crate) header_names: Vec<(String, String)>,
    /// The application in Wallarm's view.
    #[arg(
        long,
        value_name = "N",
        default_value_t = -1,
        allow_negative_numbers = true
    )]
    pub(crate) application_id: i64,
}

/// A header as curl has it.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("it has no colon between name and value")?;
    Ok((name.trim().to_string(), value.trim().to_string()))
}

/// Our name and the other one.
fn header_name(text: &str) -> Result<(String, String), String> {
    let (ours, other) = text
        .split_once('=')
        .ok_or("it has no equals sign between the two names")?;
    Ok((ours.trim().to_string(), other.trim().to_string()))
}

/// Pairs as the function's variables have them. A map would keep one of two with the same name, which the configuration
/// refuses.
fn object(pairs: &[(String, String)]) -> String {
    let members = pairs.iter().map(|(name, value)| {
        let (name, value) = (serde_json::json!(name), serde_json::json!(value));
        format!("{name}:{value}")
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

impl NodeArgs {
    /// The headers as the variable has them.
    pub(crate) fn headers_json(&self) -> String {
        object(&self.headers)
    }

    /// The function's configuration with these options and more variables.
    ///
    /// # Errors
    ///
    /// Returns an error when the function would refuse them.
    pub(crate) fn config(&self, more: &[(&str, String)]) -> Result<Config, CommandError> {
        let mut vars = vec![
            ("AWS_LAMBDA_RUNTIME_API".to_string(), "-".to_string()),
            (
                "X_NODE_URL".to_string(),
                self.node.clone().unwrap_or_default(),
            ),
            (
                "X_WALLARM_APPLICATION_ID".to_string(),
                self.application_id.to_string(),
            ),
        ];
        if !self.headers.is_empty() {
            vars.push(("X_NODE_HEADERS".to_string(), self.headers_json()));
        }
        if !self.header_names.is_empty() {
            let names = object(&self.header_names);
            vars.push(("X_NODE_HEADER_NAMES".to_string(), names));
        }
        if let Some(path) = &self.ca_cert {
            let failed = || format!("failed to read the certificates in {}", escape::path(path));
            let pem = fs::read(path).map_err(|cause| CommandError::with_cause(failed(), cause))?;
            let pem = String::from_utf8(pem).ok();
            // The variable could have a path in place of a text.
            let pem = pem
                .filter(|pem| pem.contains("-----BEGIN"))
                .ok_or_else(|| CommandError::new(format!("{}: it is no PEM", failed())))?;
            vars.push(("X_NODE_CA_CERT".to_string(), pem));
        }
        let more = more.iter().filter(|(_, value)| !value.is_empty());
        vars.extend(more.map(|(name, value)| ((*name).to_string(), value.clone())));
        Config::from_vars(&vars).map_err(|error| {
            let text = in_options(&error.to_string());
            CommandError::new(text.replace("read the configuration", "read the options"))
        })
    }
}

/// What the function says of its variables, in the words of the options.
pub(crate) fn in_options(text: &str) -> String {
    const WORDS: [(&str, &str); 20] = [
        (
            "X_NODE_URL, X_NODE_SCHEME",
            "--node, whether it has to begin with http://,",
        ),
        (
            "is X_NODE_SCHEME=https?",
            "does --node begin with https://?",
        ),
        ("is X_NODE_SCHEME=http?", "does --node begin with http://?"),
        ("X_NODE_SCHEME", "the scheme of --node"),
        ("X_NODE_URL=", "--node "),
        ("X_NODE_URL", "--node"),
        (
            r#"X_NODE_HEADERS={"X-Team":"payments"}"#,
            "--header 'X-Team: payments'",
        ),
        ("X_NODE_HEADERS", "--header"),
        (
            r#"X_NODE_HEADER_NAMES={"X-Real-IP":"X-Client-IP"}"#,
            "--header-name X-Real-IP=X-Client-IP",
        ),
        ("X_NODE_HEADER_NAMES", "--header-name"),
        ("X_NODE_CA_CERT=/var/task/ca.pem", "--ca-cert ca.pem"),
        ("X_NODE_CA_CERT", "--ca-cert"),
        ("this variable", "this option"),
        ("in X_NODE_CONNECT_TIMEOUT_MS", "within 3 s"),
        ("in X_NODE_TIMEOUT_MS", "within 10 s"),
        ("X_DEFAULT_HOST=", "--default-host "),
        ("X_DEFAULT_HOST", "--default-host"),
        ("X_PATH=template", "--template-paths"),
        ("the function's DNS", "this machine's DNS"),
        ("This function takes", "The function takes"),
    ];
    let mut text = text.to_string();
    for (variable, option) in WORDS {
        text = text.replace(variable, option);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(node: &str, headers: &[&str]) -> NodeArgs {
        NodeArgs {
            node: Some(node.into()),
            headers: headers.iter().map(|text| header(text).unwrap()).collect(),
            application_id: -1,
            ..NodeArgs::default()
        }
    }

    #[test]
    fn what_the_function_refuses_is_refused_in_the_words_of_the_options() {
        let api = "https://abc123.execute-api.us-east-1.amazonaws.com";
        for (node, headers, words) in [
            (api, &[][..], "--node is an endpoint of API Gateway"),
            ("", &[], "--node is not set"),
            (
                "node.example.com:0",
                &[],
                "for example --node node.example.com:5050",
            ),
            ("ftp://node", &[], "neither http nor https"),
            ("node", &["Host: x"], "--header sets Host"),
            ("node", &["A: x", "A: y"], "--header sets A twice"),
            (
                "node",
                &["A B: x"],
                "for example --header 'X-Team: payments'",
            ),
        ] {
            let error = args(node, headers).config(&[]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("X_NODE"), "{error}");
            assert!(error.starts_with("failed to read the options: "), "{error}");
        }
        let config = args("http://node:5050", &["X-Team: a:b"])
            .config(&[])
            .unwrap();
        assert!(!config.node.https);
        assert_eq!(
            config.wire.headers,
            [("X-Team".to_string(), "a:b".to_string())]
        );
        assert!(header("X-Team").is_err());
    }

    #[test]
    fn names_of_headers_are_those_of_the_function_and_refused_as_it_refuses_them() {
        let with = |pairs: &[&str]| NodeArgs {
            header_names: pairs
                .iter()
                .map(|pair| header_name(pair).unwrap())
                .collect(),
            ..args("http://node:5050", &["X-Team: a"])
        };
        let config = with(&["x-real-ip=X-Client-IP"]).config(&[]).unwrap();
        let expected = [("X-Real-IP".to_string(), "X-Client-IP".to_string())];
        assert_eq!(config.wire.header_names, expected);
        for (pairs, words) in [
            (&["Host=X-Host"][..], "--header-name can name "),
            (
                &["X-Real-IP=X-Team"],
                "--header-name names X-Real-IP X-Team",
            ),
            (
                &["X-Real-IP=A", "X-Real-IP=B"],
                "--header-name names X-Real-IP twice",
            ),
            (
                &["X-Real-IP="],
                "for example --header-name X-Real-IP=X-Client-IP",
            ),
        ] {
            let error = with(pairs).config(&[]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("X_NODE"), "{error}");
        }
        assert!(header_name("X-Real-IP").is_err());
    }
}
