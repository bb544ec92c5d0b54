"""Decides what an IAM policy allows, by the rules that IAM publishes.

It never guesses: a condition operator, an element or a variable that is not implemented here is an error.
"""

import functools
import json
import re


class Unsupported(Exception):
    """A policy contains something that this evaluator does not support."""


@functools.lru_cache(maxsize=None)
def expression(pattern, ignore_case):
    text = "".join({"*": ".*", "?": "."}.get(each) or re.escape(each) for each in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def like(pattern, value, ignore_case=False):
    """Whether a value matches a pattern. `*` and `?` match separators too."""
    return expression(pattern, ignore_case).fullmatch(value) is not None


def arn_like(pattern, value):
    """As `like`, for each of the six parts of an ARN on its own."""
    patterns, values = pattern.split(":", 5), value.split(":", 5)
    return len(patterns) == len(values) and all(map(like, patterns, values))


def as_list(value):
    return value if isinstance(value, list) else [value]


OPERATORS = {
    "Bool": lambda pattern, value: pattern.lower() == value.lower(),
    "StringEquals": lambda pattern, value: pattern == value,
    "StringLike": like,
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
}


class Policy:
    """The statements of one or more documents, which apply together."""

    def __init__(self, *documents):
        self.statements = []
        for document in documents:
            if isinstance(document, str):
                document = json.loads(document)
            if document.get("Version") != "2012-10-17":
                raise Unsupported(f"the version {document.get('Version')} of the policy language")
            self.statements += as_list(document["Statement"])
        for statement in self.statements:
            known = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
            if set(statement) - known:
                raise Unsupported(f"the elements {sorted(set(statement) - known)}")
            if "${" in json.dumps(statement):
                raise Unsupported(f"a policy variable in {statement}")

    def allows(self, action, resource, context=None, principal=None):
        """Whether the action is allowed: a statement allows it, and no statement denies it.

        A `resource` of `*` stands for an action without resources: only a statement for all resources covers
        it.
        """
        effects = {
            statement["Effect"]
            for statement in self.statements
            if applies(statement, action, resource, context or {}, principal)
        }
        return effects == {"Allow"}


def applies(statement, action, resource, context, principal):
    if not any(like(each, action, ignore_case=True) for each in as_list(statement["Action"])):
        return False
    # The trust policy of a role has no resource, and an identity's policy has no principal.
    if "Resource" in statement:
        if not any(like(each, resource) for each in as_list(statement["Resource"])):
            return False
    if "Principal" in statement and not is_principal(statement["Principal"], principal):
        return False
    return all(
        holds(operator, key, patterns, context)
        for operator, keys in statement.get("Condition", {}).items()
        for key, patterns in keys.items()
    )


def is_principal(principals, principal):
    if principals == "*":
        return True
    return any(principal in as_list(each) for each in principals.values())


def holds(operator, key, patterns, context):
    if operator == "Null":
        absent = key.lower() not in {name.lower() for name in context}
        return str(absent).lower() in [str(each).lower() for each in as_list(patterns)]
    optional = operator.endswith("IfExists")
    compare = OPERATORS.get(operator.removesuffix("IfExists"))
    if compare is None:
        raise Unsupported(f"the operator {operator}")
    # The names of keys are case-insensitive.
    values = {name.lower(): value for name, value in context.items()}
    value = values.get(key.lower())
    if value is None:
        return optional
    return any(compare(pattern, value) for pattern in as_list(patterns))
