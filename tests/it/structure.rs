//! The invariants that `src/lib.rs` states, held against the source text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below `src`, and its code without comments and unit tests.
struct Source {
    path: String,
    code: String,
}

impl Source {
    /// Whether it belongs to the Lambda build.
    fn is_of_the_function(&self) -> bool {
        let others = ["bin", "local", "measure.rs", "properties", "standin"];
        !others.contains(&self.path.split('/').next().unwrap())
    }

    /// The module at the top of `src` that it belongs to.
    fn room(&self) -> &str {
        room(&self.path)
    }
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    fn walk(directory: &Path, sources: &mut Vec<Source>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, sources);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_stem().is_some_and(|stem| stem != "tests")
            {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap();
                let lines = text.lines().filter(|line| !line.trim().starts_with("//"));
                let path = path.strip_prefix(root()).unwrap();
                sources.push(Source {
                    path: path.to_str().unwrap().replace('\\', "/"),
                    code: lines.collect::<Vec<_>>().join("\n"),
                });
            }
        }
    }
    let mut sources = Vec::new();
    walk(&root(), &mut sources);
    assert!(sources.len() > 50, "{}", sources.len());
    sources
}

/// Of the function's files, only those below one of these paths have one of these words.
#[track_caller]
fn only(paths: &[&str], words: &[&str]) {
    let mut seen = BTreeSet::new();
    for source in sources()
        .iter()
        .filter(|source| source.is_of_the_function())
    {
        for word in words.iter().filter(|&&word| source.code.contains(word)) {
            let path = paths.iter().find(|&&path| source.path.starts_with(path));
            let path = path.unwrap_or_else(|| panic!("{} has {word}", source.path));
            seen.insert(path);
        }
    }
    // A word that nobody has any more would hold nothing.
    assert_eq!(seen.len(), paths.len(), "{seen:?} of {paths:?}");
}

#[test]
fn sockets_are_in_the_two_clients() {
    let words = [
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "ureq::unversioned",
    ];
    only(
        &[
            "node/connection.rs",
            "node/dial.rs",
            "node/tcp.rs",
            "runtime.rs",
        ],
        &words,
    );
}

#[test]
fn the_environment_is_read_in_the_configuration() {
    only(&["config/mod.rs"], &["std::env", "env::var"]);
    only(&["config/certificates.rs"], &["std::fs", "File::open"]);
}

#[test]
fn one_module_prints() {
    only(
        &["report.rs"],
        &["print!", "println!", "stdout()", "stderr()", "dbg!"],
    );
}

#[test]
fn no_module_ends_the_process() {
    only(&[], &["process::exit", "process::abort", "abort()"]);
    // Its status is returned to the binary.
    only(&["function.rs"], &["ExitCode"]);
}

/// What decides takes bytes and returns values: no clock, no thread, no lock.
#[test]
fn decisions_need_no_clock_and_no_thread() {
    let pure = [
        "account.rs",
        "crc32.rs",
        "envelope/",
        "event/",
        "fnv.rs",
        "gzip.rs",
        "http1.rs",
        "json.rs",
        "node/host.rs",
        "node/job.rs",
        "node/pace.rs",
        "node/retry_after.rs",
        "record/",
        "sampler/",
        "time.rs",
        "wire/",
    ];
    let words = [
        "::now()",
        ".elapsed()",
        "thread",
        "Mutex",
        "Atomic",
        "RefCell",
        "static mut",
    ];
    let sources = sources();
    for path in pure {
        let mut files = sources
            .iter()
            .filter(|source| source.path.starts_with(path))
            .peekable();
        assert!(files.peek().is_some(), "{path}");
        for source in files {
            for word in words {
                assert!(!source.code.contains(word), "{} has {word}", source.path);
            }
        }
    }
}

/// A stand-in that shared the function's code would share its mistakes.
#[test]
fn the_stand_ins_use_nothing_of_the_function() {
    let mut files = 0;
    for source in sources() {
        if source.room() == "standin" {
            files += 1;
            for path in source.code.split("crate::").skip(1) {
                assert!(
                    path.starts_with("standin::"),
                    "{}: crate::{path:.60}",
                    source.path
                );
            }
            assert!(!source.code.contains("super::super"), "{}", source.path);
        }
    }
    assert!(files > 10, "{files}");
}

/// The names that `code` takes from below `prefix`, such as `crate::`: the first part of each.
fn taken<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names = Vec::new();
    for rest in code.split(prefix).skip(1) {
        match rest.strip_prefix('{') {
            // The list ends with the statement; what stands inside inner braces is below one of its names.
            Some(list) => {
                let list = list.split(';').next().unwrap();
                names.extend(list.split(|c| !is_name(c)).filter(|name| !name.is_empty()));
            }
            None => names.push(rest.split(|c| !is_name(c)).next().unwrap()),
        }
    }
    names
}

/// Fails where the arrows lead from a name back to itself.
#[track_caller]
fn no_circle(arrows: &BTreeMap<String, BTreeSet<String>>) {
    let mut left = arrows.clone();
    // What leads nowhere is in no circle, and neither is what leads only there.
    while let Some(name) = left
        .iter()
        .find(|(_, to)| {
            !to.iter()
                .any(|to| arrows.contains_key(to) && left.contains_key(to))
        })
        .map(|(name, _)| name.clone())
    {
        left.remove(&name);
    }
    assert!(left.is_empty(), "a circle among {left:?}");
}

#[test]
fn the_modules_form_no_circle() {
    let sources = sources();
    let rooms: BTreeSet<&str> = sources.iter().map(Source::room).collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.room() != "lib") {
        let to = arrows.entry(source.room().to_string()).or_default();
        let names = taken(&source.code, "crate::").into_iter();
        to.extend(
            names
                .filter(|name| rooms.contains(name) && *name != source.room())
                .map(String::from),
        );
    }
    // The one way of the data, as the picture in `lib.rs` has it.
    for (from, to) in [
        ("function", "forwarder"),
        ("forwarder", "node"),
        ("node", "wire"),
        ("wire", "record"),
    ] {
        assert!(arrows[from].contains(to), "{from} -> {to}");
    }
    no_circle(&arrows);
}

#[test]
fn the_files_of_a_module_form_no_circle() {
    let sources = sources();
    for module in ["config", "envelope", "forwarder", "node", "record"] {
        let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for source in sources.iter().filter(|source| source.room() == module) {
            let file = source
                .path
                .split_once('/')
                .unwrap()
                .1
                .trim_end_matches(".rs")
                .to_string();
            if file == "mod" {
                continue;
            }
            let to = arrows.entry(file).or_default();
            to.extend(taken(&source.code, "super::").into_iter().map(String::from));
        }
        assert!(arrows.len() > 1, "{module}");
        no_circle(&arrows);
    }
}

/// No module is so large that it hides several subjects: a quarter of the function's lines at most.
#[test]
fn no_module_has_more_than_a_quarter_of_the_lines() {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for source in sources()
        .iter()
        .filter(|source| source.is_of_the_function())
    {
        *lines.entry(source.room().to_string()).or_default() += source.code.lines().count();
    }
    let all: usize = lines.values().sum();
    for (module, lines) in lines {
        assert!(lines * 4 <= all, "{module} has {lines} of {all} lines");
    }
}
