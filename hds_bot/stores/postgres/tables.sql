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
CREATE TABLE words (ordinal int PRIMARY KEY, words tsvector NOT NULL, length int NOT NULL);
CREATE TABLE terms (term text PRIMARY KEY, passages int NOT NULL);
CREATE TEMPORARY TABLE cut (ordinal int, words text) ON COMMIT DROP;
