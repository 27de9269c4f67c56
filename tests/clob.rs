//! Texts of CLOB columns over HTTP: streamed in by the formats that do not hold them, served in parts by `GET /clob`,
//! refused where they are too long or cut off, and not read by queries that do not ask for them.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::fmt::Write;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use engine::{Engine, EngineOptions};
use ureq::http::{HeaderMap, Response};

/// A server of the real engine; it ends before its folder goes.
struct Served {
    running: server::Running,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn of(mut response: Response<ureq::Body>) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        Answer { status, headers, body }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim_end_matches('\n').to_owned()
    }

    #[track_caller]
    fn good(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.text()
    }

    /// Asserts that this is an error of ClickHouse's number; its message.
    #[track_caller]
    fn fails(&self, code: u32) -> String {
        assert_ne!(self.status, 200);
        assert_eq!(self.header("X-ClickHouse-Exception-Code"), code.to_string(), "{}", self.text());
        self.text()
    }
}

fn serve() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let options =
        EngineOptions { data: Some(folder.path().to_owned()), ..EngineOptions::default() };
    let engine = Engine::open(options).unwrap();
    let config = server::Config { listen: ([127, 0, 0, 1], 0).into(), ..server::Config::default() };
    let running = server::serve(config, Arc::new(engine)).unwrap();
    Served { running, _folder: folder }
}

/// A server with the table `t` of numbered texts.
fn serve_numbered() -> Served {
    let served = serve();
    served.ask("CREATE TABLE t (id UInt32, text CLOB) ORDER BY id");
    served
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .build()
        .new_agent()
}

impl Served {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.local_addr())
    }

    #[track_caller]
    fn ask(&self, query: &str) -> String {
        Answer::of(agent().post(self.url("/")).send(query).unwrap()).good()
    }

    /// Inserts a body whose length is not told before it.
    fn insert(&self, parameters: &str, into: &str, mut body: &[u8]) -> Answer {
        let query = format!("INSERT INTO {into}").replace(' ', "+");
        let url = self.url(&format!("/?{parameters}&query={query}"));
        let body = ureq::SendBody::from_reader(&mut body);
        Answer::of(agent().post(url).send(body).unwrap())
    }

    /// Inserts the file of a form.
    fn insert_form(&self, into: &str, content: &str) -> Answer {
        let query = format!("INSERT INTO {into}").replace(' ', "+");
        let head = "--B\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\n";
        let body = [head, content, "\r\n--B--\r\n"].concat();
        let request = agent().post(self.url(&format!("/?query={query}")));
        let request = request.header("Content-Type", "multipart/form-data; boundary=B");
        Answer::of(request.send(&body).unwrap())
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = agent().get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.call().unwrap())
    }

    fn head(&self, path: &str) -> Answer {
        Answer::of(agent().head(self.url(path)).call().unwrap())
    }
}

/// Numbers that are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }
}

/// A text of that many bytes or a few more, of all that formats escape.
fn long_text(seed: u64, bytes: usize) -> String {
    const WORDS: &str = "granite |\"quoted\" |back\\slash |end of a line\n|caf\u{e9} |\u{1f600} |\u{fc}ber |\
        tab\tstop |a/b |{[,:]} |0123456789 |\\\"|\\\\n";
    let words: Vec<&str> = WORDS.split('|').collect();
    let (mut random, mut text) = (Random(seed), String::with_capacity(bytes + 16));
    while text.len() < bytes {
        text.push_str(words[random.below(words.len())]);
    }
    text
}

/// A row of RowBinary.
fn binary(id: u32, text: &str) -> Vec<u8> {
    let mut row = id.to_le_bytes().to_vec();
    let mut length = text.len();
    while length >= 0x80 {
        row.push(length as u8 | 0x80);
        length >>= 7;
    }
    row.push(length as u8);
    row.extend_from_slice(text.as_bytes());
    row
}

/// A row of JSONEachRow; every second has its keys the other way around.
fn json(id: u32, text: &str) -> Vec<u8> {
    let mut escaped = String::with_capacity(text.len() * 5 / 4);
    for character in text.chars() {
        match character {
            '"' | '\\' | '/' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\u{e9}' | '\u{10000}'.. => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(escaped, "\\u{unit:04x}").unwrap();
                }
            }
            other => escaped.push(other),
        }
    }
    let row = match id % 2 {
        0 => format!("{{\"id\": {id}, \"text\": \"{escaped}\"}}\n"),
        _ => format!("{{\"text\":\"{escaped}\",\"id\":{id}}}\n"),
    };
    row.into_bytes()
}

/// Asserts that parts of a text are those of the text that was sent.
#[track_caller]
fn has_parts(served: &Served, from: &str, text: &str) {
    let mut random = Random(77);
    let mut places: Vec<usize> = (0..20).map(|_| random.below(text.len() - 200)).collect();
    // The ends of pieces, and of the text.
    places.extend([0, 65_536 - 7, 20 * 65_536 - 100, text.len() - 200]);
    let part = |place: &usize| format!("hex(substring(text, {}, 200))", place + 1);
    let parts: Vec<String> = places.iter().map(part).collect();
    let found = served.ask(&format!("SELECT {} FROM {from}", parts.join(", ")));
    let found: Vec<&str> = found.split('\t').collect();
    assert_eq!(found.len(), places.len());
    for (place, found) in places.into_iter().zip(found) {
        let sent = &text.as_bytes()[place..place + 200];
        let sent: String = sent.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(found, sent, "{from} from byte {place}");
    }
}

#[test]
fn texts_stream_in() {
    let served = serve();
    let (long, other) = (long_text(1, 40 << 20), long_text(2, 3 << 20));
    let rows = |first: u32| {
        let texts = ["short \"caf\u{e9}\"", "", &long, "between\\", "\n", &other, &long, "last"];
        (first..).zip(texts).collect::<Vec<_>>()
    };
    let binary: Vec<u8> = rows(0).into_iter().flat_map(|(id, text)| binary(id, text)).collect();
    let json: Vec<u8> = rows(10).into_iter().flat_map(|(id, text)| json(id, text)).collect();
    // What is sent to a column of String is held, so it tells what is to be found.
    for (name, kind) in [("clobs", "CLOB"), ("strings", "String")] {
        served.ask(&format!("CREATE TABLE {name} (id UInt32, text {kind}) ORDER BY id"));
        served.ask(&format!("CREATE TABLE raw_{name} (text {kind}) ORDER BY tuple()"));
        served.insert("", &format!("raw_{name} FORMAT RawBLOB"), long.as_bytes()).good();
        served.insert("", &format!("{name} FORMAT RowBinary"), &binary).good();
        served.insert("", &format!("{name} FORMAT JSONEachRow"), &json).good();
    }
    let lengths: Vec<String> = rows(0)
        .into_iter()
        .chain(rows(10))
        .map(|(id, text)| format!("{id}\t{}\t{}", text.len(), text.chars().count()))
        .collect();
    let found = served.ask("SELECT id, length(text), lengthUTF8(text) FROM clobs ORDER BY id");
    assert_eq!(found, lengths.join("\n"));
    for query in [
        "SELECT id, hex(SHA256(toString(text))) FROM TABLE ORDER BY id",
        "SELECT count(), sum(length(text)), any(hex(SHA256(toString(text)))) FROM raw_TABLE",
    ] {
        let [clobs, strings] = ["clobs", "strings"].map(|table| query.replace("TABLE", table));
        assert_eq!(served.ask(&clobs), served.ask(&strings), "{clobs}");
    }
    has_parts(&served, "raw_clobs", &long);
    served.ask("CREATE TABLE form_clobs (text CLOB) ORDER BY tuple()");
    served.insert_form("form_clobs FORMAT RawBLOB", &long).good();
    has_parts(&served, "form_clobs", &long);
    for (id, text) in [(2, &long), (5, &other), (6, &long), (12, &long), (15, &other), (16, &long)]
    {
        has_parts(&served, &format!("clobs WHERE id = {id}"), text);
        let whole = served.get(&format!("/clob/default/clobs/text?key={id}"), &[]);
        assert!(whole.body == text.as_bytes(), "the text of {id} is another");
    }
}

#[test]
fn ranges_of_texts() {
    const PATH: &str = "/clob/default/t/text?key=7";
    let served = serve_numbered();
    let long = long_text(3, 3 << 20);
    let (sent, end) = (long.as_bytes(), long.len());
    let rows = [binary(1, "short"), binary(7, &long), binary(9, "")].concat();
    served.insert("", "t FORMAT RowBinary", &rows).good();

    let whole = served.get(PATH, &[]);
    assert_eq!((whole.status, whole.header("Accept-Ranges")), (200, "bytes"));
    assert_eq!(whole.header("Content-Length"), end.to_string());
    assert!(whole.body == sent);
    assert_eq!(served.get("/clob/default/t/text?key=1", &[]).body, b"short");
    assert_eq!(served.get("/clob/default/t/text?key=9", &[]).body, b"");

    let check = |asked: &str, expected: Range<usize>| {
        let part = served.get(PATH, &[("Range", asked)]);
        assert_eq!(part.status, 206, "{asked}");
        let told = format!("bytes {}-{}/{end}", expected.start, expected.end - 1);
        assert_eq!(part.header("Content-Range"), told, "{asked}");
        assert_eq!(part.header("Content-Length"), expected.len().to_string(), "{asked}");
        assert!(part.body == sent[expected], "{asked} is another part");
    };
    check("bytes=1000-1999", 1000..2000);
    check("bytes=65530-65545", 65_530..65_546);
    check("bytes=100001-2100000", 100_001..2_100_001);
    check("bytes=-500", end - 500..end);
    check(&format!("bytes={}-", end - 1), end - 1..end);
    check(&format!("bytes={}-{}", end - 5, end + 100), end - 5..end);

    let asked = format!("bytes={end}-");
    let beyond = served.get(PATH, &[("Range", asked.as_str())]);
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("Content-Range"), format!("bytes */{end}"));

    let tag = whole.header("ETag");
    assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let same = served.get(PATH, &[("If-None-Match", tag)]);
    assert_eq!((same.status, same.header("ETag"), same.body.len()), (304, tag, 0));
    assert_eq!(served.get(PATH, &[("If-None-Match", "\"another\"")]).status, 200);
    let resumed = |known: &str| served.get(PATH, &[("Range", "bytes=0-9"), ("If-Range", known)]);
    assert_eq!(resumed(tag).body, &sent[..10]);
    assert_eq!(resumed("\"another\"").body.len(), end);

    let head = served.head(PATH);
    assert_eq!((head.status, head.header("ETag"), head.body.len()), (200, tag, 0));
    assert_eq!(head.header("Content-Length"), end.to_string());
}

#[test]
fn what_cannot_be_served() {
    let served = serve_numbered();
    let long = long_text(4, 300_000);
    served.insert("", "t FORMAT RowBinary", &binary(7, &long)).good();
    assert_eq!(served.get("/clob/default/t/text?key=8", &[]).status, 404);
    for (path, status, code) in [
        ("/clob/default/t/text", 400, 36),
        ("/clob/default/t/text?key=7&key=7", 400, 36),
        ("/clob/default/t/id?key=7", 400, 43),
        ("/clob/default/t/nothing?key=7", 404, 47),
        ("/clob/default/nothing/text?key=7", 404, 60),
    ] {
        let answer = served.get(path, &[]);
        answer.fails(code);
        assert_eq!(answer.status, status, "{path}");
    }
    served.insert("", "t FORMAT RowBinary", &binary(7, "twice")).good();
    served.get("/clob/default/t/text?key=7", &[]).fails(36);
}

#[test]
fn texts_are_compressed_for_who_wants_it() {
    let served = serve_numbered();
    let long = long_text(5, 1 << 20);
    served.insert("", "t FORMAT RowBinary", &binary(7, &long)).good();
    let packed = served.get("/clob/default/t/text?key=7", &[("Accept-Encoding", "gzip")]);
    assert_eq!((packed.status, packed.header("Content-Encoding")), (200, "gzip"));
    assert!(packed.body.len() < long.len() / 2, "{} bytes", packed.body.len());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut text).unwrap();
    assert!(text == long.as_bytes());
}

#[test]
fn too_long_is_refused() {
    const LIMIT: &str = "max_clob_bytes=1000000";
    let served = serve_numbered();
    served.ask("CREATE TABLE raw (text CLOB) ORDER BY tuple()");
    let long = "x".repeat(2_000_000);
    let rows = [binary(1, "short"), binary(2, &long), binary(3, "after")].concat();
    let message = served.insert(LIMIT, "t FORMAT RowBinary", &rows).fails(131);
    assert!(message.contains("2000000") && message.contains("row 2"), "{message}");
    assert_eq!(served.ask("SELECT count() FROM t"), "0");

    let longer = long_text(6, 3_000_000);
    let rows = [json(1, "short"), json(2, &longer), json(3, "after")].concat();
    let message = served.insert(LIMIT, "t FORMAT JSONEachRow", &rows).fails(131);
    assert!(message.contains("max_clob_bytes"), "{message}");
    assert_eq!(served.ask("SELECT count() FROM t"), "0");

    let message = served.insert(LIMIT, "raw FORMAT RawBLOB", longer.as_bytes()).fails(131);
    assert!(message.contains("max_clob_bytes"), "{message}");
    assert_eq!(served.ask("SELECT count() FROM raw"), "0");

    // Texts that stay within what is held are measured too; the limit itself is allowed.
    for (length, code) in [(1_000_001, "131"), (1_000_000, "")] {
        let text = &long[..length];
        for (into, body) in [
            ("t FORMAT RowBinary", binary(1, text)),
            ("t FORMAT JSONEachRow", json(1, text)),
            ("raw FORMAT RawBLOB", text.as_bytes().to_vec()),
        ] {
            let answer = served.insert(LIMIT, into, &body);
            assert_eq!(answer.header("X-ClickHouse-Exception-Code"), code, "{into}, {length}");
        }
    }
    assert_eq!(served.ask("SELECT count(), sum(length(text)) FROM t"), "2\t2000000");
    assert_eq!(served.ask("SELECT count(), sum(length(text)) FROM raw"), "1\t1000000");
}

#[test]
fn a_cut_off_text_is_refused() {
    let served = serve_numbered();
    let long = long_text(7, 3_000_000);
    let rows = [binary(1, "short"), binary(2, &long)].concat();
    // Within the text, a byte before its end, and within its length.
    for end in [1_500_000, rows.len() - 1, 17] {
        let message = served.insert("", "t FORMAT RowBinary", &rows[..end]).fails(33);
        assert!(message.contains("row 2"), "{end}: {message}");
        assert_eq!(served.ask("SELECT count() FROM t"), "0", "{end}");
    }
    let first = json(1, "short");
    let rows = [first.clone(), json(2, &long)].concat();
    // Within the text where it is long already and where it is still held, and behind its last letter.
    for end in [2_000_000, first.len() + 100_000, rows.len() - 3] {
        let answer = served.insert("", "t FORMAT JSONEachRow", &rows[..end]);
        answer.fails(33);
        assert_eq!(served.ask("SELECT count() FROM t"), "0", "{end}");
    }
    served.insert("", "t FORMAT JSONEachRow", &rows).good();
    assert_eq!(served.ask("SELECT length(text) FROM t WHERE id = 2"), long.len().to_string());
}

#[test]
fn queries_that_do_not_ask_read_nothing() {
    let served = serve_numbered();
    served.ask(
        "INSERT INTO t SELECT number, substring(repeat(hex(SHA256(toString(number))), 1563), 1, 100000) \
         FROM numbers(200)",
    );
    for (query, expected, most) in [
        ("SELECT sum(id) FROM t", "19900", 100_000),
        ("SELECT sum(length(text)) FROM t", "20000000", 200_000),
    ] {
        let answer = agent().post(served.url("/?wait_end_of_query=1")).send(query).unwrap();
        let answer = Answer::of(answer);
        assert_eq!(answer.good(), expected);
        let summary = answer.header("X-ClickHouse-Summary");
        let (_, read) = summary.split_once("\"read_bytes\":\"").unwrap();
        let read: u64 = read.split('"').next().unwrap().parse().unwrap();
        assert!(read < most, "{query} read {read} bytes");
    }
}
