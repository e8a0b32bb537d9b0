//! The log: programs can read every line, whatever peers send, and nobody floods it.

use crate::process::{Process, program, start, wait_until};
use crate::support::mail_server::MailServer;
use crate::world::World;
use mx_exporter::logging::{self, LogFormat};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

/// A greeting that would clear a terminal, forge a line and break a quotation.
const HOSTILE: &str = "554 mx \x1b[2J\x07 \"level=error\" msg=forged\u{202e}\u{85}\\";

type Line = BTreeMap<String, String>;

#[tokio::test(flavor = "multi_thread")]
async fn every_line_can_be_read_in_both_forms() {
    let world = World::with(|server| server.rejects(HOSTILE)).await;
    world.configure("domains: [a.test]\n");
    let (config, forms) = (world.config(), [("logfmt", logfmt as fn(&str) -> Line), ("json", json)]);
    let daemons = forms.map(|(form, read)| {
        let args = ["--config.file", &config, "--web.listen-address", "127.0.0.1:0", "--log.level", "debug"];
        (read, program(&[&args[..], &["--log.format", form]].concat()))
    });
    let runs = |daemon: &Process| daemon.lines().iter().filter(|line| line.contains("run finished")).count();
    wait_until("each has looked three times", || daemons.iter().all(|(_, daemon)| runs(daemon) >= 3));
    for (read, daemon) in daemons {
        let text = log_of(daemon);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
        let lines: Vec<Line> = text.lines().map(read).collect();
        for line in &lines {
            assert!(line.contains_key("level") && line.contains_key("message"), "{line:?}");
        }
        let told = |what: &str| lines.iter().filter(|line| line["message"] == what).count();
        assert!(told("run finished") >= 3 && told("listening") == 1, "{text}");
    }
}

/// However a server behaves, it costs a line a run, and one for each verdict that changes.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_floods_the_log() {
    let hostile = |server: MailServer| {
        server
            .banner("220 mx.host.test\r\n220 one more\r\n220 and another")
            .answering("EHLO", "999 what")
            .extension("STARTTLS")
    };
    let world = World::with(hostile).await;
    let daemon = world.daemon("a.test", &[]);
    wait_until("it has looked some times", || world.server.connections() >= 5);
    let before = world.server.connections();
    let lines: Vec<Line> = log_of(daemon).lines().map(logfmt).collect();
    let of_domain: Vec<&Line> = lines.iter().filter(|line| line.contains_key("domain")).collect();
    let told = |what: &str| of_domain.iter().filter(|line| line["message"] == what).count();
    let (runs, changes) = (told("run finished"), told("verdict changed"));
    assert_eq!(runs + changes, of_domain.len(), "{of_domain:#?}");
    assert!((4..=before + 2).contains(&runs), "{runs} runs, {before} sessions");
    let fields = ["domain", "from", "level", "message", "rule", "subject", "to", "ts"];
    for line in of_domain.iter().filter(|line| line["message"] == "verdict changed") {
        assert!(line.keys().eq(fields), "{line:?}");
    }
    assert!((1..=20).contains(&changes), "{of_domain:#?}");
}

/// The program has no fault to show, so that this test makes one: in a process of its own, since a hook is global.
#[test]
fn a_panic_is_one_line() {
    const CHILD: &str = "MX_EXPORTER_TEST_PANIC";
    const TEXT: &str = "it's a fault\nin \"two\" lines\x1b[2J\0";
    if std::env::var_os(CHILD).is_some() {
        let _drain = logging::init(tracing::Level::INFO, LogFormat::Logfmt);
        assert!(thread::spawn(|| panic!("{TEXT}")).join().is_err());
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "log::a_panic_is_one_line", "--nocapture"]).env(CHILD, "1");
    let ended = start(&mut command).ended();
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    let lines: Vec<Line> = ended.err.lines().map(logfmt).collect();
    let [line] = &lines[..] else { panic!("{ended:#?}") };
    assert_eq!((&*line["level"], &*line["panic"]), ("error", TEXT));
    assert!(line["location"].contains("log.rs:"), "{line:?}");
}

fn log_of(daemon: Process) -> String {
    let ended = daemon.ended_by("TERM");
    assert_eq!(ended.status, Some(0), "{ended:#?}");
    ended.err
}

fn json(line: &str) -> Line {
    let Value::Object(fields) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
    fields.into_iter().map(|(key, value)| (key, value.to_string().trim_matches('"').to_owned())).collect()
}

/// `key=value key="va\"lue"`, as Go's reader takes it apart.
fn logfmt(line: &str) -> Line {
    let (mut fields, mut rest) = (Line::new(), line);
    while let Some((key, behind)) = rest.split_once('=') {
        assert!(!key.is_empty() && !key.contains([' ', '"']), "{key:?} is no key in {line}");
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => behind
                .split_once(' ')
                .map_or((behind.to_owned(), ""), |(value, rest)| (value.to_owned(), rest)),
        };
        assert!(fields.insert(key.to_owned(), value).is_none(), "{key} twice in {line}");
        rest = behind.trim_start();
    }
    assert_eq!(rest, "", "{line}");
    fields
}

/// A text up to its closing quotation mark, and what stands behind it.
fn unquoted(text: &str) -> (String, &str) {
    let end = text.char_indices().scan(false, |escaped, (at, c)| {
        let closes = c == '"' && !*escaped;
        *escaped = c == '\\' && !*escaped;
        Some((at, closes))
    });
    let end = end.into_iter().find(|(_, closes)| *closes).map(|(at, _)| at).unwrap();
    let value: String = serde_json::from_str(&format!("\"{}\"", &text[..end])).unwrap();
    (value, &text[end + 1..])
}
