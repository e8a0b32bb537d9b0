//! Pictures of the pages, for people to look at: on a desktop and on a phone, light and dark.

use std::fs::{self, File};
use std::io::{Error, Write};
use std::process::{Command, Stdio};

use crate::browser::{Browser, DESKTOP, PHONE, Screen};
use crate::daemon::Daemon;
use crate::pages::address;
use crate::tally::Tally;

const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../e2e-screenshots");

const PAGES: [(&str, &str); 4] = [
    ("fleet", "/"),
    ("open-relay", "/domains/open-relay.test"),
    ("healthy", "/domains/healthy.test"),
    ("hostile", "/domains/hostile.test"),
];

/// Writes them to `target/e2e-screenshots`. On the desktop all that can be opened is open.
pub(crate) fn take(tally: &mut Tally, daemon: &mut Daemon) {
    tally.compare("every domain looked at", daemon.watch(2));
    let taken = Browser::start().and_then(|browser| take_all(&browser));
    let wrong = taken.err().map(|error| error.to_string());
    tally.compare(format!("pictures in {FOLDER}"), wrong.into_iter().collect());
}

fn take_all(browser: &Browser) -> Result<(), Error> {
    fs::create_dir_all(FOLDER)?;
    for (name, path) in PAGES {
        for (screen, of) in [("desktop", DESKTOP), ("phone", PHONE)] {
            for scheme in ["light", "dark"] {
                browser.show_on(Screen { scheme, ..of })?;
                browser.open(&address(path))?;
                if !of.is_phone {
                    browser.run("document.querySelectorAll('details').forEach(it => { it.open = true })")?;
                }
                write(&format!("{FOLDER}/{name}-{screen}-{scheme}.png"), &browser.picture()?)?;
            }
        }
    }
    Ok(())
}

fn write(path: &str, base64: &str) -> Result<(), Error> {
    let mut decoder =
        Command::new("base64").arg("-d").stdin(Stdio::piped()).stdout(File::create(path)?).spawn()?;
    let mut input = decoder.stdin.take().expect("it is a pipe");
    input.write_all(base64.as_bytes())?;
    drop(input);
    match decoder.wait()? {
        status if status.success() && !base64.is_empty() => Ok(()),
        status => Err(Error::other(format!("{path}: {status}"))),
    }
}
