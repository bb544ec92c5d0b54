"""The emulator behaves as AWS where the tests rely on it, and identifies each request."""

import base64
import gzip
import io
import json
import time
import unittest
import zipfile

from botocore.exceptions import ClientError

import emulator
from emulator import ACCOUNT, Emulator
from lambda_service import Outcome

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
GROUP = "/aws/apigateway/test"
GROUP_ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{GROUP}"
SERVICE = "logs.us-east-1.amazonaws.com"


class EmulatorTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.emulator = Emulator()
        cls.emulator.__enter__()
        role = cls.emulator.client("iam").create_role(RoleName="test", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as file:
            file.writestr("bootstrap", "x")
        cls.function = cls.emulator.client("lambda").create_function(
            FunctionName="test",
            Runtime="provided.al2023",
            Role=role,
            Handler="bootstrap",
            Code={"ZipFile": package.getvalue()},
        )["FunctionArn"]
        cls.emulator.client("logs").create_log_group(logGroupName=GROUP)

    @classmethod
    def tearDownClass(cls):
        cls.emulator.__exit__()

    def put_filter(self):
        self.emulator.client("logs").put_subscription_filter(
            logGroupName=GROUP, filterName="test", filterPattern="", destinationArn=self.function
        )

    def test_security_group_of_a_function_stays(self):
        ec2, functions = self.emulator.client("ec2"), self.emulator.client("lambda")
        (subnet,) = ec2.describe_subnets()["Subnets"][:1]
        group = ec2.create_security_group(GroupName="test", Description="test", VpcId=subnet["VpcId"])["GroupId"]
        network = {"SubnetIds": [subnet["SubnetId"]], "SecurityGroupIds": [group]}
        functions.update_function_configuration(FunctionName="test", VpcConfig=network)
        with self.assertRaisesRegex(ClientError, "DependencyViolation"):
            ec2.delete_security_group(GroupId=group)
        functions.update_function_configuration(FunctionName="test", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
        ec2.delete_security_group(GroupId=group)

    def test_filter_needs_the_permission(self):
        functions = self.emulator.client("lambda")
        valid = {"Principal": SERVICE, "SourceArn": f"{GROUP_ARN}:*", "SourceAccount": ACCOUNT}
        with self.assertRaisesRegex(ClientError, "permission to execute your function"):
            self.put_filter()
        for wrong in (
            {"SourceArn": GROUP_ARN},
            {"SourceArn": f"{GROUP_ARN}x:*"},
            {"SourceAccount": "210987654321"},
            {"Principal": "s3.amazonaws.com"},
            {"Principal": "logs.eu-west-1.amazonaws.com"},
        ):
            permission = valid | wrong
            functions.add_permission(FunctionName="test", StatementId="wrong", Action="lambda:InvokeFunction", **permission)
            with self.subTest(wrong=wrong), self.assertRaisesRegex(ClientError, "permission to execute your function"):
                self.put_filter()
            functions.remove_permission(FunctionName="test", StatementId="wrong")
        functions.add_permission(FunctionName="test", StatementId="valid", Action="lambda:InvokeFunction", **valid)
        self.put_filter()

        events = []
        emulator.handlers.append(lambda function, event: events.append(event))
        self.addCleanup(emulator.handlers.clear)
        logs = self.emulator.client("logs")
        logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
        now = int(time.time() * 1000)
        logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=[{"timestamp": now, "message": "a line"}])
        (event,) = events
        document = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
        self.assertEqual(document["logGroup"], GROUP)
        self.assertEqual([each["message"] for each in document["logEvents"]], ["a line"])
        self.assertRegex(document["logEvents"][0]["id"], r"^\d{56}$")

    def test_an_account_has_one_subscription_policy(self):
        logs, functions = self.emulator.client("logs"), self.emulator.client("lambda")
        policy = {
            "policyName": "all",
            "policyType": "SUBSCRIPTION_FILTER_POLICY",
            "policyDocument": json.dumps({"DestinationArn": self.function, "FilterPattern": ""}),
            "selectionCriteria": 'LogGroupName NOT IN ["excluded", "/aws/excluded"]',
        }
        of_a_group = {"Principal": SERVICE, "SourceArn": f"{GROUP_ARN}:*", "SourceAccount": ACCOUNT}
        functions.add_permission(FunctionName="test", StatementId="group", Action="lambda:InvokeFunction", **of_a_group)
        self.addCleanup(functions.remove_permission, FunctionName="test", StatementId="group")
        with self.assertRaisesRegex(ClientError, "permission to execute your function"):
            logs.put_account_policy(**policy)
        of_all = of_a_group | {"SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:*"}
        functions.add_permission(FunctionName="test", StatementId="account", Action="lambda:InvokeFunction", **of_all)
        self.addCleanup(functions.remove_permission, FunctionName="test", StatementId="account")
        for wrong in ('LogGroupName IN ["a"]', "LogGroupName NOT IN [a]", f'LogGroupName NOT IN ["{"a" * 26000}"]'):
            with self.assertRaisesRegex(ClientError, "selection criteria"):
                logs.put_account_policy(**policy | {"selectionCriteria": wrong})
        logs.put_account_policy(**policy)
        with self.assertRaisesRegex(ClientError, "LimitExceeded"):
            logs.put_account_policy(**policy | {"policyName": "another"})
        changed = json.dumps({"DestinationArn": self.function, "FilterPattern": "ERROR"})
        logs.put_account_policy(**policy | {"policyDocument": changed})
        (found,) = logs.describe_account_policies(policyType=policy["policyType"])["accountPolicies"]
        self.assertEqual((found["policyName"], found["policyDocument"]), ("all", changed))

        events = []
        emulator.handlers.append(lambda function, event: events.append(event))
        self.addCleanup(emulator.handlers.clear)
        for group in ("excluded", "included"):
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName="s")
            line = {"timestamp": int(time.time() * 1000), "message": group}
            logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[line])
        (event,) = events
        self.assertEqual(json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))["logGroup"], "included")

        with self.assertRaisesRegex(ClientError, "does not exist"):
            logs.delete_account_policy(policyName="another", policyType=policy["policyType"])
        logs.delete_account_policy(policyName="all", policyType=policy["policyType"])
        self.assertEqual(logs.describe_account_policies(policyType=policy["policyType"])["accountPolicies"], [])

    def test_a_log_group_gets_a_key_and_loses_it(self):
        logs = self.emulator.client("logs")
        key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/a"
        logs.create_log_group(logGroupName="later")
        for change, expected in (
            (lambda: logs.associate_kms_key(logGroupName=GROUP, kmsKeyId=key), key),
            (lambda: logs.disassociate_kms_key(logGroupName=GROUP), None),
        ):
            change()
            (group,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
            self.assertEqual(group.get("kmsKeyId"), expected)

    def test_a_queue_has_one_kind_of_encryption(self):
        sqs = self.emulator.client("sqs")
        url = sqs.create_queue(QueueName="keys")["QueueUrl"]
        for key, expected in (("alias/a", "false"), ("", "true")):
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            self.assertEqual(attributes["SqsManagedSseEnabled"], expected)

    def test_a_synchronous_invocation_returns_its_outcome(self):
        for is_error, expected in ((False, None), (True, "Unhandled")):
            emulator.synchronous_handlers.append(lambda function, event: Outcome(is_error, {"event": event}))
            self.addCleanup(emulator.synchronous_handlers.clear)
            response = self.emulator.client("lambda").invoke(
                FunctionName="test", InvocationType="RequestResponse", Payload=b'{"records": []}'
            )
            self.assertEqual(json.loads(response["Payload"].read()), {"event": {"records": []}})
            self.assertEqual(response.get("FunctionError"), expected)

    def test_a_function_has_one_on_failure_destination(self):
        functions = self.emulator.client("lambda")
        for destination in (f"arn:aws:sqs:us-east-1:{ACCOUNT}:failed", "arn:aws:s3:::failed"):
            config = {"OnFailure": {"Destination": destination}}
            functions.put_function_event_invoke_config(FunctionName="test", DestinationConfig=config)
            found = functions.get_function_event_invoke_config(FunctionName="test")
            self.assertEqual(found["DestinationConfig"]["OnFailure"], config["OnFailure"])

    def test_operations_are_known_by_name(self):
        aws = self.emulator.client
        before = len(self.emulator.recorder.calls)
        aws("sts").get_caller_identity()
        aws("ec2").describe_vpcs()
        aws("cloudwatch").describe_alarms()
        aws("elbv2").describe_load_balancers()
        aws("sqs").create_queue(QueueName="q")
        aws("lambda").get_function_concurrency(FunctionName="test")
        aws("lambda").list_versions_by_function(FunctionName="test")
        aws("lambda").list_tags(Resource=self.function)
        zone = aws("route53").create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]["Id"]
        aws("route53").list_resource_record_sets(HostedZoneId=zone)
        aws("route53").list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone.rsplit("/", 1)[1])
        aws("apigateway").get_account()
        aws("apigatewayv2").get_apis()
        aws("s3").list_buckets()
        calls = self.emulator.recorder.calls[before:]
        self.assertEqual(
            [call.name for call in calls],
            [
                "sts:GetCallerIdentity",
                "ec2:DescribeVpcs",
                "cloudwatch:DescribeAlarms",
                "elasticloadbalancing:DescribeLoadBalancers",
                "sqs:CreateQueue",
                "lambda:GetFunctionConcurrency",
                "lambda:ListVersionsByFunction",
                "lambda:ListTags",
                "route53:CreateHostedZone",
                "route53:ListResourceRecordSets",
                "route53:ListTagsForResource",
                "apigateway:GetAccount",
                "apigateway:GetApis",
                "s3:ListBuckets",
            ],
        )
        self.assertEqual({tuple(call.status) for call in calls[:-1]}, {(200,), (201,)})
        self.assertEqual(calls[4].params["QueueName"], "q")
        self.assertEqual(calls[5].params["FunctionName"], "test")
        self.assertEqual(calls[7].params["Resource"], self.function)
        self.assertFalse(any(call.is_terraform for call in calls))


if __name__ == "__main__":
    unittest.main()
