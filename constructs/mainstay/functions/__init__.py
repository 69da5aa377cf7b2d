"""Lambda functions: their code, their role, and what starts them by the clock."""
