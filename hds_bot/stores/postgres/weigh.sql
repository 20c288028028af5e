-- Stem and count the words of all passages, and weigh them as hds_bot/lexical.py does.
WITH stemmed AS MATERIALIZED (
  SELECT ordinal, words, (SELECT coalesce(sum(cardinality(positions)), 0) FROM unnest(words)) AS length
  FROM (SELECT ordinal, to_tsvector('pg_catalog.french', words) AS words FROM cut) AS passage
),
weighed AS (
  SELECT stemmed.ordinal, term.lexeme, cardinality(term.positions) AS times,
    {k1} * (1 - {b} + {b} * stemmed.length / mean.length) AS saturation
  FROM stemmed CROSS JOIN LATERAL unnest(stemmed.words) AS term
  CROSS JOIN (SELECT avg(length) AS length FROM stemmed) AS mean
)
INSERT INTO postings
SELECT lexeme COLLATE "C", count(*), array_agg(ordinal ORDER BY ordinal),
  array_agg((times / (times + saturation))::real ORDER BY ordinal)
FROM weighed GROUP BY lexeme COLLATE "C"
