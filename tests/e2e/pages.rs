//! The pages in Chromium: what to fix is on them, nothing that a peer says runs in them, and they fit a phone.

use std::io::Error;

use serde_json::Value;

use crate::browser::{Browser, DESKTOP, PHONE};
use crate::daemon::Daemon;
use crate::expectations;
use crate::hostile;
use crate::said;
use crate::tally::Tally;

/// All that could run, or would be there if a peer's text had become HTML.
const ALIVE: &str = "const all = [...document.querySelectorAll('*')];
    return all.filter(it => ['SCRIPT', 'IFRAME', 'IMG', 'OBJECT', 'EMBED', 'BASE'].includes(it.tagName)
        || it.hasAttribute('style') || it.getAttributeNames().some(name => name.startsWith('on'))
        || (it.href && !it.href.baseVal && !/^https?:/.test(it.href))).map(it => it.outerHTML);";

/// What stands under What to fix: what is seen of each issue, and what opening it would show.
const FIXES: &str = "return [...document.querySelectorAll('section[aria-labelledby=fix] li')]
    .map(it => [it.checkVisibility() ? it.innerText : '', it.textContent]);";

/// How far the page is wider than the window.
const OVERHANG: &str = "return document.documentElement.scrollWidth - document.documentElement.clientWidth;";

pub(crate) fn are_sound(tally: &mut Tally, daemon: &mut Daemon) {
    tally.compare("every domain looked at", daemon.watch(2));
    let browser = match Browser::start() {
        Ok(browser) => browser,
        Err(error) => return tally.compare("Chromium starts", vec![error.to_string()]),
    };
    let mut compare = |what: &str, seen: Result<Vec<String>, Error>| {
        tally.compare(what, seen.unwrap_or_else(|error| vec![error.to_string()]));
    };
    compare("a script would have been noticed", control(&browser));
    for path in ["/domains/hostile.test", "/"] {
        compare(&format!("nothing runs in {path}"), nothing_runs(&browser, path));
    }
    compare("what a hostile server says is told as it is", told(&browser));
    for domain in ["open-relay.test", "no-starttls.test", "hostile.test"] {
        compare(&format!("what to fix of {domain}"), fixes(&browser, domain));
    }
    compare("all pages fit a phone", fit(&browser));
}

pub(crate) fn address(path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", said::PORT)
}

/// The same texts in a page that believes them.
fn control(browser: &Browser) -> Result<Vec<String>, Error> {
    let mut unnoticed = Vec::new();
    for text in [hostile::BANNER, hostile::GREETING, hostile::KEYWORD, hostile::DENIAL, hostile::SUBJECT] {
        let page = format!("data:text/html,<title>calm</title><p>{}", crate::http::percent_encoded(text));
        browser.open(&page)?;
        let alive = browser.run(ALIVE)?;
        if alive.as_array().is_none_or(Vec::is_empty) {
            unnoticed.push(format!("{text}: {alive}"));
        }
    }
    browser.open(&format!(
        "data:text/html,<title>calm</title>{}",
        crate::http::percent_encoded(hostile::BANNER)
    ))?;
    let title = browser.run("return document.title")?;
    if title == "calm" {
        unnoticed.push("the title did not change".to_owned());
    }
    browser.console().map(|_| unnoticed)
}

fn nothing_runs(browser: &Browser, path: &str) -> Result<Vec<String>, Error> {
    browser.open(&address(path))?;
    let mut wrong = list(&browser.run(ALIVE)?);
    wrong.extend(browser.console()?);
    let title = browser.run("return document.title")?;
    if !title.as_str().is_some_and(|title| title.ends_with("mx-exporter")) {
        wrong.push(format!("the title is {title}"));
    }
    Ok(wrong)
}

fn told(browser: &Browser) -> Result<Vec<String>, Error> {
    browser.open(&address("/domains/hostile.test"))?;
    let page = browser.run("return document.body.textContent")?;
    let page = page.as_str().unwrap_or_default();
    let texts =
        [hostile::BANNER, hostile::GREETING, hostile::KEYWORD, hostile::DENIAL, hostile::SUBJECT, "onload="];
    Ok(texts
        .iter()
        .filter(|text| !page.contains(**text))
        .map(|text| format!("not on the page: {text}"))
        .collect())
}

/// Each issue that the JSON has is under What to fix, with its evidence and what to do: to be seen at once where it is
/// more than an info.
fn fixes(browser: &Browser, domain: &str) -> Result<Vec<String>, Error> {
    browser.show_on(DESKTOP)?;
    browser.open(&address(&format!("/domains/{domain}")))?;
    let shown = browser.run(FIXES)?;
    let shown: Vec<&Value> = shown.as_array().into_iter().flatten().collect();
    let issues = said::Domain::ask(domain)?.told();
    let has = |fix: &Value, texts: &[String]| {
        texts.iter().all(|text| fix.as_str().is_some_and(|fix| fix.contains(text.as_str())))
    };
    let mut wrong: Vec<String> = issues
        .iter()
        .filter(|issue| !shown.iter().any(|fix| has(&fix[usize::from(issue.is_info)], &issue.texts)))
        .map(|issue| format!("not to be seen: {:?}", issue.texts))
        .collect();
    if issues.is_empty() || !wrong.is_empty() {
        wrong.push(format!("seen: {shown:?}"));
    }
    Ok(wrong)
}

fn fit(browser: &Browser) -> Result<Vec<String>, Error> {
    browser.show_on(PHONE)?;
    let mut wide = Vec::new();
    let pages = expectations::read().into_keys().map(|domain| format!("/domains/{domain}"));
    for path in pages.chain(["/".to_owned()]) {
        browser.open(&address(&path))?;
        let overhang = browser.run(OVERHANG)?;
        if overhang != 0 {
            wide.push(format!("{path} is {overhang} px wider than the window"));
        }
    }
    Ok(wide)
}

fn list(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
        .collect()
}
