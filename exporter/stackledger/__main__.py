"""`python -m stackledger` is the command `stackledger`."""

import sys

from stackledger.cli import main

sys.exit(main())
