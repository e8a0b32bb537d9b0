//! An SMTP client that says what it is told, and the panics that it causes.
#![expect(clippy::unwrap_used, reason = "what goes wrong here fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::tls::Ca;

#[derive(Debug)]
pub(crate) struct Client<S> {
    pub(crate) io: BufReader<S>,
}

impl Client<TcpStream> {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::over(TcpSocket::new_v4().unwrap().connect(addr).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { io: BufReader::new(stream) }
    }

    pub(crate) async fn says(&mut self, line: &str) {
        self.writes(&format!("{line}\r\n")).await;
    }

    pub(crate) async fn writes(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    pub(crate) async fn hears(&mut self) -> String {
        let mut line = String::new();
        self.io.read_line(&mut line).await.unwrap();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("not a line: {line:?}")).to_owned()
    }

    /// Says a line and gives the whole reply, its lines joined by `\n`.
    pub(crate) async fn asks(&mut self, line: &str) -> String {
        self.says(line).await;
        self.hears_reply().await
    }

    pub(crate) async fn hears_reply(&mut self) -> String {
        let mut reply = self.hears().await;
        while reply.lines().last().unwrap().as_bytes().get(3) == Some(&b'-') {
            reply = format!("{reply}\n{}", self.hears().await);
        }
        reply
    }

    pub(crate) async fn secure(
        self,
        ca: &Ca,
        name: &'static str,
    ) -> std::io::Result<Client<TlsStream<BufReader<S>>>> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(ca.roots())
            .with_no_client_auth();
        let name = ServerName::try_from(name).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.io).await.map(Client::over)
    }
}

/// The message of the panic that this future must end with.
pub(crate) async fn complaint<T: Send + 'static>(
    failing: impl Future<Output = T> + Send + 'static,
) -> String {
    let Err(error) = tokio::spawn(failing).await else { panic!("nobody complained") };
    let panic = error.into_panic();
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}
