//! A client for checking the mail servers without the daemon: plain SMTP, no TLS, a line at a time.

use std::io::{BufRead, BufReader, Error, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) struct Dialogue(BufReader<TcpStream>);

/// The lines of a reply, each still with its code.
pub(crate) struct Reply(Vec<String>);

impl Dialogue {
    /// Connects and reads the greeting.
    pub(crate) fn open(address: &str) -> Result<(Self, Reply), Error> {
        let address = SocketAddr::new(address.parse().expect("an address"), 25);
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut dialogue = Self(BufReader::new(stream));
        let greeting = dialogue.reply()?;
        Ok((dialogue, greeting))
    }

    /// Sends a command and reads its reply.
    pub(crate) fn say(&mut self, command: &str) -> Result<Reply, Error> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?; // in one piece, or each half waits for an ACK
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply, Error> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line.trim_end().to_owned());
            if last {
                return Ok(Reply(lines));
            }
        }
    }
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.0.last().and_then(|line| line.get(..3)).unwrap_or("")
    }

    /// What follows the code on the first line.
    pub(crate) fn first_line(&self) -> String {
        self.0.first().and_then(|line| line.get(4..)).unwrap_or("").to_owned()
    }

    /// All of it on one line.
    pub(crate) fn text(&self) -> String {
        self.0.join(" / ")
    }

    /// Whether an EHLO reply has this keyword, with or without parameters.
    pub(crate) fn offers(&self, keyword: &str) -> bool {
        self.0.iter().filter_map(|line| line.get(4..)).any(|line| line.split(' ').next() == Some(keyword))
    }
}
