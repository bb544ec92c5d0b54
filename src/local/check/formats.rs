//! Formats in a file: one for each line, or one that was broken into several for readers.

/// Each format, on one line, with the line that it begins in. None: the text has no variable of the gateway.
pub(super) fn read(text: &str) -> Vec<(String, usize)> {
    let trimmed = text.trim();
    // A log may have the word in a value.
    let is_format = |line: &&str| line.contains("$context.");
    if !is_format(&trimmed) {
        return Vec::new();
    }
    let lines: Vec<&str> = trimmed.lines().map(str::trim).collect();
    let is_whole = |line: &str| line.starts_with('{') == line.ends_with('}');
    if !lines.iter().all(|line| is_whole(line)) || lines[0] == "{" {
        return vec![(lines.join(" "), 1)];
    }
    let skipped = text
        .lines()
        .take_while(|line| line.trim().is_empty())
        .count();
    let mut formats = Vec::new();
    for (at, line) in lines
        .into_iter()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
    {
        if !is_format(&line) {
            return Vec::new();
        }
        formats.push((line.to_string(), skipped + at + 1));
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_from_lines_of_a_log() {
        for (text, expected) in [
            (
                r#"{"a":"$context.path"}"#,
                vec![(r#"{"a":"$context.path"}"#, 1)],
            ),
            (
                "{\n  \"a\": \"$context.path\",\n  \"b\": \"$context.status\"\n}\n",
                vec![(r#"{ "a": "$context.path", "b": "$context.status" }"#, 1)],
            ),
            (
                "\n$context.path $context.status\n\n{\"a\":\"$context.path\"}\n",
                vec![
                    ("$context.path $context.status", 2),
                    (r#"{"a":"$context.path"}"#, 4),
                ],
            ),
            ("{\"path\":\"/$context.path\"}\n{\"path\":\"/b\"}\n", vec![]),
            ("{\"path\":\"/b\"}", vec![]),
            ("", vec![]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(format, line)| (format.to_string(), line))
                .collect();
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
