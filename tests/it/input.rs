//! Files as the tool is given them: what is read of each, and what is said of those that can't be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cw_resend_lambda::local::{
    error::CommandError,
    input::{self, Input, Line, Sink, Total},
    ui::Ui,
};

const UI: Ui = Ui {
    quiet: true,
    has_color: false,
    columns: None,
};

#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Sink for Lines {
    fn begin(&mut self) {}

    fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError> {
        let text = String::from_utf8_lossy(line.text).into_owned();
        self.0.push((line.file.to_owned(), text));
        Ok(())
    }
}

fn read(paths: &[PathBuf]) -> (Vec<(String, String)>, Result<Total, CommandError>) {
    let inputs: Vec<Input> = paths.iter().map(|path| Input::Path(path.clone())).collect();
    let mut lines = Lines::default();
    let total = input::read(&inputs, &UI, &mut lines);
    (lines.0, total)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tool/input")
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn each_file_gives_its_three_calls() {
    let mut count = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let (lines, total) = read(std::slice::from_ref(&path));
        let total = total.unwrap();
        assert_eq!((total.files, total.read, total.failures), (1, 1, 0));
        assert_eq!(total.bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(lines.len(), 3, "{}", path.display());
        for (n, (_, line)) in lines.iter().enumerate() {
            assert!(
                line.contains(&format!("/prod/pets/{n}")),
                "{}",
                path.display()
            );
        }
        count += 1;
    }
    assert!(count >= 9);
}

#[test]
fn a_folder_is_read_by_name_with_all_that_is_in_it() {
    let path = folder("input-folder");
    fs::create_dir_all(path.join("b/c")).unwrap();
    for (name, text) in [
        ("b/c/x", "{\"path\":\"/2\"}"),
        ("b/a", "{\"path\":\"/1\"}"),
        ("a.log", "{\"path\":\"/0\"}\n"),
        ("d", "{\"path\":\"/3\"}"),
        (".hidden", "{\"path\":\"/4\"}"),
        ("aws-logs-write-test", "Permission Check Successful"),
    ] {
        fs::write(path.join(name), text).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(&path, path.join("b/loop")).unwrap();
    let (lines, total) = read(std::slice::from_ref(&path));
    let total = total.unwrap();
    let texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    let expected = ["/0", "/1", "/2", "/3"].map(|path| format!("{{\"path\":\"{path}\"}}"));
    assert_eq!(texts, expected);
    assert_eq!((total.files, total.failures), (5, 0));
    assert!(lines[2].0.ends_with("b/c/x"));
}

#[test]
fn what_can_not_be_read_does_not_stop_the_others() {
    let path = folder("input-others");
    fs::write(path.join("a.png"), b"\x89PNG\r\n\x1a\n\0").unwrap();
    fs::write(path.join("z"), "{\"path\":\"/0\"}\n").unwrap();
    let (lines, total) = read(&[path.join("no such file"), path.clone()]);
    let total = total.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!((total.files, total.read, total.failures), (3, 1, 2));
}

#[test]
fn where_nothing_can_be_read_the_error_says_why() {
    let path = folder("input-nothing");
    let text = |paths: &[PathBuf]| read(paths).1.unwrap_err().to_string();
    assert!(text(std::slice::from_ref(&path)).contains("there are no files"));
    assert!(text(&[path.join("x")]).starts_with("failed to read "));
    fs::write(path.join("x"), "<html>").unwrap();
    assert!(text(std::slice::from_ref(&path)).contains("a page of HTML"));
    fs::write(path.join("y"), b"PK\x03\x04\0").unwrap();
    assert!(text(&[path]).contains("none of 2 files"));
}

/// A name may be no UTF-8, and may hold what a terminal would act on.
#[cfg(unix)]
#[test]
fn any_name_of_a_file_will_do() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let path = folder("input-names").join(OsStr::from_bytes(b"a\xff\x1b[31m\n\xe2\x80\xae"));
    fs::write(&path, "{\"path\":\"/0\"}\n").unwrap();
    let (lines, total) = read(&[path]);
    assert_eq!(total.unwrap().failures, 0);
    assert!(
        lines[0].0.ends_with("a\u{fffd}\\u{1b}[31m\\u{a}\\u{202e}"),
        "{}",
        lines[0].0
    );
}

/// A line for each line would go on for ever where the log that is read is the one that is written.
#[test]
fn a_file_that_grows_is_read_to_an_end() {
    struct Grow<'a>(&'a Path, u64);
    impl Sink for Grow<'_> {
        fn begin(&mut self) {}

        fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError> {
            self.1 += 1;
            let mut file = fs::OpenOptions::new().append(true).open(self.0).unwrap();
            std::io::Write::write_all(&mut file, &[line.text, b"\n"].concat()).unwrap();
            Ok(())
        }
    }
    let path = folder("input-grows").join("log");
    fs::write(&path, "{\"path\":\"/0\"}\n{\"path\":\"/1\"}").unwrap();
    let mut sink = Grow(&path, 0);
    input::read(&[Input::Path(path.clone())], &UI, &mut sink).unwrap();
    assert!((2..=4).contains(&sink.1), "{}", sink.1);
}

/// What is passed over in a folder is told, and so is what can't be read.
#[cfg(unix)]
#[test]
fn links_and_pipes_in_a_folder_are_told() {
    let path = folder("input-links");
    fs::write(path.join("a"), "{\"path\":\"/0\"}\n").unwrap();
    fs::create_dir(path.join("b")).unwrap();
    std::os::unix::fs::symlink("..", path.join("b/loop")).unwrap();
    std::os::unix::fs::symlink("nothing", path.join("dead")).unwrap();
    let made = Command::new("mkfifo").arg(path.join("s")).status();
    assert!(made.unwrap().success());
    let output = Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .args(["inventory", "."])
        .current_dir(&path)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    for expected in [
        "warning: ./b/loop: passed over, since a link to a folder is not followed: name it",
        "warning: ./s: passed over, since it is no file: name it",
        "warning: ./dead: No such file",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    let quiet = read(std::slice::from_ref(&path));
    let total = quiet.1.unwrap();
    assert_eq!((total.files, total.read, total.failures), (2, 1, 1));
}

fn demo(arguments: &[&str], input: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .args(arguments)
        .stdin(fs::File::open(input).unwrap())
        .output()
        .unwrap()
}

#[test]
fn the_tool_reads_standard_input_and_warns() {
    let input = fixtures().join("firehose");
    let output = demo(&["demo", "--log", "-"], &input);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("3 received = 3 forwarded"), "{text}");
    assert_eq!(output.stderr, b"");

    let whole = fs::read(&input).unwrap();
    let cut = folder("input-cut").join("cut");
    fs::write(&cut, &whole[..whole.len() - 20]).unwrap();
    let output = demo(&["demo", "--log", "-"], &cut);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with("warning: standard input: "), "{error}");
    assert!(error.contains("ends too early"), "{error}");
    let output = demo(&["-q", "demo", "--log", "-"], &cut);
    assert_eq!(output.stderr, b"");
}
