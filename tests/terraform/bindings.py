"""Checks every argument and attribute of the configuration against version 6 of the provider.

`bindings.py DIRECTORY ARCHIVE` reads the schema from typed bindings that were generated from that version's
schema: the npm package `@cdktn/provider-aws`, as `npm pack` writes it.
"""

import re
import sys
import tarfile
from functools import cache
from pathlib import Path

import lint
from lark import Token

# Terraform's own arguments, valid in every resource.
META_ARGUMENTS = {"count", "depends_on", "for_each", "provider"}
META_BLOCKS = {"lifecycle"}

INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
# Terraform's name of a member is in the comment before it.
MEMBER = re.compile(r"#(\w+) \w+#\w+\}.*?^    readonly (\w+)(\??): ([^;{]*)", re.MULTILINE | re.DOTALL)
GETTER = re.compile(r"^    get (\w+)\(\)", re.MULTILINE)


class Bindings:
    def __init__(self, archive):
        # In one pass: to go back in an archive is to unpack it anew.
        with tarfile.open(archive) as files:
            self.files = {each.name: files.extractfile(each).read() for each in files if each.name.endswith("/index.d.ts")}

    @cache
    def source(self, name):
        file = self.files.get(f"package/lib/{name}/index.d.ts")
        return file and file.decode()

    @cache
    def schema(self, name):
        """All interfaces by name, and the name of the one with the resource's own arguments."""
        source = self.source(name)
        if source is None:
            return None, None
        interfaces = {}
        main = None
        for interface, body in INTERFACE.findall(source):
            interfaces[interface] = {
                argument: (optional != "?", re.sub(r"\[\]|\s*\|.*", "", kind).strip())
                for argument, _, optional, kind in MEMBER.findall(body)
            }
            if f"interface {interface} extends cdktn.TerraformMetaArguments" in source or interface == "AwsProviderConfig":
                main = interface
        return interfaces, main

    def attributes(self, name):
        """The readable attributes of a resource, in lower case and without separators."""
        return {plain(getter) for getter in GETTER.findall(self.source(name))}


def plain(name):
    return name.replace("_", "").lower()


def binding_name(kind, type_name):
    name = type_name.removeprefix("aws_").replace("_", "-")
    return f"data-aws-{name}" if kind == "data" else name


def blocks_inside(block):
    """A block's own blocks. A dynamic block counts as the block that it generates."""
    for inner in block.blocks:
        if inner.kind == "dynamic":
            (content,) = [each for each in inner.blocks if each.kind == "content"]
            yield inner.labels[0], content
        else:
            yield inner.kind, inner


def problems_in(block, interfaces, interface, place):
    """Arguments and blocks that the interface does not have, and required ones that are missing."""
    arguments = interfaces[interface]
    used = set()
    for name, attribute in block.attributes.items():
        used.add(name)
        if name not in arguments and name not in META_ARGUMENTS:
            yield f"{block.file}:{attribute.line}: {place} has no argument {name}"
    for name, inner in blocks_inside(block):
        used.add(name)
        if name in META_BLOCKS:
            continue
        kind = arguments.get(name, (False, None))[1]
        if kind not in interfaces:
            yield f"{inner.file}:{inner.line}: {place} has no block {name}"
        else:
            yield from problems_in(inner, interfaces, kind, f"{place}.{name}")
    for name, (required, _) in arguments.items():
        if required and name not in used:
            yield f"{block.file}:{block.line}: {place} needs {name}"


def attributes_read(tree):
    """References to attributes of resources and data sources, as (kind, type, attribute)."""
    paths = set()
    for node in tree.iter_subtrees():
        if node.data == "get_attr_expr_term":
            paths.add(lint.dotted(node) or "")
        elif node.data == "full_splat_expr_term":
            names = node.children[1].scan_values(lambda value: isinstance(value, Token) and value.isidentifier())
            paths.add(f"{lint.dotted(node)}.{next(names, '')}")
    for path in paths:
        kind, path = ("data", path[5:]) if path.startswith("data.") else ("resource", path)
        parts = path.split(".")
        if parts[0].startswith("aws_") and len(parts) == 3:
            yield kind, parts[0], parts[2]


def check(configuration, bindings):
    counts = {"blocks": 0, "attributes": 0}
    found = []
    for module in configuration.modules:
        for block in module.blocks:
            if block.kind in ("resource", "data") and block.labels[0].startswith("aws_"):
                name = binding_name(block.kind, block.labels[0])
            elif block.kind == "provider":
                name = "provider"
            else:
                continue
            counts["blocks"] += 1
            interfaces, main = bindings.schema(name)
            if main is None:
                found.append(f"{block.file}:{block.line}: there is no {block.kind} {block.labels[0]}")
            else:
                found += problems_in(block, interfaces, main, block.labels[0])
        for file, tree in module.trees:
            for kind, type_name, attribute in attributes_read(tree):
                counts["attributes"] += 1
                name = binding_name(kind, type_name)
                if bindings.source(name) and plain(attribute) not in bindings.attributes(name):
                    found.append(f"{file}: {type_name} has no attribute {attribute}")
    return found, counts


def main():
    configuration = lint.Configuration(Path(sys.argv[1]))
    bindings = Bindings(sys.argv[2])
    version = re.search(r"providers/hashicorp/aws/([\d.]+)/", bindings.source("vpc")).group(1)
    found, counts = check(configuration, bindings)
    if found:
        sys.exit("\n".join(sorted(found)))
    print(f"  provider {version} has all arguments of {counts['blocks']} blocks, and {counts['attributes']} attributes")


if __name__ == "__main__":
    main()
