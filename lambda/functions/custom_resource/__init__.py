"""How a function answers CloudFormation when it stands behind a custom resource."""
