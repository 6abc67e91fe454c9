"""`python -m telexec_service`."""

import sys

from telexec_service.entry import main

if __name__ == "__main__":
    sys.exit(main())
