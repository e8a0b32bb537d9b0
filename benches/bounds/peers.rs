//! The other side, in a process of its own: a name server, and mail servers of one kind, each at an address of its own on
//! one port.

use crate::support::dns::Dns;
use crate::support::mail_server::MailServer;
use std::env;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// As many servers behave, beside those that do not.
pub(crate) const HEALTHY: u16 = 100;

/// What a tarpit waits before each reply: less than any reply may take, so that only the session's own end ends it.
const TARPIT: Duration = Duration::from_secs(24);

/// The process of the peers, for as long as this lives.
pub(crate) struct Peers {
    child: Child,
    _stdin: ChildStdin,
    pub(crate) port: u16,
    pub(crate) nameserver: String,
}

impl Peers {
    /// Starts them; they listen when this returns.
    pub(crate) fn start(kind: &str, count: u16) -> Self {
        let run = "ulimit -n 8192 2>/dev/null || ulimit -n \"$(ulimit -Hn)\"; exec \"$@\"";
        let mut child = Command::new("sh")
            .args(["-c", run, "peers"])
            .arg(env::current_exe().unwrap())
            .args(["peers", kind, &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Their port and their name server.
        let (port, nameserver) = line.trim().split_once(' ').unwrap();
        let (port, nameserver) = (port.parse().unwrap(), nameserver.to_owned());
        let stdin = child.stdin.take().unwrap();
        Self { child, _stdin: stdin, port, nameserver }
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The domain of a server: `h7.test`, say, with the kind's first letter.
pub(crate) fn domain(kind: &str, number: u16) -> String {
    format!("{}{number}.test", kind.get(..1).unwrap())
}

fn address(kind: &str, number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    let net = if kind == "healthy" { 2 } else { 1 };
    Ipv4Addr::new(127, net, high, low + 1)
}

/// Serves until nobody holds its input open any more.
pub(crate) fn play(kind: &str, count: u16) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let all: Vec<_> = (0..HEALTHY).map(|n| ("healthy", n)).chain((0..count).map(|n| (kind, n))).collect();
        let zone = all.iter().fold(String::new(), |mut zone, (kind, number)| {
            let (domain, address) = (domain(kind, *number), address(kind, *number));
            let name = domain.strip_suffix(".test").unwrap();
            writeln!(zone, "{name} IN MX 10 mx.{name}\nmx.{name} IN A {address}").unwrap();
            zone
        });
        let dns = Dns::serving("test.", &zone).and_zone("out.example.", "@ IN MX 10 mx.out.example.").await;
        let healthy = MailServer::named("mx.test").local_domains(["test"]);
        let mut servers = vec![healthy.clone().serve_at((address("healthy", 0), 0).into()).await];
        let port = servers[0].addr.port();
        for number in 1..HEALTHY {
            servers.push(healthy.clone().serve_at((address("healthy", number), port).into()).await);
        }
        let tarpit = healthy.clone().without_starttls().greets_after(TARPIT).answers_after(TARPIT);
        for number in 0..count {
            let address = SocketAddr::from((address(kind, number), port));
            match kind {
                "tarpit" => servers.push(tarpit.clone().serve_at(address).await),
                "endless" => drop(tokio::spawn(endless(TcpListener::bind(address).await.unwrap(), number))),
                other => panic!("no peers are {other}"),
            }
        }
        println!("{port} {}", dns.addr);
        stdout().flush().unwrap();
        spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await.unwrap().ok();
    });
    ExitCode::SUCCESS
}

async fn endless(listener: TcpListener, number: u16) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(reply_for_ever(stream, number));
    }
}

/// Lines of a greeting, keywords, one line, or one octet a second: none of it ends.
async fn reply_for_ever(mut stream: TcpStream, number: u16) {
    let (first, again, pause) = match number % 4 {
        0 => ("", "220-still here\r\n".repeat(512), Duration::ZERO),
        1 => ("220 mx.test ESMTP\r\n", "250-KEYWORD\r\n".repeat(512), Duration::ZERO),
        2 => ("220 ", "x".repeat(8_192), Duration::ZERO),
        _ => ("220-", "x".to_owned(), Duration::from_secs(1)),
    };
    let mut said = stream.write_all(first.as_bytes()).await;
    while said.is_ok() {
        said = stream.write_all(again.as_bytes()).await;
        sleep(pause).await;
    }
}
