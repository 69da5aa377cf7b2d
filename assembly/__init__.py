"""The one reader of cdk.out: its stacks, their waves, what is retained, and the CDK CLI over it.

`make deploy`, `make local` and every review of templates go by this room alone.
"""
