"""`python -m service`: the operator's door."""

import sys

from service.cli import main

sys.exit(main())
