//! A connection that streams a slot's changes: PostgreSQL's replication protocol over TCP or TLS.
//!
//! The frames, their bounds and SCRAM are pgwire-replication's. The connection itself is here because that crate's own brings
//! other cryptography with it, and reads ahead by a number of messages, not of bytes.

use super::decode::PROTOCOL;
use crate::events::postgres_server::{DEADLINE, PostgresServer};
use bytes::{Buf, Bytes};
use pgwire_replication::auth::ScramClient;
use pgwire_replication::protocol::framing::{
    MessageReader, write_copy_data, write_password_message, write_query, write_ssl_request, write_startup_message,
};
use pgwire_replication::protocol::messages::{ErrorFields, auth};
use pgwire_replication::protocol::{
    ReplicationCopyData, encode_standby_status_update, parse_auth_request, parse_copy_data,
};
use pgwire_replication::{Lsn, PgWireError};
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_rustls::TlsConnector;

/// The longest message that is taken, in bytes. A row that is longer ends the stream, and everything is purged that it could
/// have named.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What is read at once.
const READ_BYTES: usize = 128 << 10;

/// The version of the protocol between client and server: 3.0.
const VERSION: i32 = 196_608;

/// A server that hears nothing of this connection for so long lets the slot go, so that another instance can take it.
const OPTIONS: &str = "-c wal_sender_timeout=5000 -c datestyle=ISO";

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// The server said no.
    #[error("PostgreSQL answered: {message} ({code})")]
    Refused {
        /// Its SQLSTATE.
        code: String,
        /// What it said.
        message: String,
    },
    /// The connection is broken, or never was one.
    #[error("the connection to PostgreSQL is broken: {0}")]
    Io(#[from] io::Error),
    /// It is no PostgreSQL, or one that speaks otherwise than it should.
    #[error("{0}")]
    Protocol(PgWireError),
    /// It does not answer.
    #[error("PostgreSQL did not answer in time")]
    TimedOut,
    /// Of what it offers to prove who this is, Larder speaks nothing.
    #[error("PostgreSQL asks for a password in a way other than SCRAM-SHA-256")]
    Authentication,
}

impl From<PgWireError> for StreamError {
    fn from(error: PgWireError) -> Self {
        match error {
            PgWireError::Io(error) => Self::Io(io::Error::new(error.kind(), error.to_string())),
            other => Self::Protocol(other),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What the server sends.
#[derive(Debug)]
pub(super) enum Sent {
    /// A message of pgoutput.
    Data(Bytes),
    /// It lives, and has sent all up to this position.
    Alive {
        /// The position.
        end: u64,
    },
}

/// A connection that streams.
pub(super) struct Session {
    stream: BufReader<Box<dyn Stream>>,
    reader: MessageReader,
}

impl Session {
    /// Begins to stream from where the slot stands.
    pub(super) async fn begin(server: &PostgresServer, slot: &str, publication: &str) -> Result<Self, StreamError> {
        let beginning = async {
            let stream = BufReader::with_capacity(READ_BYTES, open(server).await?);
            let reader = MessageReader::new().with_max_message_size(MESSAGE_BYTES_MAX);
            let mut session = Self { stream, reader };
            session.introduce(server).await?;
            // Both names are checked to be plain, or quoted.
            let publication = format!("\"{}\"", publication.replace('"', "\"\"")).replace('\'', "''");
            let start = format!(
                "START_REPLICATION SLOT {slot} LOGICAL 0/0 (proto_version '{PROTOCOL}', publication_names '{publication}')"
            );
            write_query(&mut session.stream, &start).await?;
            session.until(b'W').await?;
            Ok(session)
        };
        timeout(DEADLINE, beginning).await.map_err(|_| StreamError::TimedOut)?
    }

    /// Whether more has come already.
    pub(super) fn has_more(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// Waits for what comes next. It may be given up and begun again.
    pub(super) async fn next(&mut self) -> Result<Sent, StreamError> {
        loop {
            let message = self.reader.read(&mut self.stream).await?;
            match message.tag {
                b'd' => match parse_copy_data(message.payload)? {
                    ReplicationCopyData::XLogData { data, .. } => return Ok(Sent::Data(data)),
                    ReplicationCopyData::KeepAlive { wal_end, .. } => return Ok(Sent::Alive { end: wal_end.as_u64() }),
                },
                b'E' => return Err(refused(&message.payload)),
                b'c' => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                _ => {}
            }
        }
    }

    /// Confirms all up to this position: the server need not keep it any longer.
    pub(super) async fn confirm(&mut self, position: u64) -> Result<(), StreamError> {
        // The time is for those who look at the server, and nobody does.
        let status = encode_standby_status_update(Lsn::from_u64(position), 0, false);
        timeout(DEADLINE, write_copy_data(&mut self.stream, &status)).await.map_err(|_| StreamError::TimedOut)??;
        Ok(())
    }

    async fn introduce(&mut self, server: &PostgresServer) -> Result<(), StreamError> {
        let connect = &server.connect;
        let user = connect.get_user().unwrap_or("postgres");
        let mut parameters = vec![
            ("user", user),
            ("database", connect.get_dbname().unwrap_or(user)),
            ("replication", "database"),
            ("client_encoding", "UTF8"),
            ("options", OPTIONS),
        ];
        parameters.extend(connect.get_application_name().map(|name| ("application_name", name)));
        write_startup_message(&mut self.stream, VERSION, &parameters).await?;
        let password = connect.get_password().unwrap_or_default();
        loop {
            let asked = self.until(b'R').await?;
            match parse_auth_request(&asked)? {
                (auth::OK, _) => break,
                (auth::CLEARTEXT_PASSWORD, _) if server.tls.is_some() => {
                    write_password_message(&mut self.stream, &[password, &[0]].concat()).await?;
                }
                (auth::SASL, offered) if offered.split(|byte| *byte == 0).any(|name| name == b"SCRAM-SHA-256") => {
                    self.prove(user, &String::from_utf8_lossy(password)).await?;
                }
                _ => return Err(StreamError::Authentication),
            }
        }
        self.until(b'Z').await.map(drop)
    }

    /// RFC 5802, without channel binding.
    async fn prove(&mut self, user: &str, password: &str) -> Result<(), StreamError> {
        let scram = ScramClient::new(user);
        let length = i32::try_from(scram.client_first.len()).unwrap_or(i32::MAX).to_be_bytes();
        let first = [b"SCRAM-SHA-256\0", &length[..], scram.client_first.as_bytes()].concat();
        write_password_message(&mut self.stream, &first).await?;
        let challenge = self.sasl(auth::SASL_CONTINUE).await?;
        let (answer, message, salted) = scram.client_final(password, &challenge)?;
        write_password_message(&mut self.stream, answer.as_bytes()).await?;
        let proof = self.sasl(auth::SASL_FINAL).await?;
        Ok(ScramClient::verify_server_final(&proof, &salted, &message)?)
    }

    async fn sasl(&mut self, expected: i32) -> Result<String, StreamError> {
        let mut said = self.until(b'R').await?;
        if said.remaining() < 4 || said.get_i32() != expected {
            return Err(StreamError::Authentication);
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Passes over what comes before a message of this kind.
    async fn until(&mut self, kind: u8) -> Result<Bytes, StreamError> {
        loop {
            let message = self.reader.read(&mut self.stream).await?;
            match message.tag {
                b'E' => return Err(refused(&message.payload)),
                tag if tag == kind => return Ok(message.payload),
                _ => {}
            }
        }
    }
}

fn refused(payload: &[u8]) -> StreamError {
    let ErrorFields { code, message, .. } = ErrorFields::parse(payload);
    StreamError::Refused { code: code.unwrap_or_default(), message: message.unwrap_or_default() }
}

async fn open(server: &PostgresServer) -> Result<Box<dyn Stream>, StreamError> {
    let port = server.connect.get_ports().first().copied().unwrap_or_default();
    let host = match server.connect.get_hosts().first() {
        Some(Host::Tcp(host)) => host,
        Some(Host::Unix(folder)) => {
            return Ok(Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?));
        }
        None => return Err(io::Error::from(io::ErrorKind::AddrNotAvailable).into()),
    };
    let mut plain = TcpStream::connect((host.as_str(), port)).await?;
    plain.set_nodelay(true)?;
    let Some(tls) = &server.tls else { return Ok(Box::new(plain)) };
    write_ssl_request(&mut plain).await?;
    if plain.read_u8().await? != b'S' {
        return Err(io::Error::other("the server does not speak TLS").into());
    }
    let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
    let mut secure = TlsConnector::from(Arc::new(tls.clone())).connect(name, plain).await?;
    secure.flush().await?;
    Ok(Box::new(secure))
}
