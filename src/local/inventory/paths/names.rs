//! Names in what comes out: of methods, and of a template's places.

use std::collections::HashMap;

use super::trie::Hash;
use crate::local::inventory::model::{Endpoint, Parameter};

/// Methods of HTTP, and those that many servers know.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
/// Others that are told apart.
pub(super) const MAX_METHODS: usize = 32;

/// Methods, by number.
#[derive(Debug, Default)]
pub(super) struct Methods {
    numbers: HashMap<Box<str>, u8, Hash>,
    names: Vec<Box<str>>,
    are_many: bool,
}

impl Methods {
    pub(super) fn number(&mut self, name: &str) -> u8 {
        let known = METHODS.iter().position(|method| *method == name);
        if let Some(number) = known.and_then(|number| u8::try_from(number).ok()) {
            return number;
        }
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = METHODS.len() + self.names.len();
        if self.names.len() < MAX_METHODS
            && let Ok(number) = u8::try_from(number)
        {
            self.numbers.insert(name.into(), number);
            self.names.push(name.into());
            return number;
        }
        self.are_many = true;
        u8::MAX
    }

    pub(super) fn are_many(&self) -> bool {
        self.are_many
    }

    /// The name of a method. Where others are too many they are all one, so that it does not matter which came first.
    pub(super) fn name(&self, number: u8) -> &str {
        let number = usize::from(number);
        let other = number.checked_sub(METHODS.len()).filter(|_| !self.are_many);
        match (METHODS.get(number), other.and_then(|other| self.names.get(other))) {
            (Some(method), _) => method,
            (None, Some(other)) => other,
            (None, None) => "*",
        }
    }
}

/// The segments of a template, with how many values each place had.
#[derive(Debug, Default)]
pub(super) struct Segments {
    segments: Vec<(Vec<u8>, Option<u64>)>,
    is_learned: bool,
}

impl Segments {
    /// Those of a template that has names for its places.
    pub(super) fn known(path: &[u8]) -> Self {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let segments = path.split(|byte| *byte == b'/');
        Self {
            segments: segments.map(|segment| (segment.to_vec(), None)).collect(),
            is_learned: false,
        }
    }

    pub(super) fn learned(path: &[Vec<u8>]) -> Self {
        Self {
            segments: path.iter().map(|segment| (segment.clone(), None)).collect(),
            is_learned: true,
        }
    }

    pub(super) fn push(&mut self, segment: &[u8], values: Option<u64>) {
        self.is_learned = true;
        self.segments.push((segment.to_vec(), values));
    }

    pub(super) fn pop(&mut self) {
        self.segments.pop();
    }
}

/// An endpoint without calls, whose places have names that are unique.
pub(super) fn endpoint(host: &str, segments: &Segments) -> Endpoint {
    let mut path = String::new();
    let mut parameters: Vec<Parameter> = Vec::new();
    for (segment, values) in &segments.segments {
        path.push('/');
        let text = printable(segment);
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            path.push_str(before);
            let Some((shape, after)) = after.split_once('}') else {
                path.push_str("%7B");
                rest = after;
                continue;
            };
            let (bare, plus) = match shape.strip_suffix('+') {
                Some(bare) => (bare, "+"),
                None => (shape, ""),
            };
            let mut name = bare.to_string();
            let mut number = 1_u32;
            while parameters.iter().any(|parameter| parameter.name == name) {
                number += 1;
                name = format!("{bare}{number}");
            }
            path.push_str(&format!("{{{name}{plus}}}"));
            let shape = match (segments.is_learned, plus) {
                (_, "+") => "path",
                (true, _) => bare,
                (false, _) => "text",
            };
            parameters.push(Parameter {
                name,
                shape: shape.to_string(),
                values: values.filter(|_| segments.is_learned && *shape == *bare),
            });
            rest = after;
        }
        path.push_str(rest);
    }
    Endpoint {
        host: host.to_string(),
        path: if path.is_empty() { "/".to_string() } else { path },
        parameters,
        source: super::Source::Learned,
        ..Endpoint::default()
    }
}

/// A segment as text, in which what no URL has is percent-encoded.
fn printable(segment: &[u8]) -> String {
    let mut out = String::new();
    for &byte in segment {
        match byte {
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
