"""Checks the Terraform configuration by rules that neither `fmt` nor `validate` has.

`lint.py DIRECTORY` prints each place where the configuration in DIRECTORY, with its modules and
examples, breaks a rule, and fails if there is such a place. `test_lint.py` has a case for each rule.
"""

import json
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import hcl2
from lark import Token, Tree

import generate

# Constructs that the lowest version in the README does not support, and the version that introduced them.
NEWER_FUNCTIONS = {
    "optional": "1.3",
    "startswith": "1.3",
    "endswith": "1.3",
    "timecmp": "1.3",
    "strcontains": "1.5",
    "plantimestamp": "1.5",
    "issensitive": "1.8",
    "templatestring": "1.9",
    "ephemeralasnull": "1.10",
}
# The result of these functions is not sensitive, or only sometimes, even if their argument is. Up to
# Terraform 1.6, nonsensitive() is an error for a value that is not sensitive.
UNMARKING_FUNCTIONS = {"can", "try"}
NEWER_BLOCKS = {
    "check": "1.5",
    "import": "1.5",
    "removed": "1.7",
    "ephemeral": "1.10",
    "action": "1.14",
}
NEWER_TYPES = {"terraform_data": "1.4"}
# Arguments and blocks inside a block of this kind, at any depth.
NEWER_INSIDE = {
    "variable": {"nullable": "1.1", "ephemeral": "1.10"},
    "output": {"precondition": "1.2", "ephemeral": "1.10"},
    "resource": {
        "precondition": "1.2",
        "postcondition": "1.2",
        "replace_triggered_by": "1.2",
        "action_trigger": "1.14",
    },
    "data": {"precondition": "1.2", "postcondition": "1.2"},
    "terraform": {"cloud": "1.1"},
}
# IAM rejects a longer managed policy, and does not count its whitespace.
MAX_POLICY_CHARACTERS = 6144
POLICIES = ["deployer-policy.json", "deployer-policy-node.json", "deployer-policy-yours.json", "boundary-policy.json"]

# The example pins the Node's version, as it recommends; the default can't contain a version.
CHOSEN_IN_EXAMPLE = {"node_tag"}

REFERENCE = re.compile(r"\b(var|local|data|module)((?:\.[A-Za-z_][\w-]*)+)")
INTERPOLATION = re.compile(r"[$%]\{[^}]*\}")
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, order=True)
class Problem:
    file: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.text} ({self.rule})"


@dataclass(frozen=True)
class Attribute:
    name: str
    tree: Tree
    line: int
    text: str

    @property
    def literal(self):
        """The text of a string without interpolation, and None for anything else."""
        text = self.text.strip()
        if re.fullmatch(r'"(?:[^"\\]|\\.)*"', text) and not INTERPOLATION.search(text):
            return json.loads(text)
        return None


@dataclass(frozen=True)
class Block:
    file: str
    kind: str
    labels: tuple
    tree: Tree
    source: str

    @property
    def line(self):
        return self.tree.meta.line

    @property
    def name(self):
        return self.labels[-1] if self.labels else ""

    @cached_property
    def _body(self):
        return next(child for child in self.tree.children if is_tree(child, "body"))

    @cached_property
    def attributes(self):
        return {
            attribute.name: attribute
            for child in self._body.children
            if is_tree(child, "attribute")
            for attribute in [self._attribute(child)]
        }

    @cached_property
    def blocks(self):
        return [
            block_of(self.file, child, self.source)
            for child in self._body.children
            if is_tree(child, "block")
        ]

    def _attribute(self, tree):
        value = tree.children[-1]
        text = self.source[value.meta.start_pos : value.meta.end_pos]
        return Attribute(first_token(tree), value, tree.meta.line, text)


class Module:
    """The files of one directory, which share one namespace."""

    def __init__(self, directory, root):
        self.directory = directory
        self.blocks = []
        self.trees = []
        self.problems = []
        for path in sorted(directory.glob("*.tf")):
            name = str(path.relative_to(root))
            source = path.read_text()
            try:
                tree = hcl2.parses_to_tree(source)
            except Exception as error:  # The parser's errors have no common class.
                self.problems.append(Problem(name, 1, "syntax", f"can't be parsed: {error}"))
                continue
            self.trees.append((name, tree))
            body = next(child for child in tree.children if is_tree(child, "body"))
            self.blocks += [
                block_of(name, child, source) for child in body.children if is_tree(child, "block")
            ]

    def of(self, kind):
        return [block for block in self.blocks if block.kind == kind]

    @cached_property
    def used(self):
        """All references: `var.region`, `local.name`, `data.aws_partition.current`.

        A variable counts as unused if only its own validation refers to it.
        """
        used = set()
        for block in self.blocks:
            if block.kind != "variable":
                for path in references_in(block.tree):
                    parts = path.split(".")
                    used.add(".".join(parts[: 3 if parts[0] == "data" else 2]))
        return used


class Configuration:
    """A root module with all modules below it."""

    def __init__(self, root):
        self.root = Path(root)
        directories = {
            path.parent for path in self.root.rglob("*.tf") if ".terraform" not in path.parts
        }
        self.modules = [Module(directory, self.root) for directory in sorted(directories)]
        self.main = next((each for each in self.modules if each.directory == self.root), None)

    def text(self, name):
        path = self.root / name
        return path.read_text() if path.is_file() else None


def is_tree(node, data):
    return isinstance(node, Tree) and node.data == data


def first_token(tree):
    return str(next(tree.scan_values(lambda value: isinstance(value, Token))))


def block_of(file, tree, source):
    labels = []
    for child in tree.children[1:]:
        if is_tree(child, "string"):
            labels.append(source[child.meta.start_pos + 1 : child.meta.end_pos - 1])
        elif is_tree(child, "identifier"):
            labels.append(first_token(child))
    return Block(file, first_token(tree), tuple(labels), tree, source)


def dotted(tree):
    """`a.b.c` of nested attribute access, through indices and splats."""
    if is_tree(tree, "identifier"):
        return first_token(tree)
    if not isinstance(tree, Tree) or not tree.children:
        return None
    base = dotted(tree.children[0])
    if tree.data == "get_attr_expr_term" and base:
        return f"{base}.{list(tree.children[1].scan_values(lambda _: True))[-1]}"
    return base


def references_in(tree):
    """The references of all expressions, as dotted paths."""
    found = set()
    for node in tree.iter_subtrees():
        if node.data == "get_attr_expr_term":
            path = dotted(node)
            if path and path.split(".")[0] in ("var", "local", "data", "module"):
                found.add(path)
        elif str(node.data).startswith("heredoc"):
            # The parser does not parse a heredoc.
            for inserted in INTERPOLATION.findall(first_token(node)):
                found |= {match.group(0) for match in REFERENCE.finditer(inserted)}
    return found


def function_calls(tree):
    """The name and the line of each call, namespaces included; those in heredocs too."""
    for node in tree.iter_subtrees():
        if node.data == "function_call":
            names = [first_token(each) for each in node.children if is_tree(each, "identifier")]
            yield "::".join(names), node.meta.line
        elif str(node.data).startswith("heredoc"):
            for inserted in INTERPOLATION.findall(first_token(node)):
                for name in re.findall(r"([\w:]+)\(", inserted):
                    yield name, node.meta.line


def called(tree):
    """The function that an expression calls; parentheses do not count."""
    while is_tree(tree, "expr_term"):
        inner = [each for each in tree.children if isinstance(each, Tree)]
        tree = inner[0] if len(inner) == 1 else None
    return first_token(tree) if is_tree(tree, "function_call") else None


def redundant_marks(tree):
    """Each nonsensitive() of a value that may not be sensitive: the function in it, and the line."""
    for node in tree.find_data("function_call"):
        arguments = [argument for each in node.children if is_tree(each, "arguments") for argument in each.children]
        name = called(arguments[0]) if arguments else None
        if first_token(node) == "nonsensitive" and name in UNMARKING_FUNCTIONS:
            yield name, node.meta.line


# Each rule is a function that takes a configuration and yields problems. Its name is the name of the rule.
RULES = []


def rule(function):
    RULES.append(function)
    return function


def problem(rule_, block, text, line=None):
    return Problem(block.file, line or block.line, rule_.__name__, text)


@rule
def documented_variables(configuration):
    for module in configuration.modules:
        for variable in module.of("variable"):
            for needed in ("description", "type"):
                if needed not in variable.attributes:
                    text = f"variable {variable.name} has no {needed}"
                    yield problem(documented_variables, variable, text)
                elif not variable.attributes[needed].text.strip(' "'):
                    text = f"variable {variable.name} has an empty {needed}"
                    yield problem(documented_variables, variable, text)


@rule
def documented_outputs(configuration):
    for module in configuration.modules:
        for output in module.of("output"):
            description = output.attributes.get("description")
            if description is None or not description.text.strip(' "'):
                text = f"output {output.name} has no description"
                yield problem(documented_outputs, output, text)


@rule
def snake_case(configuration):
    for module in configuration.modules:
        for block in module.blocks:
            if block.kind == "locals":
                names = list(block.attributes)
            elif block.kind in ("variable", "output", "module", "resource", "data"):
                names = [block.name]
            else:
                continue
            for name in names:
                if not SNAKE_CASE.fullmatch(name):
                    text = f"the name {name} is not in snake case"
                    yield problem(snake_case, block, text)


@rule
def nothing_unused(configuration):
    for module in configuration.modules:
        declared = [
            (f"local.{name}", block, attribute.line)
            for block in module.of("locals")
            for name, attribute in block.attributes.items()
        ]
        declared += [(f"data.{'.'.join(each.labels)}", each, each.line) for each in module.of("data")]
        # A module that has only variables exists only for their validations.
        if any(block.kind != "variable" for block in module.blocks):
            declared += [(f"var.{each.name}", each, each.line) for each in module.of("variable")]
        for path, block, line in declared:
            if path not in module.used:
                yield problem(nothing_unused, block, f"{path} is not used", line)


@rule
def terraform_1_0(configuration):
    """Only constructs of the language that Terraform 1.0 supports, and `moved`."""
    for module in configuration.modules:
        for name, tree in module.trees:
            for function, line in function_calls(tree):
                version = "1.8" if "::" in function else NEWER_FUNCTIONS.get(function)
                if version:
                    text = f"{function}() needs Terraform {version}"
                    yield Problem(name, line, terraform_1_0.__name__, text)
            for function, line in redundant_marks(tree):
                text = f"nonsensitive() of {function}() needs Terraform 1.7: put sensitive() between them"
                yield Problem(name, line, terraform_1_0.__name__, text)
        for block in module.blocks:
            if block.kind in NEWER_BLOCKS:
                text = f"a block {block.kind} needs Terraform {NEWER_BLOCKS[block.kind]}"
                yield problem(terraform_1_0, block, text)
            if block.kind in ("resource", "data") and block.labels[0] in NEWER_TYPES:
                text = f"{block.labels[0]} needs Terraform {NEWER_TYPES[block.labels[0]]}"
                yield problem(terraform_1_0, block, text)
            yield from newer_inside(block, NEWER_INSIDE.get(block.kind, {}))
            if block.kind == "variable":
                yield from validations(block)


def newer_inside(block, versions):
    for name, attribute in block.attributes.items():
        version = versions.get(name)
        if re.search(r"_wo(_version)?$", name):
            version = "1.11"
        if version:
            text = f"{name} needs Terraform {version}"
            yield problem(terraform_1_0, block, text, attribute.line)
    for inner in block.blocks:
        if inner.kind in versions:
            text = f"{inner.kind} needs Terraform {versions[inner.kind]}"
            yield problem(terraform_1_0, inner, text)
        yield from newer_inside(inner, versions)


def validations(variable):
    for validation in variable.blocks:
        if validation.kind != "validation":
            continue
        for path in sorted(references_in(validation.tree)):
            if path.split(".")[:2] != ["var", variable.name]:
                text = f"validation of {variable.name} refers to {path}: that needs Terraform 1.9"
                yield problem(terraform_1_0, validation, text)
        message = validation.attributes.get("error_message")
        if message is None:
            continue
        # Up to 1.1 it is not an expression but a text, which must look like a sentence.
        if message.literal is None:
            text = "an error_message with interpolation needs Terraform 1.2"
            yield problem(terraform_1_0, validation, text, message.line)
        elif not re.match(r"[A-Z].*[.?]$", message.literal, re.DOTALL):
            text = (
                "an error_message that does not begin with a capital letter and end with a full "
                "stop needs Terraform 1.2"
            )
            yield problem(terraform_1_0, validation, text, message.line)


@rule
def promised_versions(configuration):
    """The versions that the README promises to support."""
    blocks = configuration.main.of("terraform")
    if not blocks:
        yield Problem("versions.tf", 1, promised_versions.__name__, "there is no block terraform")
        return
    required = blocks[0].attributes.get("required_version")
    if required is None or required.literal != ">= 1.1":
        yield problem(promised_versions, blocks[0], 'required_version must be ">= 1.1"')
    providers = [block for block in blocks[0].blocks if block.kind == "required_providers"]
    found = {name: each for block in providers for name, each in block.attributes.items()}
    for name, provider in found.items():
        if name != "aws":
            text = f"provider {name} is not allowed: the only provider is aws"
            yield problem(promised_versions, blocks[0], text, provider.line)
    if "aws" not in found or '">= 5.100.0, < 7.0.0"' not in found["aws"].text:
        text = 'the version of hashicorp/aws must be ">= 5.100.0, < 7.0.0"'
        yield problem(promised_versions, blocks[0], text)


def squeezed(text):
    return re.sub(r"\s+", "", text)


@rule
def generated_files(configuration):
    """What repeats the module's variables and outputs is as it would be written."""
    if not (configuration.root / generate.MODULE).is_dir():
        return
    try:
        names = generate.outdated(configuration.root)
    except (ValueError, OSError) as error:
        yield Problem("README.md", 1, generated_files.__name__, str(error))
        return
    for name in names:
        yield Problem(name, 1, generated_files.__name__, "is not as tests/terraform/generate.py writes it: run that")


@rule
def example_values(configuration):
    """terraform.tfvars.example names existing variables, and sets none to a value other than its default."""
    name, rule_name = "terraform.tfvars.example", example_values.__name__
    example = configuration.text(name)
    if example is None:
        yield Problem(name, 1, rule_name, "there is no terraform.tfvars.example")
        return
    declared = {block.name: block for block in configuration.main.of("variable")}
    for number, line in enumerate(example.splitlines(), 1):
        match = re.match(r"(# )?([a-z_]\w*)\s*=\s*(.*)$", line)
        if not match:
            continue
        commented, own, value = match.groups()
        if own not in declared:
            yield Problem(name, number, rule_name, f"there is no variable {own}")
            continue
        # A commented line shows a possible value.
        default = declared[own].attributes.get("default")
        if commented or own in CHOSEN_IN_EXAMPLE or default is None:
            continue
        if squeezed(default.text) != squeezed(value):
            text = f"{own} has the default {default.text}, not {value}"
            yield Problem(name, number, rule_name, text)


@rule
def policy_size(configuration):
    """IAM accepts the policies of the deployer, and the boundary, without a change."""
    rule_name = policy_size.__name__
    for name in POLICIES:
        text = configuration.text(name)
        if text is None:
            yield Problem(name, 1, rule_name, f"there is no {name}")
            continue
        try:
            json.loads(text)
        except ValueError as error:
            yield Problem(name, 1, rule_name, f"is not valid JSON: {error}")
            continue
        characters = len(squeezed(text))
        if characters > MAX_POLICY_CHARACTERS:
            message = f"has {characters} characters without whitespace: IAM accepts {MAX_POLICY_CHARACTERS}"
            yield Problem(name, 1, rule_name, message)


def problems_of(directory):
    configuration = Configuration(directory)
    if configuration.main is None:
        return [Problem(str(directory), 1, "syntax", "there is no configuration here")]
    found = [each for module in configuration.modules for each in module.problems]
    return sorted(found + [each for check in RULES for each in check(configuration)])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = problems_of(Path(sys.argv[1]))
    for each in problems:
        print(each)
    if problems:
        sys.exit(1)
    modules = Configuration(Path(sys.argv[1])).modules
    blocks = sum(len(module.blocks) for module in modules)
    print(f"{len(modules)} modules, {blocks} blocks, {len(RULES)} rules: no problems")


if __name__ == "__main__":
    main()
