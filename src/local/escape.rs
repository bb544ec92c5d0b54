//! Text that a stranger wrote, made harmless for where it goes: names, paths, hosts and file names come from logs.

use std::{borrow::Cow, ffi::OsStr, fmt::Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// For a terminal: what could move the cursor, change colours, or change the order in which text is read, stands there
/// as `\u{1b}`. So does what is invisible, as two names that differ only by it would look the same.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.contains(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_treacherous(c) {
            // Writing to a string does not fail.
            _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// The name of a file or a folder, for a terminal.
#[must_use]
pub fn path(path: impl AsRef<OsStr>) -> String {
    terminal(&path.as_ref().to_string_lossy()).into_owned()
}

/// For a cell of a spreadsheet: one that begins as a formula does has an apostrophe before it, which spreadsheets take
/// for "this is text".
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    // The wide forms are read as the narrow ones by some spreadsheets.
    const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    let begins_formula = text.trim_start_matches(' ').starts_with(FORMULA);
    let text = terminal(text);
    if begins_formula {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    }
}

/// For a cell of a Markdown table, as code, so that nothing in it is a link, a mention or an image. Where code can't hold
/// it, each of its punctuation marks is an entity.
#[must_use]
pub fn markdown(text: &str) -> String {
    let text = terminal(text);
    if text.is_empty() {
        return String::new();
    }
    if !text.contains(['|', '`', '\\']) {
        return format!("`{text}`");
    }
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            // Writing to a string does not fail.
            _ = write!(escaped, "&#{};", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// A word of a POSIX shell that stands for this text, in which nothing is expanded.
pub(crate) fn shell(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_string();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// JSON of visible ASCII: every other character in it is escaped.
pub(crate) fn ascii_json(value: &serde_json::Value) -> String {
    let mut ascii = String::new();
    for c in value.to_string().chars() {
        if c == ' ' || c.is_ascii_graphic() {
            ascii.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string does not fail.
            _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    ascii
}

/// How many columns of a terminal a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text within `columns`, its middle left out where it is longer: whole segments of a path if that leaves the first
/// and the last one, else characters.
#[must_use]
pub fn elide(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if let Some(elided) = elide_segments(text, columns) {
        return Cow::Owned(elided);
    }
    let room = columns.saturating_sub(1);
    // The end of a name tells more than its beginning.
    let head = take(text.chars(), room / 2);
    let tail = take(text.chars().rev(), room - width(&head));
    let tail: String = tail.chars().rev().collect();
    Cow::Owned(format!("{head}…{tail}"))
}

/// Leaves out segments in the middle, as few as possible. `None`: the first and the last one do not fit.
fn elide_segments(path: &str, columns: usize) -> Option<String> {
    let segments: Vec<&str> = path.split('/').collect();
    // The first one is empty, before the slash that a path begins with.
    let (mut head, mut tail) = (2, segments.len().checked_sub(1)?);
    let elided = |head: usize, tail: usize| {
        let (head, tail) = (segments.get(..head)?, segments.get(tail..)?);
        let text = format!("{}/…/{}", head.join("/"), tail.join("/"));
        (width(&text) <= columns).then_some(text)
    };
    if head >= tail {
        return None;
    }
    let mut best = elided(head, tail)?;
    // In turns, so that both ends stay; what one end lacks the room for may fit at the other.
    loop {
        let before = (head, tail);
        for at_the_end in [true, false] {
            let (more, less) = if at_the_end {
                (head, tail - 1)
            } else {
                (head + 1, tail)
            };
            if more < less
                && let Some(text) = elided(more, less)
            {
                (head, tail, best) = (more, less, text);
            }
        }
        if before == (head, tail) {
            return Some(best);
        }
    }
}

/// The first of these characters, within so many columns.
fn take(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut taken = String::new();
    let mut used = 0;
    for c in characters {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        taken.push(c);
    }
    taken
}

/// Whether a character acts on a terminal, or can't be seen.
pub(crate) fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_or_is_invisible_is_escaped() {
        for (text, expected) in [
            ("/pets/{id}", "/pets/{id}"),
            ("/猫/é", "/猫/é"),
            ("/pets/ü {id}", "/pets/ü {id}"),
            ("\x1b[2J\r\n", "\\u{1b}[2J\\u{d}\\u{a}"),
            (
                "a\u{202e}b\u{200b}\u{2066}",
                "a\\u{202e}b\\u{200b}\\u{2066}",
            ),
            ("\u{9b}1m\u{7f}", "\\u{9b}1m\\u{7f}"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\r\n\t\u{7f}\u{9b}", "a\\u{d}\\u{a}\\u{9}\\u{7f}\\u{9b}"),
            ("\u{202e}cod.exe\u{2066}", "\\u{202e}cod.exe\\u{2066}"),
            ("pay\u{200b}pal\u{ad}", "pay\\u{200b}pal\\u{ad}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(terminal(text), expected, "{text:?}");
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("GET", "GET"),
            ("/=1", "/=1"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "'  =1"),
            ("\t=1", "'\\u{9}=1"),
            ("\r=1", "'\\u{d}=1"),
            ("＝1", "'＝1"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn markdown_is_code_or_entities() {
        for (text, expected) in [
            ("", ""),
            ("/pets/{id}", "`/pets/{id}`"),
            ("<img src=x> @me #1 [a](b)", "`<img src=x> @me #1 [a](b)`"),
            ("a\nb", "a&#92;u&#123;a&#125;b"),
            ("a|b", "a&#124;b"),
            ("`x` <b>", "&#96;x&#96; &#60;b&#62;"),
            ("\\|", "&#92;&#124;"),
        ] {
            assert_eq!(markdown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_shell_expands_nothing() {
        for (text, expected) in [
            ("prod", "prod"),
            ("", "''"),
            ("$default", "'$default'"),
            ("it's `x` $(y)", r"'it'\''s `x` $(y)'"),
            ("a b", "'a b'"),
            ("~", "'~'"),
        ] {
            assert_eq!(shell(text), expected);
        }
    }

    #[test]
    fn json_is_visible_ascii() {
        let value = json!({"a": "ü\u{1b}\u{7f}😀'"});
        let text = ascii_json(&value);
        assert_eq!(text, r#"{"a":"\u00fc\u001b\u007f\ud83d\ude00'"}"#);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn the_ends_of_a_path_stay() {
        for (text, columns, expected) in [
            ("/pets", 5, "/pets"),
            (
                "/v1/orders/{id}/items/{id}",
                26,
                "/v1/orders/{id}/items/{id}",
            ),
            ("/v1/orders/{id}/items/{id}", 25, "/v1/orders/…/items/{id}"),
            ("/v1/orders/{id}/items/{id}", 20, "/v1/…/items/{id}"),
            ("/v1/orders/{id}/items/{id}", 12, "/v1/…/{id}"),
            ("/v1/orders/{id}/items/{id}", 9, "/v1/…{id}"),
            ("/a-long-name-without-an-end", 11, "/a-lo…n-end"),
            ("/v1/猫猫猫猫猫猫", 10, "/v1/…猫猫"),
            ("/x", 1, "…"),
            ("/x", 0, "…"),
        ] {
            let elided = elide(text, columns);
            assert_eq!(elided, expected, "{columns}");
            assert!(width(&elided) <= columns.max(1), "{elided}");
        }
    }
}
