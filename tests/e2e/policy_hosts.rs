//! The HTTPS hosts of MTA-STS policies, and what a client that follows no redirect gets of each: by curl, which trusts the
//! private authority alone.

use std::process::Command;

use crate::certificates::CA_FILE;
use crate::tally::Tally;

/// Each host and what it answers: the code of the answer and the mode of its policy, or what is wrong with its certificate.
pub(crate) const HOSTS: [(&str, &str); 12] = [
    ("mta-sts.healthy.test", "200 enforce"),
    ("mta-sts.sts-testing.test", "200 testing"),
    ("mta-sts.sts-none.test", "200 none"),
    ("mta-sts.sts-redirect.test", "301"),
    ("mta-sts.sts-expired.test", "certificate has expired"),
    ("mta-sts.sts-wrong-name.test", "no alternative certificate subject name matches"),
    ("mta-sts.sts-sloppy.test", "200 enforce"),
    ("mta-sts.sts-mismatch.test", "200 enforce"),
    ("mta-sts.sts-cert.test", "200 enforce"),
    ("mta-sts.sts-no-starttls.test", "200 enforce"),
    ("mta-sts.sts-pinned.test", "200 enforce"),
    ("mta-sts.sts-not-ready.test", "200 testing"),
];

pub(crate) fn are_as_described(tally: &mut Tally) {
    for (host, wanted) in HOSTS {
        let got = fetch(host).unwrap_or_else(|error| error);
        let differs = !got.contains(wanted);
        let difference = differs.then(|| format!("wanted {wanted:?}, got {got:?}"));
        tally.compare(host, difference.into_iter().collect());
    }
}

/// The code of the answer and the mode in its text; of what is no answer, curl's words.
pub(crate) fn fetch(host: &str) -> Result<String, String> {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10", "--cacert", CA_FILE])
        .args(["--write-out", "\n%{http_code}", &format!("https://{host}/.well-known/mta-sts.txt")])
        .output()
        .expect("curl starts");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mode = text.lines().find_map(|line| line.strip_prefix("mode: ")).unwrap_or_default();
    let code = text.lines().last().unwrap_or_default();
    Ok(format!("{code} {mode}"))
}
