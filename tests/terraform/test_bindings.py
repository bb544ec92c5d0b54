"""The check finds what version 6 of the provider does not have, with the real bindings.

`test_bindings.py ARCHIVE` tests one mistake of each kind. Each was possible in version 5, or is always wrong.
"""

import sys
import tempfile
import unittest
from pathlib import Path

import bindings
import lint

ARCHIVE = None

VALID = """
provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {}
  }
}

resource "aws_eip" "nat" {
  for_each = toset(["a"])
  domain   = "vpc"
}

resource "aws_ecs_service" "node" {
  name = aws_eip.nat["a"].allocation_id

  dynamic "capacity_provider_strategy" {
    for_each = ["x"]

    content {
      capacity_provider = capacity_provider_strategy.value
    }
  }

  lifecycle {
    ignore_changes = [desired_count]
  }
}

data "aws_caller_identity" "current" {}

locals {
  names = [data.aws_caller_identity.current.account_id, one(aws_ecs_service.node[*].cluster)]
}
"""

CASES = [
    ('domain   = "vpc"', "vpc = true", "aws_eip has no argument vpc"),
    ("capacity_provider =", "capacity_providers =", "aws_ecs_service.capacity_provider_strategy has no argument capacity_providers"),
    ("capacity_provider =", "weight =", "aws_ecs_service.capacity_provider_strategy needs capacity_provider"),
    ('dynamic "capacity_provider_strategy"', 'dynamic "strategy"', "aws_ecs_service has no block strategy"),
    ("default_tags {", "default_labels {", "aws has no block default_labels"),
    ('  name = aws_eip.nat["a"].allocation_id\n', "", "aws_ecs_service needs name"),
    ('resource "aws_eip"', 'resource "aws_elastic_ip"', "there is no resource aws_elastic_ip"),
    ('nat["a"].allocation_id', 'nat["a"].allocation', "aws_eip has no attribute allocation"),
    ("current.account_id", "current.account", "aws_caller_identity has no attribute account"),
    ("node[*].cluster", "node[*].clusters", "aws_ecs_service has no attribute clusters"),
]


class BindingsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bindings = bindings.Bindings(ARCHIVE)

    def problems(self, text):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "main.tf").write_text(text)
            found, _ = bindings.check(lint.Configuration(directory), self.bindings)
        return found

    def test_valid_configuration_has_no_problem(self):
        self.assertEqual(self.problems(VALID), [])

    def test_each_mistake_is_found(self):
        for old, new, expected in CASES:
            with self.subTest(new=new):
                self.assertIn(old, VALID)
                found = self.problems(VALID.replace(old, new))
                self.assertTrue(any(each.endswith(f": {expected}") for each in found), found)


if __name__ == "__main__":
    ARCHIVE = sys.argv.pop(1)
    unittest.main()
