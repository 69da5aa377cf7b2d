"""The four stores, each behind one small module: entity, session, transaction, reporting."""
