use super::*;
use crate::local::inventory::model::{Latency, Statuses};

fn page(inventory: &Inventory) -> String {
    let mut out = Vec::new();
    write(inventory, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn inventory(endpoints: Vec<Endpoint>) -> Inventory {
    Inventory {
        calls: endpoints.iter().map(|endpoint| endpoint.calls).sum(),
        endpoints,
        ..Inventory::default()
    }
}

fn endpoint(method: &str, path: &str) -> Endpoint {
    Endpoint {
        host: "api.example.com".into(),
        method: method.into(),
        path: path.into(),
        calls: 1,
        statuses: Statuses {
            success: 1,
            ..Statuses::default()
        },
        ..Endpoint::default()
    }
}

#[test]
fn the_policy_has_the_hashes_of_the_style_and_of_the_script() {
    assert_eq!(
        hash(""),
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    );
    let page = page(&Inventory::default());
    let mut lines = page.lines();
    let policy = lines.find(|line| line.contains("Content-Security-Policy"));
    let policy = policy.unwrap().replace("&#x2f;", "/");
    for element in ["style", "script"] {
        let (_, text) = page.split_once(&format!("<{element}>")).unwrap();
        let (text, _) = text.split_once(&format!("</{element}>")).unwrap();
        let allowed = format!("{element}-src '{}';", hash(text));
        assert!(policy.contains(&allowed), "{allowed} in {policy}");
    }
    // These would end the element that they are in.
    assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
}

/// Names and paths may be anything, and none of it becomes markup. tests/browser looks at the same in a browser.
#[test]
fn strangers_make_no_markup() {
    let attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" x='{{7*7}}{%raw%}\u{202e}";
    let mut hostile = endpoint(attack, &format!("/{attack}"));
    hostile.host = attack.into();
    hostile.hidden = Some(attack.into());
    hostile.parameters = vec![Parameter {
        name: attack.into(),
        shape: attack.into(),
        values: Some(2),
    }];
    let mut inventory = inventory(vec![hostile, endpoint("GET", "/")]);
    inventory.skipped.insert(attack.into(), 1);
    inventory.limits.push(attack.into());
    let page = page(&inventory);
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert!(!page.contains("<img"));
    assert!(!page.contains("\u{202e}"));
    assert!(!page.contains("{49}"));
    // An attribute can't be left.
    assert!(page.contains("data-host=\"&lt;&#x2f;script&gt;"));
    assert!(page.contains("alert(1)&gt;&quot; x=&#x27;{{7*7}}{%raw%}\\u{202e}"));
    // Alone on its page, a host is in the title.
    let mut alone = endpoint("GET", "/");
    alone.host = attack.into();
    let page = self::page(&self::inventory(vec![alone]));
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn an_empty_inventory_is_a_page_too() {
    let page = page(&Inventory::default());
    assert!(page.contains("The log doesn&#x27;t tell") || page.contains("The log doesn't tell"));
    assert!(page.ends_with("</html>\n"));
}

#[test]
fn the_most_called_come_first_and_others_as_the_inventory_has_them() {
    let mut endpoints = vec![
        endpoint("GET", "/b"),
        endpoint("GET", "/a"),
        endpoint("GET", "/c"),
    ];
    endpoints[2].calls = 1000;
    let page = page(&inventory(endpoints));
    let at = |path: &str| page.find(&format!(">&#x2f;{path}</code>")).unwrap();
    assert!(at("c") < at("b") && at("b") < at("a"));
    assert!(page.contains(">1,000<svg"));
}

#[test]
fn what_is_not_known_has_no_picture() {
    let mut silent = endpoint("GET", "/declared");
    silent.calls = 0;
    silent.statuses = Statuses::default();
    silent.documented = Some(true);
    let page = page(&inventory(vec![silent]));
    assert!(page.contains("Declared, not called"));
    assert!(!page.contains("<path") && !page.contains("class=\"powers"));
    assert!(!page.contains("\"NaN\"") && !page.contains("\"inf\""));
}

#[test]
fn bars_are_whole_whatever_the_shares() {
    for counts in [
        [1, 0, 0, 0, 0],
        [1_000_000, 1, 1, 1, 1],
        [u64::MAX, 1, 0, 0, 0],
    ] {
        let [success, redirection, client_error, server_error, other] = counts;
        let mut endpoint = endpoint("GET", "/");
        endpoint.statuses = Statuses {
            success,
            redirection,
            client_error,
            server_error,
            other,
        };
        let classes = classes([endpoint].iter());
        let widths: Vec<f64> = classes
            .iter()
            .map(|class| class.width.parse().unwrap())
            .collect();
        assert!(
            (99.5..=100.0).contains(&widths.iter().sum::<f64>()),
            "{widths:?}"
        );
        assert!(widths.iter().all(|width| *width > 1.0), "{widths:?}");
    }
}

#[test]
fn latencies_lie_within_their_scale() {
    let latency = |p50, p95, p99| Latency {
        count: 1,
        mean: p50,
        p50,
        p95,
        p99,
        max: p99,
    };
    let mut fast = endpoint("GET", "/a");
    fast.latency = Some(latency(0, 1, 2));
    let mut slow = endpoint("GET", "/b");
    slow.latency = Some(latency(10, 1000, 29_000));
    let scale = Scale::of(&[fast, slow.clone(), endpoint("GET", "/c")]).unwrap();
    assert_eq!((scale.from, scale.to), (0, 5));
    let described = scale.described();
    assert_eq!((&*described.from, &*described.to), ("1 ms", "100 s"));
    for (ms, x) in [
        (0, "0"),
        (1, "0"),
        (10, "24"),
        (100_000, "120"),
        (u64::MAX, "120"),
    ] {
        assert_eq!(short(scale.x(ms)), x);
    }
    for (p50, p95, p99, path) in [
        (
            1,
            10,
            100,
            "M0 6h24v8h-24zM24 9.5h24v1h-24zM48 6h1.5v8h-1.5z",
        ),
        (10, 10, 10, "M24 6h2v8h-2zM26 9.5h0v1h-0zM26 6h1.5v8h-1.5z"),
        (
            100_000,
            u64::MAX,
            u64::MAX,
            "M116 6h2v8h-2zM118 9.5h0v1h-0zM118 6h1.5v8h-1.5z",
        ),
    ] {
        assert_eq!(scale.picture(&latency(p50, p95, p99)), path);
    }
    slow.latency = Some(latency(u64::MAX, u64::MAX, u64::MAX));
    assert!(Scale::of(&[slow]).is_some());
    assert!(Scale::of(&[]).is_none());
}

#[test]
fn paths_are_cut_at_slashes_and_around_places() {
    for (path, expected) in [
        ("/", "/"),
        ("pets", "pets"),
        ("/pets/{id}", "/pets/|<{id}>"),
        ("/a{b}c{d}/", "/a<{b}>c<{d}>/"),
        ("/Products({integer})", "/Products(<{integer}>)"),
        ("/{", "/{"),
        ("/}{", "/}{"),
        ("//a//", "//|a/|/"),
    ] {
        let shown: String = pieces(path, true)
            .iter()
            .map(|piece| {
                let text = match piece.is_place {
                    true => format!("<{}>", piece.text),
                    false => piece.text.clone(),
                };
                if piece.breaks { text + "|" } else { text }
            })
            .collect();
        assert_eq!(shown, expected);
    }
}

#[test]
fn a_short_path_has_no_places_to_break() {
    let [first, place, last] = &pieces("/pets/{id}/toys", false)[..] else {
        panic!("three pieces");
    };
    assert_eq!(
        (&*first.text, &*place.text, &*last.text),
        ("/pets/", "{id}", "/toys")
    );
    assert!(![first, place, last].iter().any(|piece| piece.breaks));
}

#[test]
fn places_tell_what_their_names_do_not() {
    let parameter = |name: &str, shape: &str, values| Parameter {
        name: name.into(),
        shape: shape.into(),
        values,
    };
    for (parameters, expected) in [
        (vec![], ""),
        (vec![parameter("uuid2", "uuid", None)], ""),
        (vec![parameter("id", "text", None)], ""),
        (
            vec![parameter("id", "integer", Some(1234))],
            "{id}: integer, 1,234 values",
        ),
        (
            vec![
                parameter("uuid", "uuid", Some(1)),
                parameter("id", "integer", None),
            ],
            "{uuid}: 1 value; {id}: integer",
        ),
    ] {
        assert_eq!(places(&parameters), expected);
    }
}
