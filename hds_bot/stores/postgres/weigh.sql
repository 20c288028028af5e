-- The k best passages that share a word, by BM25 as hds_bot/lexical.py weighs it.
SELECT held.ordinal, sum(
  wanted.weight * held.frequency / (held.frequency + %(k1)s * (1 - %(b)s + %(b)s * held.length / %(mean)s))
)::real AS score
FROM (
  SELECT w.ordinal, w.length, term.lexeme, cardinality(term.positions) AS frequency
  FROM words w CROSS JOIN LATERAL unnest(w.words) AS term
  WHERE w.words @@ %(any)s::tsquery AND w.ordinal <@ %(spans)s::int4multirange
) AS held
JOIN unnest(%(terms)s::text[], %(weights)s::float8[]) AS wanted (term, weight) ON wanted.term = held.lexeme
GROUP BY held.ordinal
ORDER BY score DESC, held.ordinal
LIMIT %(k)s
