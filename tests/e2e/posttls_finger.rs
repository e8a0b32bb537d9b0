//! What Postfix's posttls-finger sees of a server's TLS: a second opinion, from OpenSSL.

use std::process::Command;

use crate::certificates::CA_FILE;
use crate::namespace::HOME;
use crate::openssl;

pub(crate) struct Handshake {
    /// As in `1.3`.
    pub(crate) version: String,
    /// By its IANA name, as in `TLS_AES_256_GCM_SHA384`.
    pub(crate) cipher: String,
    /// What is wrong with the certificate for an MX of this name; nothing: empty.
    pub(crate) complaint: String,
}

/// Looks at the server at this address that should have a certificate for this name. None: no TLS was had.
pub(crate) fn point_at(name: &str, address: &str) -> Option<Handshake> {
    let family = if address.contains(':') { "ipv6:" } else { "" };
    let printed = run_with(&["-l", "secure", "-F", CA_FILE, &format!("[{family}{address}]:25"), name]);
    let said =
        |phrase| printed.lines().find(|line| line.contains(phrase))?.split_once("]:25: ").map(|(_, it)| it);

    let (version, rest) = said(" TLS connection established to ")?.split_once(" with cipher ")?;
    let cipher = rest.split(' ').next()?;
    let complaint = said("certificate verification failed for ").unwrap_or("");
    let complaint = complaint.rsplit_once(':').map_or(complaint, |(_, text)| text); // num=62:hostname mismatch
    Some(Handshake {
        version: match version.trim_start_matches("TLSv") {
            "1" => "1.0".to_owned(),
            other => other.to_owned(),
        },
        cipher: openssl::iana_names().remove(cipher).unwrap_or_else(|| cipher.to_owned()),
        complaint: complaint.to_owned(),
    })
}

/// What DANE comes to on the way to a domain, or to a host in brackets, by `ipv4`, `ipv6` or `all`: a state in the daemon's
/// words where it has one for it.
pub(crate) fn follow_tlsa(destination: &str, family: &str) -> &'static str {
    let protocols = format!("inet_protocols={family}");
    let printed = run_with(&["-l", "dane", "-L", "routine,certmatch,dane", "-o", &protocols, destination]);
    let said = |phrase: &str| printed.contains(phrase);
    match () {
        () if said("TLSA lookup error for ") => "failed look-up",
        () if said("no matching DANE TLSA records") => "mismatch",
        () if said(": Matched DANE ") && said("MX RRset insecure") => "insecure_mx",
        () if said(": Matched DANE ") => "valid",
        () if said("DNSSEC-signed TLSA record: ") && !said(" TLS connection established to ") => "no_tls",
        () if said(" unsupported TLSA ") && said(" TLS connection established to ") => "unusable",
        () if !said("TLSA") && said(" TLS connection established to ") => "no records",
        () => "something else",
    }
}

/// All that it prints.
fn run_with(arguments: &[&str]) -> String {
    let output = Command::new("posttls-finger")
        .args(["-c", "-t", "10"])
        .args(arguments)
        .env("MAIL_CONFIG", format!("{HOME}/etc"))
        .output()
        .expect("posttls-finger starts");
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}
