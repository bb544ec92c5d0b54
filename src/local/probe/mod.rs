//! `cw-resend probe`: whether a Node takes what the function sends. One call, and what came of it at each step.

mod connect;
mod exchange;
mod metrics;
mod steps;
mod x509;

use std::{
    io::Write,
    process, thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use self::steps::{Findings, Step, Verdict};
use super::{
    Status,
    error::{CommandError, printing},
    interrupt::Interrupt,
    inventory::output::json,
    send::{
        account::Totals,
        aws::{Answer, Aws, FunctionArgs},
        settings::NodeArgs,
    },
};
use crate::{config::Config, node::NodeHost, record::normal_host, standin::cloudwatch};

/// How long the metrics may take to know of a message.
const METRICS_WAIT: Duration = Duration::from_secs(3);
const METRICS_PAUSE: Duration = Duration::from_millis(200);

/// Tell whether a Node takes what the function sends: one call, and what came of it at each step.
///
/// Ends with 0 where the call was taken, with 1 where it was not, and with 2 where nobody can tell.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    function: FunctionArgs,
    /// The page with the Node's metrics, such as node.example.com:9000. It is read before and after.
    #[arg(long, value_name = "URL", value_parser = metrics::address)]
    metrics: Option<String>,
    /// The host under which the call shows up.
    #[arg(long, value_name = "HOST", default_value = "cw-resend-probe.example")]
    host: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when an option is wrong, or nobody can tell whether the Node takes the call.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<Status, CommandError> {
    let host = normal_host(&args.host).ok_or_else(|| {
        CommandError::new("failed to read the options: --host is no host, such as api.example.com")
    })?;
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let time = u64::try_from(time.as_millis()).unwrap_or(0);
    let id = format!("cw-resend-probe-{time}-{}", process::id());
    let line = exchange::line(&host, &id, time);
    let to = match (&args.node.node, &args.function.function) {
        (Some(_), None) => {
            let config = args.node.config(&[])?;
            if NodeHost::new(&config.node.host).is(&host) {
                return Err(CommandError::new(
                    "failed to read the options: --host is the Node's own, and the function skips calls of it",
                ));
            }
            To::Node(Box::new(config))
        }
        (None, Some(_)) => To::Function(Aws::new(&args.function)?),
        _ => {
            return Err(CommandError::new(
                "failed to read the options: name either a --node or a --function",
            ));
        }
    };
    let mut findings = Findings {
        to: match &to {
            To::Node(config) => config.node.url(),
            To::Function(aws) => format!("the function {}", aws.function()),
        },
        host,
        id,
        steps: Vec::new(),
        verdict: Verdict::Unknown,
        why: String::new(),
        leaves: String::new(),
    };
    let before = args.metrics.as_deref().map(metrics::read);
    if let Some(Err(why)) = &before {
        let text =
            format!("can't be read: {why}; check --metrics, which is at port 9000 by default");
        findings.steps.push(Step::wrong("Metrics", text));
    }
    (findings.verdict, findings.why) = match &to {
        To::Node(config) => probe_node(config, &line, &mut findings)?,
        To::Function(aws) => probe_function(aws, &line, &mut findings)?,
    };
    let was_sent = !findings.leaves.is_empty();
    if let (Some(url), Some(Ok(before))) = (&args.metrics, &before)
        && was_sent
    {
        compare(url, before, &mut findings);
    } else if args.metrics.is_none() && findings.verdict == Verdict::Taken {
        findings.why += ". Without --metrics this is what the answers say: a web server that says yes to everything \
                         would say the same";
    } else if args.metrics.is_some() && findings.verdict == Verdict::Taken {
        (findings.verdict, findings.why) = (
            Verdict::Unknown,
            "the answers say so, and the metrics that were to confirm it can't be read".into(),
        );
    }
    let printed = match args.json {
        true => json::pretty(&findings, out),
        false => out.write_all(findings.text().as_bytes()),
    };
    printed.and_then(|()| out.flush()).map_err(printing)?;
    match findings.verdict {
        Verdict::Taken => Ok(Status::Clean),
        Verdict::NotTaken => Ok(Status::Found),
        Verdict::Unknown => Err(CommandError::new(format!(
            "failed to tell whether {} takes the call: see above",
            findings.to
        ))),
    }
}

enum To {
    Node(Box<Config>),
    Function(Aws),
}

/// What a message that was taken leaves in the inventory.
fn leaves(host: &str) -> String {
    format!(
        "one call of GET {} of {host}. Wallarm shows an endpoint only after a second one, more than 300 s later, so that \
         one probe does not show up, and two may",
        exchange::PATH
    )
}

/// Sends the two messages over a connection of our own, and reads what comes back for each.
fn probe_node(
    config: &Config,
    line: &str,
    findings: &mut Findings,
) -> Result<(Verdict, String), CommandError> {
    let is_taken = |answer: &exchange::Answer| (200..300).contains(&answer.status);
    let messages = exchange::messages(line, &findings.id, &config.wire)?;
    let mut connection = None;
    let mut answers = Vec::new();
    for (name, message) in ["Request", "Response"].into_iter().zip(messages) {
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => match connect::connect(&config.node, &mut findings.steps)? {
                Ok(stream) => stream,
                Err(why) => return Ok((Verdict::Unknown, why)),
            },
        };
        findings.leaves = leaves(&findings.host);
        match exchange::exchange(
            name,
            &mut *stream,
            &message,
            &findings.host,
            config.node.response_timeout,
        ) {
            Ok(answer) => {
                findings.steps.push(answer.step.clone());
                if answer.keep_alive {
                    connection = Some(stream);
                }
                answers.push(answer);
            }
            Err(why) => {
                findings.steps.push(Step::wrong(name, why.clone()));
                // A server that has refused the first message may close the connection before the second one.
                if answers.iter().all(is_taken) {
                    return Ok((Verdict::Unknown, format!("{name}: {why}")));
                }
                break;
            }
        }
    }
    Ok(match answers.iter().find(|answer| !is_taken(answer)) {
        Some(answer) => (
            Verdict::NotTaken,
            format!("an answer has status {}", answer.status),
        ),
        None if answers.iter().any(|answer| answer.is_html) => (
            Verdict::Unknown,
            "the answers are pages of HTML, which a web server sends, and not a Node".into(),
        ),
        None => (Verdict::Taken, "both messages were accepted".into()),
    })
}

/// Has the function send the call, and reads its result.
fn probe_function(
    aws: &Aws,
    line: &str,
    findings: &mut Findings,
) -> Result<(Verdict, String), CommandError> {
    let failed = |cause| CommandError::with_cause("failed to make an event", cause);
    let lines = [cloudwatch::Line {
        id: findings.id.clone(),
        timestamp: 0,
        message: line.to_string(),
    }];
    let document = cloudwatch::document("cw-resend-probe", "probe", &lines).map_err(failed)?;
    let event = cloudwatch::wrap(&cloudwatch::gzip(&document).map_err(failed)?);
    let began = Instant::now();
    let interrupt = Interrupt::watch()?;
    let answer = aws.invoke(&event, &interrupt)?;
    findings.leaves = leaves(&findings.host);
    let (verdict, why) = match &answer {
        Answer::Failed(kind, text) => {
            // The function has reached no Node, or could not even begin.
            let verdict = match kind.as_str() {
                "Function.RecordsRefused" => Verdict::NotTaken,
                _ => Verdict::Unknown,
            };
            (verdict, format!("{kind}: {text}"))
        }
        Answer::Result(result) => {
            let (verdict, why) = match Totals::of_summary(result, 1) {
                Some(totals) if totals.forwarded == 1 => {
                    (Verdict::Taken, "the function has forwarded it")
                }
                Some(totals) if totals.refused == 1 => (
                    Verdict::NotTaken,
                    "the Node has refused it, and the function's report has the status",
                ),
                Some(_) => (
                    Verdict::Unknown,
                    "the function has left it out: its report says why (X_SAMPLE, or the Node's own host)",
                ),
                None => (
                    Verdict::Unknown,
                    "its result has no counts of the lines. Is it this project's function?",
                ),
            };
            (verdict, why.to_string())
        }
    };
    let step = match verdict {
        Verdict::Taken => Step::fine("Function", "forwarded 1 of 1".into()),
        _ => Step::wrong("Function", why.clone()),
    };
    findings.steps.push(step.took(began.elapsed()));
    Ok((verdict, why))
}

/// Reads the metrics again until they know of two more messages, or for some seconds.
fn compare(url: &str, before: &metrics::Counters, findings: &mut Findings) {
    let until = Instant::now() + METRICS_WAIT;
    let after = loop {
        match metrics::read(url) {
            Ok(after) if after.has_two_more_than(before) || Instant::now() >= until => {
                break Ok(after);
            }
            Ok(_) => thread::sleep(METRICS_PAUSE),
            Err(why) => break Err(why),
        }
    };
    match after {
        Ok(after) => {
            let (step, judgement) = metrics::judge(before, &after);
            findings.steps.push(step);
            match judgement {
                // What was refused is not taken, whatever the counters say.
                None if findings.verdict == Verdict::Taken => {
                    findings.why =
                        "both messages were accepted, and the Node's metrics confirm it".into();
                }
                Some((verdict, why)) if findings.verdict == Verdict::Taken => {
                    (findings.verdict, findings.why) = (verdict, why);
                }
                Some((verdict @ Verdict::NotTaken, why)) => {
                    (findings.verdict, findings.why) =
                        (verdict, format!("{}; {why}", findings.why));
                }
                _ => {}
            }
        }
        Err(why) => {
            let text = format!("can't be read a second time: {why}");
            findings.steps.push(Step::wrong("Metrics", text.clone()));
            if findings.verdict == Verdict::Taken {
                (findings.verdict, findings.why) =
                    (Verdict::Unknown, format!("the metrics {text}"));
            }
        }
    }
}
