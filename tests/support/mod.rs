//! A small mail world for tests and for the demonstration: mail servers, name servers and certificate authorities, all
//! on loopback, on free ports, for as long as the test.
//!
//! | to have | write |
//! |---|---|
//! | a scripted peer on a socket | `Script::new().say("220 hi").hear("EHLO ").say("250 hi").serve().await` → `Running`: `addr`, `port()` |
//! | the same in paused time | `let (stream, playing) = script.over_duplex(4096)`, or `script.play(stream)` |
//! | to end it: a wrong dialogue fails the test | `let transcript: Vec<String> = running.finish().await` (or `abandon()`; forgetting both fails) |
//! | what it says | `say("a\nb")`, `say_bytes(b"220 hi\n")`, `inject("250 evil")`, `drip(text, pause)`, `flood(line, times)`, `drip_bytes`, `flood_bytes`, `delay(pause)` |
//! | what it wants | `hear("MAIL FROM:<>")`, `hear_anything()`, `hear_client_hello()`, `inspect_client_hello(check)`, `expect_close()` |
//! | TLS inside the script | `tls(&identity)`, `tls_with(config)`, `tls_fails(config)`, `tls_cut_short(&identity, octets)`, `tls_alert(40)` |
//! | how it ends | `silence()`, `never_read()`, `hang_up()` (and so does the end of the script), `vanish()`, `reset()`; `next_connection()` goes on with another one |
//! | a mail server that behaves | `MailServer::named("mx.example.test").local_domains(["example.test"]).certificate(identity).serve().await` |
//! | … and what it saw | `addr`, `connections()`, `arrivals()`, `most_at_once()`, `transcripts()`, `data_seen()`, `breaches()`; `becomes(server)`, `stop().await` |
//! | … that greets oddly | `banner(text)`, `greets_after(delay)`, `silent()`, `throttles()`, `blocks_client()`, `rejects(text)`, `at_most_at_once(n)` |
//! | … with other extensions | `without_pipelining()`, `without_8bitmime()`, `extension(line)`, `auth_before_tls("PLAIN LOGIN")`, `without_ehlo()` |
//! | … with other TLS | `tls_versions(&[&TLS12])`, `without_starttls()`, `masks_starttls()`, `breaks_handshakes()`, `keeps_offering_starttls()`, `requires_tls()` |
//! | … with other transactions | `relays_for_everyone()`, `refuses_null_sender()`, `refuses_null_sender_at_rcpt()`, `refuses_postmaster()`, `greylists()`, `greylists_for(period)`, `tempfails()` |
//! | … with anything else | `answering("RCPT TO:", "554 5.7.1 no")`, `hangs_up_at("RSET")`, `answers_after(delay)` |
//! | a name server | `Dns::serving("example.test.", "@ IN MX 10 mx\nmx IN A 127.0.0.1").await` → `addr`, `asked(name, type)`, `lookups()`, `resolver()` |
//! | … with more zones | `.and_zone(origin, records)`, `.and_ptr("192.0.2.1", "mx.example.test.")` |
//! | … with signatures | `Dns::serving_signed(…)`, `.and_signed_zone(…)`, `.and_bogus_zone(…)` → `trust_anchor()`, `validating_resolver()` |
//! | … in trouble | `.servfail(q)`, `.refused(q)`, `.unanswered(q)`, `.truncated(q)`, `.trouble(q, Trouble::Delay(d))`, `.over_udp_only()`; `q` is `"a.test."`, `"*.a.test."` or `("a.test.", RecordType::AAAA)` |
//! | … that changes | `dns.change_zone(origin, records)`, `dns.trouble(q, t)`, `dns.recover(q)`, `dns.stop().await` |
//! | a port that refuses | `ClosedPort::somewhere()` → `addr`; `ClosedPort::at(addr)` |
//! | an MTA-STS policy host | `PolicyHost::serving(&identity, text).await`, or `answering(config, Answer::status(404))` → `addr`, `requests()`; `becomes(answer)`, `shows(config)` |
//! | certificates | `Ca::new()`, `Ca::at(now)` → `pem()`, `der()`, `roots()`, `impostor()`, `leaf("mx.example.test")` … `.issue()` → `Identity` |
//! | … of every kind | `.and_name(n)`, `.common_name_only()`, `.valid_days(-90, -1)`, `.key(Key::Rsa2048)`, `.self_signed()`, `.by_intermediate()`, `.by_missing_intermediate()`, `.by_expired_intermediate()` |
//! | … that no honest server has | `identity.showing(chain, versions)`, `identity.stapling(octets, versions)`, `showing::nonsense(&[der], scheme, versions)` |
//! | … on a server | `identity.server_config(ALL_VERSIONS)`, `identity.demanding_a_client_certificate(&ca, ALL_VERSIONS)`, `identity.asking_for_a_client_certificate(…)` |
//!
//! Every fake SMTP server minds the client's manners: no DATA, BDAT, VRFY, EXPN or AUTH, CRLF, no word before the
//! greeting, EHLO, STARTTLS and QUIT alone in their write. A script fails at a breach, a mail server remembers it.
#![expect(clippy::unwrap_used, reason = "what goes wrong in the support fails the test")]
#![expect(unreachable_pub, reason = "each test binary is a crate of its own, with this as a private module")]
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod dns;
pub mod mail_server;
pub mod policy_host;
pub mod port;
pub mod showing;
pub mod smtp;
pub mod tls;
pub mod wire;
