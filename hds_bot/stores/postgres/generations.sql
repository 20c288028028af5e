-- Which generations there are, and the one row that says which is in force.
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.generations (
  number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text UNIQUE,
  manifest text,
  effort int  -- of a search of the graph; null where all vectors are compared
);
CREATE TABLE IF NOT EXISTS {schema}.current (
  sole boolean PRIMARY KEY DEFAULT true CHECK (sole),
  number int NOT NULL REFERENCES {schema}.generations
);
