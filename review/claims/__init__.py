"""Every sentence that specifies the system, what stands of it, and the tests that prove it."""
