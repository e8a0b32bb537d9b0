//! Counts connections where the servers are: what says how many it makes is not asked.

use serde_json::Value;

use crate::namespace::run;

const NFT: &str = "ip netns exec servers nft";

/// From now on, every connection to a mail server over IPv4.
pub(super) fn begin() {
    run(&format!("{NFT} add table ip scan"));
    run(&format!("{NFT} add set ip scan made {{ type ipv4_addr . ipv4_addr ; flags dynamic ; }}"));
    run(&format!("{NFT} add chain ip scan input {{ type filter hook input priority 0 ; }}"));
    run(&format!(
        "{NFT} add rule ip scan input tcp dport 25 tcp flags & (syn|ack) == syn update @made {{ ip saddr . ip daddr counter }}"
    ));
}

/// How many there were.
pub(super) fn connections(from: &str, to: &str) -> usize {
    let text = run(&format!("{NFT} -j list set ip scan made"));
    let json: Value = serde_json::from_str(&text).expect("nft's JSON");
    let sets = json["nftables"].as_array().into_iter().flatten();
    let elements = sets.flat_map(|it| it["set"]["elem"].as_array().into_iter().flatten());
    let mut both =
        elements.map(|it| &it["elem"]).filter(|it| it["val"]["concat"] == serde_json::json!([from, to]));
    both.next().and_then(|it| it["counter"]["packets"].as_u64()).map_or(0, |count| count as usize)
}

pub(super) fn end() {
    run(&format!("{NFT} delete table ip scan"));
}
