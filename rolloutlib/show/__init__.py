"""A review as people see it: tables, charts, the report, the notebook and its page."""
