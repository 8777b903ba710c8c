"""Only `make spark` collects these tests: Spark and its Connect client exclude each other."""

import os
from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("py4j") else ["test_*.py"]

# Two cores and a thousand rows need no 200 partitions after every grouping.
os.environ.setdefault("PYSPARK_SUBMIT_ARGS", "--conf spark.sql.shuffle.partitions=2 pyspark-shell")
