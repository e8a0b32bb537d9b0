//! What this machine is called, for those who do not say `helo_name`.

use crate::name::HeloName;

/// The machine's fully qualified name, as `hostname --fqdn` finds it: the kernel's own where that has a dot, else the
/// first name beside it in /etc/hosts. None where there is no such name.
pub fn machine_name() -> Option<HeloName> {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    full_name(read("/proc/sys/kernel/hostname").trim(), &read("/etc/hosts"))
}

fn full_name(hostname: &str, hosts: &str) -> Option<HeloName> {
    let names = |line: &str| -> Vec<String> {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    let mut lines = hosts.lines().map(names).filter(|names| names.iter().any(|name| name == hostname));
    HeloName::parse(hostname).ok().or_else(|| lines.find_map(|names| HeloName::parse(names.first()?).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_called_by_its_full_name() {
        let hosts = "127.0.0.1 localhost\n192.0.2.7 probe.example.net probe # this one\n";
        for (hostname, hosts, want) in [
            ("probe.example.net", "", Some("probe.example.net")),
            ("probe", hosts, Some("probe.example.net")),
            ("probe", "127.0.1.1 probe\n", None),
            ("other", hosts, None),
            ("localhost", hosts, None),
            ("", "", None),
        ] {
            let found = full_name(hostname, hosts);
            assert_eq!(found.as_ref().map(HeloName::as_str), want, "{hostname}");
        }
    }
}
