//! Invocations: a contender between a Runtime API and a Node gets one event repeatedly.

use std::time::{Duration, Instant};

use cw_resend_lambda::standin::runtime_api::{FakeRuntimeApi, Outcome};

use crate::contender::Contender;
use crate::data::Event;
use crate::node::{Node, Options, Traffic};
use crate::process::{Memory, Process};
use crate::tls::Authority;
use crate::{Error, Result};

/// Longer than any invocation takes here.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often to check whether a contender that should respond still runs.
const POLL: Duration = Duration::from_millis(500);

/// How a contender reaches the Node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) const ALL: [Self; 2] = [Self::Http, Self::Https];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The behaviour of the stand-ins.
#[derive(Clone, Default)]
pub(crate) struct Setting {
    /// How long the Node takes for each message.
    pub(crate) delay: Duration,
    /// Whether the Node keeps its messages.
    pub(crate) keeps: bool,
    /// The tool that the contender runs under, and its arguments.
    pub(crate) tool: Vec<String>,
    /// Variables in addition to the usual ones.
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// A contender that has asked for its first event.
pub(crate) struct Session {
    pub(crate) process: Process,
    pub(crate) node: Node,
    api: FakeRuntimeApi,
    contender: Contender,
}

impl Session {
    pub(crate) fn start(
        contender: &Contender,
        scheme: Scheme,
        records: usize,
        setting: &Setting,
        authority: &Authority,
    ) -> Result<Self> {
        let api = FakeRuntimeApi::start()?;
        let options = Options {
            delay: setting.delay,
            keeps: setting.keeps,
            tls: (scheme == Scheme::Https).then(|| authority.server()),
        };
        let node = Node::start(records, options)?;
        let mut variables = setting.variables.clone();
        variables.extend([
            ("AWS_LAMBDA_RUNTIME_API", api.address()),
            ("X_NODE_SCHEME", scheme.name().to_string()),
            ("X_NODE_CONNECTIONS", "8".to_string()),
        ]);
        variables.push(match scheme {
            Scheme::Http => ("X_NODE_URL", format!("127.0.0.1:{}", node.port())),
            // The certificate is for a name.
            Scheme::Https => ("X_NODE_URL", format!("localhost:{}", node.port())),
        });
        if scheme == Scheme::Https {
            variables.push(("X_NODE_CA_CERT", authority.file().display().to_string()));
        }
        let child = contender.command(&setting.tool, &variables)?.spawn()?;
        let mut session = Self {
            process: Process::new(child)?,
            node,
            api,
            contender: contender.clone(),
        };
        let until = Instant::now() + PATIENCE;
        while session.api.wait_first_next(POLL).is_none() {
            session.check(until)?;
            if let Some(post) = session.api.wait_init_error(Duration::ZERO) {
                return Err(session.failed(&String::from_utf8_lossy(&post.body)));
            }
        }
        Ok(session)
    }

    /// Invokes it once, and checks that each record of the event came exactly once. Returns the time until
    /// its result arrived.
    pub(crate) fn invoke(&mut self, event: &Event) -> Result<Duration> {
        let began = Instant::now();
        let until = began + PATIENCE;
        let invocation = self.api.invoke(&event.payload, PATIENCE);
        let outcome = loop {
            if let Some(outcome) = invocation.wait(POLL) {
                break outcome;
            }
            self.check(until)?;
        };
        let wall = began.elapsed();
        match outcome {
            Outcome::Response(_) => {}
            Outcome::Error { body, .. } => {
                return Err(self.failed(&String::from_utf8_lossy(&body)));
            }
            Outcome::Gone => return Err(self.failed("the invocation no longer exists")),
        }
        while !self.api.wait_idle(POLL) {
            self.check(until)?;
        }
        self.node
            .settle(event.records)
            .map_err(|text| self.failed(&text))?;
        Ok(wall)
    }

    fn check(&mut self, until: Instant) -> Result<()> {
        if let Some(how) = self.process.ended() {
            return Err(self.failed(&format!("it ended with {how}")));
        }
        if Instant::now() > until {
            return Err(self.failed("it did not respond in time"));
        }
        Ok(())
    }

    fn failed(&self, text: &str) -> Error {
        let name = self.contender.who.name();
        let output = self.contender.output();
        Error::from(format!("{name} failed: {text}\n{output}"))
    }
}

/// The measurements of one process that got the same event several times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// The first invocation: it opens connections, and buffers grow.
    pub(crate) first_cpu: f64,
    pub(crate) first_wall: f64,
    /// The mean of the later ones.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    pub(crate) invocations: u32,
    pub(crate) memory: Memory,
    pub(crate) first_traffic: Traffic,
    /// For all later invocations together.
    pub(crate) traffic: Traffic,
}

/// The number of later invocations: as many as fit into the time, up to the maximum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) time: Duration,
    pub(crate) maximum: u32,
}

pub(crate) fn sample(
    contender: &Contender,
    scheme: Scheme,
    event: &Event,
    effort: Effort,
    authority: &Authority,
) -> Result<Sample> {
    let setting = Setting::default();
    let mut session = Session::start(contender, scheme, event.records, &setting, authority)?;
    let started = session.process.settled_cpu()?;
    let first_wall = session.invoke(event)?;
    let first = session.process.settled_cpu()?;
    let first_traffic = session.node.traffic();
    let mut wall = Duration::ZERO;
    let mut invocations = 0;
    while invocations == 0 || invocations < effort.maximum && wall < effort.time {
        wall += session.invoke(event)?;
        invocations += 1;
    }
    let last = session.process.settled_cpu()?;
    let mean = |sum: f64| sum / f64::from(invocations);
    Ok(Sample {
        first_cpu: (first - started) as f64 / 1e9,
        first_wall: first_wall.as_secs_f64(),
        cpu: mean((last - first) as f64 / 1e9),
        wall: mean(wall.as_secs_f64()),
        invocations,
        memory: session.process.memory()?,
        first_traffic,
        traffic: session.node.traffic().since(first_traffic),
    })
}
