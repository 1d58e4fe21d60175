//! Log lines: one flat JSON object each on standard output.
//!
//! Lambda's JSON log format takes a line's level and time from its members `level` and
//! `timestamp` (Lambda Developer Guide, "Advanced logging controls"); a line without them counts
//! as INFO. The members of the spans a line stands in are put beside its own, under the names
//! that people's saved queries use (`service`, `function_request_id`, `xray_trace_id`).

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends all log lines of the process, panics among them, to standard output. Undrift's own are
/// written from the level `AWS_LAMBDA_LOG_LEVEL` on (else INFO), others' from WARN on: the SDK's
/// finer lines show requests.
pub fn init(service: &str) {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default();
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("undrift", level_of(&level));
    let layer = Lines::new(service, std::io::stdout()).with_filter(filter);
    // Set already: by a test, whose lines then go elsewhere.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let words = panic.payload_as_str().unwrap_or("no words");
        tracing::error!(place, words, "a panic: a bug of Undrift's");
    }));
}

fn level_of(name: &str) -> LevelFilter {
    match name.to_ascii_uppercase().as_str() {
        "TRACE" => LevelFilter::TRACE,
        "DEBUG" => LevelFilter::DEBUG,
        "WARN" => LevelFilter::WARN,
        "ERROR" | "FATAL" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// Writes flat JSON lines.
struct Lines<W> {
    service: String,
    out: Mutex<W>,
}

impl<W: Write> Lines<W> {
    fn new(service: &str, out: W) -> Self {
        Self {
            service: service.to_owned(),
            out: Mutex::new(out),
        }
    }
}

/// The members of a span or line.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: Write + Send + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut members = Members::default();
        attributes.record(&mut members);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(members);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(members) = span.extensions_mut().get_mut::<Members>()
        {
            values.record(members);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Members::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(members) = span.extensions().get::<Members>() {
                line.0.extend(members.0.clone());
            }
        }
        event.record(&mut line);
        let line = finished(
            line.0,
            *event.metadata().level(),
            &self.service,
            Timestamp::now(),
        );
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody can be told that standard output is gone.
        let _ = out.write_all(format!("{line}\n").as_bytes());
        let _ = out.flush();
    }
}

/// The whole line: what Lambda reads goes in last, so that no field can stand in for it.
fn finished(mut members: Map<String, Value>, level: Level, service: &str, now: Timestamp) -> Value {
    members
        .entry("message")
        .or_insert_with(|| Value::String(String::new()));
    members.insert("timestamp".to_owned(), format!("{now:.3}").into());
    members.insert("level".to_owned(), level.as_str().into());
    members.insert("service".to_owned(), service.into());
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let subscriber =
            tracing_subscriber::registry().with(Lines::new("undrift-ec2", kept.clone()));
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }

    #[test]
    fn lines_are_flat_and_have_what_lambda_reads() {
        let lines = lines(|| {
            let span =
                tracing::info_span!("invocation", function_request_id = "r-1", cold_start = true);
            let _in = span.enter();
            tracing::error!(count = 3, error = %"broken", "it {}", "failed");
        });
        let line = lines[0].as_object().unwrap();
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["message"], "it failed");
        assert_eq!(line["count"], 3);
        assert_eq!(line["error"], "broken");
        assert_eq!(line["function_request_id"], "r-1");
        assert_eq!(line["cold_start"], true);
        assert_eq!(line["service"], "undrift-ec2");
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.parse::<Timestamp>().is_ok());
        assert_eq!(time.len(), "2026-01-24T03:45:49.123Z".len());
        assert!(line.values().all(|v| !v.is_object()));
    }

    #[test]
    fn others_words_stay_within_their_member() {
        let evil = "x\"}\n{\"level\":\"INFO\",\"message\":\"all is well\u{1b}[2J";
        let lines =
            lines(|| tracing::warn!(name = evil, level = "INFO", timestamp = "never", "odd"));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["name"], evil);
        assert_eq!(lines[0]["level"], "WARN");
        assert_ne!(lines[0]["timestamp"], "never");
    }

    #[test]
    fn levels_are_lambdas() {
        assert_eq!(level_of("debug"), LevelFilter::DEBUG);
        assert_eq!(level_of("FATAL"), LevelFilter::ERROR);
        assert_eq!(level_of(""), LevelFilter::INFO);
    }
}
