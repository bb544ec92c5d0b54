//! The run: the measurements, their order and their number.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cw_resend_lambda::local::cost::prices::Prices;

use crate::contender::{
    ASKS, Contender, DECODERS, EMPTY_PROGRAMS, ONE_IN_FLIGHT, OURS_ARM64, OURS_STATIC, PROCESSORS,
    Who,
};
use crate::cost;
use crate::data::{Event, Lines, SIZES, SMALL_SIZES};
use crate::invoke::{self, Effort, Scheme};
use crate::report::{self, Facts};
use crate::results::{Key, Results};
use crate::tls::Authority;
use crate::{Error, Result, check, decode, delay, start, targets, tools};

/// The options of the command line.
struct Options {
    quick: bool,
    /// The directory for the results.
    out: PathBuf,
    /// The directory for files that only the run itself needs.
    work: PathBuf,
    /// The file of prices.
    prices: PathBuf,
    /// The built programs, by name.
    programs: BTreeMap<String, PathBuf>,
    /// The programs that could not be built, and the reasons.
    absent: Vec<(String, String)>,
    facts: Facts,
}

impl Options {
    fn read(args: &[&str]) -> Result<Self> {
        let mut options = Self {
            quick: false,
            out: PathBuf::new(),
            work: PathBuf::new(),
            prices: PathBuf::new(),
            programs: BTreeMap::new(),
            absent: Vec::new(),
            facts: Vec::new(),
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
                "--prices" => options.prices = value()?.into(),
                "--fact" => options.facts.push(pair(value()?)?),
                "--use" => {
                    let (name, path) = pair(value()?)?;
                    options.programs.insert(name, path.into());
                }
                "--not-run" => options.absent.push(pair(value()?)?),
                other => return Err(format!("unknown option: {other}").into()),
            }
        }
        Ok(options)
    }

    fn program(&self, name: &str) -> Option<&Path> {
        self.programs.get(name).map(PathBuf::as_path)
    }

    fn contenders(&self) -> Vec<Contender> {
        let contender = |who: Who| self.contender(who, who.key());
        Who::ALL.into_iter().filter_map(contender).collect()
    }

    /// A contender by a program of this name, if there is one.
    fn contender(&self, who: Who, program: &str) -> Option<Contender> {
        let code = self.program("python-code").unwrap_or(Path::new(""));
        let path = self.program(program)?;
        Some(Contender::new(who, path, code, &self.work))
    }
}

/// The number of repetitions.
struct Amounts {
    starts: usize,
    /// One start of Python takes as long as many of the others.
    starts_of_python: usize,
    decodes: usize,
    rounds: usize,
    /// For each kind of line, and for small events.
    rounds_of_kinds: usize,
    /// The number of records of a kind.
    records_of_a_kind: usize,
    colds: usize,
    delays: usize,
    /// Python waits for 20 seconds in each.
    delays_of_others: usize,
    sizes: &'static [usize],
    effort: Effort,
}

impl Amounts {
    fn new(quick: bool) -> Self {
        if quick {
            Self {
                starts: 4,
                starts_of_python: 2,
                decodes: 3,
                rounds: 1,
                rounds_of_kinds: 1,
                records_of_a_kind: 100,
                colds: 2,
                delays: 1,
                delays_of_others: 1,
                sizes: &SIZES[..2],
                effort: Effort {
                    time: Duration::from_millis(1),
                    maximum: 2,
                },
            }
        } else {
            Self {
                starts: 200,
                starts_of_python: 12,
                decodes: 40,
                rounds: 3,
                rounds_of_kinds: 3,
                records_of_a_kind: 7_000,
                colds: 40,
                delays: 3,
                delays_of_others: 2,
                sizes: &SIZES,
                effort: Effort {
                    time: Duration::from_millis(250),
                    maximum: 30,
                },
            }
        }
    }
}

struct Run {
    options: Options,
    amounts: Amounts,
    contenders: Vec<Contender>,
    /// By size, the smallest first.
    events: Vec<Event>,
    /// Of the sizes that users have.
    small: Vec<Event>,
    /// Of the other kinds of lines.
    kinds: Vec<(Lines, Event)>,
    authority: Authority,
    results: Results,
}

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let options = Options::read(args)?;
    fs::create_dir_all(&options.work)?;
    fs::create_dir_all(&options.out)?;
    let prices = Prices::read(&options.prices)?;
    let amounts = Amounts::new(options.quick);
    let events = amounts.sizes.iter().map(|&records| Event::new(records));
    let small = SMALL_SIZES.iter().map(|&records| Event::new(records));
    let kinds = Lines::OTHERS.into_iter().map(|lines| {
        let event = Event::of(lines, amounts.records_of_a_kind)?;
        Ok((lines, event))
    });
    let mut run = Run {
        small: small.collect::<std::io::Result<_>>()?,
        kinds: kinds.collect::<std::io::Result<_>>()?,
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
    say("comparing the messages of all contenders");
    check::all_send_the_same(&run.contenders, &run.events[1], &run.authority)?;
    for lines in Lines::OTHERS {
        // The other contenders need every field.
        if lines != Lines::Lean {
            let event = Event::of(lines, run.events[1].records)?;
            check::all_send_the_same(&run.contenders, &event, &run.authority)?;
        }
    }
    run.starts()?;
    run.cold_starts()?;
    run.decoding()?;
    run.kinds()?;
    run.small_events()?;
    run.invocations()?;
    run.delays()?;
    run.throttled()?;
    run.system_calls();
    run.allocations();
    run.instructions();
    run.emulated();
    run.sizes()?;
    run.costs(&prices);
    run.write(&prices)
}

fn say(text: &str) {
    eprintln!("{text}");
}

impl Run {
    fn largest(&self) -> &Event {
        &self.events[self.events.len() - 1]
    }

    /// One contender for each program.
    fn programs(&self) -> impl Iterator<Item = &Contender> {
        self.contenders
            .iter()
            .filter(|contender| contender.who != Who::Batch)
    }

    fn sample(
        &self,
        contender: &Contender,
        scheme: Scheme,
        event: &Event,
    ) -> Result<invoke::Sample> {
        invoke::sample(
            contender,
            scheme,
            event,
            self.amounts.effort,
            &self.authority,
        )
    }

    fn starts(&mut self) -> Result<()> {
        say("cold starts");
        let empty = EMPTY_PROGRAMS.map(|(program, name)| {
            let path = self.options.program(program);
            path.map(|path| (path.to_path_buf(), name))
        });
        let programs: Vec<Contender> = self.programs().cloned().collect();
        let every = self.amounts.starts / self.amounts.starts_of_python;
        for round in 0..self.amounts.starts {
            for (path, name) in empty.iter().flatten() {
                self.add_start(name, round, &start::empty_program(path)?);
            }
            for contender in rotated(&programs, round) {
                if contender.who == Who::Python && !round.is_multiple_of(every) {
                    continue;
                }
                let name = contender.who.program();
                let found = start::start(contender).map_err(|error| format!("{name}: {error}"))?;
                self.add_start(name, round, &found);
                let mut add = |figure, unit, value| {
                    self.results.add(Key::of(figure, name), unit, round, value);
                };
                add("start_resident", "KiB", found.memory.resident_kib as f64);
                add("start_threads", "", found.memory.threads as f64);
            }
        }
        let trace = self.options.work.join("trace");
        for contender in &programs {
            let name = contender.who.program();
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

    /// Starts by programs of which nothing is in memory, beside the same with all of it.
    fn cold_starts(&mut self) -> Result<()> {
        say("cold starts from the disk");
        let asks = self.options.contender(Who::Resend, "asks");
        let linked = self.options.contender(Who::Resend, "ours-static");
        let mut programs: Vec<(&'static str, Contender)> = Vec::new();
        programs.extend(asks.map(|contender| (ASKS, contender)));
        programs.extend(linked.map(|contender| (OURS_STATIC, contender)));
        for contender in self.programs() {
            if contender.who != Who::Python {
                programs.push((contender.who.program(), contender.clone()));
            }
        }
        let mut stayed = Vec::new();
        for round in 0..self.amounts.colds {
            for (name, contender) in rotated(&programs, round) {
                let name = *name;
                if matches!(name, ASKS | OURS_STATIC) {
                    let warm = start::start(contender).map_err(|e| format!("{name}: {e}"))?;
                    self.add_start(name, round, &warm);
                }
                start::drop_pages(contender.program())?;
                let found = start::start(contender).map_err(|e| format!("{name}: {e}"))?;
                // Where a file system keeps its files in memory, there is nothing to read.
                if found.faults.major == 0 {
                    stayed.push(name);
                    continue;
                }
                let mut add = |figure, unit, value| {
                    self.results.add(Key::of(figure, name), unit, round, value);
                };
                add("start_from_disk", "µs", found.seconds * 1e6);
                add("start_from_disk_cpu", "µs", found.cpu_seconds * 1e6);
                add("start_from_disk_faults", "", found.faults.major as f64);
            }
        }
        if !stayed.is_empty() {
            say(&format!(
                "{} of the starts from the disk read nothing from it, and don't count",
                stayed.len()
            ));
        }
        if let Some(path) = self.options.program("cpuid") {
            let output = Command::new(path).output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            if let Ok(nanoseconds) = text.trim().parse() {
                self.results
                    .add(Key::of("cpuid", "this machine"), "ns", 0, nanoseconds);
            }
        }
        Ok(())
    }

    /// What other lines cost than the uniform ones of one format.
    fn kinds(&mut self) -> Result<()> {
        say("lines of other kinds");
        let uniform = Event::new(self.amounts.records_of_a_kind)?;
        let (program, names) = DECODERS[0];
        if let Some(path) = self.options.program(program) {
            let all = self.kinds.iter().map(|(lines, event)| (*lines, event));
            // All within one moment, so that a ratio is made of one round.
            for round in 0..self.amounts.decodes / 3 {
                for (lines, event) in all.clone().chain([(Lines::Uniform, &uniform)]) {
                    let file = self.options.work.join(lines.decode_figure());
                    if round == 0 {
                        fs::write(&file, &event.payload)?;
                    }
                    for found in decode::rounds(path, &file, event.records, 1)? {
                        for (name, seconds) in names.into_iter().zip([found.ours, found.baseline]) {
                            let key = Key::with(lines.decode_figure(), name, "", event.records);
                            let value = seconds * 1e9 / event.records as f64;
                            self.results.add(key, "ns", round, value);
                        }
                    }
                }
            }
        }
        for round in 0..self.amounts.rounds_of_kinds {
            for (lines, event) in &self.kinds {
                for contender in rotated(&self.contenders, round) {
                    // The others need every field.
                    if *lines == Lines::Lean && !contender.who.is_ours() {
                        continue;
                    }
                    let found = self.sample(contender, Scheme::Http, event)?;
                    let name = contender.who.name();
                    let key = Key::with(lines.cpu_figure(), name, "http", event.records);
                    let value = found.cpu * 1e6 / event.records as f64;
                    self.results.add(key, "µs", round, value);
                }
            }
        }
        Ok(())
    }

    /// Events of the sizes that users have.
    fn small_events(&mut self) -> Result<()> {
        say("small events");
        for round in 0..self.amounts.rounds_of_kinds {
            for event in &self.small {
                for contender in rotated(&self.contenders, round) {
                    let found = self.sample(contender, Scheme::Http, event)?;
                    let mut add = |figure, unit, value| {
                        let name = contender.who.name();
                        let key = Key::with(figure, name, "http", event.records);
                        self.results.add(key, unit, round, value);
                    };
                    add("small_cpu", "µs", found.cpu * 1e6);
                    add("small_wall", "ms", found.wall * 1e3);
                }
            }
        }
        Ok(())
    }

    /// A fourteenth of a core and a Node of a quarter of a millisecond.
    fn throttled(&mut self) -> Result<()> {
        let quota = match delay::Quota::new() {
            Ok(quota) => quota,
            Err(error) if self.options.quick => {
                say(&format!("NOT RUN: a share of a core, because {error}"));
                return Ok(());
            }
            Err(error) => {
                let why = format!("this process may set no share of a core: {error}");
                self.results.absent("a share of a core", why);
                return Ok(());
            }
        };
        say("a share of a core");
        let event = &self.events[self.events.len() - 1];
        for round in 0..self.amounts.rounds_of_kinds {
            for contender in rotated(&self.contenders, round) {
                // Half a minute for the others, which are compared with the whole core above.
                if !contender.who.is_ours()
                    && (self.options.quick || contender.who == Who::Python || round > 0)
                {
                    continue;
                }
                let seconds = delay::throttled(contender, event, &quota, &self.authority)?;
                let name = contender.who.name();
                let key = Key::with("throttled_wall", name, "http", event.records);
                self.results.add(key, "ms", round, seconds * 1e3);
            }
        }
        Ok(())
    }

    /// The system calls of an invocation after the first.
    fn system_calls(&mut self) {
        say("system calls");
        let trace = self.options.work.join("calls");
        let event = &self.events[self.events.len() - 1];
        for contender in &self.contenders {
            let name = contender.who.name();
            let count =
                |times| tools::system_calls(contender, event, times, &trace, &self.authority);
            let difference = || -> Result<u64> { Ok(count(2)?.saturating_sub(count(1)?)) };
            match difference() {
                Ok(calls) => {
                    let key = Key::with("system_calls_per_record", name, "http", event.records);
                    let value = calls as f64 / event.records as f64;
                    self.results.add(key, "", 0, value);
                }
                Err(error) => self
                    .results
                    .absent(format!("system calls of {name}"), error.to_string()),
            }
        }
    }

    /// The instructions of both processors' programs, by an emulator.
    fn emulated(&mut self) {
        for (name, part, machine) in PROCESSORS {
            let Some(program) = self.options.program(part).map(ToOwned::to_owned) else {
                continue;
            };
            say(&format!("instructions, {name}"));
            if let Err(error) = self.emulate(name, part, machine, &program) {
                self.results
                    .absent(format!("instructions, {name}"), error.to_string());
            }
        }
    }

    fn emulate(
        &mut self,
        name: &'static str,
        part: &str,
        machine: &str,
        program: &Path,
    ) -> Result<()> {
        let map = |part: &str| {
            let path = self.options.program(&format!("{part}-map"));
            path.ok_or_else(|| Error::from(format!("there is no map of {part}")))
        };
        let command = format!("qemu-{machine}-static");
        // Debian's libc6:arm64 is at its own place. The cross-compiler's counts only where that is not there:
        // the loader of one build with the libc of the other never ends.
        let root = if machine == "x86_64" || Path::new("/lib/ld-linux-aarch64.so.1").exists() {
            "/"
        } else {
            "/usr/aarch64-linux-gnu"
        };
        let work = &self.options.work;
        let event = &self.events[1];
        let records = event.records as f64;
        let mut found = Vec::new();
        let emulator = tools::Emulator::new(&command, root, map(part)?, work)?;
        for who in [Who::Resend, Who::Batch] {
            let contender = Contender::new(who, program, Path::new(""), work);
            let count = |times| emulator.invocations(&contender, event, times, &self.authority);
            if who == Who::Resend {
                let start = count(0)?;
                let all = start.inflate + start.other;
                found.push(("emulated_start", all as f64));
            }
            let one = count(2)?.since(count(1)?);
            let figures = match who {
                Who::Batch => ["emulated_batch", "emulated_batch_inflate"],
                _ => ["emulated_resend", "emulated_resend_inflate"],
            };
            found.push((figures[0], one.other as f64 / records));
            found.push((figures[1], one.inflate as f64 / records));
        }
        let decode = format!("decode-{machine}");
        if let Some(decoder) = self.options.program(&decode) {
            let file = work.join("event-emulated");
            fs::write(&file, &event.payload)?;
            let emulator = tools::Emulator::new(&command, root, map(&decode)?, work)?;
            let one = emulator.decode(decoder, &file)?;
            found.push(("emulated_decode", one.other as f64 / records));
            found.push(("emulated_decode_inflate", one.inflate as f64 / records));
        }
        for (figure, value) in found {
            self.results.add(Key::of(figure, name), "", 0, value);
        }
        Ok(())
    }

    fn add_start(&mut self, name: &'static str, round: usize, found: &start::Start) {
        let mut add = |figure, unit, value| {
            self.results.add(Key::of(figure, name), unit, round, value);
        };
        add("start", "µs", found.seconds * 1e6);
        add("start_cpu", "µs", found.cpu_seconds * 1e6);
        add("start_minor_faults", "", found.faults.minor as f64);
        add("start_major_faults", "", found.faults.major as f64);
    }

    fn decoding(&mut self) -> Result<()> {
        say("decoding and parsing");
        for (program, names) in DECODERS {
            let Some(path) = self.options.program(program) else {
                continue;
            };
            for event in &self.events {
                let file = self.options.work.join(format!("event-{}", event.records));
                fs::write(&file, &event.payload)?;
                let rounds = decode::rounds(path, &file, event.records, self.amounts.decodes)?;
                for (round, found) in rounds.iter().enumerate() {
                    for (name, seconds) in names.into_iter().zip([found.ours, found.baseline]) {
                        let key = Key::with("decode_cpu_per_record", name, "", event.records);
                        let value = seconds * 1e9 / event.records as f64;
                        self.results.add(key, "ns", round, value);
                    }
                }
            }
            let event = self.largest();
            let records = event.records as f64;
            let file = self.options.work.join(format!("event-{}", event.records));
            for (name, which) in names.into_iter().zip(["ours", "baseline"]) {
                match tools::decode_instructions(path, &file, which) {
                    Ok(count) => {
                        let key = Key::of("decode_instructions_per_record", name);
                        self.results.add(key, "", 0, count as f64 / records);
                    }
                    Err(error) => self
                        .results
                        .absent(format!("instructions of {name}"), error.to_string()),
                }
            }
        }
        Ok(())
    }

    fn invocations(&mut self) -> Result<()> {
        for round in 0..self.amounts.rounds {
            for event in &self.events {
                say(&format!(
                    "events of {}, round {} of {}",
                    event.records,
                    round + 1,
                    self.amounts.rounds,
                ));
                for scheme in Scheme::ALL {
                    for contender in rotated(&self.contenders, round) {
                        let found = self.sample(contender, scheme, event)?;
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

    fn delays(&mut self) -> Result<()> {
        let event = &self.events[self.events.len() - 1];
        let authority = &self.authority;
        let Some(ours) = self.contenders.iter().find(|c| c.who == Who::Resend) else {
            return Ok(());
        };
        let messages = delay::in_order(check::messages(ours, Scheme::Http, event, authority)?);
        for round in 0..self.amounts.delays {
            say(&format!(
                "a slow Node, round {} of {}",
                round + 1,
                self.amounts.delays
            ));
            let mut add = |figure, unit, name, value: f64| {
                let key = Key::with(figure, name, "http", event.records);
                self.results.add(key, unit, round, value);
            };
            let seconds = delay::one_in_flight(&messages, event.records)?;
            add("delayed_wall", "ms", ONE_IN_FLIGHT, seconds * 1e3);
            for contender in rotated(&self.contenders, round) {
                if !contender.who.is_ours() && round >= self.amounts.delays_of_others {
                    continue;
                }
                let name = contender.who.name();
                let taken = delay::taken(contender, event, authority)?;
                let each = taken.cpu * 1e6 / event.records as f64;
                add("delayed_wall", "ms", name, taken.wall * 1e3);
                add("delayed_cpu_per_record", "µs", name, each);
            }
        }
        Ok(())
    }

    fn allocations(&mut self) {
        say("allocations");
        let Some(library) = self.options.program("allocations") else {
            return;
        };
        for who in Who::ALL {
            let name = who.name();
            let program = match who {
                Who::Go => "go-allocations",
                _ => who.key(),
            };
            let Some(contender) = self.options.contender(who, program) else {
                continue;
            };
            for event in &self.events {
                let records = event.records as f64;
                let found = tools::allocations(
                    &contender,
                    event,
                    library,
                    &self.options.work,
                    &self.authority,
                );
                match found {
                    Ok(found) => {
                        let mut add = |figure, unit, value| {
                            let key = Key::with(figure, name, "http", event.records);
                            self.results.add(key, unit, 0, value);
                        };
                        add("allocations_per_record", "", found.calls as f64 / records);
                        add("allocated_per_record", "B", found.bytes as f64 / records);
                    }
                    Err(error) => {
                        self.results
                            .absent(format!("allocations of {name}"), error.to_string());
                        break;
                    }
                }
            }
        }
    }

    fn instructions(&mut self) {
        for contender in self.contenders.clone() {
            let name = contender.who.name();
            if self.options.quick && contender.who != Who::Resend {
                continue;
            }
            say(&format!("instructions of {name}"));
            if contender.who == Who::Python {
                self.results.absent(
                    format!("instructions of {name}"),
                    "callgrind would need most of an hour for them",
                );
                continue;
            }
            if let Err(error) = self.count_instructions(&contender) {
                let error = error.to_string();
                let first = error.lines().next().unwrap_or_default();
                self.results.absent(
                    format!("instructions of {name}"),
                    format!("callgrind can't run it: {first}"),
                );
            }
        }
    }

    fn count_instructions(&mut self, contender: &Contender) -> Result<()> {
        let event = &self.events[self.events.len() - 1];
        let count = |times| tools::instructions(contender, event, times, &self.authority);
        let (none, one, two) = (count(0)?, count(1)?, count(2)?);
        let name = contender.who.name();
        let key = Key::with("instructions_per_record", name, "http", event.records);
        let value = two.saturating_sub(one) as f64 / event.records as f64;
        self.results.add(key, "", 0, value);
        if contender.who != Who::Batch {
            let key = Key::of("start_instructions", contender.who.program());
            self.results.add(key, "", 0, none as f64);
        }
        Ok(())
    }

    fn sizes(&mut self) -> Result<()> {
        let programs: Vec<Who> = self.programs().map(|contender| contender.who).collect();
        let mut all: Vec<(&'static str, String, &'static str)> = Vec::new();
        for who in programs {
            if who != Who::Python {
                all.push((who.program(), who.key().to_string(), "program_size"));
            }
            all.push((who.program(), format!("{}-zip", who.key()), "zip_size"));
        }
        all.push((OURS_ARM64, "ours-arm64".into(), "program_size"));
        all.push((OURS_ARM64, "ours-arm64-zip".into(), "zip_size"));
        for (name, program, figure) in all {
            if let Some(path) = self.options.program(&program) {
                let size = fs::metadata(path)?.len();
                self.results.add(Key::of(figure, name), "B", 0, size as f64);
            }
        }
        Ok(())
    }

    fn costs(&mut self, prices: &Prices) {
        let records = self.largest().records;
        for who in Who::ALL {
            let name = who.name();
            let median = |figure| {
                self.results
                    .median(&Key::with(figure, name, "http", records))
            };
            let (Some(cpu), Some(wall), Some(peak_kib)) = (
                median("cpu_per_record"),
                median("delayed_wall"),
                median("peak_memory"),
            ) else {
                continue;
            };
            let records = records as f64;
            let found = cost::cost(
                prices,
                cost::Invocation {
                    records,
                    cpu_seconds: cpu * records / 1e6,
                    wall_seconds: wall / 1e3,
                    peak_kib,
                },
            );
            let mut add = |figure, unit, value| {
                self.results.add(Key::of(figure, name), unit, 0, value);
            };
            add("cost_memory", "MB", found.memory_mb);
            add("cost_billed", "ms", found.billed_ms);
            add("cost_per_million_lines", "$", found.dollars_per_million);
        }
    }

    fn write(&self, prices: &Prices) -> Result<()> {
        let out = &self.options.out;
        let page = report::page(
            &self.results,
            &self.options.facts,
            prices,
            self.amounts.sizes,
        );
        let csv = self.results.csv() + &targets::rows(&self.results);
        fs::write(out.join("results.csv"), csv)?;
        fs::write(out.join("README.md"), page)?;
        fs::write(
            out.join("chart.svg"),
            report::chart(&self.results, self.amounts.sizes),
        )?;
        for (what, why) in &self.results.absent {
            say(&format!("NOT RUN: {what}, because {why}"));
        }
        if self.options.quick {
            for contender in &self.contenders {
                println!("{}: works", contender.who.name());
            }
            return match self.results.absent.len() {
                0 => Ok(()),
                count => Err(format!("{count} could not be run").into()),
            };
        }
        let (table, missed) = targets::table(&self.results);
        println!("{table}");
        println!("{missed} of these targets are missed.");
        Ok(())
    }
}

/// All elements, beginning with a different one each time.
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
    add(
        "first_connections",
        "",
        found.first_traffic.connections as f64,
    );
    add("later_connections", "", found.traffic.connections as f64);
}
