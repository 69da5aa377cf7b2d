"""Whether the account's quotas hold what the environment needs, beside what it holds already."""
