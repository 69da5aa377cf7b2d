"""Deploys to an AWS account: checks before a deploy, the deploy in waves, and the way back.

Every function takes its clients as arguments. AWS_ENDPOINT_URL sends all of them, and the CDK CLI,
to an emulator instead.
"""
