//! A mail server whose every text would be HTML, if anyone believed it. Each would change the title of the page that it
//! ran in. This program serves it, started once more in the servers' network.

use std::io::{BufRead, BufReader, Error, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// The argument that makes this program that server.
pub(crate) const WORD: &str = "hostile";

pub(crate) const ADDRESS: &str = "192.0.2.40";

/// What follows its name in its greeting, and in its answer to EHLO.
pub(crate) const BANNER: &str = "ESMTP <script>document.title='banner'</script>";
pub(crate) const GREETING: &str = "greets <img src=x onerror=\"document.title='EHLO'\">";

/// A keyword that it offers, and what it says to recipients of others.
pub(crate) const KEYWORD: &str = "X-</pre></details><svg/onload=document.title='keyword'>";
pub(crate) const DENIAL: &str =
    "relaying denied \"><iframe srcdoc=\"<script>parent.document.title='reply'</script>\">";

/// The subject of the certificate of its neighbour.
pub(crate) const SUBJECT: &str = "</title><script>document.title='certificate'</script>";

/// This program's own path.
pub(crate) fn program() -> String {
    std::env::current_exe().expect("this program has a path").display().to_string()
}

/// Serves until it is killed.
pub(crate) fn serve() {
    let listener = TcpListener::bind((ADDRESS, 25)).expect("nobody else is at this address");
    for client in listener.incoming().flatten() {
        thread::spawn(|| converse(client)); // a client that leaves ends its thread
    }
}

fn converse(mut client: TcpStream) -> Result<(), Error> {
    client.set_nodelay(true)?;
    client.write_all(format!("220 mx1.hostile.test {BANNER}\r\n").as_bytes())?; // in one piece, as a server would
    for line in BufReader::new(client.try_clone()?).lines() {
        let line = line?.to_ascii_uppercase();
        let answer = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => {
                format!("250-mx1.hostile.test {GREETING}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 {KEYWORD}")
            }
            "RCPT" if !line.contains("@HOSTILE.TEST>") => format!("550 {DENIAL}"),
            "MAIL" | "RCPT" | "RSET" => "250 fine".to_owned(),
            "QUIT" => return client.write_all(b"221 bye\r\n"),
            _ => "502 what?".to_owned(),
        };
        client.write_all(format!("{answer}\r\n").as_bytes())?;
    }
    Ok(())
}
