//! Name servers that answer other questions than they were asked.

use super::{client, domain, outcomes};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, MX, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What a liar sends for one question, each from which socket: the asked one or another.
type Lies = Vec<(bool, Vec<u8>)>;

/// A name server over UDP that answers as `lie` likes.
async fn liar(lie: impl Fn(&Message) -> Lies + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let (socket, other) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    let lying = tokio::spawn(async move {
        let mut buffer = [0; 2_048];
        loop {
            let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            for (from_here, octets) in lie(&question) {
                let from = if from_here { &socket } else { &other };
                from.send_to(&octets, client).await.unwrap();
            }
        }
    });
    (address, lying)
}

/// The right answer: one MX with one address.
fn truth(question: &Message) -> Message {
    let query = question.queries[0].clone();
    let name = query.name().clone();
    let data = match query.query_type() {
        RecordType::MX => Some(RData::MX(MX::new(10, Name::from_str("mx.example.test.").unwrap()))),
        RecordType::A => Some(RData::A(A::new(203, 0, 114, 1))),
        _ => None,
    };
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.add_query(query);
    answer.metadata.recursion_available = true;
    answer.answers.extend(data.map(|data| Record::from_rdata(name, 60, data)));
    answer
}

fn octets(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap()
}

async fn told_by(lie: impl Fn(&Message) -> Lies + Send + 'static) -> String {
    let (address, lying) = liar(lie).await;
    let seen = outcomes(&client(address).domain(&domain()).await);
    lying.abort();
    seen
}

const TRUTH: &str = "answer, mx.example.test answer no_data";

#[tokio::test]
async fn d08_what_does_not_fit_the_question_is_passed_over() {
    assert_eq!(told_by(|question| vec![(true, octets(&truth(question)))]).await, TRUTH);
    let other_id = |question: &Message| {
        let mut lie = truth(question);
        lie.metadata.id = lie.metadata.id.wrapping_add(1);
        lie.answers.clear();
        vec![(true, octets(&lie)), (true, octets(&truth(question)))]
    };
    assert_eq!(told_by(other_id).await, TRUTH, "another id");
    let other_source = |question: &Message| {
        let mut lie = truth(question);
        lie.answers.clear();
        lie.metadata.response_code = ResponseCode::NXDomain;
        vec![(false, octets(&lie)), (true, octets(&truth(question)))]
    };
    assert_eq!(told_by(other_source).await, TRUTH, "another source");
    let twice = |question: &Message| vec![(true, octets(&truth(question))), (true, octets(&truth(question)))];
    assert_eq!(told_by(twice).await, TRUTH, "twice");
}

#[tokio::test]
async fn d08_d50_answers_that_are_none_are_no_denial() {
    let other_question = |question: &Message| {
        let mut lie = truth(question);
        lie.queries = vec![Query::query(Name::from_str("other.test.").unwrap(), RecordType::TXT)];
        vec![(true, octets(&lie))]
    };
    let seen = told_by(other_question).await;
    assert!(["timeout", "server_failure"].contains(&seen.as_str()), "another question: {seen}");
    let garbage = told_by(|_| vec![(true, vec![0xff; 40])]).await;
    assert!(["timeout", "server_failure"].contains(&garbage.as_str()), "garbage: {garbage}");
    let cut = |question: &Message| {
        let whole = octets(&truth(question));
        vec![(true, whole[..whole.len() - 3].to_vec())]
    };
    let cut = told_by(cut).await;
    assert!(["timeout", "server_failure"].contains(&cut.as_str()), "cut short: {cut}");
    let other_name = |question: &Message| {
        let mut lie = truth(question);
        lie.answers.iter_mut().for_each(|record| record.name = Name::from_str("other.test.").unwrap());
        vec![(true, octets(&lie))]
    };
    let seen = told_by(other_name).await;
    assert!(!seen.starts_with("answer") && !seen.contains("no_data"), "records of another name: {seen}");
}

#[tokio::test]
async fn d39_records_of_another_class_are_none() {
    let chaos = |question: &Message| {
        let mut lie = truth(question);
        lie.answers.iter_mut().for_each(|record| record.dns_class = DNSClass::CH);
        vec![(true, octets(&lie))]
    };
    let seen = told_by(chaos).await;
    assert!(!seen.starts_with("answer"), "{seen}");
}

#[tokio::test]
async fn d08_a_late_answer_is_no_answer() {
    let (address, _lying) = liar(|_| vec![]).await;
    let seen = client(address).domain(&domain()).await;
    assert_eq!(outcomes(&seen), "timeout");
    assert!(seen.mx.took <= Duration::from_millis(1_500), "{:?}", seen.mx.took);
}

#[tokio::test]
async fn d41_a_name_of_hostile_octets_is_told_and_harms_nobody() {
    let hostile = |question: &Message| {
        let mut lie = truth(question);
        let query = &question.queries[0];
        if query.query_type() == RecordType::PTR {
            let name = Name::from_labels([&b"\xff\x00\x0a<script>"[..], b"test"]).unwrap();
            lie.answers.push(Record::from_rdata(query.name().clone(), 60, RData::PTR(PTR(name))));
        }
        vec![(true, octets(&lie))]
    };
    let (address, lying) = liar(hostile).await;
    let ptr = client(address).ptr("203.0.114.9".parse().unwrap()).await;
    lying.abort();
    assert_eq!(ptr.forward[0].0.as_str(), "\\xff\\x00\\x0a<script>.test");
    assert_eq!(ptr.confirms("203.0.114.9".parse().unwrap()), Ok(false));
}
