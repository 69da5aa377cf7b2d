"""CloudFormation types that the emulator does not know: a module per AWS service."""
