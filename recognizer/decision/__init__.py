"""How sure: from evidences to entries, verdicts and what to look at."""
