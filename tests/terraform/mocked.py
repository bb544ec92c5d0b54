"""Runs `terraform validate` or `terraform test` in copies of configurations.

`mocked.py validate|test DIRECTORY...`: neither asks AWS anything, and the environment leaves it nobody
to ask.
"""

import sys

from tf import Failed, Terraform


def main():
    subcommand, *directories = sys.argv[1:]
    for directory in directories:
        terraform = Terraform(directory)
        try:
            terraform.init()
            result = terraform.run(subcommand)
        except Failed as error:
            sys.exit(f"{directory}: {error}")
        # The last line counts what passed.
        print(f"  {result.stdout.strip().splitlines()[-1]} ({result.seconds:.0f} s)")


if __name__ == "__main__":
    main()
