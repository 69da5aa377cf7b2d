"""Makes the warehouse's database that a zero-ETL integration fills."""
