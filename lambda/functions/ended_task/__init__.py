"""Says why a one-off task of Amazon ECS failed, by its containers and its log."""
