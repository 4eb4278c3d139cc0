"""`python -m kassenverbund`."""

from kassenverbund.cli import main

if __name__ == "__main__":
    main()
