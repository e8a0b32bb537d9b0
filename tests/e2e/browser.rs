//! Chromium through its driver, which speaks WebDriver: JSON over HTTP.

use std::fs::{self, File};
use std::io::Error;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http;
use crate::namespace::HOME;
use crate::world::wait_for;

const PORT: u16 = 9515;

/// Nothing that would look for other hosts; no sandbox, which needs more rights than root has in a namespace.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// What a page is looked at with.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_phone: bool,
    /// `light` or `dark`.
    pub(crate) scheme: &'static str,
}

pub(crate) const DESKTOP: Screen = Screen { width: 1280, height: 800, is_phone: false, scheme: "light" };
pub(crate) const PHONE: Screen = Screen { width: 390, height: 844, is_phone: true, scheme: "light" };

pub(crate) struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    /// Starts the driver, and with it a browser without a past.
    pub(crate) fn start() -> Result<Self, Error> {
        let folder = format!("{HOME}/chromium");
        let _ = fs::remove_dir_all(&folder);
        let log = File::create(format!("{HOME}/log/chromedriver")).expect("the home is writable");
        let driver = Command::new("chromedriver")
            .arg(format!("--port={PORT}"))
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()?;
        let mut browser = Self { driver, session: String::new() };
        wait_for("chromedriver", || http::exchange(PORT, "GET", "/status", Some("")));
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        flags.push(format!("--user-data-dir={folder}"));
        let options = json!({"binary": "/usr/bin/chromium", "args": flags});
        let wanted = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let session = browser.say("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}))?;
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap_or_default());
        Ok(browser)
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) -> Result<(), Error> {
        self.command("url", &json!({"url": url})).map(drop)
    }

    /// What the body of a function returns in the page.
    pub(crate) fn run(&self, script: &str) -> Result<Value, Error> {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    /// What was written to the console since the last time: among it, what the page's security policy forbade.
    pub(crate) fn console(&self) -> Result<Vec<String>, Error> {
        let entries = self.command("se/log", &json!({"type": "browser"}))?;
        let texts = entries.as_array().into_iter().flatten().map(|entry| entry["message"].to_string());
        Ok(texts.collect())
    }

    /// From now on pages are shown on this screen.
    pub(crate) fn show_on(&self, screen: Screen) -> Result<(), Error> {
        let Screen { width, height, is_phone, scheme } = screen;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.develop("Emulation.setDeviceMetricsOverride", &metrics)?;
        self.develop("Emulation.setScrollbarsHidden", &json!({"hidden": true}))?;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.develop("Emulation.setEmulatedMedia", &media).map(drop)
    }

    /// The whole page as a picture: PNG in base64.
    pub(crate) fn picture(&self) -> Result<String, Error> {
        let size = &self.develop("Page.getLayoutMetrics", &json!({}))?["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let picture = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.develop("Page.captureScreenshot", &picture)?;
        Ok(picture["data"].as_str().unwrap_or_default().to_owned())
    }

    fn develop(&self, command: &str, parameters: &Value) -> Result<Value, Error> {
        self.command("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    fn command(&self, name: &str, parameters: &Value) -> Result<Value, Error> {
        self.say("POST", &format!("{}/{name}", self.session), parameters)
    }

    fn say(&self, method: &str, path: &str, body: &Value) -> Result<Value, Error> {
        let answer = http::exchange(PORT, method, path, Some(&body.to_string()))?;
        Ok(serde_json::from_str::<Value>(&answer)?["value"].take())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.say("DELETE", &self.session, &json!({}));
        sleep(Duration::from_millis(100)); // for the browser's own processes
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
