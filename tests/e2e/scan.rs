//! TLS scans: what the daemon finds that a server speaks, beside what sslscan finds of the same; and what either costs.

mod count;
mod look;

use crate::daemon::Daemon;
use crate::expectations::{self, Scan};
use crate::servers::SERVERS;
use crate::sslscan::{self, Found};
use crate::tally::Tally;
use look::Look;

/// As many connections a scan makes at most.
const MOST: usize = 12;

/// Looks at each server of the table with both. What differs by intent stands in `expectations.md`.
pub(crate) fn agrees(tally: &mut Tally, _: &mut Daemon) {
    count::begin();
    let mut costs = Vec::new();
    for row in expectations::scans() {
        let server = SERVERS.iter().find(|server| server.name == row.server).expect("a server by its name");
        let address = server.addresses[0];
        let ours = look::at(server.domain(), address, row.grade);
        let theirs = sslscan::look(server.name, address);
        compare(tally, &row, &ours, &theirs);
        if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
            tally.compare(format!("suites of {}", row.server), invented(&ours, &theirs));
            tally.compare(format!("connections to {}", row.server), untold(&ours, address));
            costs.push(cost(row.server, address, &ours, &theirs));
        }
    }
    count::end();
    println!("  {}", costs.join("\n  "));
}

/// What each is wanted to find.
fn compare(tally: &mut Tally, row: &Scan, ours: &Result<Look, String>, theirs: &Result<Found, String>) {
    let differences = match ours {
        Ok(ours) => {
            let graded =
                (ours.grade != row.grade).then(|| format!("graded {}, not {}", ours.grade, row.grade));
            row.spoken.differences(&ours.spoken).into_iter().chain(graded).collect()
        }
        Err(error) => vec![error.clone()],
    };
    tally.compare(format!("scan of {}", row.server), differences);
    let differences = match theirs {
        Ok(theirs) => row.by_sslscan.differences(&theirs.spoken),
        Err(error) => vec![error.clone()],
    };
    tally.compare(format!("sslscan of {}", row.server), differences);
}

/// Suites that the server chose for the daemon alone, unless sslscan gets no handshake to its end.
fn invented(ours: &Look, theirs: &Found) -> Vec<String> {
    let only_ours = ours.suites.difference(&theirs.suites).filter(|_| !theirs.suites.is_empty());
    only_ours.map(|(version, suite)| format!("{suite} with {version} was refused to sslscan")).collect()
}

/// A scan is told to have made the connections that the server saw, but for a session before it, or two: the second in
/// plaintext where the first got no TLS.
fn untold(ours: &Look, address: &str) -> Vec<String> {
    let made = count::connections(look::FROM, address);
    let is_told = [1, 2].contains(&made.saturating_sub(ours.connections));
    let is_right = is_told && (1..=MOST).contains(&ours.connections);
    if is_right { vec![] } else { vec![format!("{made} were made, {} are told of", ours.connections)] }
}

fn cost(server: &str, address: &str, ours: &Look, theirs: &Found) -> String {
    let (took, theirs_took) = (ours.took.as_secs_f64(), theirs.took.as_secs_f64());
    let made = count::connections(sslscan::FROM, address);
    format!(
        "{server:<25} {:>2} connections, {took:.1} s; sslscan {made:>3} connections, {theirs_took:.1} s",
        ours.connections
    )
}
