"""The needs of requests are what IAM sees, and each condition of the policies stands against an attack."""

import copy
import json
import unittest
from pathlib import Path

import deployer
from deployer import Account, Need, Request
from policies import Policy

ACCOUNT = "123456789012"
REGION = "us-east-1"
TERRAFORM = Path(__file__).resolve().parents[2] / "terraform"
OURS = {"Application": "wallarm-api-discovery"}


def document(name):
    return json.loads((TERRAFORM / name).read_text())


def call(service, operation, params=None, ids=(), failed=False):
    return {"service": service, "operation": operation, "params": params or {}, "region": REGION, "ids": list(ids), "failed": failed}


def tags(kind, values):
    found = {"TagSpecification.1.ResourceType": kind}
    for number, (key, value) in enumerate(values.items(), 1):
        found |= {f"TagSpecification.1.Tag.{number}.Key": key, f"TagSpecification.1.Tag.{number}.Value": value}
    return found


def arn(service, rest, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{rest}"


VPC = call("ec2", "CreateVpc", tags("vpc", OURS), ["vpc-00000001"])
SUBNET = call("ec2", "CreateSubnet", {"VpcId": "vpc-00000001", **tags("subnet", OURS)}, ["subnet-00000001", "vpc-00000001"])
TABLE = call("ec2", "CreateRouteTable", {"VpcId": "vpc-00000001", **tags("route-table", OURS)}, ["rtb-00000001", "vpc-00000001"])
JOIN = call("ec2", "AssociateRouteTable", {"RouteTableId": "rtb-00000001", "SubnetId": "subnet-00000001"}, ["rtbassoc-00000001"])
TEMPLATE = call(
    "ec2",
    "CreateLaunchTemplate",
    {
        "LaunchTemplateData.ImageId": "ami-00000001",
        "LaunchTemplateData.SecurityGroupId.1": "sg-00000001",
        "LaunchTemplateData.IamInstanceProfile.Arn": arn("iam", "instance-profile/p-instance", ""),
        **tags("launch-template", OURS),
    },
    ["lt-00000001"],
)


class Case(unittest.TestCase):
    def setUp(self):
        self.account = Account(None)

    def needs(self, *calls):
        """The needs of the last call, after the others."""
        *before, last = [Request(each, ACCOUNT) for each in calls]
        for request in before:
            self.account.note(request)
        return list(deployer.needs_of(last, self.account))

    def contexts(self, *calls):
        return {need.resource: dict(need.context) for need in self.needs(*calls)}


class TagsTest(Case):
    def test_what_is_created_has_the_tags_of_the_request(self):
        (created, tagged) = self.needs(VPC)
        given = (("aws:RequestTag/Application", "wallarm-api-discovery"),)
        self.assertEqual(created, Need("ec2:CreateVpc", arn("ec2", "vpc/*"), given))
        self.assertEqual((tagged.action, tagged.resource), ("ec2:CreateTags", arn("ec2", "vpc/*")))
        self.assertEqual(tagged.context, (*given, ("ec2:CreateAction", "CreateVpc")))

    def test_what_it_is_created_in_has_its_own_tags(self):
        found = self.contexts(VPC, SUBNET)
        self.assertEqual(found[arn("ec2", "vpc/vpc-00000001")], {"aws:ResourceTag/Application": "wallarm-api-discovery"})
        self.assertIn("aws:RequestTag/Application", found[arn("ec2", "subnet/*")])
        self.assertNotIn("aws:ResourceTag/Application", found[arn("ec2", "subnet/*")])

    def test_what_terraform_has_not_created_has_no_tags(self):
        found = self.contexts(VPC, call("ec2", "RevokeSecurityGroupEgress", {"GroupId": "sg-0000000d"}))
        self.assertEqual(found, {arn("ec2", "security-group/sg-0000000d"): {}})

    def test_failed_request_creates_nothing(self):
        found = self.contexts({**VPC, "failed": True, "ids": []}, call("ec2", "DeleteVpc", {"VpcId": "vpc-00000001"}))
        self.assertEqual(found[arn("ec2", "vpc/vpc-00000001")], {})

    def test_tags_change(self):
        named = {"ResourceId.1": "vpc-00000001", "Tag.1.Key": "Application", "Tag.1.Value": "other"}
        delete = call("ec2", "DeleteVpc", {"VpcId": "vpc-00000001"})
        found = self.contexts(VPC, call("ec2", "CreateTags", named), delete)
        self.assertEqual(found[arn("ec2", "vpc/vpc-00000001")], {"aws:ResourceTag/Application": "other"})
        found = self.contexts(call("ec2", "DeleteTags", named), delete)
        self.assertEqual(found[arn("ec2", "vpc/vpc-00000001")], {})

    def test_later_tags_are_not_tags_of_a_creation(self):
        found = self.contexts(VPC, call("ec2", "CreateTags", {"ResourceId.1": "vpc-00000001", "Tag.1.Key": "Team", "Tag.1.Value": "a"}))
        self.assertEqual(found[arn("ec2", "vpc/vpc-00000001")], {"aws:ResourceTag/Application": "wallarm-api-discovery", "aws:RequestTag/Team": "a"})

    def test_association_is_of_what_it_joins(self):
        found = self.contexts(VPC, SUBNET, TABLE, JOIN, call("ec2", "DisassociateRouteTable", {"AssociationId": "rtbassoc-00000001"}))
        self.assertEqual(set(found), {arn("ec2", "route-table/rtb-00000001"), arn("ec2", "subnet/subnet-00000001")})

    def test_association_is_of_what_it_joins_though_a_description_that_shows_it_arrived_before(self):
        early = call("ec2", "DescribeRouteTables", {"RouteTableId.1": "rtb-00000001"}, ["rtb-00000001", "rtbassoc-00000001"])
        found = self.contexts(VPC, SUBNET, TABLE, early, JOIN, call("ec2", "DisassociateRouteTable", {"AssociationId": "rtbassoc-00000001"}))
        self.assertEqual(set(found), {arn("ec2", "route-table/rtb-00000001"), arn("ec2", "subnet/subnet-00000001")})
        shown = call("ec2", "DescribeAddresses", {"AllocationId.1": "eipalloc-00000001"}, ["eipalloc-00000001", "eipassoc-00000001"])
        join = call("ec2", "AssociateAddress", {"AllocationId": "eipalloc-00000001", "NetworkInterfaceId": "eni-00000001"}, ["eipassoc-00000001"])
        found = self.contexts(shown, join, call("ec2", "DisassociateAddress", {"AssociationId": "eipassoc-00000001"}))
        self.assertEqual(set(found), {arn("ec2", "elastic-ip/eipalloc-00000001"), arn("ec2", "network-interface/eni-00000001")})

    def test_address_of_a_nat_gateway_is_known_from_its_description(self):
        shown = call("ec2", "DescribeAddresses", {"AllocationId.1": "eipalloc-00000001"}, ["eipalloc-00000001", "eipassoc-00000001"])
        found = self.contexts(shown, call("ec2", "DisassociateAddress", {"AssociationId": "eipassoc-00000001"}))
        self.assertEqual(set(found), {arn("ec2", "elastic-ip/eipalloc-00000001")})

    def test_route_is_of_its_table(self):
        found = self.contexts(VPC, TABLE, call("ec2", "CreateRoute", {"RouteTableId": "rtb-00000001", "GatewayId": "igw-00000001"}))
        self.assertEqual(set(found), {arn("ec2", "route-table/rtb-00000001")})

    def test_request_without_a_known_resource_is_an_error(self):
        with self.assertRaises(KeyError):
            self.needs(call("ec2", "DeleteKeyPair", {"KeyName": "x"}))

    def test_namespace_gets_its_id_later(self):
        found = self.contexts(
            call("servicediscovery", "CreatePrivateDnsNamespace", {"Tags": [{"Key": "Application", "Value": "a"}]}),
            call("servicediscovery", "GetOperation", {"OperationId": "x"}, ["ns-00000001"]),
            call("servicediscovery", "DeleteNamespace", {"Id": "ns-00000001"}),
        )
        self.assertEqual(found, {arn("servicediscovery", "namespace/ns-00000001"): {"aws:ResourceTag/Application": "a"}})

    def test_certificate_keeps_its_tags(self):
        number = "00000000-0000-0000-0000-000000000001"
        found = self.contexts(
            call("acm", "RequestCertificate", {"Tags": [{"Key": "Application", "Value": "a"}]}, [number]),
            call("acm", "DeleteCertificate", {"CertificateArn": arn("acm", f"certificate/{number}")}),
        )
        self.assertEqual(found, {arn("acm", f"certificate/{number}"): {"aws:ResourceTag/Application": "a"}})


class OtherKeysTest(Case):
    def test_boundary_of_a_role_is_known_after_its_creation(self):
        boundary = arn("iam", "policy/b", "")
        create = call("iam", "CreateRole", {"RoleName": "r", "Path": "/p/", "PermissionsBoundary": boundary})
        for calls in ([create], [create, call("iam", "PutRolePolicy", {"RoleName": "r"})]):
            self.account = Account(None)
            (need,) = self.needs(*calls)
            self.assertEqual(need.context, (("iam:PermissionsBoundary", boundary),))
            self.assertEqual(need.resource, arn("iam", "role/p/r", ""))

    def test_role_without_a_boundary_has_no_such_key(self):
        (need,) = self.needs(call("iam", "CreateRole", {"RoleName": "r"}), call("iam", "PutRolePolicy", {"RoleName": "r"}))
        self.assertEqual(need.context, ())

    def test_boundary_that_is_given_later_counts(self):
        boundary = arn("iam", "policy/b", "")
        give = call("iam", "PutRolePermissionsBoundary", {"RoleName": "r", "PermissionsBoundary": boundary})
        (need,) = self.needs(call("iam", "CreateRole", {"RoleName": "r"}), give, call("iam", "PutRolePolicy", {"RoleName": "r"}))
        self.assertEqual(need.context, (("iam:PermissionsBoundary", boundary),))

    def test_event_source_is_of_its_function(self):
        create = call("lambda", "CreateEventSourceMapping", {"FunctionName": "f"}, ["00000000-0000-0000-0000-000000000001"])
        (need,) = self.needs(create, call("lambda", "DeleteEventSourceMapping", {"UUID": "00000000-0000-0000-0000-000000000001"}))
        self.assertEqual(need.context, (("lambda:FunctionArn", arn("lambda", "function:f")),))

    def test_version_of_a_template_is_a_number_or_not(self):
        for version, expected in (("3", "true"), ("$Latest", "false")):
            params = {"AutoScalingGroupName": "g", "LaunchTemplate.LaunchTemplateId": "lt-00000001", "LaunchTemplate.Version": version}
            (need,) = self.needs(call("autoscaling", "CreateAutoScalingGroup", params))
            self.assertEqual(need.context, (("autoscaling:LaunchTemplateVersionSpecified", expected),))

    def test_group_starts_instances_of_its_template(self):
        params = {"AutoScalingGroupName": "g", "LaunchTemplate.LaunchTemplateId": "lt-00000001", "VPCZoneIdentifier": "subnet-00000001"}
        create = Request(call("autoscaling", "CreateAutoScalingGroup", params), ACCOUNT)
        profile = call("iam", "AddRoleToInstanceProfile", {"InstanceProfileName": "p-instance", "RoleName": "p-role"})
        self.needs(VPC, SUBNET, TEMPLATE, profile, VPC)
        self.account.note(create)
        found = {need.resource: dict(need.context) for need in deployer.launches(create, self.account) if need.action == "ec2:RunInstances"}
        template = arn("ec2", "launch-template/lt-00000001")
        self.assertEqual({context["ec2:LaunchTemplate"] for context in found.values()}, {template})
        self.assertEqual(found[template]["aws:ResourceTag/Application"], "wallarm-api-discovery")
        self.assertNotIn("aws:ResourceTag/Application", found[arn("ec2", "security-group/sg-00000001")])
        self.assertIn(arn("ec2", "subnet/subnet-00000001"), found)
        self.assertIn(arn("ec2", "image/ami-00000001", account=""), found)
        (passed,) = [need for need in deployer.launches(create, self.account) if need.action == "iam:PassRole"]
        self.assertEqual((passed.resource, passed.context), (arn("iam", "role/p-role", ""), (("iam:PassedToService", "ec2.amazonaws.com"),)))


class ReadmeTest(unittest.TestCase):
    def record(self, *calls, prefix="api-gw-discovery"):
        return {"prefix": prefix, "account": ACCOUNT, "calls": list(calls)}

    def test_names_are_replaced(self):
        text = '"arn:*:elasticloadbalancing:*:*:x/api-gw-discovery-*"\n"arn:*:iam::*:role/api-gw-discovery-*"\n"policy/wallarm-connector-boundary"'
        create = call("iam", "CreateRole", {"RoleName": "r", "Path": "/teams/a/", "PermissionsBoundary": arn("iam", "policy/own", "")})
        found = deployer.adapted(text, self.record(create, prefix="a-prefix-of-more-than-24-characters"))
        expected = '"arn:*:elasticloadbalancing:*:*:x/a-prefix-of-more-than-24-*"\n"arn:*:iam::*:role/teams/a/a-prefix-of-more-than-24-characters-*"\n"policy/own"'
        self.assertEqual(found, expected)

    def test_statements_that_nobody_needs_are_left_out(self):
        text = (TERRAFORM / "deployer-policy-yours.json").read_text()
        self.assertEqual(deployer.yours(text, self.record())["Statement"], [])
        calls = [call("logs", "PutSubscriptionFilter", {"logGroupName": "orders"}), call("logs", "CreateLogGroup", {"logGroupName": "own"}), call("logs", "PutSubscriptionFilter", {"logGroupName": "own"})]
        (statement,) = deployer.yours(text, self.record(*calls))["Statement"]
        self.assertEqual(statement["Resource"], ["arn:*:logs:*:*:log-group:orders*"])


class RecordTest(unittest.TestCase):
    def needed(self, *calls):
        function = call("lambda", "CreateFunction", {"FunctionName": "wallarm-cw-resend-api-gw-discovery-x"})
        record = {"prefix": "api-gw-discovery", "account": ACCOUNT, "calls": [function, *calls]}
        return {(need.action, need.resource, need.context) for need in deployer.needs(record, Account(None))}

    def test_earlier_calls_need_nothing_but_count(self):
        delete = call("ec2", "DeleteVpc", {"VpcId": "vpc-00000001"})
        needed = self.needed({**VPC, "earlier": True}, delete)
        self.assertNotIn("ec2:CreateVpc", {action for action, _, _ in needed})
        tags = (("aws:ResourceTag/Application", "wallarm-api-discovery"),)
        self.assertIn(("ec2:DeleteVpc", arn("ec2", "vpc/vpc-00000001"), tags), needed)

    def test_service_uses_a_key_in_the_callers_name(self):
        key = arn("kms", "key/00000000-0000-0000-0000-000000000001")
        needed = self.needed(call("ssm", "PutParameter", {"Name": "/wallarm/x", "KeyId": key}))
        needed |= self.needed(call("ssm", "PutParameter", {"Name": "/wallarm/x", "KeyId": "alias/aws/ssm"}))
        self.assertEqual({resource for action, resource, _ in needed if action.startswith("kms:")}, {key})
        self.assertIn(("kms:Encrypt", key, (("kms:ViaService", "ssm.us-east-1.amazonaws.com"),)), needed)

    def test_paths_are_those_of_other_requests(self):
        passed = call("lambda", "CreateFunction", {"FunctionName": "wallarm-cw-wait-x", "Role": arn("iam", "role/teams/a/r", "")})
        needed = self.needed(call("iam", "GetRole", {"RoleName": "r"}), passed)
        self.assertIn(("iam:GetRole", arn("iam", "role/teams/a/r", ""), ()), needed)

    def test_grants_of_roles_are_compared_with_the_boundary(self):
        allowed = {"Effect": "Allow", "Action": ["a:B", "kms:Decrypt"], "Resource": "*", "Condition": {"StringEquals": {"k": ["x", "y"]}}}
        statements = [allowed, {**allowed, "Effect": "Deny", "Action": "c:D"}]
        params = {"RoleName": "r", "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": statements})}
        grants = list(deployer.grants({"account": ACCOUNT, "calls": [call("iam", "PutRolePolicy", params)]}))
        self.assertEqual([need.action for need in grants], ["a:B", "kms:Decrypt"])
        self.assertEqual(dict(grants[0].context), {"k": "x"})
        self.assertIn("kms:ViaService", dict(grants[1].context))

    def test_managed_policies_are_compared_with_the_boundary(self):
        params = {"RoleName": "p-1a2b3c-instance", "PolicyArn": "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"}
        grants = {need.action: need.resource for need in deployer.grants({"account": ACCOUNT, "calls": [call("iam", "AttachRolePolicy", params)]})}
        self.assertEqual(grants["ecs:RegisterContainerInstance"], arn("ecs", "cluster/p-1a2b3c"))
        self.assertEqual(grants["ecs:Poll"], arn("ecs", "container-instance/p-1a2b3c/0"))
        self.assertEqual(grants["ecs:DiscoverPollEndpoint"], "*")
        self.assertNotIn("ecs:CreateCluster", grants)


class PoliciesTest(unittest.TestCase):
    """Takes something out of a policy, and sees what becomes possible."""

    def setUp(self):
        self.documents = [document("deployer-policy.json"), document("deployer-policy-node.json")]
        self.attacks = deployer.attacks(ACCOUNT, REGION)

    def succeeding(self, documents):
        policy = Policy(*documents)
        return [name for name, needs in self.attacks.items() if all(deployer.allowed(policy, need) for need in needs)]

    def test_each_condition_stands_against_an_attack(self):
        self.assertEqual(self.succeeding(self.documents), [])
        for at, found in enumerate(self.documents):
            for number, statement in enumerate(found["Statement"]):
                for operator, keys in statement.get("Condition", {}).items():
                    for key in keys:
                        with self.subTest(statement=statement["Sid"], key=key):
                            changed = copy.deepcopy(self.documents)
                            del changed[at]["Statement"][number]["Condition"][operator][key]
                            self.assertNotEqual(self.succeeding(changed), [])

    def test_each_list_of_resources_stands_against_an_attack(self):
        for at, found in enumerate(self.documents):
            for number, statement in enumerate(found["Statement"]):
                if statement["Resource"] == "*" or statement["Sid"] in HARMLESS_ON_ALL:
                    continue
                with self.subTest(statement=statement["Sid"]):
                    changed = copy.deepcopy(self.documents)
                    changed[at]["Statement"][number]["Resource"] = "*"
                    self.assertNotEqual(self.succeeding(changed), [])

    def test_attacks_are_possible_for_an_administrator(self):
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.assertEqual(self.succeeding([everything]), list(self.attacks))

    def test_each_limit_of_the_boundary_holds_something(self):
        beyond = deployer.beyond_boundary(ACCOUNT, REGION)
        boundary = document("boundary-policy.json")
        for number, statement in enumerate(boundary["Statement"]):
            for element in ({"Resource"} if statement["Resource"] != "*" else set()) | ({"Condition"} & set(statement)):
                with self.subTest(statement=statement["Sid"], element=element):
                    changed = copy.deepcopy(boundary)
                    if element == "Resource":
                        changed["Statement"][number]["Resource"] = "*"
                    else:
                        del changed["Statement"][number]["Condition"]
                    self.assertTrue(any(deployer.allowed(Policy(changed), need) for need in beyond))


# No resource of another kind has these actions.
HARMLESS_ON_ALL = {"GroupsWithoutTags", "ServiceLinkedRoles", "ZoneOfCloudMap"}


if __name__ == "__main__":
    unittest.main()
