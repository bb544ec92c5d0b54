"""The evaluator of policies denies what IAM denies."""

import unittest

from policies import Policy, Unsupported

QUEUE = "arn:aws:sqs:us-east-1:123456789012:api-gw-discovery-1a2b3c-failed"


def policy(*statements):
    return Policy({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **rest):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **rest}


class PoliciesTest(unittest.TestCase):
    def test_nothing_is_allowed_by_itself(self):
        self.assertFalse(policy().allows("sqs:CreateQueue", QUEUE))

    def test_actions_match_with_wildcards_and_in_any_case(self):
        some = policy(allow(["sqs:create*", "ec2:*Address"]))
        self.assertTrue(some.allows("sqs:CreateQueue", QUEUE))
        self.assertTrue(some.allows("ec2:ReleaseAddress", "*"))
        self.assertFalse(some.allows("ec2:DescribeAddresses", "*"))
        self.assertFalse(some.allows("sqs:DeleteQueue", QUEUE))

    def test_wildcards_do_not_match_the_plural(self):
        some = policy(allow("route53:*HostedZone"))
        self.assertTrue(some.allows("route53:GetHostedZone", "*"))
        self.assertFalse(some.allows("route53:ListHostedZones", "*"))

    def test_resources_match_with_wildcards_and_in_their_case(self):
        some = policy(allow("sqs:*", "arn:aws:sqs:*:*:api-gw-discovery*"))
        self.assertTrue(some.allows("sqs:CreateQueue", QUEUE))
        self.assertFalse(some.allows("sqs:CreateQueue", QUEUE.replace("api-gw", "other")))
        self.assertFalse(some.allows("sqs:CreateQueue", QUEUE.replace("api-gw", "API-gw")))

    def test_action_without_resources_needs_a_statement_for_all_resources(self):
        self.assertFalse(policy(allow("sqs:*", "arn:aws:sqs:*:*:*")).allows("sqs:ListQueues", "*"))
        self.assertTrue(policy(allow("sqs:*")).allows("sqs:ListQueues", "*"))

    def test_special_characters_of_expressions_are_literal(self):
        some = policy(allow("sqs:*", "arn:aws:sqs:us-east-1:123456789012:a.c"))
        self.assertFalse(some.allows("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:abc"))

    def test_denial_wins(self):
        some = policy(allow("sqs:*"), {**allow("sqs:Delete*"), "Effect": "Deny"})
        self.assertTrue(some.allows("sqs:CreateQueue", QUEUE))
        self.assertFalse(some.allows("sqs:DeleteQueue", QUEUE))

    def test_conditions_match_or_do_not(self):
        condition = {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}}
        some = policy(allow("iam:PassRole", Condition=condition))
        self.assertTrue(some.allows("iam:PassRole", "*", {"iam:passedtoservice": "ec2.amazonaws.com"}))
        self.assertFalse(some.allows("iam:PassRole", "*", {"iam:PassedToService": "lambda.amazonaws.com"}))
        self.assertFalse(some.allows("iam:PassRole", "*"))

    def test_optional_condition_matches_without_the_key(self):
        some = policy(allow("a:B", Condition={"StringLikeIfExists": {"k": "x*"}}))
        self.assertTrue(some.allows("a:B", "*"))
        self.assertTrue(some.allows("a:B", "*", {"k": "xy"}))
        self.assertFalse(some.allows("a:B", "*", {"k": "y"}))

    def test_condition_on_the_absence_of_a_key(self):
        absent = policy(allow("a:B", Condition={"Null": {"k": "true"}}))
        self.assertTrue(absent.allows("a:B", "*"))
        self.assertFalse(absent.allows("a:B", "*", {"K": "x"}))
        present = policy(allow("a:B", Condition={"Null": {"k": "false"}}))
        self.assertFalse(present.allows("a:B", "*"))
        self.assertTrue(present.allows("a:B", "*", {"K": "x"}))

    def test_each_key_of_a_condition_counts(self):
        some = policy(allow("a:B", Condition={"Bool": {"k": "true"}, "StringEquals": {"l": "x"}}))
        self.assertTrue(some.allows("a:B", "*", {"k": "True", "l": "x"}))
        self.assertFalse(some.allows("a:B", "*", {"k": "false", "l": "x"}))
        self.assertFalse(some.allows("a:B", "*", {"k": "true", "l": "y"}))
        self.assertFalse(some.allows("a:B", "*", {"k": "true"}))

    def test_arn_needs_its_last_part(self):
        group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/apigateway/x"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logs.us-east-1.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
        }
        for source, expected in ((group, False), (f"{group}:*", True), (f"{group}y:*", False)):
            some = policy({**statement, "Condition": {"ArnLike": {"AWS:SourceArn": source}}})
            allowed = some.allows(
                "lambda:InvokeFunction",
                statement["Resource"],
                {"aws:SourceArn": f"{group}:*"},
                "logs.us-east-1.amazonaws.com",
            )
            self.assertEqual(allowed, expected, source)

    def test_principal_must_be_named(self):
        statement = {"Effect": "Allow", "Principal": {"Service": "a.amazonaws.com"}, "Action": "s:A"}
        self.assertTrue(policy(statement).allows("s:A", "*", principal="a.amazonaws.com"))
        self.assertFalse(policy(statement).allows("s:A", "*", principal="b.amazonaws.com"))
        self.assertFalse(policy(statement).allows("s:A", "*"))

    def test_unsupported_elements_are_errors(self):
        with self.assertRaises(Unsupported):
            policy(allow("a:B", Condition={"DateGreaterThan": {"k": "x"}})).allows("a:B", "*")
        with self.assertRaises(Unsupported):
            policy({"Effect": "Allow", "NotAction": "a:B", "Resource": "*"})
        with self.assertRaises(Unsupported):
            policy(allow("a:B", "arn:aws:s3:::${aws:username}"))
        with self.assertRaises(Unsupported):
            Policy({"Version": "2008-10-17", "Statement": []})


if __name__ == "__main__":
    unittest.main()
