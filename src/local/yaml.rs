//! YAML, as values of JSON: what the AWS CLI prints, and specifications. Tags but `!!str` mean nothing, and the numbers
//! and constants are those that JSON has, too.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

/// How deep values are in each other, as for JSON.
const MAX_DEPTH: usize = 128;
/// How much aliases add, in bytes: ten that stand for ten each are a thousand soon.
const MAX_COPIED: usize = 8 << 20;
/// What a value takes besides its text.
const VALUE_BYTES: usize = 64;

/// Reads a text of one document. Without one it is `null`.
///
/// # Errors
///
/// Returns an error that says what is wrong and where, without the text there.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, place) = event.map_err(|error| error.to_string())?;
        builder
            .add(event)
            .map_err(|cause| format!("{cause} at line {}", place.start.line()))?;
    }
    Ok(builder.document.unwrap_or_default())
}

#[derive(Default)]
struct Builder {
    /// The lists and maps that have begun and not ended, with their anchors.
    open: Vec<(Open, usize)>,
    document: Option<Value>,
    anchors: HashMap<usize, Anchored>,
    copied: usize,
}

enum Open {
    List(Vec<Value>),
    Map {
        own: Map<String, Value>,
        /// What the key `<<` brings, which the map's own keys come before.
        merged: Vec<Value>,
        key: Option<Key>,
    },
}

enum Key {
    Name(String),
    Merge,
}

#[derive(Clone)]
struct Anchored {
    value: Value,
    bytes: usize,
    depth: usize,
}

impl Builder {
    fn add(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                if self.awaits_key() {
                    let is_merge = is_plain && text == "<<";
                    let name = Value::String(text.into_owned());
                    self.keep(anchor, &name)?;
                    return self.key(name, is_merge);
                }
                let is_text = tag.as_deref().and_then(Tag::core_suffix) == Some("str");
                let value = match is_plain && !is_text {
                    true => plain(&text),
                    false => Value::String(text.into_owned()),
                };
                self.keep(anchor, &value)?;
                self.value(value)
            }
            Event::Alias(anchor) => {
                let anchored = self.anchors.get(&anchor);
                // The place that an anchor names may not be in itself.
                let anchored = anchored.ok_or("an alias of a value that has not ended")?;
                let (bytes, depth) = (anchored.bytes, anchored.depth);
                self.copied = self.copied.saturating_add(bytes);
                if self.copied > MAX_COPIED || self.open.len() + depth > MAX_DEPTH {
                    return Err("anchors and aliases of too much");
                }
                let value = anchored.value.clone();
                match self.awaits_key() {
                    true => self.key(value, false),
                    false => self.value(value),
                }
            }
            Event::SequenceStart(_, anchor, _) => self.open(Open::List(Vec::new()), anchor),
            Event::MappingStart(_, anchor, _) => {
                let (own, merged) = (Map::new(), Vec::new());
                let key = None;
                self.open(Open::Map { own, merged, key }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((open, anchor)) = self.open.pop() else {
                    return Ok(());
                };
                let value = match open {
                    Open::List(values) => Value::Array(values),
                    Open::Map { own, merged, .. } => Value::Object(merge(own, merged)?),
                };
                self.keep(anchor, &value)?;
                self.value(value)
            }
            Event::DocumentStart(..) if self.document.is_some() => Err("another document"),
            _ => Ok(()),
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some((Open::Map { key: None, .. }, _)))
    }

    fn open(&mut self, open: Open, anchor: usize) -> Result<(), &'static str> {
        if self.awaits_key() {
            return Err("a key that is a list or a map");
        }
        if self.open.len() >= MAX_DEPTH {
            return Err("too many values in each other");
        }
        self.open.push((open, anchor));
        Ok(())
    }

    fn key(&mut self, name: Value, is_merge: bool) -> Result<(), &'static str> {
        let Value::String(name) = name else {
            return Err("a key that is no text");
        };
        if let Some((Open::Map { key, .. }, _)) = self.open.last_mut() {
            *key = Some(match is_merge {
                true => Key::Merge,
                false => Key::Name(name),
            });
        }
        Ok(())
    }

    fn value(&mut self, value: Value) -> Result<(), &'static str> {
        match self.open.last_mut() {
            Some((Open::List(values), _)) => values.push(value),
            Some((Open::Map { own, merged, key }, _)) => match key.take() {
                Some(Key::Merge) => merged.push(value),
                Some(Key::Name(name)) => {
                    return match own.insert(name, value) {
                        Some(_) => Err("a key that is there twice"),
                        None => Ok(()),
                    };
                }
                None => {}
            },
            None => self.document = Some(value),
        }
        Ok(())
    }

    /// Remembers a value that has an anchor.
    fn keep(&mut self, anchor: usize, value: &Value) -> Result<(), &'static str> {
        if anchor == 0 {
            return Ok(());
        }
        let (bytes, depth) = measure(value);
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > MAX_COPIED {
            return Err("anchors and aliases of too much");
        }
        let value = value.clone();
        let anchored = Anchored {
            value,
            bytes,
            depth,
        };
        self.anchors.insert(anchor, anchored);
        Ok(())
    }
}

/// About how many bytes a value takes, and how many levels. The depth of what is measured is limited.
fn measure(value: &Value) -> (usize, usize) {
    let mut bytes = VALUE_BYTES;
    let mut below = 0;
    let mut add = |name: usize, value: &Value| {
        let (more, depth) = measure(value);
        bytes += name + more;
        below = below.max(depth);
    };
    match value {
        Value::Array(values) => values.iter().for_each(|value| add(0, value)),
        Value::Object(map) => map.iter().for_each(|(name, value)| add(name.len(), value)),
        Value::String(text) => bytes += text.len(),
        _ => {}
    }
    (bytes, below + 1)
}

/// Adds what the key `<<` brought: maps, or lists of them, of which the first ones come before the later ones.
fn merge(
    mut own: Map<String, Value>,
    merged: Vec<Value>,
) -> Result<Map<String, Value>, &'static str> {
    for value in merged {
        let maps = match value {
            Value::Array(maps) => maps,
            map => vec![map],
        };
        for map in maps {
            let Value::Object(map) = map else {
                return Err("a merge of what is no map");
            };
            for (name, value) in map {
                own.entry(name).or_insert(value);
            }
        }
    }
    Ok(own)
}

/// What a text without quotation marks is.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    // What JSON has no number for stays a text: an id of sixty digits is none of its numbers.
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let number = || serde_json::from_str::<serde_json::Number>(text).ok();
    match is_number.then(number).flatten() {
        Some(number) if number.is_f64() && !text.contains(['.', 'e', 'E']) => text.into(),
        Some(number) => Value::Number(number),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_those_of_json() {
        for (text, expected) in [
            ("", json!(null)),
            ("# nothing\n", json!(null)),
            ("a", json!("a")),
            (
                "---\na: 1 # one\nb: [x, 'y', \"z\\n\"]\n...\n",
                json!({"a": 1, "b": ["x", "y", "z\n"]}),
            ),
            (
                "- ~\n-\n- true\n- False\n- yes\n- 0123\n- -4\n- 1.5\n- 1e3\n- .5\n- 0x1f\n- .inf\n- 2026-01-02\n",
                json!([
                    null,
                    null,
                    true,
                    false,
                    "yes",
                    "0123",
                    -4,
                    1.5,
                    1000.0,
                    ".5",
                    "0x1f",
                    ".inf",
                    "2026-01-02"
                ]),
            ),
            (
                "[18446744073709551615, 38273645182736451827364518273645182736451827, 1e999]",
                json!([
                    u64::MAX,
                    "38273645182736451827364518273645182736451827",
                    "1e999"
                ]),
            ),
            (
                "['1', \"true\", !!str 2, ! 3, !Sub 'a', !!int 4]",
                json!(["1", "true", "2", 3, "a", 4]),
            ),
            (
                "200: {}\ntrue: 1\n? x\n: y\nnone:\n",
                json!({"200": {}, "true": 1, "x": "y", "none": null}),
            ),
            (
                "a: |\n  b\n  c\nd: >-\n  e\n  f\n",
                json!({"a": "b\nc\n", "d": "e f"}),
            ),
            (
                "a: &k b\nc: *k\n*k : &m {n: [1]}\no: [*m, *m]\n",
                json!({"a": "b", "c": "b", "b": {"n": [1]}, "o": [{"n": [1]}, {"n": [1]}]}),
            ),
            (
                "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  a: 3\n  <<: [*x, *y]\n  '<<': 4\nw: {<<: *y, b: 5}\n",
                json!({"x": {"a": 1, "b": 1}, "y": {"b": 2, "c": 2},
                    "z": {"a": 3, "b": 1, "c": 2, "<<": 4}, "w": {"b": 5, "c": 2}}),
            ),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn broken_texts_are_refused_in_bounded_memory() {
        let mut wide = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_string();
        let mut deep = format!("a0: &a0 {}{}\n", "[".repeat(100), "]".repeat(100));
        for level in 1..200 {
            let below = level - 1;
            wide += &format!(
                "a{level}: &a{level} [{}]\n",
                format!("*a{below},").repeat(9)
            );
            deep += &format!(
                "a{level}: &a{level} {}*a{below}{}\n",
                "[".repeat(20),
                "]".repeat(20)
            );
        }
        let anchors: String = (0..120).map(|n| format!("&b{n} [")).collect();
        let anchors = format!("{anchors}{}{}", "x".repeat(1 << 20), "]".repeat(120));
        let maps = format!("{}{}", "{a: ".repeat(200), "}".repeat(200));
        for (text, expected) in [
            ("a: b: c", ""),
            ("'a", ""),
            ("[1", ""),
            ("*a", ""),
            (
                "&a [*a]",
                "an alias of a value that has not ended at line 1",
            ),
            ("a: 1\nb: 2\na: 3\n", "a key that is there twice at line 3"),
            ("[a]: 1\n", "a key that is a list or a map at line 1"),
            ("? &a [1]\n: 2\n", "a key that is a list or a map at line 1"),
            ("a: &a [1]\n*a : 2\n", "a key that is no text at line 2"),
            ("a: {<<: 1}\n", "a merge of what is no map at line 1"),
            ("a: 1\n---\nb: 2\n", "another document at line 2"),
            (&*wide, "anchors and aliases of too much at line"),
            (&*deep, "anchors and aliases of too much at line"),
            (&*anchors, "anchors and aliases of too much at line 1"),
            (&*"[".repeat(100_000), ""),
            (&*"- ".repeat(100_000), ""),
            (&*maps, "too many values in each other at line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.starts_with(expected) && error.len() < 300,
                "{}: {error}",
                &text[..text.len().min(80)]
            );
        }
    }
}
