//! How messages become bytes on a connection: as prost does it, in buffers that begin as small as most
//! messages are. Tonic's own begin at 8 KiB for each message and direction, which is more than a call needs
//! and slower to come by.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::ProstCodec;

/// What a buffer begins with; it grows with what does not fit.
const BUFFER_BYTES: usize = 1024;

/// What a stream gathers before it hands it on: tonic's default.
const YIELD_BYTES: usize = 32 * 1024;

/// Sends `E`, receives `D`.
#[derive(Debug)]
pub struct SmallCodec<E, D>(PhantomData<(E, D)>);

impl<E, D> Default for SmallCodec<E, D> {
    fn default() -> SmallCodec<E, D> {
        SmallCodec(PhantomData)
    }
}

impl<E, D> Codec for SmallCodec<E, D>
where
    E: Message + Send + 'static,
    D: Message + Default + Send + 'static,
{
    type Encode = E;
    type Decode = D;
    type Encoder = <ProstCodec<E, D> as Codec>::Encoder;
    type Decoder = <ProstCodec<E, D> as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<E, D>::raw_encoder(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<E, D>::raw_decoder(BufferSettings::new(BUFFER_BYTES, YIELD_BYTES))
    }
}
