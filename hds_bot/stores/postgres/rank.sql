-- The k best passages that hold one of the terms, by the sum of their weights.
SELECT posting.ordinal, sum(wanted.factor * posting.weight)::real AS score
FROM unnest(%(terms)s::text[], %(factors)s::float8[]) AS wanted (term, factor)
JOIN postings USING (term)
CROSS JOIN LATERAL unnest(postings.ordinals, postings.weights) AS posting (ordinal, weight)
WHERE posting.ordinal <@ %(spans)s::int4multirange
GROUP BY posting.ordinal
ORDER BY score DESC, posting.ordinal
LIMIT %(k)s
