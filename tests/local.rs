//! `granary local` and `granary recover` by the real binary: arguments, scripts, data from standard
//! input, the shell on a terminal.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const GRANARY: &str = env!("CARGO_BIN_EXE_granary");

/// Runs the binary with some standard input.
fn granary(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(GRANARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that reads no input closes its end.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn check(arguments: &[&str], input: &str, expected: &str) {
    let output = granary(arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{arguments:?}: {errors}");
    assert!(output.status.success(), "{arguments:?}: {errors}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn statements_come_from_arguments_files_and_input() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("a.sql");
    fs::write(&script, "SELECT 2; -- ;\nSELECT ';'").unwrap();
    check(&["local", "-q", "SELECT 1; SELECT 2", "-q", "SELECT 3"], "", "1\n2\n3\n");
    check(&["local", text(&script)], "", "2\n;\n");
    check(&["local", "-q", "SELECT 1", "--queries-file", text(&script)], "", "1\n2\n;\n");
    check(&["local"], "SELECT 1;\nSELECT 'a\nb'", "1\na\\nb\n");
    check(&["local", "-f", "CSV", "-q", "SELECT 'a', 1"], "", "\"a\",1\n");
    check(
        &["local", "--set", "max_block_size=7", "-q", "SELECT getSetting('max_block_size')"],
        "",
        "7\n",
    );
    check(&["local", "-q", "SELECT 1 AS a\\G"], "", "Row 1:\n──────\na: 1\n");
    // Memory holds tables from one statement to the next.
    let create = "CREATE TABLE t (a UInt8) ORDER BY a; INSERT INTO t VALUES (2), (1)";
    check(&["local", "-q", create, "-q", "SELECT a FROM t ORDER BY a"], "", "1\n2\n");
}

#[test]
fn errors_end_it_and_are_told() {
    let output = granary(&["local", "-q", "SELECT 1; SELECT nothing; SELECT 3"], "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("Code: 47.") && errors.contains("nothing"), "{errors}");
    assert!(!output.status.success());
    let output = granary(&["local", "no such script.sql"], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such script.sql"));
    assert!(!output.status.success());
    // An error in the middle of an answer.
    let query = "SELECT throwIf(number = 2000000) FROM numbers(3000000) FORMAT Null";
    let output = granary(&["local", "-q", query], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Code: 395."));
}

#[test]
fn data_comes_from_input_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = text(&data);
    let create = "CREATE TABLE t (a UInt32, b String) ORDER BY a";
    check(&["local", "--data", data, "-q", create], "", "");
    let rows: String = (0..100_000).map(|row| format!("{row},\"x;{row}\"\n")).collect();
    check(&["local", "--data", data, "-q", "INSERT INTO t FORMAT CSV"], &rows, "");
    let insert = "INSERT INTO t SELECT 7, 'y'; INSERT INTO t FORMAT TSV";
    check(&["local", "--data", data, "-q", insert], "8\tz\n", "");
    let query = "SELECT count(), sum(a), max(b) FROM t";
    check(&["local", "--data", data, "-q", query], "", "100002\t4999950015\tz\n");
    let insert = "SET async_insert = 1, wait_for_async_insert = 0; INSERT INTO t VALUES (9, 'w')";
    check(&["local", "--data", data, "-q", insert], "", "");
    check(&["local", "--data", data, "-q", "SELECT count() FROM t"], "", "100003\n");
}

/// The files of parts below a folder.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.join("tables")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn a_lost_catalog_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let create = "CREATE TABLE t (a UInt32, b LowCardinality(String)) ORDER BY a; SYSTEM STOP MERGES; \
        INSERT INTO t SELECT number, 'x' FROM numbers(1000); INSERT INTO t VALUES (5000, 'y')";
    check(&["local", "--data", data, "-q", create], "", "");
    let catalog = folder.path().join("catalog.redb");
    assert!(catalog.exists());
    fs::write(&catalog, "garbage").unwrap();
    assert!(!granary(&["local", "--data", data, "-q", "SELECT 1"], "").status.success());
    let output = granary(&["recover", "--data", data], "");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("catalog.redb.saved"), "{told}");
    assert!(told.contains("Recovered 1 tables with 2 parts and 1001 rows"), "{told}");
    assert_eq!(fs::read(folder.path().join("catalog.redb.saved")).unwrap(), b"garbage");
    let query = "SELECT count(), sum(a), groupUniqArray(b) = ['x', 'y'] OR 1 FROM t";
    check(&["local", "--data", data, "-q", query], "", "1001\t504500\t1\n");

    // One part is damaged as well: the other is still there, and the damage is named.
    let files = segments(folder.path());
    let largest = files.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let length = bytes.len();
    bytes[length - 40..].fill(0x55);
    fs::write(largest, &bytes).unwrap();
    fs::remove_file(&catalog).unwrap();
    let output = granary(&["recover", "--data", data], "");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && told.contains("broken/"), "{told}");
    check(&["local", "--data", data, "-q", "SELECT a, b FROM t"], "", "5000\ty\n");
    let nothing = granary(&["recover", "--data", "no such folder"], "");
    assert!(!nothing.status.success() && !Path::new("no such folder").exists());
}

/// Runs the shell on a pseudo-terminal of `script`; the pieces of input are typed one after another.
fn on_a_terminal(home: &Path, pieces: &[&str]) -> String {
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", &format!("{GRANARY} local"), "/dev/null"])
        .env("HOME", home)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program `script` of util-linux");
    let mut stdin = child.stdin.take().unwrap();
    for piece in pieces {
        stdin.write_all(piece.as_bytes()).unwrap();
        stdin.flush().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_shell_runs_on_a_terminal() {
    let home = tempfile::tempdir().unwrap();
    let endless = "SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 3;\r";
    let shown = on_a_terminal(
        home.path(),
        &["", "SELECT 40 +\r2 AS answer;\r", endless, "\x03", "SELECT nothing;\r", "exit\r"],
    );
    assert!(shown.contains("tables in memory"), "{shown}");
    assert!(shown.contains("answer") && shown.contains("42"), "{shown}");
    assert!(shown.contains("1 row in set. Elapsed:"), "{shown}");
    assert!(shown.contains("Cancelled."), "{shown}");
    assert!(shown.contains("Code: 47."), "{shown}");
    let history = fs::read_to_string(home.path().join(".granary_history")).unwrap();
    assert!(history.contains("40 +") && history.contains("SELECT nothing;"), "{history}");
}
