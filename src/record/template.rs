//! Route templates: what a route is, and what of a real path stays when its template takes its place.

/// A route, as an HTTP API logs it: `GET /pets/{petId}`, `ANY /{proxy+}`, `$default`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// Absent where the route takes any.
    pub(super) method: Option<&'a [u8]>,
    /// Absent where the route takes any.
    pub(super) template: Option<&'a [u8]>,
}

impl<'a> Route<'a> {
    /// What `$context.routeKey` says. A WebSocket API's routes, and other values under its name, say nothing.
    pub(super) fn new(text: &'a [u8]) -> Self {
        let space = text.iter().position(|byte| *byte == b' ');
        let (method, template) = match space {
            Some(space) => (&text[..space], text[space..].trim_ascii_start()),
            None => (&b""[..], text),
        };
        let is_method = |method: &&[u8]| {
            !method.is_empty() && *method != b"ANY" && method.iter().all(u8::is_ascii_uppercase)
        };
        if template.first() != Some(&b'/') {
            return Self::default();
        }
        Self {
            method: Some(method).filter(is_method),
            template: Some(template),
        }
    }
}

/// Whether a template stands for one endpoint, and not for any path.
pub(super) fn names_endpoint(template: &[u8]) -> bool {
    !(template.starts_with(b"/{") && template.ends_with(b"+}") && !template[1..].contains(&b'/'))
}

/// Where a call went, beside its template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// The real path, where it was logged.
    pub(super) path: Option<&'a [u8]>,
    pub(super) stage: Option<&'a [u8]>,
    /// The call went to the API's own domain, whose paths begin with the stage.
    pub(super) is_own_domain: bool,
}

/// Writes the path to send for a call of a template: the template in place of what it stands for, after the stage or
/// the base path that the real path begins with, and before what a greedy parameter such as `{proxy+}` took. Braces
/// of the real path are encoded, so that all others are the template's. `false`: the template stands for any path, and
/// the real one is not known.
pub(super) fn fill(out: &mut Vec<u8>, template: &[u8], target: Target<'_>) -> bool {
    out.clear();
    let (fixed, is_greedy) = match template.iter().rposition(|byte| *byte == b'/') {
        Some(slash) if template[slash..].ends_with(b"+}") => (&template[..slash], true),
        // The root has no segment.
        _ => (template.strip_suffix(b"/").unwrap_or(template), false),
    };
    let Some(path) = target.path else {
        out.extend_from_slice(template);
        return !(is_greedy && fixed.is_empty());
    };
    match split(fixed, path, is_greedy, target) {
        Some((before, after)) => {
            push_real(out, before);
            out.extend_from_slice(fixed);
            push_real(out, after);
        }
        // What stands where is not known, so that nothing of the path is sent.
        None => out.extend_from_slice(template),
    }
    if out.is_empty() {
        out.push(b'/');
    }
    true
}

/// More than any API has. For templates of more it would take too long to try each place.
const MAX_SEGMENTS: usize = 128;

/// What of a path stands before the segments of a template, and what after them.
fn split<'a>(
    fixed: &[u8],
    path: &'a [u8],
    is_greedy: bool,
    target: Target<'_>,
) -> Option<(&'a [u8], &'a [u8])> {
    let slashes = |text: &[u8]| text.iter().filter(|byte| **byte == b'/').count();
    let count = slashes(fixed);
    let path = if is_greedy {
        path
    } else {
        // A slash at the end makes no other resource.
        path.strip_suffix(b"/").unwrap_or(path)
    };
    let at = |from: usize| {
        let (before, rest) = path.split_at(from);
        let (own, after) = rest.split_at(end_of(rest, count)?);
        let segments = |text| <[u8]>::split(text, |byte: &u8| *byte == b'/');
        let mut pairs = segments(fixed).zip(segments(own));
        let is_it = (is_greedy || after.is_empty())
            && pairs.all(|(template, real)| matches_segment(template, real));
        is_it.then_some((before, after))
    };
    // On the API's own domain the stage comes first, and nothing else; only `$default` has none. A custom domain has a
    // base path of any length.
    let is_stage = |before: &[u8]| before.len() > 1 && slashes(before) == 1;
    let may_precede = |before: &[u8]| {
        !target.is_own_domain
            || before.is_empty()
            || is_stage(before) && target.stage != Some(b"$default")
    };
    if count > MAX_SEGMENTS {
        return None;
    }
    if !is_greedy {
        // There is one place where so many segments are left.
        let all = slashes(path);
        let from = end_of(path, all.checked_sub(count)?)?;
        return at(from).filter(|(before, _)| may_precede(before));
    }
    let stage = target.stage.filter(|_| target.is_own_domain);
    let behind_stage = stage.and_then(|stage| {
        let rest = path.strip_prefix(b"/")?.strip_prefix(stage)?;
        (rest.is_empty() || rest[0] == b'/').then_some(path.len() - rest.len())
    });
    if let Some(found) = behind_stage.and_then(at) {
        return Some(found);
    }
    // Where it fits in several places, values in one of them would stand before it in another.
    let starts = (0..=path.len()).filter(|at| matches!(path.get(*at), None | Some(b'/')));
    let mut found = starts
        .take(MAX_SEGMENTS)
        .filter_map(at)
        .filter(|(before, _)| may_precede(before));
    let first = found.next()?;
    (count == 0 || found.next().is_none()).then_some(first)
}

/// Where so many segments end that `path` begins with.
fn end_of(path: &[u8], count: usize) -> Option<usize> {
    let mut slashes = (0..=path.len()).filter(|at| matches!(path.get(*at), None | Some(b'/')));
    slashes.nth(count)
}

/// Whether a segment of a path can be one of a template. The gateway has compared them decoded.
fn matches_segment(template: &[u8], real: &[u8]) -> bool {
    let is_parameter = template.starts_with(b"{") && template.ends_with(b"}");
    if is_parameter {
        return !real.is_empty();
    }
    let mut rest = real;
    let decoded = std::iter::from_fn(|| {
        let (&first, after) = rest.split_first()?;
        let escape = |digits: &[u8]| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok();
        let byte = match after.get(..2).filter(|_| first == b'%').and_then(escape) {
            Some(byte) => {
                rest = &after[2..];
                byte
            }
            None => {
                rest = after;
                first
            }
        };
        Some(byte)
    });
    template.iter().copied().eq(decoded)
}

fn push_real(out: &mut Vec<u8>, path: &[u8]) {
    for &byte in path {
        match byte {
            b'{' => out.extend_from_slice(b"%7B"),
            b'}' => out.extend_from_slice(b"%7D"),
            _ => out.push(byte),
        }
    }
}

/// What the paths of one document tell of its format: whether it logs templates as paths.
///
/// Nobody can tell by one line, since a caller may have asked for a path with braces. Where it does, each line of a
/// route with a parameter has them, and none has what only a real path has.
#[derive(Debug, Default)]
pub(super) struct Paths {
    is_real: bool,
    lines: u32,
    with_braces: u32,
    /// One of those with braces was a call that succeeded, as few are for paths that a caller makes up.
    has_succeeded: bool,
}

impl Paths {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a line has shown that they are real paths.
    pub(super) fn are_real(&self) -> bool {
        self.is_real
    }

    /// Notes the path of a line that has no template. Returns whether it may be one.
    pub(super) fn note(&mut self, path: &[u8], stage: &[u8], status: &[u8]) -> bool {
        self.is_real |= is_real(path, stage);
        let has_braces = has_braces(path);
        self.lines = self.lines.saturating_add(1);
        self.with_braces += u32::from(has_braces);
        self.has_succeeded |= has_braces && matches!(status.first(), None | Some(b'2'));
        has_braces && !self.is_real
    }

    /// Whether a path with braces is a template.
    pub(super) fn are_templates(&self) -> bool {
        !self.is_real
            && self.has_succeeded
            && self.with_braces >= 2
            && self.with_braces >= self.lines - self.with_braces
    }
}

/// Whether a path has a parameter in braces.
pub(super) fn has_braces(path: &[u8]) -> bool {
    let open = path.windows(2).position(|pair| pair == b"/{");
    open.is_some_and(|open| path[open..].contains(&b'}'))
}

/// Whether a path has what no template has: the stage, an escape, a number, or an id in hexadecimal digits.
fn is_real(path: &[u8], stage: &[u8]) -> bool {
    let mut segments = path.split(|byte| *byte == b'/').skip(1);
    let is_value = |segment: &[u8]| {
        let is_number = !segment.is_empty() && segment.iter().all(u8::is_ascii_digit);
        let is_hex = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
        is_number || segment.len() >= 16 && segment.iter().all(is_hex)
    };
    let has_stage = !stage.is_empty() && segments.clone().next() == Some(stage);
    has_stage || path.contains(&b'%') || segments.any(is_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let route = |text: &'static str| Route::new(text.as_bytes());
        let new = |method: Option<&'static str>, template: &'static str| Route {
            method: method.map(str::as_bytes),
            template: Some(template.as_bytes()),
        };
        assert_eq!(
            route("GET /pets/{petId}"),
            new(Some("GET"), "/pets/{petId}")
        );
        assert_eq!(route("ANY /{proxy+}"), new(None, "/{proxy+}"));
        assert_eq!(route("/pets"), new(None, "/pets"));
        for text in ["$default", "$connect", "-", "", "GET", "GET pets", "abc12"] {
            assert_eq!(route(text), Route::default(), "{text}");
        }
    }

    #[test]
    fn a_template_takes_the_place_of_what_it_stands_for() {
        let filled = |template: &str, path: &str, stage: &str, is_own_domain| {
            let mut out = b"x".to_vec();
            let some = |text: &'static str| Some(text).filter(|text| !text.is_empty());
            let (path, stage) = (path.to_string().leak(), stage.to_string().leak());
            let target = Target {
                path: some(path).map(str::as_bytes),
                stage: some(stage).map(str::as_bytes),
                is_own_domain,
            };
            let is_known = fill(&mut out, template.as_bytes(), target);
            is_known.then(|| String::from_utf8(out).unwrap())
        };
        for (template, path, stage, on_own_domain, on_custom_domain) in [
            // The stage stays, and so does a base path; without a path there is neither.
            (
                "/pets/{id}",
                "/prod/pets/42",
                "prod",
                "/prod/pets/{id}",
                "/prod/pets/{id}",
            ),
            (
                "/pets/{id}",
                "/prod/pets/42",
                "",
                "/prod/pets/{id}",
                "/prod/pets/{id}",
            ),
            (
                "/pets/{id}",
                "/a/b/pets/42",
                "prod",
                "/pets/{id}",
                "/a/b/pets/{id}",
            ),
            (
                "/pets/{id}",
                "/pets/42",
                "$default",
                "/pets/{id}",
                "/pets/{id}",
            ),
            ("/pets/{id}", "", "prod", "/pets/{id}", "/pets/{id}"),
            (
                "/pets/{id}",
                "/prod/pets/42/",
                "prod",
                "/prod/pets/{id}",
                "/prod/pets/{id}",
            ),
            (
                "/{a}/{b}",
                "/prod/x/y",
                "prod",
                "/prod/{a}/{b}",
                "/prod/{a}/{b}",
            ),
            ("/{a}", "/a@b.example", "$default", "/{a}", "/{a}"),
            (
                "/prod/{id}",
                "/prod/prod/7",
                "prod",
                "/prod/prod/{id}",
                "/prod/prod/{id}",
            ),
            // What the gateway compared decoded, and a path that can't be the template's.
            (
                "/my pets/{id}",
                "/prod/my%20pets/7",
                "prod",
                "/prod/my pets/{id}",
                "/prod/my pets/{id}",
            ),
            (
                "/pets/{id}",
                "/secret/7",
                "prod",
                "/pets/{id}",
                "/pets/{id}",
            ),
            ("/pets/{id}", "/7", "prod", "/pets/{id}", "/pets/{id}"),
            // The root.
            ("/", "/prod", "prod", "/prod", "/prod"),
            ("/", "/prod/", "prod", "/prod", "/prod"),
            ("/", "/", "$default", "/", "/"),
            ("/", "/dev", "prod", "/dev", "/dev"),
            ("/", "/a/7", "prod", "/", "/a/7"),
            // The rest of a greedy parameter stays, its braces encoded.
            (
                "/{proxy+}",
                "/prod/a/{b}/7",
                "prod",
                "/prod/a/%7Bb%7D/7",
                "/prod/a/%7Bb%7D/7",
            ),
            (
                "/u/{id}/{proxy+}",
                "/prod/u/7/x/8",
                "prod",
                "/prod/u/{id}/x/8",
                "/prod/u/{id}/x/8",
            ),
            (
                "/u/{id}/{proxy+}",
                "/v1/u/7/x/",
                "prod",
                "/v1/u/{id}/x/",
                "/v1/u/{id}/x/",
            ),
            ("/u/{proxy+}", "", "", "/u/{proxy+}", "/u/{proxy+}"),
            (
                "/u/{proxy+}",
                "/prod/v/7",
                "prod",
                "/u/{proxy+}",
                "/u/{proxy+}",
            ),
        ] {
            for (is_own, expected) in [(true, on_own_domain), (false, on_custom_domain)] {
                assert_eq!(
                    filled(template, path, stage, is_own).as_deref(),
                    Some(expected),
                    "{template} {path} {stage} {is_own}"
                );
            }
        }
        assert_eq!(filled("/{proxy+}", "", "prod", true), None);
        // Nothing is sent that may be a value in a place which the route names.
        for (template, path, stage, is_own_domain, expected) in [
            ("/{a}/{proxy+}", "/prod/S/y", "prod", true, "/prod/{a}/y"),
            ("/{a}/{proxy+}", "/S/y", "$default", true, "/{a}/y"),
            ("/{a}/{proxy+}", "/S/a/b", "", true, "/{a}/{proxy+}"),
            ("/{a}/{proxy+}", "/v1/S/y", "", false, "/{a}/{proxy+}"),
            (
                "/u/{id}/{proxy+}",
                "/u/u/S/x",
                "",
                false,
                "/u/{id}/{proxy+}",
            ),
            (
                "/u/{id}/{proxy+}",
                "/a%62c/u/S/x",
                "",
                false,
                "/a%62c/u/{id}/x",
            ),
            ("/u/{id}/{proxy+}", "/v1/%75/S/x", "", false, "/v1/u/{id}/x"),
            (
                "/{a}/u/{id}/{proxy+}",
                "/v1/a%20b/u/S/x",
                "",
                false,
                "/v1/{a}/u/{id}/x",
            ),
            (
                "/{a}/{id}/{proxy+}",
                "//prod/A/S/x",
                "prod",
                true,
                "/{a}/{id}/{proxy+}",
            ),
            ("/a/{id}", "/b/S", "prod", true, "/a/{id}"),
        ] {
            let found = filled(template, path, stage, is_own_domain);
            assert_eq!(found.as_deref(), Some(expected), "{template} {path}");
        }
        // Neither long paths nor long templates take long.
        let slashes = "/".repeat(60_000);
        for template in [
            "/a/{id}",
            "/{a}/x/{proxy+}",
            &format!("{slashes}a"),
            &format!("{slashes}{{a+}}"),
        ] {
            filled(template, &slashes, "prod", false);
        }
    }

    #[test]
    fn only_the_others_tell_that_paths_are_templates() {
        let are_templates = |paths: &[&str]| {
            let mut seen = Paths::default();
            for path in paths {
                seen.note(path.as_bytes(), b"prod", b"200");
            }
            seen.are_templates()
        };
        for (paths, expected) in [
            (&["/pets/{id}"][..], false),
            (&["/pets/{id}", "/pets/{id}"], true),
            (&["/pets/{id}", "/pets", "/orders/{id}"], true),
            (&["/pets/{id}", "/pets", "/orders", "/users", "/{x}"], false),
            (&["/pets/{id}", "/pets/{id}", "/pets/7"], false),
            (&["/pets/{id}", "/pets/{id}", "/prod/pets"], false),
            (&["/pets/{id}", "/a%20b", "/pets/{id}"], false),
            (
                &["/{id}", "/{id}", "/7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11"],
                false,
            ),
            (&["/pets/{id", "/pets/a{id}"], false),
        ] {
            assert_eq!(are_templates(paths), expected, "{paths:?}");
        }
    }
}
