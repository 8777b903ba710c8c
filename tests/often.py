"""How often tests try: every run a sample of the faults, kills and worlds, `make faults` all."""

from __future__ import annotations

import os

EXHAUSTIVE = bool(os.environ.get("ROLLOUT_EXHAUSTIVE"))
