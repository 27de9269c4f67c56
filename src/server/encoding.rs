//! Content encodings: gzip, deflate, br, zstd and lz4 (frame), streamed both ways.
//!
//! Invariant: no decoder holds more than its window, whatever the stream claims.

use std::io::{self, Read, Write};

use base::{Result, bail, error};

use crate::frames::{FrameReader, FrameWriter};

/// The largest window of a zstd body, as a power of two: 128 MiB, what `zstd --long` uses.
const ZSTD_WINDOW_LOG: u32 = 27;

/// A content encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Zstd,
    Lz4,
    Gzip,
    Brotli,
    Deflate,
}

impl Encoding {
    /// In the order of preference where a client takes several: speed first, then ratio.
    const ALL: [Encoding; 5] =
        [Encoding::Zstd, Encoding::Lz4, Encoding::Gzip, Encoding::Brotli, Encoding::Deflate];

    /// The name in HTTP headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Zstd => "zstd",
            Encoding::Lz4 => "lz4",
            Encoding::Gzip => "gzip",
            Encoding::Brotli => "br",
            Encoding::Deflate => "deflate",
        }
    }

    /// Reads a `Content-Encoding` header; `None` for an unencoded body.
    pub(crate) fn of_body(header: &str) -> Result<Option<Encoding>> {
        let name = header.trim().to_ascii_lowercase();
        let name = if name == "x-gzip" { "gzip" } else { name.as_str() };
        if name.is_empty() || name == "identity" {
            return Ok(None);
        }
        match Encoding::ALL.into_iter().find(|encoding| encoding.name() == name) {
            Some(encoding) => Ok(Some(encoding)),
            None => bail!(
                UnknownCompressionMethod,
                "Unknown Content-Encoding {name:?}: known are zstd, lz4, gzip, br, deflate"
            ),
        }
    }

    /// Picks from an `Accept-Encoding` header what the client likes best; `None` for no encoding.
    pub(crate) fn choose(header: &str) -> Option<Encoding> {
        let mut best = None;
        for item in header.split(',') {
            let mut fields = item.split(';');
            let name = fields.next().unwrap_or_default().trim();
            let quality = fields
                .find_map(|field| field.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .unwrap_or(1.0);
            let Some(rank) = Encoding::ALL.iter().position(|known| {
                known.name().eq_ignore_ascii_case(name) || (*known == Encoding::Gzip && name == "*")
            }) else {
                continue;
            };
            let better = match best {
                None => true,
                Some((q, r)) => quality > q || (quality == q && rank < r),
            };
            if quality > 0.0 && better {
                best = Some((quality, rank));
            }
        }
        best.map(|(_, rank)| Encoding::ALL[rank])
    }

    /// A reader of what `source` holds in this encoding.
    pub(crate) fn decoder<'a>(
        self,
        source: impl Read + Send + 'a,
    ) -> Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
            Encoding::Deflate => Box::new(flate2::read::ZlibDecoder::new(source)),
            Encoding::Brotli => Box::new(brotli::Decompressor::new(source, 64 << 10)),
            Encoding::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
            Encoding::Zstd => {
                let unusable = |e| error!(CannotDecompress, "Cannot set up zstd: {e}");
                let mut decoder = zstd::stream::read::Decoder::new(source).map_err(unusable)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(unusable)?;
                Box::new(decoder)
            }
        })
    }
}

/// A reader of what ClickHouse's frames in `source` hold.
pub(crate) fn frames<'a>(source: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
    Box::new(FrameReader::new(source))
}

/// How an answer is encoded on its way into `W`.
pub(crate) enum Encoder<W: Write> {
    Plain(W),
    Frames(FrameWriter<W>),
    Gzip(flate2::write::GzEncoder<W>),
    Deflate(flate2::write::ZlibEncoder<W>),
    Brotli(Box<brotli::CompressorWriter<W>>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<W>>),
}

/// What encodes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AnswerEncoding {
    #[default]
    Plain,
    /// ClickHouse's compressed frames.
    Frames,
    /// A content encoding with its level, 1 to 9.
    Content(Encoding, u32),
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(encoding: AnswerEncoding, sink: W) -> io::Result<Encoder<W>> {
        let AnswerEncoding::Content(encoding, level) = encoding else {
            return Ok(match encoding {
                AnswerEncoding::Frames => Encoder::Frames(FrameWriter::new(sink)),
                _ => Encoder::Plain(sink),
            });
        };
        let deflate_level = flate2::Compression::new(level.clamp(1, 9));
        Ok(match encoding {
            Encoding::Gzip => Encoder::Gzip(flate2::write::GzEncoder::new(sink, deflate_level)),
            Encoding::Deflate => {
                Encoder::Deflate(flate2::write::ZlibEncoder::new(sink, deflate_level))
            }
            Encoding::Brotli => Encoder::Brotli(Box::new(brotli::CompressorWriter::new(
                sink,
                64 << 10,
                level.min(5),
                20,
            ))),
            Encoding::Zstd => {
                let level = i32::try_from(level).unwrap_or(3).clamp(1, 9);
                Encoder::Zstd(zstd::stream::write::Encoder::new(sink, level)?)
            }
            Encoding::Lz4 => Encoder::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(sink))),
        })
    }

    /// Writes the end of the encoding and gives the sink back.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Encoder::Plain(sink) => Ok(sink),
            Encoder::Frames(encoder) => encoder.finish(),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Deflate(encoder) => encoder.finish(),
            Encoder::Brotli(mut encoder) => {
                encoder.flush()?;
                Ok(encoder.into_inner())
            }
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::Lz4(encoder) => encoder.finish().map_err(io::Error::from),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Encoder::Plain(sink) => sink.write(bytes),
            Encoder::Frames(encoder) => encoder.write(bytes),
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Deflate(encoder) => encoder.write(bytes),
            Encoder::Brotli(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write(bytes),
            Encoder::Lz4(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Encoder::Plain(sink) => sink.flush(),
            Encoder::Frames(encoder) => encoder.flush(),
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Deflate(encoder) => encoder.flush(),
            Encoder::Brotli(encoder) => encoder.flush(),
            Encoder::Zstd(encoder) => encoder.flush(),
            Encoder::Lz4(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::{AnswerEncoding, Encoder, Encoding, frames};

    #[test]
    fn every_encoding_gives_back_what_went_in() {
        let data: Vec<u8> = (0..2_000_000_u32).map(|i| (i / 50) as u8).collect();
        let encodings = Encoding::ALL.map(|encoding| AnswerEncoding::Content(encoding, 3));
        for encoding in encodings.into_iter().chain([AnswerEncoding::Frames]) {
            let mut encoder = Encoder::new(encoding, Vec::new()).unwrap();
            encoder.write_all(&data).unwrap();
            let encoded = encoder.finish().unwrap();
            assert!(encoded.len() < data.len() / 4, "{encoding:?}: {}", encoded.len());
            let mut decoder = match encoding {
                AnswerEncoding::Content(encoding, _) => encoding.decoder(&encoded[..]).unwrap(),
                _ => frames(&encoded[..]),
            };
            let mut back = Vec::new();
            decoder.read_to_end(&mut back).unwrap();
            assert!(back == data, "{encoding:?}");
        }
    }

    #[test]
    fn the_best_accepted_encoding_is_chosen() {
        let check = |header, expected| assert_eq!(Encoding::choose(header), expected, "{header}");
        check("", None);
        check("identity", None);
        check("gzip, deflate", Some(Encoding::Gzip));
        check("gzip, deflate, br, zstd", Some(Encoding::Zstd));
        check("gzip;q=0.5, br;q=0.9", Some(Encoding::Brotli));
        check("gzip;q=0, identity", None);
        check("*", Some(Encoding::Gzip));
        check("LZ4", Some(Encoding::Lz4));
    }
}
