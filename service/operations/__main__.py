"""`python -m service.operations`: the command of one-off tasks."""

import sys

from service.operations.command import main

sys.exit(main())
