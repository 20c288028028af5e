-- One generation, in a schema of its own. Columns are those of the default store; see hds_bot/index/rows.py.
CREATE TABLE documents (
  ordinal int PRIMARY KEY, id text NOT NULL UNIQUE, authority text NOT NULL, status text NOT NULL,
  tags text NOT NULL, first int NOT NULL, after int NOT NULL, described text NOT NULL, text text NOT NULL
);
CREATE TABLE passages (
  ordinal int PRIMARY KEY, id text NOT NULL, document int NOT NULL, indexed bytea NOT NULL,
  title text NOT NULL, section text NOT NULL, text text NOT NULL,
  "start" int NOT NULL, "end" int NOT NULL, page int, context text NOT NULL
);
CREATE TABLE vectors (ordinal int PRIMARY KEY, embedding vector({dimension}) NOT NULL);
-- For each term how many passages hold it, which, and the part of its BM25 weight that depends on the passage.
CREATE TABLE postings (
  term text PRIMARY KEY, passages int NOT NULL, ordinals int[] NOT NULL, weights real[] NOT NULL
);
-- Compressing them would cost more time than it saves room.
ALTER TABLE postings ALTER ordinals SET STORAGE EXTERNAL, ALTER weights SET STORAGE EXTERNAL;
CREATE TEMPORARY TABLE cut (ordinal int, words text) ON COMMIT DROP;
