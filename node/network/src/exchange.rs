//! Requests and answers, each on a stream of its own.
//!
//! ```text
//! request   length[4, little-endian] SCALE salus_sync::wire::Request
//! response  length[4, little-endian] SCALE salus_sync::wire::Response
//! ```

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{self, ProtocolSupport},
};
use salus_sync::wire::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response};

use crate::limits::{ANSWER_WITHIN, ASK_IN_FLIGHT, SERVE_IN_FLIGHT};

/// What came where a request belongs. libp2p tells nobody when reading one fails, so that is a value here.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A request.
    Request(Request),
    /// Bytes that no honest program sends, and what is wrong with them.
    Malformed(String),
}

/// Reads and writes them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Codec;

pub(crate) type Exchange = request_response::Behaviour<Codec>;

pub(crate) fn behaviour(name: &StreamProtocol) -> Exchange {
    let config = request_response::Config::default()
        .with_request_timeout(ANSWER_WITHIN)
        // Those beyond are refused by the network's task, which says so to the peer.
        .with_max_concurrent_streams(4 * (ASK_IN_FLIGHT + SERVE_IN_FLIGHT));
    Exchange::new([(name.clone(), ProtocolSupport::Full)], config)
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

async fn read<T: AsyncRead + Unpin>(io: &mut T, max: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_le_bytes(length) as usize;
    if length > max {
        let text = format!("{length} bytes, at most {max} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut bytes = Vec::new();
    io.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).expect("what is sent is far shorter than 4 GiB");
    io.write_all(&length.to_le_bytes()).await?;
    io.write_all(bytes).await?;
    io.flush().await
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Asked;
    type Response = Response;

    async fn read_request<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Asked> {
        let request = match read(io, REQUEST_BYTES_MAX).await {
            Ok(bytes) => Request::from_bytes(&bytes).map_err(malformed),
            Err(error) => Err(error),
        };
        match request {
            Ok(request) => Ok(Asked::Request(request)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Asked::Malformed(error.to_string())),
            Err(error) => Err(error),
        }
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Response> {
        Response::from_bytes(&read(io, RESPONSE_BYTES_MAX).await?).map_err(malformed)
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Asked,
    ) -> io::Result<()> {
        match request {
            Asked::Request(request) => write(io, &request.to_bytes()).await,
            Asked::Malformed(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()> {
        write(io, &response.to_bytes()).await
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};

    use super::*;

    #[test]
    fn a_length_up_to_the_bound_is_read_and_one_more_is_malformed() {
        for length in [0, 1, 63, 64] {
            let mut bytes = (length as u32).to_le_bytes().to_vec();
            bytes.resize(4 + length, 7);
            assert_eq!(block_on(read(&mut Cursor::new(bytes), 64)).unwrap().len(), length);
        }
        let error = block_on(read(&mut Cursor::new([65, 0, 0, 0]), 64)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_body_that_breaks_off_is_no_offence() {
        let error = block_on(read(&mut Cursor::new([5, 0, 0, 0, 1, 2, 3, 4]), 64)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
