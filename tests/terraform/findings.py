"""Compares checkov's findings with the list of accepted findings.

`findings.py CHECKOV DIRECTORY SKIPS` runs the program CHECKOV on the configuration in DIRECTORY.
"""

import json
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path


# It only calls the module, which the configuration itself does too.
SKIPPED = "examples/two-regions"
# Where a module is called is part of the resource's address.
CALLS = re.compile(r"^(module\.\w+(\[[^\]]*\])?\.)+")


def skips(text):
    """Each line as (check, pattern of the resource, reason)."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            check, resource, reason = line.split(maxsplit=2)
            yield check, resource, reason


def main():
    program, directory, list_of_skips = sys.argv[1:]
    command = [program, "--directory", directory, "--framework", "terraform", "--skip-path", SKIPPED, "--skip-download", "--compact", "--output", "json"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        report = json.loads(result.stdout)
        results, summary = report["results"], report["summary"]
    except (ValueError, KeyError, TypeError):
        sys.exit(f"checkov printed no report:\n{result.stdout}{result.stderr}")
    if results["parsing_errors"]:
        sys.exit(f"checkov can't read {results['parsing_errors']}")
    listed = list(skips(Path(list_of_skips).read_text()))
    used, found = set(), []
    for finding in results["failed_checks"]:
        check, resource = finding["check_id"], CALLS.sub("", finding["resource"])
        matching = [each for each in listed if each[0] == check and fnmatchcase(resource, each[1])]
        used.update(matching)
        if not matching:
            place = f"{finding['file_path']}:{finding['file_line_range'][0]}"
            found.append(f"{place}: {resource}: {finding['check_name']} ({check})")
    found += [f"no longer found: {check} {resource}" for check, resource, reason in set(listed) - set(used)]
    if found:
        sys.exit("\n".join(sorted(set(found))))
    print(f"  {summary['passed']} checks passed, {summary['failed']} findings are accepted for the reasons in {Path(list_of_skips).name}")


if __name__ == "__main__":
    main()
