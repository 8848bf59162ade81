"""Words by which a rule is recognised: one that bears any order, and one that sets a limit."""

from __future__ import annotations

import re

ANY_ORDER = re.compile(r"\b(any|arbitrary) order\b|\bout of order\b|\breorder", re.IGNORECASE)
CEILING = re.compile(r"\b(exceeds?|at most|no more than|not more than|below|never above|up to|limit)\b", re.IGNORECASE)
