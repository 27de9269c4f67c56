DROP TABLE IF EXISTS weblog;
DROP TABLE IF EXISTS documents;
DROP TABLE IF EXISTS failures_of_logs;
DROP TABLE IF EXISTS failures;
DROP TABLE IF EXISTS logs;
CREATE TABLE weblog
(
    time DateTime,
    host LowCardinality(String),
    client UInt32,
    method LowCardinality(String),
    url String,
    status UInt16,
    bytes UInt32,
    duration_ms Float32,
    agent String,
    day Date MATERIALIZED toDate(time)
)
ENGINE = MergeTree
ORDER BY (host, time);
CREATE TABLE documents
(
    id UInt32,
    title String,
    body String,
    published Date
)
ENGINE = MergeTree
ORDER BY id;
CREATE TABLE logs
(
    id UInt64,
    line CLOB
)
ENGINE = MergeTree
ORDER BY id;
CREATE TABLE failures
(
    time DateTime64(3),
    service LowCardinality(String),
    exception LowCardinality(String),
    frames UInt32,
    causes Array(String),
    stack CLOB,
    INDEX words stack TYPE text(tokenizer = 'default')
)
ENGINE = MergeTree
ORDER BY (service, time);
CREATE MATERIALIZED VIEW failures_of_logs TO failures AS
SELECT
    parseDateTime64BestEffort(JSONExtractString(line, 'ts')) AS time,
    JSONExtractString(line, 'service') AS service,
    JSONExtractString(line, 'stack') AS stack,
    extract(stack, '^(\\w+)') AS exception,
    countLines(stack) AS frames,
    extractAll(stack, 'Caused by: (\\w+)') AS causes
FROM logs
WHERE notEmpty(stack);
INSERT INTO weblog SELECT * FROM file('weblog.parquet', Parquet);
INSERT INTO documents SELECT * FROM file('documents.jsonl', JSONEachRow, 'id UInt32, title String, body String, published Date');
INSERT INTO logs SELECT rowNumberInAllBlocks(), json FROM file('logs.jsonl', JSONAsString, 'json String');
