SELECT count() AS requests, uniqExact(client) AS clients, min(time) AS first, max(time) AS last FROM weblog;
SELECT host, count() AS requests, round(avg(duration_ms), 1) AS mean_ms, round(quantileExact(0.95)(duration_ms), 1) AS p95_ms FROM weblog GROUP BY host ORDER BY requests DESC;
SELECT toStartOfDay(time) AS day, countIf(status >= 500) AS errors, round(100 * errors / count(), 2) AS percent FROM weblog GROUP BY day ORDER BY day;
SELECT path(url) AS page, count() AS views, uniqExact(client) AS visitors FROM weblog WHERE status = 200 AND method = 'GET' GROUP BY page ORDER BY views DESC LIMIT 5;
SELECT extractURLParameter(url, 'q') AS word, count() AS searches FROM weblog WHERE url LIKE '/search?%' GROUP BY word ORDER BY searches DESC, word LIMIT 5;
SELECT agent LIKE '%bot%' AS is_bot, formatReadableSize(sum(bytes)) AS sent FROM weblog GROUP BY is_bot ORDER BY is_bot;
SELECT id, title FROM documents WHERE body LIKE '%inverted index%' AND published >= '2026-06-01' ORDER BY id LIMIT 5;
SELECT service, exception, count() AS failures, max(frames) AS deepest FROM failures GROUP BY service, exception ORDER BY failures DESC, deepest DESC, service LIMIT 5;
SELECT service, frames, line(stack, 1) AS first_line, snippet(stack, 'OutOfMemoryError') AS found FROM failures WHERE hasAnyTokens(stack, 'OutOfMemoryError') ORDER BY frames DESC LIMIT 3;
