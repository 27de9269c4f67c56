//! How errors reach clients: as a status with a text, or at the end of a body that has begun.

use axum::http::StatusCode;
use base::{Error, ErrorCode};

/// The most bytes of an error's text at the end of a body; clients look no further back.
const MAX_MID_STREAM: usize = 16_000;

/// The status that stands for an error.
pub(crate) fn status(code: ErrorCode) -> StatusCode {
    use ErrorCode as E;
    match code {
        E::RequiredPassword => StatusCode::UNAUTHORIZED,
        E::AuthenticationFailed | E::UnknownUser | E::WrongPassword | E::AccessDenied => {
            StatusCode::FORBIDDEN
        }
        E::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        E::TimeoutExceeded => StatusCode::REQUEST_TIMEOUT,
        E::TooManySimultaneousQueries => StatusCode::SERVICE_UNAVAILABLE,
        E::SyntaxError
        | E::BadArguments
        | E::IncorrectData
        | E::DuplicateColumn
        | E::IllegalColumn
        | E::UnknownElementInAst
        | E::UnknownTypeOfAstNode
        | E::TooDeepAst
        | E::TooBigAst
        | E::TypeMismatch
        | E::NoCommonType
        | E::CannotConvertType
        | E::IllegalTypeOfArgument
        | E::IllegalTypeOfColumnForFilter
        | E::IllegalSyntaxForDataType
        | E::DataTypeCannotHaveArguments
        | E::ValueIsOutOfRangeOfDataType
        | E::RegexpError
        | E::CannotReadArrayFromText
        | E::CannotReadAllData
        | E::CannotDecompress
        | E::UnexpectedEndOfFile
        | E::IncorrectNumberOfColumns
        | E::InvalidSettingValue
        | E::InvalidSessionTimeout
        | E::BadQueryParameter
        | E::UnknownQueryParameter => StatusCode::BAD_REQUEST,
        E::UnknownStatusOfInsert => StatusCode::INTERNAL_SERVER_ERROR,
        other => match other.name() {
            name if name.starts_with("CANNOT_PARSE_") => StatusCode::BAD_REQUEST,
            name if name.starts_with("UNKNOWN_") => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

/// The text of an error as clients parse it, without a line break.
pub(crate) fn text(error: &Error, version: &str) -> String {
    format!("{error} (version {version})")
}

/// What ends a body in which an error happened. `tag` was announced in its headers.
pub(crate) fn mid_stream(text: &str, tag: &str) -> Vec<u8> {
    let mut end = text.len().min(MAX_MID_STREAM);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let len = text.len() + 1;
    format!("\r\n__exception__\r\n{tag}\r\n{text}\n{len} {tag}\r\n__exception__\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use base::ErrorCode;

    use super::{mid_stream, status};

    #[test]
    fn codes_have_the_statuses_that_clients_expect() {
        let check = |code, expected: u16| assert_eq!(status(code).as_u16(), expected, "{code:?}");
        check(ErrorCode::RequiredPassword, 401);
        check(ErrorCode::AuthenticationFailed, 403);
        check(ErrorCode::AccessDenied, 403);
        check(ErrorCode::SyntaxError, 400);
        check(ErrorCode::CannotParseNumber, 400);
        check(ErrorCode::UnknownTable, 404);
        check(ErrorCode::UnknownSetting, 404);
        check(ErrorCode::NotImplemented, 501);
        check(ErrorCode::TimeoutExceeded, 408);
        check(ErrorCode::TooManySimultaneousQueries, 503);
        check(ErrorCode::MemoryLimitExceeded, 500);
        check(ErrorCode::UnknownStatusOfInsert, 500);
    }

    #[test]
    fn the_end_of_a_broken_body_counts_its_message() {
        let end = mid_stream("Code: 1. Ä", "abcdefghijklmnop");
        let expected = "\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 1. Ä\n12 abcdefghijklmnop\r\n\
                        __exception__\r\n";
        assert_eq!(end, expected.as_bytes());
        let long = mid_stream(&"Ä".repeat(20_000), "t");
        assert!(long.len() < 16_100);
    }
}
