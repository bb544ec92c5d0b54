//! The run: what is measured, in which order and how often.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::contender::{Contender, Who};
use crate::data::Event;
use crate::invoke::{self, Effort, Scheme};
use crate::results::{Key, Results, short};
use crate::tls::Authority;
use crate::{Error, Result, decode, start};

/// The sizes of events, in records. The last is about what an asynchronous invocation takes.
pub(crate) const SIZES: [usize; 4] = [1, 100, 1_000, 7_000];

/// What the command line says.
struct Options {
    quick: bool,
    /// Where the results go.
    out: PathBuf,
    /// Where files go that only the run itself needs.
    work: PathBuf,
    /// The programs that were built, by name.
    programs: BTreeMap<String, PathBuf>,
    /// Those that could not be, and why.
    absent: Vec<(String, String)>,
}

impl Options {
    fn read(args: &[&str]) -> Result<Self> {
        let mut options = Self {
            quick: false,
            out: PathBuf::new(),
            work: PathBuf::new(),
            programs: BTreeMap::new(),
            absent: Vec::new(),
        };
        let mut args = args.iter();
        while let Some(&arg) = args.next() {
            let mut value = || {
                args.next()
                    .ok_or_else(|| Error::from(format!("expected a value after {arg}")))
            };
            let pair = |text: &str| -> Result<(String, String)> {
                let (name, value) = text
                    .split_once('=')
                    .ok_or_else(|| Error::from(format!("expected NAME=VALUE after {arg}")))?;
                Ok((name.to_string(), value.to_string()))
            };
            match arg {
                "--quick" => options.quick = true,
                "--out" => options.out = value()?.into(),
                "--work" => options.work = value()?.into(),
                "--use" => {
                    let (name, path) = pair(value()?)?;
                    options.programs.insert(name, path.into());
                }
                "--not-run" => options.absent.push(pair(value()?)?),
                other => return Err(format!("no option is called {other}").into()),
            }
        }
        Ok(options)
    }

    fn program(&self, name: &str) -> Option<&Path> {
        self.programs.get(name).map(PathBuf::as_path)
    }

    fn contenders(&self) -> Vec<Contender> {
        let code = self.program("python-code").unwrap_or(Path::new(""));
        Who::ALL
            .into_iter()
            .filter_map(|who| {
                Some(Contender::new(
                    who,
                    self.program(who.key())?,
                    code,
                    &self.work,
                ))
            })
            .collect()
    }
}

/// How often things are done.
struct Amounts {
    starts: usize,
    /// Each start of Python takes as long as a hundred of the others.
    starts_of_python: usize,
    decodes: usize,
    rounds: usize,
    sizes: &'static [usize],
    effort: Effort,
}

impl Amounts {
    fn new(quick: bool) -> Self {
        if quick {
            Self {
                starts: 5,
                starts_of_python: 1,
                decodes: 3,
                rounds: 1,
                sizes: &SIZES[..2],
                effort: Effort {
                    time: Duration::from_millis(1),
                    most: 2,
                },
            }
        } else {
            Self {
                starts: 200,
                starts_of_python: 10,
                decodes: 60,
                rounds: 5,
                sizes: &SIZES,
                effort: Effort {
                    time: Duration::from_millis(250),
                    most: 30,
                },
            }
        }
    }
}

struct Run {
    options: Options,
    amounts: Amounts,
    contenders: Vec<Contender>,
    events: Vec<Event>,
    authority: Authority,
    results: Results,
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = Options::read(args)?;
    fs::create_dir_all(&options.work)?;
    fs::create_dir_all(&options.out)?;
    let amounts = Amounts::new(options.quick);
    let events = amounts.sizes.iter().map(|&records| Event::new(records));
    let mut run = Run {
        contenders: options.contenders(),
        events: events.collect::<std::io::Result<_>>()?,
        authority: Authority::new(&options.work)?,
        results: Results::default(),
        options,
        amounts,
    };
    for (name, why) in std::mem::take(&mut run.options.absent) {
        run.results.absent(name, why);
    }
    run.starts()?;
    run.decoding()?;
    run.invocations()?;
    fs::write(run.options.out.join("results.csv"), run.results.csv())?;
    print!("{}", run.results.csv());
    Ok(())
}

fn say(text: &str) {
    eprintln!("{text}");
}

impl Run {
    fn starts(&mut self) -> Result<()> {
        say("cold starts");
        let floor = self.options.program("floor-start");
        let every = self.amounts.starts / self.amounts.starts_of_python;
        for round in 0..self.amounts.starts {
            if let Some(floor) = floor {
                let found = start::floor(floor)?;
                let key = |figure| Key::of(figure, FLOOR_START);
                self.results
                    .add(key("start"), "µs", round, found.seconds * 1e6);
                self.results.add(
                    key("start_minor_faults"),
                    "",
                    round,
                    found.faults.minor as f64,
                );
                self.results.add(
                    key("start_major_faults"),
                    "",
                    round,
                    found.faults.major as f64,
                );
            }
            for contender in rotated(&self.contenders, round) {
                // Both of ours start the same way.
                if contender.who == Who::Batch
                    || contender.who == Who::Python && !round.is_multiple_of(every)
                {
                    continue;
                }
                let found = start::start(contender)
                    .map_err(|error| format!("{}: {error}", contender.who.name()))?;
                let name = contender.who.starts_as();
                let mut add = |figure, unit, value| {
                    self.results.add(Key::of(figure, name), unit, round, value);
                };
                add("start", "µs", found.seconds * 1e6);
                add("start_cpu", "µs", found.cpu_seconds * 1e6);
                add("start_minor_faults", "", found.faults.minor as f64);
                add("start_major_faults", "", found.faults.major as f64);
                add("start_resident", "KiB", found.memory.resident_kib as f64);
                add("start_threads", "", found.memory.threads as f64);
            }
        }
        let trace = self.options.work.join("trace");
        for contender in &self.contenders {
            if contender.who == Who::Batch {
                continue;
            }
            let name = contender.who.starts_as();
            match start::system_calls(contender, &trace) {
                Ok(calls) => {
                    let key = Key::of("start_system_calls", name);
                    self.results.add(key, "", 0, calls as f64);
                }
                Err(error) => self
                    .results
                    .absent(format!("system calls of {name}"), error.to_string()),
            }
        }
        Ok(())
    }

    fn decoding(&mut self) -> Result<()> {
        say("decoding and parsing");
        for (program, contenders) in DECODERS {
            let Some(path) = self.options.program(program) else {
                continue;
            };
            for event in &self.events {
                let file = self.options.work.join(format!("event-{}", event.records));
                fs::write(&file, &event.payload)?;
                let rounds = decode::rounds(path, &file, event.records, self.amounts.decodes)?;
                for (round, found) in rounds.iter().enumerate() {
                    let per_record = |seconds: f64| seconds * 1e9 / event.records as f64;
                    for (name, seconds) in
                        [(contenders[0], found.ours), (contenders[1], found.floor)]
                    {
                        let key = Key::with("decode_cpu_per_record", name, "", event.records);
                        self.results.add(key, "ns", round, per_record(seconds));
                    }
                }
            }
        }
        Ok(())
    }

    fn invocations(&mut self) -> Result<()> {
        for round in 0..self.amounts.rounds {
            for event in &self.events {
                say(&format!(
                    "round {} of {}: events of {} records",
                    round + 1,
                    self.amounts.rounds,
                    event.records
                ));
                for scheme in Scheme::ALL {
                    for contender in rotated(&self.contenders, round) {
                        let found = invoke::sample(
                            contender,
                            scheme,
                            event,
                            self.amounts.effort,
                            &self.authority,
                        )?;
                        add_sample(
                            &mut self.results,
                            contender.who,
                            scheme,
                            event,
                            round,
                            &found,
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

/// The name under which the empty program stands.
pub(crate) const FLOOR_START: &str = "floor: an empty static binary";

/// The programs that compare decoders, and how the two that they hold are called.
pub(crate) const DECODERS: [(&str, [&str; 2]); 1] =
    [("floor-decode", ["ours", "floor: libdeflate + sonic-rs"])];

impl Who {
    /// Both of ours are one program.
    pub(crate) fn starts_as(self) -> &'static str {
        if self.is_ours() { "ours" } else { self.name() }
    }
}

/// All of them, beginning with another one each time.
fn rotated<T>(all: &[T], by: usize) -> impl Iterator<Item = &T> {
    all.iter()
        .cycle()
        .skip(by % all.len().max(1))
        .take(all.len())
}

fn add_sample(
    results: &mut Results,
    who: Who,
    scheme: Scheme,
    event: &Event,
    round: usize,
    found: &invoke::Sample,
) {
    let records = event.records as f64;
    let later = records * f64::from(found.invocations);
    let mut add = |figure, unit, value| {
        let key = Key::with(figure, who.name(), scheme.name(), event.records);
        results.add(key, unit, round, value);
    };
    add("cpu_per_record", "µs", found.cpu * 1e6 / records);
    add(
        "first_cpu_per_record",
        "µs",
        found.first_cpu * 1e6 / records,
    );
    add("wall", "ms", found.wall * 1e3);
    add("first_wall", "ms", found.first_wall * 1e3);
    add("peak_memory", "KiB", found.memory.peak_kib as f64);
    add("threads", "", found.memory.threads as f64);
    add(
        "bytes_sent_per_record",
        "B",
        found.traffic.bytes_in as f64 / later,
    );
    add(
        "bytes_received_per_record",
        "B",
        found.traffic.bytes_out as f64 / later,
    );
    add(
        "messages_per_record",
        "",
        found.traffic.messages as f64 / later,
    );
    add("first_bytes_sent", "B", found.first_traffic.bytes_in as f64);
    add(
        "first_connections",
        "",
        found.first_traffic.connections as f64,
    );
    add("later_connections", "", found.traffic.connections as f64);
    let _ = short(0.0);
}
