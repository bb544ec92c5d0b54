"""Writes what repeats the module's variables and outputs: the root's, its call of the module, and the tables of
its README.

`generate.py DIRECTORY` writes the files of the configuration in DIRECTORY, and `generate.py --check DIRECTORY` fails if
one of them would change.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

MODULE = "modules/connector"
# The sections of variables begin like this.
BANNER = re.compile(r"^#{80}\n# (.+)\n#{80}\n", re.MULTILINE)
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}\n', re.MULTILINE | re.DOTALL)
MARKS = "<!-- Begin: {} -->\n", "<!-- End: {} -->\n"
# The provider belongs to the root, and so does the one variable that only the provider needs. The tables have it here.
ROOT_ONLY = "providers.tf"
SECTION_OF_ROOT_ONLY = "Names and place"


@dataclass(frozen=True)
class Declared:
    name: str
    body: str

    def argument(self, name):
        """The text of an argument, which may have several lines."""
        found = re.search(rf"^  {name} += (.*?)(?=^  \w|^  #|^\n|\Z)", self.body, re.MULTILINE | re.DOTALL)
        return found[1].rstrip() if found else None


def declared(text):
    return [Declared(name, body) for _, name, body in BLOCK.findall(text)]


def sections(text):
    """Title and variables of each section."""
    parts = BANNER.split(text)
    return [(title, declared(part)) for title, part in zip(parts[1::2], parts[2::2])]


def variables(of_module):
    """The root's variables: what they must be is checked in the module."""
    text = f"# Written by tests/terraform/generate.py from {MODULE}/variables.tf, which has what each value must be.\n"
    for title, every in of_module:
        text += f"\n{'#' * 80}\n# {title}\n{'#' * 80}\n"
        for each in every:
            text += f'\nvariable "{each.name}" {{\n'
            known = {name: each.argument(name) for name in ("description", "type", "default", "sensitive")}
            width = max(len(name) for name, value in known.items() if value)
            text += "".join(f"  {name:{width}} = {value}\n" for name, value in known.items() if value)
            text += "}\n"
    return text


def call(of_module):
    """The call of the module, with each of its variables."""
    text = "# Written by tests/terraform/generate.py.\n\n"
    text += f'module "connector" {{\n  source = "./{MODULE}"\n'
    for title, every in of_module:
        text += f"\n  # {title}\n"
        width = max(len(each.name) for each in every)
        text += "".join(f"  {each.name:{width}} = var.{each.name}\n" for each in every)
    return text + "}\n"


def outputs(of_module):
    text = f"# Written by tests/terraform/generate.py from {MODULE}/outputs.tf.\n"
    for each in of_module:
        text += f'\noutput "{each.name}" {{\n  description = {each.argument("description")}\n'
        text += f"  value       = module.connector.{each.name}\n}}\n"
    return text


def cell(text):
    """Text for a cell of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def written(expression):
    """A description or a default as a reader sees it: text without its quotation marks."""
    if expression is None:
        return "required"
    whole = re.fullmatch(r'"((?:[^"\\]|\\.)+)"', expression, re.DOTALL)
    return whole[1].replace('\\"', '"').replace("$${", "${") if whole else expression


def settings(of_module, of_root):
    text = ""
    for title, every in of_module:
        text += f"\n### {title}\n\n| variable | default | meaning |\n| --- | --- | --- |\n"
        for each in [*(of_root if title == SECTION_OF_ROOT_ONLY else []), *every]:
            default = each.argument("default")
            shown = f"`{cell(written(default))}`" if default else "required"
            text += f"| `{each.name}` | {shown} | {cell(written(each.argument('description')))} |\n"
    return text + "\n"


def table_of_outputs(of_module):
    text = "\n| output | what it is |\n| --- | --- |\n"
    text += "".join(f"| `{each.name}` | {cell(written(each.argument('description')))} |\n" for each in of_module)
    return text + "\n"


def replaced(readme, name, content):
    """The README with this content between its marks."""
    begin, end = (mark.format(name) for mark in MARKS)
    if readme.count(begin) != 1 or readme.count(end) != 1:
        raise ValueError(f"README.md must have the lines {begin.strip()} and {end.strip()} once")
    before, rest = readme.split(begin)
    return before + begin + content + end + rest.split(end)[1]


def generated(directory):
    """Name to content of everything that is written."""
    module = directory / MODULE
    of_module = sections((module / "variables.tf").read_text())
    in_sections = [each.name for _, every in of_module for each in every]
    every = [each.name for each in declared((module / "variables.tf").read_text())]
    if in_sections != every:
        raise ValueError(f"variables outside of a section: {sorted(set(every) - set(in_sections))}")
    out = declared((module / "outputs.tf").read_text())
    of_root = declared((directory / ROOT_ONLY).read_text())
    readme = (directory / "README.md").read_text()
    readme = replaced(readme, "settings", settings(of_module, of_root))
    readme = replaced(readme, "outputs", table_of_outputs(out))
    return {
        "variables.tf": variables(of_module),
        "main.tf": call(of_module),
        "outputs.tf": outputs(out),
        "README.md": readme,
    }


def outdated(directory):
    """The files that are not as they would be written: name to what would be."""
    return {
        name: content
        for name, content in generated(directory).items()
        if not (directory / name).exists() or (directory / name).read_text() != content
    }


def main():
    arguments = sys.argv[1:]
    check = arguments[:1] == ["--check"]
    directory = Path(arguments[-1])
    files = outdated(directory)
    if check and files:
        sys.exit(f"not as tests/terraform/generate.py writes them, so run it: {', '.join(files)}")
    for name, content in files.items():
        (directory / name).write_text(content)
        print(f"{name} written")


if __name__ == "__main__":
    main()
