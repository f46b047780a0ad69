"""`python -m stockade`: the command line, where the console script is not on the path."""

from stockade.cli import main

main()
