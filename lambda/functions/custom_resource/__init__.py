"""Answers CloudFormation for a function behind a custom resource."""
