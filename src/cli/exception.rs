//! Finds the error at the end of an answer that broke off, as the server announced it by its tag.

/// Passes an answer through and stops at the mark of an error.
pub(crate) struct Watch {
    mark: Vec<u8>,
    /// What may be the beginning of the mark, then all from the mark on.
    held: Vec<u8>,
    found: bool,
}

impl Watch {
    /// Looks for errors marked by `tag`; for none without a tag.
    pub(crate) fn new(tag: Option<&str>) -> Watch {
        let mark = tag.map(|tag| format!("\r\n__exception__\r\n{tag}\r\n").into_bytes());
        Watch { mark: mark.unwrap_or_default(), held: Vec::new(), found: false }
    }

    /// The bytes of `data` (and of what was held) that belong to the answer.
    pub(crate) fn pass(&mut self, data: Vec<u8>) -> Vec<u8> {
        if self.mark.is_empty() {
            return data;
        }
        if self.found || !self.held.is_empty() {
            self.held.extend_from_slice(&data);
        } else {
            self.held = data;
        }
        if self.found {
            return Vec::new();
        }
        let whole = self.held.windows(self.mark.len()).position(|window| window == self.mark);
        let keep = match whole {
            Some(at) => {
                self.found = true;
                at
            }
            None => {
                let longest = self.held.len().min(self.mark.len() - 1);
                let len = (0..=longest).rev().find(|len| self.held.ends_with(&self.mark[..*len]));
                self.held.len() - len.unwrap_or(0)
            }
        };
        let tail = self.held.split_off(keep);
        std::mem::replace(&mut self.held, tail)
    }

    /// At the end: the message of the error, or what was still held of the answer.
    pub(crate) fn end(self) -> Result<Vec<u8>, String> {
        if !self.found {
            return Ok(self.held);
        }
        let text = String::from_utf8_lossy(&self.held[self.mark.len()..]).into_owned();
        let tag = &self.mark["\r\n__exception__\r\n".len()..self.mark.len() - 2];
        let tag = String::from_utf8_lossy(tag);
        let end = text.rfind(&format!(" {tag}\r\n__exception__")).unwrap_or(text.len());
        let message = &text[..end];
        // The last line counts the bytes before it.
        let message = message.rsplit_once('\n').map_or(message, |(message, _)| message);
        Err(message.trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;

    fn pass(tag: Option<&str>, pieces: &[&str]) -> (String, Result<(), String>) {
        let mut watch = Watch::new(tag);
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(watch.pass(piece.as_bytes().to_vec()));
        }
        let end = watch.end().map(|rest| all.extend(rest));
        (String::from_utf8(all).unwrap(), end)
    }

    #[test]
    fn errors_are_found_however_the_answer_is_cut() {
        let text = "1\r\n2\r\n__exceptio\r\n__exception__\r\nTAG\r\nCode: 1.\nUhm. (X)\n18 TAG\r\n\
            __exception__\r\n";
        let expected = ("1\r\n2\r\n__exceptio".to_owned(), Err("Code: 1.\nUhm. (X)".to_owned()));
        for cut in 0..text.len() {
            assert_eq!(pass(Some("TAG"), &[&text[..cut], &text[cut..]]), expected, "{cut}");
        }
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(pass(Some("TAG"), &letters), expected);
    }

    #[test]
    fn answers_without_errors_pass() {
        for tag in [None, Some("TAG")] {
            assert_eq!(
                pass(tag, &["a\r\n", "__ex", "b\r\n"]),
                ("a\r\n__exb\r\n".to_owned(), Ok(()))
            );
        }
    }
}
