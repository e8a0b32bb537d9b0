//! The program as a process: started, listened to, signalled, and never left behind.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;
use tokio::time::Instant;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(10);

/// How a process ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None: by a signal.
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) after: Duration,
}

/// A process under way. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    out: Option<JoinHandle<String>>,
    log: Arc<Mutex<Vec<String>>>,
    listening: Option<JoinHandle<()>>,
    started: Instant,
}

/// Starts the program.
pub(crate) fn program(args: &[&str]) -> Process {
    start(Command::new(env!("CARGO_BIN_EXE_mx-exporter")).args(args))
}

/// Starts the program from a shell, as `$0` with these arguments.
pub(crate) fn program_in_shell(script: &str, args: &[&str]) -> Process {
    start(Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_mx-exporter")]).args(args))
}

/// Starts a command with everything it prints going here; without colours, whoever runs the tests.
pub(crate) fn start(command: &mut Command) -> Process {
    start_with(command, Stdio::piped(), Stdio::piped())
}

pub(crate) fn start_with(command: &mut Command, out: Stdio, err: Stdio) -> Process {
    let child = command.stdin(Stdio::null()).stdout(out).stderr(err).env_remove("NO_COLOR").spawn();
    let mut child = child.unwrap();
    let out = child.stdout.take().map(|mut out| {
        thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).unwrap();
            text
        })
    });
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let listening = child.stderr.take().map(|err| follow(err, log.clone()));
    Process { child, out, log, listening, started: Instant::now() }
}

fn follow(err: ChildStderr, log: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(err).split(b'\n') {
            log.lock().unwrap().push(String::from_utf8_lossy(&line.unwrap()).into_owned());
        }
    })
}

impl Process {
    /// The first line on standard error with this in it, from the line of that number on.
    pub(crate) fn line(&self, from: usize, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines();
            if let Some(line) = lines.iter().skip(from).find(|line| line.contains(part)) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "no line with {part:?} in {lines:#?}");
            sleep(TICK);
        }
    }

    /// The lines on standard error so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Where the daemon listens.
    pub(crate) fn address(&self) -> String {
        let line = self.line(0, "listening");
        let at = line.find("127.0.0.1:").unwrap();
        line[at..].trim_end_matches(['"', '}']).to_owned()
    }

    /// What the daemon answers.
    pub(crate) fn get(&self, path: &str) -> String {
        get(&self.address(), path)
    }

    /// Asks until the answer has this in it.
    pub(crate) fn get_until(&self, path: &str, part: &str) -> String {
        let mut answer = String::new();
        wait_until(&format!("{path} has {part}"), || {
            answer = self.get(path);
            answer.contains(part)
        });
        answer
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Nobody reads further what it prints.
    pub(crate) fn ended(mut self) -> Ended {
        let status = self.wait();
        let out = self.out.take().map(|out| out.join().unwrap()).unwrap_or_default();
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap();
        }
        let err = self.lines().join("\n");
        Ended { status: status.code(), out, err, after: self.started.elapsed() }
    }

    /// Signals it and waits for its end: how it ended, and how long that took.
    pub(crate) fn ended_by(mut self, signal: &str) -> Ended {
        self.started = Instant::now();
        self.signal(signal);
        self.ended()
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("it has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok(); // it may have ended
        self.child.wait().ok();
    }
}

/// Waits for something, as long as a test may.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(TICK);
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
