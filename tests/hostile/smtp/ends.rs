//! Connections that end, break, stall or never come about.

use super::{
    WELCOME, encrypted, goodbye, greeted, no_relay, offered, plain, transaction, trusting, welcome_null,
};
use crate::meet::{Meeting, looking, seconds, testing};
use crate::says::{Case, all};
use crate::support::port::ClosedPort;
use crate::support::smtp::Script;
use crate::support::tls::Identity;
use mx_exporter::observe::{Cause, Stage};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;

/// Dialogues up to each point where the next word is the server's.
fn points(identity: &Identity) -> Vec<(&'static str, Script)> {
    let inside = || encrypted(identity).say(WELCOME);
    let told = || transaction(inside(), "250 ok", "250 ok").hear("MAIL FROM:<postmaster@probe.test>");
    vec![
        ("the greeting", Script::new()),
        ("EHLO", greeted()),
        ("STARTTLS", offered()),
        ("the handshake", offered().say("220 go ahead").hear_client_hello()),
        ("EHLO inside", encrypted(identity)),
        ("MAIL", inside().hear("MAIL FROM:<>")),
        ("RCPT", inside().hear("MAIL FROM:<>").say("250 ok").hear("RCPT")),
        ("RSET", inside().hear("MAIL FROM:<>").say("250 ok").hear("RCPT").say("250 ok").hear("RSET")),
        ("the second MAIL", told()),
        ("QUIT", no_relay(welcome_null(inside())).hear("QUIT")),
    ]
}

/// What is told of an end at each of these points: the session, the first look, the second.
type Told = [(&'static str, &'static str, &'static str); 10];

#[tokio::test(start_paused = true)]
async fn s41_a_farewell_at_every_point() {
    let told: Told = S41;
    let (meeting, identity) = trusting();
    let roots = meeting.roots;
    let cases = points(&identity).into_iter().zip(told).map(|((point, script), (gist, first, second))| {
        let meeting = Meeting { roots: roots.clone(), ..testing() };
        let case: Case = (point, meeting, script.hang_up(), gist, first, second);
        case
    });
    all(cases.collect()).await;
}

const S41: Told = [
    (
        "closed@banner (closed@banner); all (closed@banner)",
        "R pass, BESHANPOXT ?tempfail",
        "R pass, B banner.missing, ESHANPOXT -",
    ),
    (
        "220 closed@ehlo; all (closed@ehlo)",
        "RB pass, ESHANPOXT ?tempfail",
        "RB pass, E ehlo.rejected, SHANPOXT -",
    ),
    (
        "220 250 closed@starttls; all (closed@starttls)",
        "RBES pass, H ?tempfail, A pass, NPOXT ?tempfail",
        "RBES pass, H starttls.refused, A pass, NPO -, X pass, T -",
    ),
    (
        "220 250 closed@tls_handshake; owed",
        "RBES pass, H ?tempfail, A pass, NPO -, XT ?tempfail",
        "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
    ),
    (
        "220 250 1.3 closed@ehlo_tls; all (closed@ehlo_tls)",
        "RBES pass, H ?tempfail, A pass, NPOX ?tempfail, T pass",
        "RBES pass, H starttls.handshake_failed, A pass, NPOX -, T pass",
    ),
    (
        "220 250 1.3 250; null tempfail@mail, postmaster (tempfail@mail), relay (tempfail@mail)",
        "RBESHA pass, NPO ?tempfail, XT pass",
        "",
    ),
    (
        "220 250 1.3 250; null tempfail@rcpt, postmaster (tempfail@rcpt), relay (tempfail@rcpt)",
        "RBESHA pass, NPO ?tempfail, XT pass",
        "",
    ),
    (
        "220 250 1.3 250; null accepted, postmaster accepted, relay (tempfail@rset)",
        "RBESHANP pass, O ?tempfail, XT pass",
        "",
    ),
    (
        "220 250 1.3 250; null accepted, postmaster accepted, relay tempfail@mail",
        "RBESHANP pass, O ?tempfail, XT pass",
        "",
    ),
    ("220 250 1.3 250; null accepted, postmaster accepted, relay closed", "RBESHANPOXT pass", ""),
];

#[tokio::test]
async fn s42_a_reset_at_every_point() {
    let (meeting, identity) = trusting();
    let roots = meeting.roots;
    let mut wrong = vec![];
    for ((point, script), (gist, first, second)) in points(&identity).into_iter().zip(S41) {
        let met = Meeting { roots: roots.clone(), ..testing() }.on_socket(script.reset()).await;
        let gist = gist.replace("closed@", "reset@");
        wrong.extend(met.differs(point, &gist, (first, second)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn s23_silence_at_every_point() {
    let (_, identity) = trusting();
    let limits = [30, 30, 20, 20, 30, 30, 45, 10, 30, 2];
    for ((point, script), limit) in points(&identity).into_iter().zip(limits) {
        let met = testing().with(script.silence()).await;
        let leave =
            if point == "the greeting" || point == "the handshake" || point == "QUIT" { 0 } else { 2 };
        assert_eq!(met.took, seconds(limit + leave), "{point}");
    }
}

#[tokio::test(start_paused = true)]
async fn s44_a_peer_that_never_reads() {
    let cramped = |meeting: Meeting| Meeting { in_flight: 2, ..meeting };
    all(vec![
        (
            "S44 at EHLO",
            cramped(testing()),
            Script::new().say("220 mx").never_read(),
            "220 timeout@ehlo; all (timeout@ehlo)",
            "RB pass, ESHANPOXT ?timeout",
            "",
        ),
        (
            "S44 at STARTTLS",
            cramped(testing()),
            greeted().say("250-mx\n250 STARTTLS").never_read(),
            "220 250 timeout@starttls; all (timeout@starttls)",
            "RBES pass, H ?timeout, A pass, NPOXT ?timeout",
            "",
        ),
        (
            "S44 at the handshake",
            cramped(testing()),
            offered().say("220 go ahead").never_read(),
            "220 250 no_answer@tls_handshake; owed",
            "RBES pass, H ?timeout, A pass, NPO -, XT ?timeout",
            "RBES pass, H starttls.handshake_failed, A pass, NPO -, X pass, T -",
        ),
        (
            "S44 at MAIL",
            cramped(testing()),
            plain().never_read(),
            "220 250 not offered; null timeout@mail, postmaster (timeout@mail), relay (timeout@mail)",
            "RBE pass, S starttls.missing, H -, A pass, NPO ?timeout, X pass, T -",
            "",
        ),
    ])
    .await;
    let met = cramped(testing()).with(Script::new().say("220 mx").never_read()).await;
    assert_eq!(met.took, seconds(30 + 2));
}

#[tokio::test]
async fn s43_a_host_that_is_gone_costs_no_more_than_the_session() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = socket.listen(8).unwrap();
    let mut hasty = testing();
    hasty.plan.timeout = Duration::from_millis(300);
    let met = hasty.at(nobody.local_addr().unwrap()).await;
    assert_eq!(met.gist(), "timeout@banner (timeout@banner)");
    assert!(met.took < seconds(2), "{:?}", met.took);
    let (mut theirs, _) = nobody.accept().await.unwrap();
    assert_eq!(theirs.read(&mut [0; 9]).await.unwrap(), 0, "the descriptor is given back");
}

/// Nothing can ever come from this peer, so that paused time may be met by a real socket here.
#[tokio::test(start_paused = true)]
async fn s45_a_syn_that_is_dropped() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let _queued = TcpStream::connect(address).unwrap();
    let met = testing().at(address).await;
    let twice = ("RBESHANPOXT ?timeout", "R tcp.unreachable, BESHANPOXT -");
    assert_eq!(met.differs("S45", "no_answer@connect; all (no_answer@connect)", twice), None);
    assert_eq!(met.took, seconds(15));
    let mut hasty = testing();
    hasty.plan.timeout = seconds(10);
    assert_eq!(hasty.at(address).await.gist(), "timeout@connect", "the session's own end proves nothing");
}

#[tokio::test]
async fn s46_s47_connections_that_do_not_come_about() {
    let closed = ClosedPort::somewhere();
    let met = testing().at(closed.addr).await;
    let twice = ("RBESHANPOXT ?tempfail", "R tcp.unreachable, BESHANPOXT -");
    assert_eq!(met.differs("S47", "refused@connect; all (refused@connect)", twice), None);
    let mut away = testing();
    away.network.allow_targets.push("fe80::/10".parse().unwrap());
    // A link-local address without a link: the way there is unknown on every machine, and nothing is sent.
    let nowhere = SocketAddr::new(IpAddr::from(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)), 25);
    let met = away.at(nowhere).await;
    let always = ("RBESHANPOXT ?vantage_blocked", "");
    assert_eq!(met.differs("S46", "vantage_blocked@connect; all (vantage_blocked@connect)", always), None);
}

#[tokio::test(start_paused = true)]
async fn s60_a_goodbye_may_be_answered_in_any_way() {
    let quit = || plain().hear("QUIT");
    for (name, script, waits) in [
        ("221", quit().say("221 bye"), 0),
        ("500", quit().say("500 what"), 0),
        ("closed", quit().hang_up(), 0),
        ("cut", quit().vanish(), 0),
        ("silence", quit().silence(), 2),
        ("endless", quit().flood("221-bye", 1_000_000), 0),
        ("nonsense", quit().say_bytes([0, 255, 13, 10]), 0),
        ("slowly", quit().drip("221 mx.example.test closing", seconds(1)), 2),
    ] {
        let met = looking().with(script).await;
        assert_eq!((met.gist().as_str(), met.took), ("220 250 not offered", seconds(waits)), "{name}");
    }
    let (meeting, identity) = trusting();
    let cut = Meeting { roots: meeting.roots, ..looking() }
        .with(encrypted(&identity).say(WELCOME).hear("QUIT").vanish());
    assert_eq!(cut.await.says(1), "RBESHA pass, NPO -, XT pass");
}

#[tokio::test(start_paused = true)]
async fn s81_a_session_that_has_to_stop() {
    for (script, stage, says_goodbye) in [
        (Script::new().silence(), Stage::Banner, false),
        (goodbye(greeted()), Stage::Ehlo, true),
        (offered().say("220 go ahead").hear_client_hello().silence(), Stage::TlsHandshake, false),
    ] {
        let met = Meeting { stop_after: Some(seconds(3)), ..testing() }.with(script).await;
        let dialogue = met.session.dialogue.as_ref().unwrap();
        let trouble = dialogue.trouble().unwrap();
        assert_eq!((trouble.stage, trouble.cause), (stage, Cause::ProberError));
        assert_eq!(met.heard.iter().any(|line| line == "QUIT"), says_goodbye, "{stage}");
        assert!(met.took <= seconds(5) && met.says(2).contains("?prober_error"), "{stage}: {}", met.says(2));
    }
}
