"""Only `make spark` collects these tests: Spark and its Connect client exclude each other."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("py4j") else ["test_*.py"]
