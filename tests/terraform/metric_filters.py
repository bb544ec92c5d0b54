"""What metric filters of CloudWatch Logs make of a line of JSON. The emulator stores filters, and does nothing with them.
"""

import json
import re


def matches(pattern, line):
    """Whether a line matches a pattern of conditions on its members which all must hold: `{ ($.a = *) && ($.b NOT EXISTS) }`.
    With any other kind of pattern, this fails.
    """
    whole = re.fullmatch(r"\{ (.+) \}", pattern)
    assert whole, f"not a pattern for JSON: {pattern}"
    for condition in whole[1].split(" && "):
        parts = re.fullmatch(r"\(\$\.(\w+) (= \*|NOT EXISTS)\)", condition)
        assert parts, f"not known here: {condition}"
        if (parts[1] in line) != (parts[2] == "= *"):
            return False
    return True


def metrics_of(filters, text):
    """The metrics of a line: namespace, name, unit, dimensions and value of each, sorted."""
    line = json.loads(text)
    found = []
    for each in filters:
        if matches(each["filterPattern"], line):
            (made,) = each["metricTransformations"]
            # Without a value for each dimension, CloudWatch makes no metric.
            dimensions = {name: line[field.removeprefix("$.")] for name, field in made.get("dimensions", {}).items()}
            value = made["metricValue"]
            value = line[value.removeprefix("$.")] if value.startswith("$.") else float(value)
            found.append((made["metricNamespace"], made["metricName"], made.get("unit"), dimensions, value))
    return sorted(found, key=lambda each: each[:2])


def embedded_metrics_of(text):
    """The metrics that CloudWatch makes of a line with a block of its own, in the same form."""
    line = json.loads(text)
    found = []
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
        (names,) = directive["Dimensions"]
        dimensions = {name: line[name] for name in names}
        for metric in directive["Metrics"]:
            found.append((directive["Namespace"], metric["Name"], metric["Unit"], dimensions, line[metric["Name"]]))
    return sorted(found, key=lambda each: each[:2])
