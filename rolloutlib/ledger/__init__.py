"""Decision records: what was decided, by whom, on which numbers; signed and chained."""
