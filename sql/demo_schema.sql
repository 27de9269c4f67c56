DROP TABLE IF EXISTS weblog;
DROP TABLE IF EXISTS documents;
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
INSERT INTO weblog SELECT * FROM file('weblog.parquet', Parquet);
INSERT INTO documents SELECT * FROM file('documents.jsonl', JSONEachRow, 'id UInt32, title String, body String, published Date');
