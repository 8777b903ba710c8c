"""`python -m rolloutlib` is `rollout`."""

import sys

from rolloutlib.cli import main

if __name__ == "__main__":
    sys.exit(main())
