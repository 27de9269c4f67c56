//! Answers that the engine has kept, given on the connection's own task: handing a request to a thread and back would take
//! as long as all the rest.
//!
//! Invariant: nothing here waits. What is not there, or takes long to encode, goes the usual way.

use std::io::Write;

use bytes::Bytes;
use engine::KeptReply;

use crate::answer::Reply;
use crate::body::Arriving;
use crate::call::Call;
use crate::encoding::{AnswerEncoding, Encoder};
use crate::service::QueryService;

/// The longest answer that is encoded here, bytes.
const MOST_ENCODED: usize = 32 << 10;

/// The reply to a request whose body is here, if its answer is kept.
pub(crate) fn reply(
    service: &dyn QueryService,
    call: &mut Call,
    arriving: &Arriving,
) -> Option<Reply> {
    let options = &call.options;
    if options.body_encoding.is_some() || options.body_framed || options.boundary.is_some() {
        return None;
    }
    call.request.query = call.joined(arriving.whole()?);
    let most_bytes = match options.answer.encoding {
        AnswerEncoding::Plain => usize::MAX,
        _ => MOST_ENCODED,
    };
    let encoding = options.answer.encoding;
    let KeptReply { head, body, summary } = service.kept_answer(&call.request, most_bytes)?;
    let body = encoded(encoding, body)?;
    Some(Reply::Whole { head, summary, body })
}

fn encoded(encoding: AnswerEncoding, body: Bytes) -> Option<Bytes> {
    if body.is_empty() || encoding == AnswerEncoding::Plain {
        return Some(body);
    }
    let mut encoder = Encoder::new(encoding, Vec::with_capacity(body.len() / 2)).ok()?;
    encoder.write_all(&body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
