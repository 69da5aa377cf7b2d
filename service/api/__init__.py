"""The API: a table of endpoints, of which routes, the gate of READ_ONLY and the document come."""
