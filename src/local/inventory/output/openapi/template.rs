//! Path templates as OpenAPI has them.

use std::fmt::Write as _;

use crate::local::inventory::model::split_place;

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// The path with its places.
    pub(super) path: String,
    /// The path with `{}` for each place. Two templates with the same are the same path for OpenAPI, which does not
    /// look at the names of places.
    pub(super) key: String,
    /// The places, in their order.
    pub(super) places: Vec<Place>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its name in the inventory, without the plus of a greedy one.
    pub(super) name: String,
    /// Its name in the document, which no other place of the template has.
    pub(super) unique: String,
    /// Whether it stands for one or more segments, as `{proxy+}` does. OpenAPI has nothing for it.
    pub(super) is_greedy: bool,
}

impl Template {
    /// Reads a template of the inventory. What can't stand in a path is percent-encoded.
    pub(super) fn new(path: &str) -> Self {
        let mut template = Self {
            path: String::new(),
            key: String::new(),
            places: Vec::new(),
        };
        if !path.starts_with('/') {
            template.push_literal("/");
        }
        let mut rest = path;
        while let Some((before, name, after)) = split_place(rest) {
            template.push_literal(before);
            template.push_place(name);
            rest = after;
        }
        template.push_literal(rest);
        template
    }

    fn push_literal(&mut self, text: &str) {
        let from = self.path.len();
        for (i, byte) in text.bytes().enumerate() {
            let is_escape = || {
                let digits = text.as_bytes().get(i + 1..i + 3);
                digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            };
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => self.path.push(char::from(byte)),
                _ if b"/-._~!$&'()*+,;=:@".contains(&byte) => self.path.push(char::from(byte)),
                b'%' if is_escape() => self.path.push('%'),
                // Writing into a string can't fail.
                _ => _ = write!(self.path, "%{byte:02X}"),
            }
        }
        self.key.push_str(&self.path[from..]);
    }

    fn push_place(&mut self, name: &str) {
        let plain = name.strip_suffix('+').unwrap_or(name);
        let mut base: String = plain
            .chars()
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' => c,
                _ => '_',
            })
            .collect();
        if base.is_empty() {
            base.push_str("value");
        }
        let is_taken = |name: &str| self.places.iter().any(|place| place.unique == name);
        let mut unique = base.clone();
        let mut n = 2;
        while is_taken(&unique) {
            unique = format!("{base}{n}");
            n += 1;
        }
        _ = write!(self.path, "{{{unique}}}");
        self.key.push_str("{}");
        self.places.push(Place {
            name: plain.into(),
            unique,
            is_greedy: name.ends_with('+'),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_paths_of_openapi() {
        for (path, expected, key) in [
            ("/", "/", "/"),
            ("", "/", "/"),
            ("pets", "/pets", "/pets"),
            ("/pets/{id}/", "/pets/{id}/", "/pets/{}/"),
            ("/a/{id}/b/{id}", "/a/{id}/b/{id2}", "/a/{}/b/{}"),
            ("/{id2}/{id}/{id}", "/{id2}/{id}/{id3}", "/{}/{}/{}"),
            ("/files/{proxy+}", "/files/{proxy}", "/files/{}"),
            ("/{uuid}.pdf", "/{uuid}.pdf", "/{}.pdf"),
            (
                "/Products({integer})",
                "/Products({integer})",
                "/Products({})",
            ),
            ("/{}/{+}", "/{value}/{value2}", "/{}/{}"),
            ("/{a b\"}", "/{a_b_}", "/{}"),
            // What is no place is no brace either.
            ("/{", "/%7B", "/%7B"),
            ("/}{a}{", "/%7D{a}%7B", "/%7D{}%7B"),
            ("/{{a}}", "/%7B{a}%7D", "/%7B{}%7D"),
            ("/{a/b}", "/%7Ba/b%7D", "/%7Ba/b%7D"),
            ("/%2f%zz%", "/%2f%25zz%25", "/%2f%25zz%25"),
            (
                "/a?b#c d\u{202e}é",
                "/a%3Fb%23c%20d%E2%80%AE%C3%A9",
                "/a%3Fb%23c%20d%E2%80%AE%C3%A9",
            ),
        ] {
            let template = Template::new(path);
            assert_eq!(template.path, expected, "{path}");
            assert_eq!(template.key, key, "{path}");
        }
    }
}
