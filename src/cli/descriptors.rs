//! Whether the system lets this process have as many sockets as the configuration makes it want.

use std::fs;

/// Name servers and policy hosts are asked over as many sockets, and files, listeners and the runtime take what is left
/// of this.
const BESIDE: usize = 264;

/// A warning, where the limit of open files is lower than what so many sessions and HTTP connections take.
pub(super) fn short(sessions: usize, connections: usize) -> Option<String> {
    judge(limit(&fs::read_to_string("/proc/self/limits").ok()?)?, sessions, connections)
}

fn judge(limit: usize, sessions: usize, connections: usize) -> Option<String> {
    let wanted = sessions + connections + BESIDE;
    (limit < wanted).then(|| {
        format!(
            "this process may have {limit} files open, and `max_sessions: {sessions}` with {connections} HTTP \
             connections takes {wanted}: raise the limit (`ulimit -n`, `LimitNOFILE=`) or lower `max_sessions`"
        )
    })
}

/// The soft limit, as Linux tells it: `Max open files  1024  524288  files`. None where there is none.
fn limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_low_a_limit_is_told_in_numbers() {
        let limits = |soft: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax open files            {soft}   524288   files\n"
            )
        };
        let told = |soft: &str, sessions| limit(&limits(soft)).and_then(|limit| judge(limit, sessions, 512));
        assert_eq!(told("1024", 64), None);
        assert_eq!(told("unlimited", 60_000), None);
        let warning = told("1024", 1_000).unwrap();
        for number in ["may have 1024", "max_sessions: 1000", "512 HTTP", "takes 1776"] {
            assert!(warning.contains(number), "{warning}");
        }
        assert_eq!(limit(""), None);
    }

    #[test]
    fn this_system_tells_its_limit() {
        assert!(limit(&fs::read_to_string("/proc/self/limits").unwrap()).is_some_and(|limit| limit > 0));
    }
}
