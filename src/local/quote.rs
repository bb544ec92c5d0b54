//! Text of strangers in what the tool prints, for a terminal and for a shell.

use std::fmt::Write;

/// Text for a terminal: what could act on it, or change the order in which it is read, is escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Marks that turn the direction of text, join or hide characters, or end a line.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
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
            // Writing into a text can not fail.
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        for (text, expected) in [
            ("/pets/ü {id}", "/pets/ü {id}"),
            ("\x1b[2J\r\n", "\\u{1b}[2J\\r\\n"),
            (
                "a\u{202e}b\u{200b}\u{2066}",
                "a\\u{202e}b\\u{200b}\\u{2066}",
            ),
            ("\u{9b}1m\u{7f}", "\\u{9b}1m\\u{7f}"),
        ] {
            assert_eq!(shown(text), expected);
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
}
