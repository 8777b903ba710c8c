"""Decision records: what was decided, by whom, on which numbers; signed, chained, and nobody can rewrite it."""
