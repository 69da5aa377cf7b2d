"""Sessions leave Amazon DynamoDB once a day: a full export in JSON, in a bucket, locked."""
