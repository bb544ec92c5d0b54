"""Runs `terraform validate` or `terraform test` in copies of configurations.

`mocked.py validate|test DIRECTORY...`: neither sends a request to AWS, and the environment contains no
credentials for one.
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
        # The last line has the counts.
        print(f"  {result.stdout.strip().splitlines()[-1]} ({result.seconds:.0f} s)")


if __name__ == "__main__":
    main()
