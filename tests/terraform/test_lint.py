"""Each rule of the lint finds its problem: a lint that can't fail has no value."""

import tempfile
import unittest
from pathlib import Path

import generate
import lint

# The module, by the names of its files.
OF_MODULE = {
    "versions.tf": """
terraform {
  required_version = ">= 1.1"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}
""",
    "variables.tf": f"""
{"#" * 80}
# Names and place
{"#" * 80}

variable "region" {{
  description = "The region."
  type        = string
  default     = "us-east-1"

  validation {{
    condition     = can(regex("^[a-z]", var.region))
    error_message = "The region begins with a letter."
  }}
}}

variable "names" {{
  description = "Some names."
  type        = list(string)
  default     = []
}}
""",
    "main.tf": """
locals {
  greeting = "of ${var.region}"
  script   = <<-EOT
    echo ${join(",", var.names)}
  EOT
}

data "aws_partition" "current" {}

resource "aws_sqs_queue" "failed_events" {
  name   = "${local.greeting}-${data.aws_partition.current.partition}"
  policy = local.script

  lifecycle {
    create_before_destroy = true
  }
}
""",
    "outputs.tf": """
output "queue_url" {
  description = "The queue."
  value       = aws_sqs_queue.failed_events.url
}
""",
}

# The root, without what is generated of it.
OF_ROOT = {
    "versions.tf": OF_MODULE["versions.tf"],
    "providers.tf": """
variable "profile" {
  description = "The profile."
  type        = string
}

provider "aws" {
  profile = var.profile
}
""",
    "README.md": "".join(mark.format(table) for table in ("settings", "outputs") for mark in generate.MARKS),
    "terraform.tfvars.example": """
# Which region.
region = "us-east-1"
# names = ["for example"]
""",
    **dict.fromkeys(lint.POLICIES, '{"Version": "2012-10-17", "Statement": []}'),
}

def valid():
    """The files of a configuration without a problem."""
    files = {**OF_ROOT, **{f"{generate.MODULE}/{name}": text for name, text in OF_MODULE.items()}}
    with tempfile.TemporaryDirectory() as directory:
        write(files, Path(directory))
        return files | generate.generated(Path(directory))


def write(files, directory):
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


VALID = valid()

NEW_VARIABLE = 'variable "region" {\n  description = "x"\n  type = string\n  default = "us-east-1"\n  %s\n}\n'
OTHER_VARIABLE = 'variable "names" {\n  description = "x"\n  type = list(string)\n  default = []\n}\n'


def validation(condition, message):
    block = f"validation {{\n    condition = {condition}\n    error_message = {message}\n  }}"
    return NEW_VARIABLE % block + OTHER_VARIABLE


# The rule, a file, the text to replace in it (None for the whole file), the replacement, and a part of the
# lint's message.
CASES = [
    ("syntax", "main.tf", None, "resource {", "main.tf"),
    ("documented_variables", "variables.tf", '  description = "Some names."\n', "", "names has no description"),
    ("documented_variables", "variables.tf", '"Some names."', '""', "names has an empty description"),
    ("documented_variables", "variables.tf", "  type        = list(string)\n", "", "names has no type"),
    ("documented_outputs", "outputs.tf", '  description = "The queue."\n', "", "queue_url has no description"),
    ("documented_outputs", "outputs.tf", '"The queue."', '" "', "queue_url has no description"),
    ("snake_case", "main.tf", "failed_events", "failed-events", "failed-events"),
    ("snake_case", "main.tf", '"current"', '"Current"', "Current"),
    ("snake_case", "main.tf", "greeting =", "greetingText =", "greetingText"),
    ("snake_case", "outputs.tf", '"queue_url"', '"queueUrl"', "queueUrl"),
    ("nothing_unused", "main.tf", "var.names", "[]", "var.names is not used"),
    ("nothing_unused", "main.tf", "${var.region}", "x", "var.region is not used"),
    ("nothing_unused", "main.tf", "local.script", "null", "local.script is not used"),
    ("nothing_unused", "main.tf", "${data.aws_partition.current.partition}", "x", "data.aws_partition.current is not used"),
    ("terraform_1_0", "main.tf", 'join(",", var.names)', 'strcontains(",", var.names)', "strcontains() needs Terraform 1.5"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', 'startswith("a", var.region)', "startswith() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', '"${endswith("a", var.region)}"', "endswith() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', "templatestring(var.region, {})", "templatestring() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', "provider::aws::arn_parse(var.region)", "provider::aws::arn_parse() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', 'timecmp(var.region, "")', "timecmp() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', "plantimestamp()", "plantimestamp() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', "issensitive(var.region)", "issensitive() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', "ephemeralasnull(var.region)", "ephemeralasnull() needs"),
    ("terraform_1_0", "main.tf", 'join(",", var.names)', 'templatestring(",", var.names)', "templatestring() needs"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', 'nonsensitive(can(regex("a", var.region)))', "nonsensitive() of can() needs Terraform 1.7"),
    ("terraform_1_0", "main.tf", '"of ${var.region}"', '"${nonsensitive( (try(var.region, "")) )}"', "nonsensitive() of try() needs"),
    ("terraform_1_0", "variables.tf", "list(string)", "object({ a = optional(string) })", "optional() needs Terraform 1.3"),
    ("terraform_1_0", "variables.tf", "  default     = []\n", "  default     = []\n  nullable = false\n", "nullable needs"),
    ("terraform_1_0", "variables.tf", "  default     = []\n", "  default     = []\n  ephemeral = true\n", "ephemeral needs"),
    ("terraform_1_0", "outputs.tf", '  description', '  ephemeral = true\n  description', "ephemeral needs"),
    ("terraform_1_0", "outputs.tf", '  description', '  precondition {\n    condition = true\n    error_message = "X."\n  }\n  description', "precondition needs"),
    ("terraform_1_0", "main.tf", "create_before_destroy = true", 'precondition {\n      condition = true\n      error_message = "X."\n    }', "precondition needs Terraform 1.2"),
    ("terraform_1_0", "main.tf", "create_before_destroy = true", 'postcondition {\n      condition = true\n      error_message = "X."\n    }', "postcondition needs"),
    ("terraform_1_0", "main.tf", "create_before_destroy = true", "action_trigger {\n    }", "action_trigger needs"),
    ("terraform_1_0", "main.tf", "create_before_destroy = true", "replace_triggered_by = [local.script]", "replace_triggered_by needs"),
    ("terraform_1_0", "main.tf", "  policy = local.script", "  policy = local.script\n  value_wo = 1\n", "value_wo needs Terraform 1.11"),
    ("terraform_1_0", "main.tf", "  policy = local.script", "  policy = local.script\n  value_wo_version = 1\n", "value_wo_version needs"),
    ("terraform_1_0", "main.tf", '"aws_sqs_queue"', '"terraform_data"', "terraform_data needs"),
    ("terraform_1_0", "versions.tf", "  required_version", '  cloud {\n    organization = "x"\n  }\n  required_version', "cloud needs Terraform 1.1"),
    ("terraform_1_0", "moved.tf", None, 'import {\n  id = "x"\n  to = a.c\n}\n', "import needs"),
    ("terraform_1_0", "moved.tf", None, "removed {\n  from = a.b\n}\n", "removed needs"),
    ("terraform_1_0", "moved.tf", None, 'check "x" {\n}\n', "check needs"),
    ("terraform_1_0", "moved.tf", None, 'action "aws_x" "y" {\n}\n', "action needs"),
    ("terraform_1_0", "moved.tf", None, 'ephemeral "aws_x" "y" {\n}\n', "ephemeral needs"),
    ("terraform_1_0", "variables.tf", None, validation("length(var.names) > 0", '"X."'), "refers to var.names"),
    ("terraform_1_0", "variables.tf", None, validation("var.region == local.greeting", '"X."'), "refers to local.greeting"),
    ("terraform_1_0", "variables.tf", None, validation("true", '"No ${var.region}."'), "needs Terraform 1.2"),
    ("terraform_1_0", "variables.tf", None, validation("true", '"Not this one"'), "full stop"),
    ("terraform_1_0", "variables.tf", None, validation("true", '"not this one."'), "capital letter"),
    ("promised_versions", "versions.tf", '">= 1.1"', '">= 1.5"', "required_version"),
    ("promised_versions", "versions.tf", '">= 5.100.0, < 7.0.0"', '">= 5.0"', "hashicorp/aws"),
    ("promised_versions", "versions.tf", "    aws = {", '    random = {\n      source = "hashicorp/random"\n    }\n    aws = {', "random"),
    ("promised_versions", "versions.tf", None, "", "no block terraform"),
    ("generated_files", "README.md", "| `names` | `[]` | Some names. |\n", "", "README.md"),
    ("generated_files", "README.md", "| `queue_url` | The queue. |\n", "", "README.md"),
    ("generated_files", "README.md", "<!-- End: outputs -->", "", "End: outputs"),
    ("generated_files", "variables.tf", "Some names", "All names", "variables.tf"),
    ("generated_files", "main.tf", "var.names", "[]", "main.tf"),
    ("generated_files", "outputs.tf", "The queue", "A queue", "outputs.tf"),
    ("example_values", "terraform.tfvars.example", '"us-east-1"', '"eu-west-1"', "region has the default"),
    ("example_values", "terraform.tfvars.example", "# names", "names", "names has the default"),
    ("example_values", "terraform.tfvars.example", '"us-east-1"', '"us-east-1"\nregions = 1', "there is no variable regions"),
    ("example_values", "terraform.tfvars.example", "# names", "# name", "there is no variable name"),
    ("policy_size", "deployer-policy.json", "[]", f'["{"x" * 6144}"]', "IAM accepts 6144"),
    ("policy_size", "deployer-policy.json", "[]", "[", "is not valid JSON"),
    ("policy_size", "boundary-policy.json", "[]", f'["{"x" * 6144}"]', "IAM accepts 6144"),
]


class LintTest(unittest.TestCase):
    def lint(self, files):
        with tempfile.TemporaryDirectory() as directory:
            write(files, Path(directory))
            return lint.problems_of(Path(directory))

    def test_valid_configuration_has_no_problem(self):
        self.assertEqual(self.lint(VALID), [])

    def test_each_case_is_found_by_its_rule(self):
        for rule, name, old, new, expected in CASES:
            with self.subTest(rule=rule, new=new):
                # The root's files are generated: a mistake is made in the module's.
                if f"{generate.MODULE}/{name}" in VALID and rule not in ("generated_files", "promised_versions"):
                    name = f"{generate.MODULE}/{name}"
                before = VALID.get(name, "")
                self.assertTrue(old is None or old in before, f"{old!r} is not in {name}")
                after = new if old is None else before.replace(old, new)
                found = [str(each) for each in self.lint({**VALID, name: after}) if each.rule == rule]
                self.assertTrue(any(expected in text for text in found), f"{expected!r}: {found}")

    def test_missing_files_are_problems(self):
        for name in ("README.md", "terraform.tfvars.example", *lint.POLICIES):
            files = {key: text for key, text in VALID.items() if key != name}
            self.assertEqual([each.file for each in self.lint(files)], [name])

    def test_rules_apply_to_modules_and_examples_too(self):
        files = {**VALID, "modules/checks/variables.tf": 'variable "a" {\n  type = string\n}\n'}
        problems = self.lint(files)
        self.assertEqual([each.rule for each in problems], ["documented_variables"])

    def test_value_that_is_marked_again_may_be_unmarked(self):
        for valid in ("nonsensitive(sensitive(can(var.region)))", "nonsensitive(length(var.region))"):
            main = OF_MODULE["main.tf"].replace('"of ${var.region}"', valid)
            with self.subTest(valid=valid):
                self.assertEqual(self.lint({**VALID, f"{generate.MODULE}/main.tf": main}), [])

    def test_module_of_validations_uses_its_variables(self):
        valid = 'variable "a" {\n  type = string\n  description = "A."\n}\n'
        self.assertEqual(self.lint({**VALID, "modules/checks/variables.tf": valid}), [])

    def test_whitespace_does_not_count_for_the_size(self):
        policy = '{"Version": "2012-10-17", "Statement": [' + " " * 6144 + "]}"
        self.assertEqual(self.lint({**VALID, "deployer-policy.json": policy}), [])

    def test_each_rule_and_each_construct_has_a_case(self):
        rules = {rule.__name__ for rule in lint.RULES} | {"syntax"}
        self.assertEqual(rules, {case[0] for case in CASES})
        constructs = {*lint.NEWER_FUNCTIONS, *lint.UNMARKING_FUNCTIONS, *lint.NEWER_BLOCKS, *lint.NEWER_TYPES}
        for inside in lint.NEWER_INSIDE.values():
            constructs |= set(inside)
        covered = " ".join(case[3] for case in CASES)
        self.assertEqual([each for each in sorted(constructs) if each not in covered], [])


if __name__ == "__main__":
    unittest.main()
