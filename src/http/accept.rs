//! The accept loop: bounded in connections and in time, and not stopped by a want of descriptors.

use super::connections::{Connections, Seat};
use super::patient::Patient;
use super::read::Read;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// From the first byte that may come to the last of the header, also between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The header of a request, and what is buffered of an answer.
const BUFFER: usize = 32 * 1024;
/// For requests under way at the end.
const GRACE: Duration = Duration::from_secs(5);
/// After an accept that failed for want of descriptors or memory.
const RESPITE: Duration = Duration::from_millis(500);

type Stop = watch::Receiver<bool>;

/// Accepts and serves until `stop`.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Arc<Connections>,
    mut stop: Stop,
) {
    let mut serving = JoinSet::new();
    let mut is_short = false;
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        while serving.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                is_short = false;
                match connections.seat() {
                    Some(seat) => drop(serving.spawn(converse(stream, seat, router.clone(), stop.clone()))),
                    None => refuse(&stream),
                }
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                if !is_short {
                    tracing::warn!(%error, "cannot accept connections for now");
                }
                is_short = true;
                sleep(RESPITE).await;
            }
        }
    }
    drop(listener);
    timeout(GRACE, async { while serving.join_next().await.is_some() {} }).await.ok();
    serving.shutdown().await;
}

/// Serves one connection until it ends, its place is taken or, between two requests, until `stop`.
async fn converse<S>(stream: S, seat: Arc<Seat>, router: Router, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = TowerToHyperService::new(router);
    let answer = service_fn(|request: Request<Incoming>| {
        let answering = seat.answering();
        let answer = service.call(request);
        async move { answer.await.map(|answer| answer.map(|body| Read::by(body, answering.reading()))) }
    });
    let stream = TokioIo::new(Patient::new(stream));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(BUFFER)
            .serve_connection(stream, answer)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = seat.taken() => return,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Comes back at the end of everything.
async fn stopped(stop: &mut Stop) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// A word to whom there is no place for, if it can be said at once.
fn refuse(stream: &TcpStream) {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let answer =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n");
    stream.try_write(answer.as_bytes()).ok();
}

/// Whether an accept failed by what one peer did, so that the next may succeed at once.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    /// A client of a conversation, which lasts as long as the task.
    fn client(stop: &Stop) -> (DuplexStream, tokio::task::JoinHandle<()>) {
        let (near, far) = duplex(64 * 1024);
        let seat = Connections::new(1).seat().unwrap();
        let router = Router::new().route("/", get(async || "hello"));
        (near, tokio::spawn(converse(far, seat, router, stop.clone())))
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_too_little_is_closed() {
        let (_running, stop) = watch::channel(false);
        for first in ["", "GET / HTTP/1.1\r\nHost:"] {
            let (mut client, _) = client(&stop);
            let began = Instant::now();
            client.write_all(first.as_bytes()).await.unwrap();
            let mut said = String::new();
            client.read_to_string(&mut said).await.unwrap();
            assert_eq!(began.elapsed(), HEADER_TIMEOUT, "{first:?}: {said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_wins_no_time() {
        let (_running, stop) = watch::channel(false);
        let (mut client, conversation) = client(&stop);
        let began = Instant::now();
        let mut header = "GET / HTTP/1.1\r\nHost: a\r\nX: ".bytes().chain(std::iter::repeat(b'a'));
        while client.write_all(&[header.next().unwrap()]).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        conversation.await.unwrap();
        assert!(began.elapsed() <= HEADER_TIMEOUT + Duration::from_secs(2), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_ends_at_the_end_of_everything() {
        let (running, stop) = watch::channel(false);
        let (mut client, conversation) = client(&stop);
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        running.send_replace(true);
        timeout(Duration::from_secs(1), conversation).await.unwrap().unwrap();
    }
}
