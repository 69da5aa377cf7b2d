"""READ_ONLY entered by an event: a failover, a replica that lags, a writer that is down."""
