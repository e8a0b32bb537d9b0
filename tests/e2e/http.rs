//! HTTP, an exchange a connection, at 127.0.0.1: a client, and a relay that writes down what is negotiated through it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The body of a successful answer.
pub(crate) fn get(port: u16, path: &str) -> Result<String, Error> {
    exchange(port, "GET", path, None)
}

/// Sends a request and returns the body of the answer, which must be a success. Without a body it is HTTP/1.0, so that
/// the answer comes in one piece; with one it is HTTP/1.1, on which chromedriver insists.
pub(crate) fn exchange(port: u16, method: &str, path: &str, body: Option<&str>) -> Result<String, Error> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let version = if body.is_some() { "1.1" } else { "1.0" };
    let body = body.unwrap_or_default();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/{version}\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes())?;
    let mut stream = BufReader::new(stream);
    let head = read_head(&mut stream)?;
    let mut answer = String::new();
    match header(&head, "content-length").and_then(|length| length.parse().ok()) {
        Some(length) => stream.take(length).read_to_string(&mut answer)?,
        None => stream.read_to_string(&mut answer)?,
    };
    match head.split(' ').nth(1) {
        Some("200") => Ok(answer),
        _ => Err(Error::other(format!("{path}: {} {answer}", head.lines().next().unwrap_or("no answer")))),
    }
}

/// What may stand in a query as it is; the rest in hexadecimal.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            encoded + &char::from(byte).to_string()
        }
        _ => encoded + &format!("%{byte:02X}"),
    })
}

/// Between a client and the daemon.
pub(crate) struct Relay {
    pub(crate) port: u16,
    negotiated: Arc<Mutex<BTreeSet<String>>>,
}

impl Relay {
    /// Listens on a free port. Hands every request on, with another `Accept` where one is given.
    pub(crate) fn to(port: u16, accept: Option<&'static str>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let relay = Self {
            port: listener.local_addr().expect("a bound listener").port(),
            negotiated: Arc::default(),
        };
        let negotiated = Arc::clone(&relay.negotiated);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(content_type) = hand_on(client, port, accept) {
                    negotiated.lock().expect("nobody panics with it").insert(content_type);
                }
            }
        });
        relay
    }

    /// The content types of all answers so far.
    pub(crate) fn negotiated(&self) -> BTreeSet<String> {
        self.negotiated.lock().expect("nobody panics with it").clone()
    }
}

fn hand_on(mut client: TcpStream, port: u16, accept: Option<&str>) -> Result<String, Error> {
    let head = read_head(&mut BufReader::new(client.try_clone()?))?;
    let replaced = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        name != "connection" && !(name == "accept" && accept.is_some())
    };
    let mut request: Vec<&str> = head.lines().filter(replaced).collect();
    request.push("Connection: close");
    let accept = accept.map(|accept| format!("Accept: {accept}"));
    request.extend(accept.as_deref());

    let mut daemon = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    daemon.set_read_timeout(Some(Duration::from_secs(10)))?;
    daemon.write_all((request.join("\r\n") + "\r\n\r\n").as_bytes())?;
    let mut daemon = BufReader::new(daemon);
    let head = read_head(&mut daemon)?;
    let content_type = header(&head, "content-type").unwrap_or_default().to_owned();
    client.write_all((head + "\r\n").as_bytes())?;
    std::io::copy(&mut daemon, &mut client)?;
    Ok(content_type)
}

/// Up to the empty line, without it.
fn read_head(stream: &mut impl BufRead) -> Result<String, Error> {
    let mut head = String::new();
    while stream.read_line(&mut head)? > "\r\n".len() {}
    head.truncate(head.trim_end().len());
    Ok(head + "\r\n")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut values = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    values.next()
}
