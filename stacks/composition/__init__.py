"""An environment becomes its stacks: the only code that reads one."""
