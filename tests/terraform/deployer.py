"""Compares the deployer's IAM policies with the requests that Terraform really made.

`deployer.py POLICY CALLS...` reads the requests that the emulator recorded in complete cycles. It finds the IAM action,
the resources and the conditions' keys of each request, and fails if the policies do not allow one of them: POLICY
alone where the Node exists, and with it the files beside it, changed as the README says. It fails as well if they allow
one of the attacks below, or if the boundary beside POLICY does not allow what the stack's roles may do.
This file lists what AWS checks in addition to the request itself, and what only other changes call.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from moto.iam.aws_managed_policies import aws_managed_policies_data

from policies import Policy, as_list

DEFAULT_PREFIX = "api-gw-discovery"
# Names of load balancers and target groups have no room for a longer prefix.
BALANCER_PREFIX = 24
APPLICATION = "wallarm-api-discovery"
BOUNDARY = "wallarm-connector-boundary"


@dataclass(frozen=True, order=True)
class Need:
    """An action with a resource and a reason. The resource is `*` if IAM has none for the action."""

    action: str
    resource: str
    context: tuple = ()
    reason: str = ""

    def __str__(self):
        context = "".join(f", {key} {value}" for key, value in self.context)
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.action} on {self.resource}{context}{reason}"


class Request:
    """A recorded request, and the names of its resources."""

    def __init__(self, call, account):
        self.service = call["service"]
        self.operation = call["operation"]
        self.params = call["params"]
        self.region = call["region"]
        self.failed = call["failed"]
        self.ids = call["ids"]
        self.account = account

    def __getitem__(self, name):
        if name not in self.params:
            raise KeyError(f"{self.service}:{self.operation} has no {name}: {self.params}")
        return self.params[name]

    def arn(self, rest, service=None, region=None, account=None):
        region = self.region if region is None else region
        account = self.account if account is None else account
        return f"arn:aws:{service or self.service}:{region}:{account}:{rest}"

    def named(self, kind, value):
        """The ARN for a name, or the value itself if it is an ARN."""
        return value if value.startswith("arn:") else self.arn(f"{kind}{value}")

    def flat(self, name):
        """The members of a list in a query."""
        return [value for key, value in self.params.items() if key.startswith(f"{name}.") and not key.endswith((".Key", ".Value"))]

    def tags(self, kind=None):
        """The tags in the request; in a request of EC2 that creates something, those for this kind of resource."""
        for name in ("tags", "Tags", "TagList"):
            found = self.params.get(name)
            if isinstance(found, dict):
                return found
            if found:
                return {each.get("Key", each.get("key")): each.get("Value", each.get("value", "")) for each in found}
        starts = [r"Tags\.member\.\d+", r"Tag\.\d+"]
        for key, value in self.params.items():
            if kind and key.endswith(".ResourceType") and value == kind:
                starts = [re.escape(key.removesuffix(".ResourceType")) + r"\.Tag\.\d+"]
        pattern = re.compile(f"({'|'.join(starts)})\\.Key")
        return {value: self.params.get(f"{key[:-4]}.Value", "") for key, value in self.params.items() if pattern.fullmatch(key)}

    def tagged(self):
        return bool(self.tags()) or any(key.startswith("TagSpecification.") for key in self.params)


# IAM's name for the action of an operation, if it differs from the operation's own name.
ACTIONS = {
    "apigateway:GetAccount": "apigateway:GET",
    "apigateway:UpdateAccount": "apigateway:PATCH",
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}

# Operations that need no permission at all.
FREE = {"sts:GetCallerIdentity"}

# Operations for which IAM has no resource, although their services have names in their ARNs.
WITHOUT_RESOURCE = {
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeTaskDefinition",
    "logs:DeleteAccountPolicy",
    "logs:DescribeAccountPolicies",
    "logs:DescribeLogGroups",
    "logs:PutAccountPolicy",
    "ssm:DescribeParameters",
}

# What ids of EC2 begin with, and IAM's name of the kind of resource.
KINDS = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
# What each operation of EC2 creates.
CREATED = {
    "AllocateAddress": "eipalloc",
    "AuthorizeSecurityGroupEgress": "sgr",
    "AuthorizeSecurityGroupIngress": "sgr",
    "CreateInternetGateway": "igw",
    "CreateLaunchTemplate": "lt",
    "CreateNatGateway": "nat",
    "CreateNetworkInterface": "eni",
    "CreateRouteTable": "rtb",
    "CreateSecurityGroup": "sg",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "CreateVpcEndpoint": "vpce",
}
# What an operation of EC2 joins with an association, which has an id but is no resource.
JOINED = {"AssociateAddress": "eipassoc", "AssociateRouteTable": "rtbassoc"}
# For some operations IAM looks at these kinds of resources only, although a request names others too.
LOOKED_AT = {
    "AuthorizeSecurityGroupEgress": {"sg"},
    "AuthorizeSecurityGroupIngress": {"sg"},
    "CreateLaunchTemplate": set(),
    "CreateLaunchTemplateVersion": {"lt"},
    "CreateRoute": {"rtb"},
    "ReplaceRoute": {"rtb"},
    "RevokeSecurityGroupEgress": {"sg"},
    "RevokeSecurityGroupIngress": {"sg"},
}


def prefix_of(resource_id):
    return resource_id.rsplit("-", 1)[0]


def of_tags(key, tags):
    return tuple((f"aws:{key}/{name}", value) for name, value in sorted(tags.items()))


class Account:
    """What a policy's conditions see of the account: Terraform's own requests tell it."""

    def __init__(self, boundary):
        # Tags by the resource's id. A resource that is not here was not made by Terraform, or has no tags.
        self.tags = {}
        # The ids that an association joins.
        self.joined = {}
        self.templates = {}
        self.groups = {}
        self.profiles = {}
        self.mappings = {}
        self.paths = {}
        self.boundaries = {}
        # Without permissions_boundary_arn no request has a boundary. A deployer with these policies has set it, and
        # then each role is created with it: nothing else changes.
        self.boundary = boundary

    def resource(self, request, resource_id):
        kind = KINDS[prefix_of(resource_id)]
        account = "" if kind == "image" else None
        return request.arn(f"{kind}/{resource_id}", service="ec2", account=account), of_tags("ResourceTag", self.tags.get(resource_id, {}))

    def iam_arn(self, request, kind, name):
        return request.arn(f"{kind}{self.paths.get((kind, name), '/')}{name}", service="iam", region="")

    def note(self, request):
        """Takes in what a request has changed."""
        if not request.failed:
            getattr(self, f"note_{request.service.replace('-', '_')}", lambda _: None)(request)

    def note_ec2(self, request):
        operation = request.operation
        if operation in CREATED:
            (created, *_) = [each for each in request.ids if prefix_of(each) == CREATED[operation]]
            self.tags[created] = request.tags(KINDS[CREATED[operation]])
        if operation == "CreateTags":
            for each in request.flat("ResourceId"):
                self.tags.setdefault(each, {}).update(request.tags())
        if operation == "DeleteTags":
            for each in request.flat("ResourceId"):
                for name in request.tags():
                    self.tags.get(each, {}).pop(name, None)
        # Descriptions show associations, too, and may have arrived before the request that joins. They are asked only
        # for what no such request tells: which address a NAT gateway has.
        if operation in JOINED:
            (association, *_) = [each for each in request.ids if prefix_of(each) == JOINED[operation]]
            self.joined[association] = [value for value in request.params.values() if prefix_of(value) in KINDS]
        if operation == "DescribeAddresses" and "AllocationId.1" in request.params:
            for each in request.ids:
                if prefix_of(each) == "eipassoc":
                    self.joined.setdefault(each, [request["AllocationId.1"]])
        if "LaunchTemplateData.ImageId" in request.params:
            (template, *_) = [each for each in request.ids if prefix_of(each) == "lt"]
            self.templates[template] = request.params

    def note_iam(self, request):
        params, operation = request.params, request.operation
        if operation in ("CreateRole", "PutRolePermissionsBoundary") and "PermissionsBoundary" in params:
            self.boundaries[params["RoleName"]] = params["PermissionsBoundary"]
        if "Path" in params:
            kind = "instance-profile" if "InstanceProfileName" in params else "role"
            self.paths[kind, params.get("InstanceProfileName") or params["RoleName"]] = params["Path"]
        if operation == "AddRoleToInstanceProfile":
            self.profiles[params["InstanceProfileName"]] = params["RoleName"]

    def note_acm(self, request):
        if request.operation == "RequestCertificate":
            self.tags[request.ids[0]] = request.tags()

    def note_servicediscovery(self, request):
        starts = {"CreatePrivateDnsNamespace": "ns", "CreateService": "srv"}
        if request.operation in starts:
            self.tags[starts[request.operation]] = request.tags()
        # The namespace's id is in the result of an operation that comes later.
        for each in request.ids:
            if prefix_of(each) in self.tags and each not in self.tags:
                self.tags[each] = self.tags[prefix_of(each)]

    def note_lambda(self, request):
        if request.operation == "CreateEventSourceMapping":
            self.mappings[request.ids[0]] = request.named("function:", request["FunctionName"])

    def note_application_autoscaling(self, request):
        if request.operation == "RegisterScalableTarget" and request.tags():
            self.tags[request["ResourceId"]] = request.tags()

    def note_autoscaling(self, request):
        template = request.params.get("LaunchTemplate.LaunchTemplateId") or request.params.get(
            "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId"
        )
        if request.operation in ("CreateAutoScalingGroup", "UpdateAutoScalingGroup") and template:
            subnets = [each for each in request.params.get("VPCZoneIdentifier", "").split(",") if each]
            name = request["AutoScalingGroupName"]
            self.groups[name] = (template, subnets or self.groups.get(name, (None, []))[1])


def needs_of(request, account):
    """What a request itself needs: an action on one resource or more."""
    name = f"{request.service}:{request.operation}"
    own = globals().get(f"{request.service.replace('-', '_')}_needs")
    if own:
        yield from own(request, account)
        return
    found = ["*"] if name in WITHOUT_RESOURCE else globals()[f"{request.service}_resources"](request)
    for resource in found:
        yield Need(ACTIONS.get(name, name), resource, context_of(request, account))


def ec2_needs(request, account):
    operation = request.operation
    action = f"ec2:{operation}"
    if operation.startswith("Describe"):
        yield Need(action, "*")
        return
    if operation in CREATED:
        kind = KINDS[CREATED[operation]]
        tags = of_tags("RequestTag", request.tags(kind))
        yield Need(action, request.arn(f"{kind}/*"), tags)
        if tags:
            context = (*tags, ("ec2:CreateAction", operation))
            yield Need("ec2:CreateTags", request.arn(f"{kind}/*"), context, f"tags given to {operation}")
    tags = of_tags("RequestTag", request.tags()) if operation == "CreateTags" else ()
    named = {each for value in request.params.values() for each in account.joined.get(value, [value])}
    kinds = LOOKED_AT.get(operation, set(KINDS))
    looked_at = sorted(each for each in named if prefix_of(each) in kinds and re.fullmatch(r"[a-z]+-[0-9a-f]{8,17}", each))
    if not looked_at and operation not in CREATED:
        raise KeyError(f"no resource found for {operation}: {request.params}")
    for each in looked_at:
        resource, context = account.resource(request, each)
        yield Need(action, resource, (*context, *tags))


def acm_needs(request, account):
    action = f"acm:{request.operation}"
    tags = of_tags("RequestTag", request.tags())
    if request.operation == "RequestCertificate":
        yield Need(action, "*", tags)
        yield Need("acm:AddTagsToCertificate", request.arn("certificate/0"), tags, "tags given to RequestCertificate")
        return
    arn = request["CertificateArn"]
    yield Need(action, arn, (*of_tags("ResourceTag", account.tags.get(arn.rsplit("/", 1)[1], {})), *tags))


def servicediscovery_needs(request, account):
    operation, params = request.operation, request.params
    action = f"servicediscovery:{operation}"
    tags = of_tags("RequestTag", request.tags())
    if tags and operation.startswith("Create"):
        yield Need("servicediscovery:TagResource", "*", tags, f"tags given to {operation}")
    if operation == "CreateService":
        yield Need(action, request.arn("service/*"), tags)
    if operation in ("CreatePrivateDnsNamespace", "TagResource", "UntagResource", "GetOperation") or operation.startswith("List"):
        yield Need(action, "*", tags)
        return
    found = params.get("Id") or params.get("ServiceId") or params.get("NamespaceId") or params["DnsConfig"]["NamespaceId"]
    kind = "namespace" if found.startswith("ns-") else "service"
    yield Need(action, request.arn(f"{kind}/{found}"), of_tags("ResourceTag", account.tags.get(found, {})))


def application_autoscaling_needs(request, account):
    operation, params = request.operation, request.params
    action = f"application-autoscaling:{operation}"
    if operation.startswith("Describe"):
        yield Need(action, "*")
        return
    # A tag's request names the target by an id, and the others by the service.
    target = params.get("ResourceId") or next(each for each in account.tags if each.startswith("service/"))
    tags = of_tags("RequestTag", request.tags())
    known = of_tags("ResourceTag", account.tags.get(target, {}))
    spaces = (("application-autoscaling:service-namespace", params["ServiceNamespace"]),) if "ServiceNamespace" in params else ()
    arn = request.arn("scalable-target/0")
    yield Need(action, arn, (*spaces, *known, *tags))
    if tags and operation == "RegisterScalableTarget":
        yield Need("application-autoscaling:TagResource", arn, tags, f"tags given to {operation}")


def route53_needs(request, _):
    zone = request.params.get("Id") or request.params.get("HostedZoneId")
    found = [request.arn(f"hostedzone/{zone.rsplit('/', 1)[-1]}", region="", account="")] if zone else ["*"]
    # The state of a change is a resource of another kind.
    found = ["*"] if request.operation == "GetChange" else found
    yield Need(f"route53:{request.operation}", found[0])


def sts_needs(request, _):
    yield Need(f"sts:{request.operation}", "*")


def apigateway_resources(request):
    return [request.arn("/account", account="")]


def autoscaling_resources(request):
    if request.operation.startswith("Describe"):
        return ["*"]
    name = request.params.get("AutoScalingGroupName") or request["Tags.member.1.ResourceId"]
    return [request.arn(f"autoScalingGroup:00000000:autoScalingGroupName/{name}")]


def cloudwatch_resources(request):
    if request.operation == "DescribeAlarms":
        return ["*"]
    if "ResourceARN" in request.params:
        return [request["ResourceARN"]]
    if "Dashboard" in request.operation:
        names = request.flat("DashboardNames.member") or [request["DashboardName"]]
        return [request.arn(f"dashboard/{name}", region="") for name in names]
    names = request.flat("AlarmNames.member") or [request["AlarmName"]]
    return [request.arn(f"alarm:{name}") for name in names]


def ecs_resources(request):
    params = request.params
    if "resourceArn" in params:
        return [params["resourceArn"]]
    if request.operation == "RegisterTaskDefinition":
        return [request.arn(f"task-definition/{request['family']}:*")]
    if "CapacityProvider" in request.operation and "Cluster" not in request.operation:
        names = params.get("capacityProviders") or [request["capacityProvider"] if "capacityProvider" in params else request["name"]]
        return [request.named("capacity-provider/", name) for name in names]
    cluster = params.get("cluster", params.get("clusterName", ""))
    if "Service" in request.operation:
        names = params.get("services") or [params.get("service") or request["serviceName"]]
        return [request.named(f"service/{cluster.rsplit('/', 1)[-1]}/", name) for name in names]
    return [request.named("cluster/", name) for name in params.get("clusters") or [cluster]]


def elasticloadbalancing_resources(request):
    if request.operation.startswith("Describe"):
        return ["*"]
    if request.operation == "CreateLoadBalancer":
        return [request.arn(f"loadbalancer/app/{request['Name']}/0")]
    if request.operation == "CreateTargetGroup":
        return [request.arn(f"targetgroup/{request['Name']}/0")]
    if "Tags" in request.operation:
        return request.flat("ResourceArns.member")
    for key in ("ListenerArn", "TargetGroupArn", "LoadBalancerArn"):
        if key in request.params:
            return [request[key]]
    raise KeyError(f"no resource found for {request.operation}: {request.params}")


def firehose_resources(request):
    return [request.arn(f"deliverystream/{request['DeliveryStreamName']}")]


def iam_needs(request, account):
    if "InstanceProfileName" in request.params:
        kind, name = "instance-profile", request["InstanceProfileName"]
    else:
        kind, name = "role", request["RoleName"]
    if "Path" in request.params:
        arn = request.arn(f"{kind}{request['Path']}{name}", region="")
    else:
        arn = account.iam_arn(request, kind, name)
    yield Need(f"iam:{request.operation}", arn, context_of(request, account))


def lambda_resources(request):
    params = request.params
    if "EventSourceMapping" in request.operation:
        return [request.arn(f"event-source-mapping:{params['UUID']}") if "UUID" in params else "*"]
    for key in ("Resource", "ARN"):
        if key in params:
            return [params[key]]
    return [request.named("function:", request["FunctionName"])]


def logs_resources(request):
    if "resourceArn" in request.params:
        return [request["resourceArn"]]
    stream = f":log-stream:{request['logStreamName']}" if "logStreamName" in request.params else ""
    return [request.arn(f"log-group:{request['logGroupName']}{stream}")]


def s3_resources(request):
    bucket = request.arn(request["Bucket"], region="", account="")
    return [f"{bucket}/x" if request.operation == "DeleteObjects" else bucket]


def sqs_resources(request):
    name = request.params.get("QueueName") or request["QueueUrl"].rsplit("/", 1)[1]
    return [request.arn(name)]


def ssm_resources(request):
    name = request.params.get("ResourceId") or request["Name"]
    # Parameters that AWS publishes belong to no account.
    account = "" if name.startswith("/aws/service/") else None
    return [request.arn(f"parameter{name}", account=account)]


# Operations for which IAM looks at the boundary of the role: the present one, or the one that the request gives.
BOUNDED = {
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "UpdateRoleDescription",
}


def context_of(request, account):
    """What else the conditions of a policy may look at."""
    params, found = request.params, []
    if "PolicyArn" in params:
        found.append(("iam:PolicyARN", params["PolicyArn"]))
    if request.service == "iam" and request.operation in BOUNDED:
        boundary = params.get("PermissionsBoundary") or account.boundaries.get(request["RoleName"]) or account.boundary
        if boundary:
            found.append(("iam:PermissionsBoundary", boundary))
    if "EventSourceMapping" in request.operation:
        function = request.named("function:", params["FunctionName"]) if "FunctionName" in params else account.mappings[params["UUID"]]
        found.append(("lambda:FunctionArn", function))
    if request.service == "autoscaling":
        found += [
            ("autoscaling:LaunchTemplateVersionSpecified", str(value.isdigit()).lower())
            for key, value in params.items()
            if re.fullmatch(r"(.*LaunchTemplateSpecification|LaunchTemplate)\.Version", key)
        ]
        found += [("autoscaling:LaunchConfigurationName", value) for key, value in params.items() if key == "LaunchConfigurationName"]
    return tuple(found)


# The action that tags need at creation, in addition to the creation itself, for resources with names. `tagging` finds the
# resource if it differs from the operation's own.
TAGGING = {
    "autoscaling": "autoscaling:CreateOrUpdateTags",
    "cloudwatch": "cloudwatch:TagResource",
    "ecs": "ecs:TagResource",
    "elasticloadbalancing": "elasticloadbalancing:AddTags",
    "firehose": "firehose:TagDeliveryStream",
    "lambda": "lambda:TagResource",
    "logs": "logs:TagResource",
    "sqs": "sqs:TagQueue",
    "ssm": "ssm:AddTagsToResource",
}
ROLE_TAGGING = {"CreateRole": "iam:TagRole", "CreateInstanceProfile": "iam:TagInstanceProfile"}


def tagging(request, account):
    if not request.tagged() or not request.operation.startswith(("Create", "Put", "Register")):
        return
    reason = f"tags given to {request.operation}"
    if request.service == "iam":
        for need in iam_needs(request, account):
            yield Need(ROLE_TAGGING[request.operation], need.resource, (), reason)
        return
    if request.service not in TAGGING:
        return
    if request.service == "ecs":
        kinds = {
            "CreateCapacityProvider": lambda: f"capacity-provider/{request['name']}",
            "CreateCluster": lambda: f"cluster/{request['clusterName']}",
            "CreateService": lambda: f"service/{request['cluster'].rsplit('/', 1)[-1]}/{request['serviceName']}",
            "RegisterTaskDefinition": lambda: f"task-definition/{request['family']}:*",
        }
        found = [request.arn(kinds[request.operation]())]
    elif request.operation == "CreateListener":
        found = [request["LoadBalancerArn"].replace(":loadbalancer/", ":listener/") + "/0"]
    elif request.operation == "CreateEventSourceMapping":
        found = [request.arn("event-source-mapping:0")]
    else:
        found = globals()[f"{request.service}_resources"](request)
    for resource in found:
        yield Need(TAGGING[request.service], resource, (), reason)


def passed_roles(request, account):
    """Each role that a request passes to a service, which needs a permission of its own."""
    name = f"{request.service}:{request.operation}"
    found = []
    if name in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration") and "Role" in request.params:
        found.append((request["Role"], "lambda.amazonaws.com"))
    if name == "ecs:RegisterTaskDefinition":
        for key in ("executionRoleArn", "taskRoleArn"):
            if request.params.get(key):
                found.append((request[key], "ecs-tasks.amazonaws.com"))
    if name == "iam:AddRoleToInstanceProfile":
        found.append((account.iam_arn(request, "role", request["RoleName"]), "ec2.amazonaws.com"))
    if name in ("firehose:CreateDeliveryStream", "firehose:UpdateDestination"):
        settings = request.params.get("ExtendedS3DestinationConfiguration") or request["ExtendedS3DestinationUpdate"]
        found.append((settings["RoleARN"], "firehose.amazonaws.com"))
    if name == "apigateway:UpdateAccount":
        for operation in request["patchOperations"]:
            if operation["path"] == "/cloudwatchRoleArn" and operation.get("value"):
                found.append((operation["value"], "apigateway.amazonaws.com"))
    for role, service in found:
        yield Need("iam:PassRole", role, (("iam:PassedToService", service),), f"{request.operation} passes it")


# For each operation, the actions that AWS checks in addition to the operation's own action. They have no
# resources.
DEPENDENT = {
    "application-autoscaling:PutScalingPolicy": ["cloudwatch:DescribeAlarms"],
    "lambda:CreateFunction": ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
    "servicediscovery:CreatePrivateDnsNamespace": [
        "ec2:DescribeRegions",
        "ec2:DescribeVpcs",
        "route53:CreateHostedZone",
        "route53:GetHostedZone",
        "route53:ListHostedZonesByName",
    ],
    "servicediscovery:CreateService": ["route53:GetHostedZone"],
}


def key_uses(request):
    """What services do with a key of the user's in the caller's name."""
    params, name = request.params, f"{request.service}:{request.operation}"
    uses = {
        "lambda:CreateFunction": ("KMSKeyArn", ["CreateGrant", "DescribeKey", "Encrypt"]),
        "lambda:UpdateFunctionConfiguration": ("KMSKeyArn", ["CreateGrant", "DescribeKey", "Encrypt"]),
        "ssm:PutParameter": ("KeyId", ["Decrypt", "Encrypt"]),
    }
    parameter, actions = uses.get(name, ("", []))
    # The keys that AWS manages, which have an alias here, are for everyone in the account.
    if params.get(parameter, "").startswith("arn:"):
        via = (("kms:ViaService", f"{request.service}.{request.region}.amazonaws.com"),)
        for action in actions:
            yield Need(f"kms:{action}", params[parameter], via, f"{name} with a key")


def launches(request, account):
    """Auto Scaling starts instances in the caller's name when it is told of a template, to see whether the caller may start them."""
    if request.operation not in ("CreateAutoScalingGroup", "StartInstanceRefresh", "UpdateAutoScalingGroup"):
        return
    template, subnets = account.groups[request["AutoScalingGroupName"]]
    data = account.templates[template]
    reason = f"in addition to {request.operation}"
    used = (("ec2:LaunchTemplate", request.arn(f"launch-template/{template}", service="ec2")),)
    named = sorted({value for key, value in data.items() if prefix_of(value) in ("ami", "eni", "sg")} | {template, *subnets})
    found = [account.resource(request, each) for each in named]
    found += [(request.arn(f"{kind}/*", service="ec2"), ()) for kind in ("instance", "network-interface", "volume")]
    for resource, context in found:
        yield Need("ec2:RunInstances", resource, (*context, *used), reason)
    for kind in ("instance", "volume"):
        yield Need("ec2:CreateTags", request.arn(f"{kind}/*", service="ec2"), (("ec2:CreateAction", "RunInstances"),), reason)
    profile = data["LaunchTemplateData.IamInstanceProfile.Arn"].rsplit("/", 1)[1]
    if profile in account.profiles:
        role = account.iam_arn(request, "role", account.profiles[profile])
        yield Need("iam:PassRole", role, (("iam:PassedToService", "ec2.amazonaws.com"),), reason)


# AWS creates these roles for itself in an account that has not used the service yet, with the permissions of
# the first user.
SERVICE_ROLES = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
}


def fixed(account, region, name, function, path, has_node):
    """Needs that no request shows: roles of the services, scaling's own alarms, and other changes."""

    def arn(service, rest, where=region, whose=account):
        return f"arn:aws:{service}:{where}:{whose}:{rest}"

    named = {
        arn("iam", f"role{path}{name}-lambda", ""): ["UntagRole", "TagRole"],
        arn("lambda", f"function:{function}"): ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PutFunctionConcurrency", "DeleteFunctionConcurrency", "UpdateFunctionEventInvokeConfig", "TagResource", "UntagResource", "ListTags", "InvokeFunction"],
        arn("logs", f"log-group:/aws/lambda/{function}"): ["PutMetricFilter", "DeleteMetricFilter", "PutRetentionPolicy", "UntagResource", "TagResource", "AssociateKmsKey", "DisassociateKmsKey"],
        arn("sqs", f"{name}-failed-events"): ["SetQueueAttributes", "UntagQueue", "TagQueue"],
        arn("firehose", f"deliverystream/amazon-apigateway-{name}"): ["UpdateDestination", "StopDeliveryStreamEncryption", "UntagDeliveryStream", "TagDeliveryStream"],
        # Version 6 of the provider reads and writes a bucket's tags with these.
        arn("s3", f"{name}-access-log", "", ""): ["ListTagsForResource", "TagResource", "UntagResource", "DeleteBucketPolicy"],
        arn("s3", f"{name}-access-log/x", "", ""): ["DeleteObject", "DeleteObjectVersion"],
        arn("cloudwatch", f"alarm:{name}-function-errors"): ["UntagResource", "TagResource"],
    }
    yield from later(named)
    bounded = (("iam:PermissionsBoundary", boundary_arn(account)),)
    # PutRolePermissionsBoundary is for a stack that was created without a boundary.
    yield from later({arn("iam", f"role{path}{name}-lambda", ""): ["PutRolePermissionsBoundary", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription"]}, bounded)
    if not has_node:
        return
    for service, role in SERVICE_ROLES.items():
        resource = arn("iam", f"role/aws-service-role/{service}/{role}", "")
        yield Need("iam:CreateServiceLinkedRole", resource, (("iam:AWSServiceName", service),), "the first use of the service")
    scaled = arn("cloudwatch", f"alarm:TargetTracking-service/{name}/native-node-AlarmHigh-0")
    for action in ("PutMetricAlarm", "DeleteAlarms"):
        yield Need(f"cloudwatch:{action}", scaled, (), "the alarms of target tracking")
    service = arn("ecs", f"service/{name}/native-node")
    for action in ("DescribeServices", "UpdateService"):
        yield Need(f"ecs:{action}", service, (), "target tracking")
    group = arn("autoscaling", f"autoScalingGroup:0:autoScalingGroupName/{name}")
    balancer = name_of_balancer(name)
    others = {
        group: ["UpdateAutoScalingGroup", "StartInstanceRefresh", "CancelInstanceRefresh", "SetInstanceProtection", "CreateOrUpdateTags", "DeleteTags"],
        arn("ecs", f"cluster/{name}"): ["UpdateCluster", "UpdateClusterSettings", "TagResource", "UntagResource"],
        arn("ecs", f"capacity-provider/{name}"): ["UpdateCapacityProvider", "UntagResource"],
        arn("elasticloadbalancing", f"loadbalancer/app/{balancer}/0"): ["SetSecurityGroups", "SetSubnets", "ModifyLoadBalancerAttributes", "RemoveTags"],
        arn("elasticloadbalancing", f"targetgroup/{balancer}/0"): ["ModifyTargetGroup", "RegisterTargets", "DeregisterTargets"],
        arn("elasticloadbalancing", f"listener/app/{balancer}/0/0"): ["ModifyListener", "RemoveTags"],
        arn("iam", f"instance-profile{path}{name}-instance", ""): ["UntagInstanceProfile", "TagInstanceProfile"],
        arn("ssm", f"parameter/wallarm/{name}/api-token"): ["PutParameter", "RemoveTagsFromResource", "AddTagsToResource"],
        # Cloud Map deletes the zone with the namespace.
        arn("route53", "hostedzone/Z0", "", ""): ["DeleteHostedZone"],
        "*": ["servicediscovery:UntagResource"],
    }
    yield from later(others)
    tagged = {
        arn("acm", "certificate/0"): ["AddTagsToCertificate", "RemoveTagsFromCertificate"],
        arn("application-autoscaling", "scalable-target/0"): ["UntagResource"],
        arn("ec2", "elastic-ip/eipalloc-0"): ["AssociateAddress", "DisassociateAddress"],
        arn("ec2", "launch-template/lt-0"): ["CreateLaunchTemplateVersion", "DeleteLaunchTemplateVersions", "ModifyLaunchTemplate"],
        arn("ec2", "network-interface/eni-0"): ["AssociateAddress", "DetachNetworkInterface", "ModifyNetworkInterfaceAttribute"],
        arn("ec2", "instance/i-0"): ["DetachNetworkInterface"],
        arn("ec2", "security-group-rule/sgr-0"): ["ModifySecurityGroupRules"],
        arn("ec2", "security-group/sg-0"): ["DeleteTags", "ModifySecurityGroupRules"],
        arn("ec2", "subnet/subnet-0"): ["ModifySubnetAttribute"],
        arn("ec2", "vpc-endpoint/vpce-0"): ["ModifyVpcEndpoint"],
        arn("servicediscovery", "namespace/ns-0"): ["UpdatePrivateDnsNamespace"],
        arn("servicediscovery", "service/srv-0"): ["DeregisterInstance", "UpdateService"],
    }
    yield from later(tagged, of_tags("ResourceTag", {"Application": APPLICATION}))
    # The user's own VPC and subnets have no tag of the connector.
    yield from later({arn("ec2", "vpc/vpc-0"): ["CreateSecurityGroup"]})
    template = (("ec2:LaunchTemplate", arn("ec2", "launch-template/lt-0")),)
    yield from later({arn("ec2", "subnet/subnet-0"): ["RunInstances"]}, template)


def later(needed, context=()):
    for resource, actions in needed.items():
        for action in actions:
            if ":" not in action:
                action = f"{resource.split(':')[2]}:{action}"
            yield Need(action, resource, context, "a later change")


def boundary_arn(account):
    return f"arn:aws:iam::{account}:policy/{BOUNDARY}"


def attacks(account, region):
    """What the policies must not allow, by name. An attack fails if one of its needs is not allowed."""

    def arn(service, rest, where=region, whose=account):
        return f"arn:aws:{service}:{where}:{whose}:{rest}"

    def ec2(action, resource, *context):
        return Need(f"ec2:{action}", arn("ec2", resource), context)

    def iam(action, resource, *context):
        return Need(f"iam:{action}", arn("iam", resource, ""), context)

    ours = of_tags("ResourceTag", {"Application": APPLICATION})
    theirs = of_tags("ResourceTag", {"Application": "payroll"})
    given = of_tags("RequestTag", {"Application": APPLICATION})
    bounded = ("iam:PermissionsBoundary", boundary_arn(account))
    other_boundary = ("iam:PermissionsBoundary", arn("iam", "policy/other", ""))
    namesake = ("iam:PermissionsBoundary", arn("iam", f"policy/x/{BOUNDARY}", ""))
    admin = ("iam:PolicyARN", "arn:aws:iam::aws:policy/AdministratorAccess")
    agent = ("iam:PolicyARN", "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role")
    role = f"role/{DEFAULT_PREFIX}-x"
    boundary = f"policy/{BOUNDARY}"
    function = f"function:wallarm-cw-resend-{DEFAULT_PREFIX}-x"
    own_group = arn("autoscaling", f"autoScalingGroup:0:autoScalingGroupName/{DEFAULT_PREFIX}-x")
    template = ("ec2:LaunchTemplate", arn("ec2", "launch-template/lt-1"))

    def passes(name, service):
        return iam("PassRole", name, ("iam:PassedToService", service))

    found = {
        # A way to be administrator.
        "creates a user": [iam("CreateUser", "user/x")],
        "creates a key of a user": [iam("CreateAccessKey", "user/x")],
        "attaches a policy to a user": [iam("AttachUserPolicy", "user/x", admin)],
        "creates a policy": [iam("CreatePolicy", "policy/x")],
        "creates a role without a boundary": [iam("CreateRole", role)],
        "creates a role with another boundary": [iam("CreateRole", role, other_boundary)],
        "creates a role with a boundary of the same name in another path": [iam("CreateRole", role, namesake)],
        "creates a role of another name": [iam("CreateRole", "role/other", bounded)],
        "writes a policy into a role without a boundary": [iam("PutRolePolicy", role)],
        "writes a policy into a role of another name": [iam("PutRolePolicy", "role/other", bounded)],
        "attaches the administrator's policy": [iam("AttachRolePolicy", role, admin, bounded)],
        "attaches a policy to a role of another name": [iam("AttachRolePolicy", "role/other", agent, bounded)],
        "attaches a policy to a role without a boundary": [iam("AttachRolePolicy", role, agent)],
        "removes a policy from a role without a boundary": [iam("DeleteRolePolicy", role)],
        "has somebody else trusted by a role without a boundary": [iam("UpdateAssumeRolePolicy", role)],
        "deletes a role of another name": [iam("DeleteRole", "role/other")],
        "removes the boundary of a role": [iam("DeleteRolePermissionsBoundary", role, bounded)],
        "gives a role another boundary": [iam("PutRolePermissionsBoundary", role, other_boundary)],
        "gives a role of another name the boundary": [iam("PutRolePermissionsBoundary", "role/other", bounded)],
        "writes the boundary anew": [iam("CreatePolicyVersion", boundary)],
        "has an older boundary count": [iam("SetDefaultPolicyVersion", boundary)],
        "deletes the boundary": [iam("DeletePolicy", boundary)],
        "deletes a version of the boundary": [iam("DeletePolicyVersion", boundary)],
        "passes a role of another name": [passes("role/other", "lambda.amazonaws.com")],
        "passes a role to another service": [passes(role, "glue.amazonaws.com")],
        "passes a role to a service of AWS's own roles": [passes("role/aws-service-role/ecs.amazonaws.com/x", "ecs.amazonaws.com")],
        "adds a role of another name to an instance profile": [iam("AddRoleToInstanceProfile", f"instance-profile/{DEFAULT_PREFIX}-x"), passes("role/other", "ec2.amazonaws.com")],
        "assumes a role by its own right": [Need("sts:AssumeRole", arn("iam", "role/other", ""))],
        "creates the role of a service that the connector does not use": [iam("CreateServiceLinkedRole", "role/aws-service-role/x/y", ("iam:AWSServiceName", "x.amazonaws.com"))],
        "has a function of another name run its code": [Need("lambda:UpdateFunctionCode", arn("lambda", "function:other"))],
        "gives a function of another name a role": [Need("lambda:UpdateFunctionConfiguration", arn("lambda", "function:other"))],
        "has a group start the latest version of a template, which is not looked at": [Need("autoscaling:CreateAutoScalingGroup", own_group, (("autoscaling:LaunchTemplateVersionSpecified", "false"),))],
        "has a group change to the latest version of a template": [Need("autoscaling:UpdateAutoScalingGroup", own_group, (("autoscaling:LaunchTemplateVersionSpecified", "false"),))],
        "has a group use a launch configuration, with its role": [Need("autoscaling:CreateAutoScalingGroup", own_group, (("autoscaling:LaunchConfigurationName", "other"),))],
        "replaces the profile of an instance": [ec2("AssociateIamInstanceProfile", "instance/i-1", *ours)],
        "sends a command to an instance": [Need("ssm:SendCommand", arn("ec2", "instance/i-1"), ours)],
        "changes the user data of an instance": [ec2("ModifyInstanceAttribute", "instance/i-1", *ours)],
        "creates a stack of CloudFormation": [Need("cloudformation:CreateStack", arn("cloudformation", f"stack/{DEFAULT_PREFIX}-x/0"))],
        # The network of others.
        "deletes a VPC without tags": [ec2("DeleteVpc", "vpc/vpc-1")],
        "deletes a VPC of others": [ec2("DeleteVpc", "vpc/vpc-1", *theirs)],
        "deletes a subnet of others": [ec2("DeleteSubnet", "subnet/subnet-1", *theirs)],
        "creates a subnet in a VPC of others": [ec2("CreateSubnet", "subnet/*", *given), ec2("CreateSubnet", "vpc/vpc-1", *given)],
        "creates a route table in a VPC of others": [ec2("CreateRouteTable", "route-table/*", *given), ec2("CreateRouteTable", "vpc/vpc-1", *given)],
        "creates a NAT gateway in a subnet of others": [ec2("CreateNatGateway", "natgateway/*", *given), ec2("CreateNatGateway", "subnet/subnet-1", *given)],
        "creates a NAT gateway without tags": [ec2("CreateNatGateway", "natgateway/*"), ec2("CreateNatGateway", "subnet/subnet-1", *ours)],
        "creates an interface in a subnet of others": [ec2("CreateNetworkInterface", "network-interface/*", *given), ec2("CreateNetworkInterface", "subnet/subnet-1", *given)],
        "creates an endpoint in a VPC of others": [ec2("CreateVpcEndpoint", "vpc-endpoint/*", *given), ec2("CreateVpcEndpoint", "vpc/vpc-1", *given)],
        "creates a VPC without tags": [ec2("CreateVpc", "vpc/*")],
        "creates a security group without tags": [ec2("CreateSecurityGroup", "security-group/*"), ec2("CreateSecurityGroup", "vpc/vpc-1")],
        "takes an address without tags": [ec2("AllocateAddress", "elastic-ip/*")],
        "releases an address of others": [ec2("ReleaseAddress", "elastic-ip/eipalloc-1")],
        "moves an address of others": [ec2("AssociateAddress", "elastic-ip/eipalloc-1"), ec2("AssociateAddress", "network-interface/eni-1", *ours)],
        "gives an interface of others an address": [ec2("AssociateAddress", "elastic-ip/eipalloc-1", *ours), ec2("AssociateAddress", "network-interface/eni-1")],
        "deletes an interface of others": [ec2("DeleteNetworkInterface", "network-interface/eni-1")],
        "changes a route of others": [ec2("ReplaceRoute", "route-table/rtb-1", *theirs)],
        "creates a route of others": [ec2("CreateRoute", "route-table/rtb-1")],
        "gives a subnet of others a route table": [ec2("AssociateRouteTable", "route-table/rtb-1", *ours), ec2("AssociateRouteTable", "subnet/subnet-1")],
        "takes the gateway from a VPC of others": [ec2("DetachInternetGateway", "internet-gateway/igw-1"), ec2("DetachInternetGateway", "vpc/vpc-1")],
        "gives a VPC of others a gateway": [ec2("AttachInternetGateway", "internet-gateway/igw-1", *ours), ec2("AttachInternetGateway", "vpc/vpc-1")],
        "deletes a NAT gateway of others": [ec2("DeleteNatGateway", "natgateway/nat-1")],
        "deletes an endpoint of others": [ec2("DeleteVpcEndpoints", "vpc-endpoint/vpce-1")],
        "opens a security group of others": [ec2("AuthorizeSecurityGroupIngress", "security-group/sg-1"), ec2("AuthorizeSecurityGroupIngress", "security-group-rule/*", *given)],
        "changes a rule of others": [ec2("ModifySecurityGroupRules", "security-group/sg-1"), ec2("ModifySecurityGroupRules", "security-group-rule/sgr-1")],
        "deletes a security group of others": [ec2("DeleteSecurityGroup", "security-group/sg-1", *theirs)],
        "deletes a security group without tags": [ec2("DeleteSecurityGroup", "security-group/sg-1")],
        "makes a VPC of others its own by a tag": [ec2("CreateTags", "vpc/vpc-1", *given)],
        "makes a security group without tags its own by a tag": [ec2("CreateTags", "security-group/sg-1", *given)],
        "makes an instance of others its own by a tag": [ec2("CreateTags", "instance/i-1", *given, *theirs)],
        "tags what another call creates": [ec2("CreateTags", "volume/*", *given, ("ec2:CreateAction", "CreateVolume"))],
        "removes tags of others": [ec2("DeleteTags", "vpc/vpc-1", *theirs)],
        "starts an instance without a template": [ec2("RunInstances", "instance/*", *given)],
        "starts an instance of a template of others": [ec2("RunInstances", "instance/*", template), ec2("RunInstances", "launch-template/lt-1", template, *theirs)],
        "starts an instance in a security group of others": [ec2("RunInstances", "instance/*", template), ec2("RunInstances", "security-group/sg-1", template)],
        "changes a template of others": [ec2("CreateLaunchTemplateVersion", "launch-template/lt-1", *theirs)],
        "stops an instance": [ec2("StopInstances", "instance/i-1", *theirs)],
        "ends an instance of others": [ec2("TerminateInstances", "instance/i-1", *theirs)],
        "reserves instances": [Need("ec2:RunScheduledInstances", "*")],
        # Certificates and names of others.
        "requests a certificate without tags": [Need("acm:RequestCertificate", "*")],
        "deletes a certificate of others": [Need("acm:DeleteCertificate", arn("acm", "certificate/1"))],
        "takes the key out of a certificate": [Need("acm:ExportCertificate", arn("acm", "certificate/1"), ours)],
        "changes a record in a zone of others": [Need("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1")],
        "deletes a policy of traffic": [Need("route53:DeleteTrafficPolicy", "arn:aws:route53:::trafficpolicy/1")],
        "deletes a namespace of others": [Need("servicediscovery:DeleteNamespace", arn("servicediscovery", "namespace/ns-1"))],
        "creates a service in a namespace of others": [Need("servicediscovery:CreateService", arn("servicediscovery", "service/*"), given), Need("servicediscovery:CreateService", arn("servicediscovery", "namespace/ns-1"), given)],
        "takes an instance from a service of others": [Need("servicediscovery:DeregisterInstance", arn("servicediscovery", "service/srv-1"), theirs)],
        "ends the scaling of others": [Need("application-autoscaling:DeregisterScalableTarget", arn("application-autoscaling", "scalable-target/1"), (("application-autoscaling:service-namespace", "ecs"),))],
        "scales a table": [Need("application-autoscaling:RegisterScalableTarget", arn("application-autoscaling", "scalable-target/1"), (("application-autoscaling:service-namespace", "dynamodb"),))],
        # What others have, by name.
        "deletes a function of another name": [Need("lambda:DeleteFunction", arn("lambda", "function:other"))],
        "calls a function of another name": [Need("lambda:InvokeFunction", arn("lambda", "function:other"))],
        "lets somebody call a function of another name": [Need("lambda:AddPermission", arn("lambda", "function:other"))],
        "tags a function of another name": [Need("lambda:TagResource", arn("lambda", "function:other"))],
        "changes an API": [Need("apigateway:PATCH", arn("apigateway", "/restapis/x", whose=""))],
        "feeds a function of another name": [Need("lambda:CreateEventSourceMapping", "*", (("lambda:FunctionArn", arn("lambda", "function:other")),))],
        "ends the feed of a function of another name": [Need("lambda:DeleteEventSourceMapping", arn("lambda", "event-source-mapping:1"), (("lambda:FunctionArn", arn("lambda", "function:other")),))],
        "gives its function an address for everyone": [Need("lambda:CreateFunctionUrlConfig", arn("lambda", function))],
        "deletes a log group of another name": [Need("logs:DeleteLogGroup", arn("logs", "log-group:/aws/lambda/other"))],
        "counts lines of a log group of another name": [Need("logs:PutMetricFilter", arn("logs", "log-group:/aws/lambda/other"))],
        "reads a log group of another name": [Need("logs:GetLogEvents", arn("logs", "log-group:/aws/lambda/other:log-stream:x"))],
        "forwards a log group of another name": [Need("logs:PutSubscriptionFilter", arn("logs", "log-group:/aws/lambda/other"))],
        "ends the forwarding of a log group of another name": [Need("logs:DeleteSubscriptionFilter", arn("logs", "log-group:/aws/lambda/other"))],
        "forwards all log groups": [Need("logs:PutAccountPolicy", "*")],
        "deletes a queue of another name": [Need("sqs:DeleteQueue", arn("sqs", "other"))],
        "reads the messages of its queue": [Need("sqs:ReceiveMessage", arn("sqs", f"{DEFAULT_PREFIX}-x-failed-events"))],
        "reads a parameter of another name": [Need("ssm:GetParameter", arn("ssm", "parameter/other"))],
        "writes a parameter of another name": [Need("ssm:PutParameter", arn("ssm", "parameter/other"))],
        "reads a secret": [Need("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:wallarm-x"))],
        "decrypts with a key": [Need("kms:Decrypt", arn("kms", "key/1"), (("kms:ViaService", f"ssm.{region}.amazonaws.com"),))],
        "deletes a service of another name": [Need("ecs:DeleteService", arn("ecs", "service/other/other"))],
        "runs a task": [Need("ecs:RunTask", arn("ecs", f"task-definition/{DEFAULT_PREFIX}-x:1"))],
        "describes a task of another name": [Need("ecs:RegisterTaskDefinition", arn("ecs", "task-definition/other:*"))],
        "creates a cluster of another name": [Need("ecs:CreateCluster", arn("ecs", "cluster/other"))],
        "runs a command in a container": [Need("ecs:ExecuteCommand", arn("ecs", f"task/{DEFAULT_PREFIX}-x/1"))],
        "deletes a load balancer of another name": [Need("elasticloadbalancing:DeleteLoadBalancer", arn("elasticloadbalancing", "loadbalancer/app/other/0"))],
        "sends the calls of another target group elsewhere": [Need("elasticloadbalancing:RegisterTargets", arn("elasticloadbalancing", "targetgroup/other/0"))],
        "changes a group of instances of another name": [Need("autoscaling:UpdateAutoScalingGroup", arn("autoscaling", "autoScalingGroup:0:autoScalingGroupName/other"))],
        "deletes a group of instances of another name": [Need("autoscaling:DeleteAutoScalingGroup", arn("autoscaling", "autoScalingGroup:0:autoScalingGroupName/other"))],
        "deletes an alarm of another name": [Need("cloudwatch:DeleteAlarms", arn("cloudwatch", "alarm:other"))],
        "reads an object": [Need("s3:GetObject", "arn:aws:s3:::other/x")],
        "deletes an object of another bucket": [Need("s3:DeleteObject", "arn:aws:s3:::other/x")],
        "deletes a bucket of another name": [Need("s3:DeleteBucket", "arn:aws:s3:::other")],
        "reads an object of its bucket": [Need("s3:GetObject", f"arn:aws:s3:::{DEFAULT_PREFIX}-x-access-log/x")],
        "deletes a stream of another name": [Need("firehose:DeleteDeliveryStream", arn("firehose", "deliverystream/amazon-apigateway-other"))],
        "writes into its stream": [Need("firehose:PutRecord", arn("firehose", f"deliverystream/amazon-apigateway-{DEFAULT_PREFIX}-x"))],
    }
    return found


def still_open(account, region):
    """What a deployer can do against the intention: IAM has no condition that stops it. The README names each."""

    def arn(service, rest, where=region, whose=account):
        return f"arn:aws:{service}:{where}:{whose}:{rest}"

    given = of_tags("RequestTag", {"Application": APPLICATION})
    template = (("ec2:LaunchTemplate", arn("ec2", "launch-template/lt-1")),)
    return {
        # The user's own subnets have no tag of the connector, nor has an interface that a start makes.
        "starts an instance in a subnet of others": Need("ec2:RunInstances", arn("ec2", "subnet/subnet-1"), template),
        "starts an instance with a free interface of others": Need("ec2:RunInstances", arn("ec2", "network-interface/eni-1"), template),
        # The connector empties the default group of its VPC, which AWS has made without tags.
        "closes a security group of others": Need("ec2:RevokeSecurityGroupIngress", arn("ec2", "security-group/sg-1")),
        # IAM does not tell tags at creation from later ones, and with the tag it may be deleted.
        "makes a certificate of others its own by a tag": Need("acm:AddTagsToCertificate", arn("acm", "certificate/1"), given),
        "makes a namespace of others its own by a tag": Need("servicediscovery:TagResource", "*", given),
        "makes the scaling of others its own by a tag": Need("application-autoscaling:TagResource", arn("application-autoscaling", "scalable-target/1"), given),
        "deletes an empty zone of others": Need("route53:DeleteHostedZone", "arn:aws:route53:::hostedzone/Z1"),
        "creates a zone": Need("route53:CreateHostedZone", "*"),
        "ends a task definition of others": Need("ecs:DeregisterTaskDefinition", "*"),
        # A refresh can have the group use the latest version of a template, and nothing looks at what that passes.
        "has a refresh use the latest version of a template": Need("autoscaling:StartInstanceRefresh", arn("autoscaling", f"autoScalingGroup:0:autoScalingGroupName/{DEFAULT_PREFIX}-x")),
    }


def beyond_boundary(account, region):
    """What no role of the stack may do, whatever its own policy says."""

    def arn(service, rest, where=region, whose=account):
        return f"arn:aws:{service}:{where}:{whose}:{rest}"

    from_code = (("lambda:SourceFunctionArn", arn("lambda", f"function:wallarm-cw-resend-{DEFAULT_PREFIX}-x")),)
    return [
        Need("iam:CreateUser", arn("iam", "user/x", "")),
        Need("iam:PutRolePolicy", arn("iam", f"role/{DEFAULT_PREFIX}-x", ""), (("iam:PermissionsBoundary", boundary_arn(account)),)),
        Need("iam:PassRole", arn("iam", "role/other", ""), (("iam:PassedToService", "lambda.amazonaws.com"),)),
        Need("sts:AssumeRole", arn("iam", "role/other", "")),
        Need("lambda:UpdateFunctionCode", arn("lambda", "function:other")),
        Need("lambda:InvokeFunction", arn("lambda", "function:other")),
        Need("logs:GetLogEvents", arn("logs", "log-group:other:log-stream:x")),
        Need("logs:FilterLogEvents", arn("logs", "log-group:other")),
        Need("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:other")),
        Need("ssm:GetParameters", arn("ssm", "parameter/other")),
        Need("kms:Decrypt", arn("kms", "key/1")),
        Need("sqs:ReceiveMessage", arn("sqs", "other")),
        Need("kinesis:GetRecords", arn("kinesis", "stream/other")),
        Need("s3:GetObject", "arn:aws:s3:::other/x"),
        Need("s3:PutObject", "arn:aws:s3:::other/x"),
        Need("ec2:CreateNetworkInterface", "*", from_code),
        Need("ec2:RunInstances", arn("ec2", "instance/*")),
        Need("ecs:RegisterContainerInstance", arn("ecs", "cluster/other")),
    ]


def name_of_balancer(name):
    prefix, digest = name.rsplit("-", 1)
    return f"{prefix[:BALANCER_PREFIX].rstrip('-')}-{digest}"


def adapted(text, record):
    """A policy for the names of a deployment, written as the README describes."""
    prefix = record["prefix"]
    short = prefix[:BALANCER_PREFIX].rstrip("-")
    lines = [
        line.replace(DEFAULT_PREFIX, short if "arn:*:elasticloadbalancing:" in line else prefix)
        for line in text.splitlines()
    ]
    text = "\n".join(lines)
    for call in record["calls"]:
        if call["operation"] == "CreateRole":
            path = call["params"].get("Path", "/")
            text = re.sub(rf":(role|instance-profile)/{re.escape(prefix)}-", rf":\1{path}{prefix}-", text)
            boundary = call["params"].get("PermissionsBoundary", BOUNDARY)
            text = text.replace(f"policy/{BOUNDARY}", f"policy/{boundary.rsplit('/', 1)[-1]}")
    return text


def calls_of(record, *operations):
    return [call["params"] for call in record["calls"] if call["operation"] in operations]


def yours(text, record):
    """The statements for what is the user's own, with its names, and without the statements that a deployment does not
    need, as the README describes.
    """
    created = {call["params"].get("RoleName") or call["params"].get("InstanceProfileName") for call in record["calls"] if call["operation"] in ("CreateRole", "CreateInstanceProfile")}
    paths = paths_in(record)

    def with_path(kind, found):
        return {f"{paths.get((kind, name), '/')[1:]}{name}" for name in found}

    own_groups = {params["logGroupName"] for params in calls_of(record, "CreateLogGroup")}
    keys = {found for call in record["calls"] for found in re.findall(r"key/([0-9a-f-]{36})", json.dumps(call["params"]))}
    names = {
        "YOUR-LOG-GROUP": {params["logGroupName"] for params in calls_of(record, "PutSubscriptionFilter")} - own_groups,
        "YOUR-ZONE-ID": {params["Id"] for params in calls_of(record, "ChangeResourceRecordSets")},
        "YOUR-KEY-ID": keys,
        "YOUR-ROLE": with_path("role", {params["RoleName"] for params in calls_of(record, "GetRole")} - created),
        "YOUR-INSTANCE-PROFILE": with_path("instance-profile", {params["InstanceProfileName"] for params in calls_of(record, "GetInstanceProfile")} - created),
    }
    statements = []
    for statement in json.loads(text)["Statement"]:
        if statement["Resource"] != "*":
            statement["Resource"] = [
                resource.replace(placeholder, name)
                for resource in statement["Resource"]
                for placeholder, found in names.items()
                if resource.endswith((placeholder, f"{placeholder}*"))
                for name in sorted(found)
            ]
        if statement["Resource"] and (statement["Sid"] != "AccountSubscription" or calls_of(record, "PutAccountPolicy")):
            statements.append(statement)
    return {"Version": "2012-10-17", "Statement": statements}


def paths_in(record):
    """The paths of roles and instance profiles, which some requests give and others leave out."""
    return {
        (kind, name): f"/{path}"
        for call in record["calls"]
        for kind, path, name in re.findall(r':(role|instance-profile)/((?:[^"/ ]+/)*)([^"/ ]+)"', json.dumps(call["params"]))
    }


def needs(record, account):
    """All needs of a recorded cycle."""
    (function,) = {params["FunctionName"] for params in calls_of(record, "CreateFunction") if params["FunctionName"].startswith("wallarm-cw-resend-")}
    region = next(call["region"] for call in record["calls"] if call["operation"] == "CreateFunction")
    path = next((params["Path"] for params in calls_of(record, "CreateRole")), "/")
    found = set(fixed(record["account"], region, function.removeprefix("wallarm-cw-resend-"), function, path, has_node(record)))
    account.paths |= paths_in(record)
    for call in record["calls"]:
        request = Request(call, record["account"])
        name = f"{request.service}:{request.operation}"
        if name in FREE or call.get("earlier"):
            account.note(request)
            continue
        found.update(needs_of(request, account))
        found.update(tagging(request, account))
        found.update(passed_roles(request, account))
        found.update(key_uses(request))
        account.note(request)
        found.update(launches(request, account))
        for action in DEPENDENT.get(name, []):
            found.add(Need(action, "*", (), f"in addition to {name}"))
    return found


def has_node(record):
    return bool(calls_of(record, "CreateCluster"))


def boundaries_of(record):
    return {params["PermissionsBoundary"] for params in calls_of(record, "CreateRole", "PutRolePermissionsBoundary") if "PermissionsBoundary" in params}


# What AWS's own policies for a role allow, and the stack has no use for: the cluster exists, and nobody reads logs.
UNUSED = {"ecs:CreateCluster", "logs:FilterLogEvents", "logs:GetLogEvents"}


def grants(record):
    """What the policies of the stack's roles allow."""
    region = record["calls"][0]["region"]
    for params in calls_of(record, "PutRolePolicy"):
        for statement in json.loads(params["PolicyDocument"])["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            for action in as_list(statement["Action"]):
                # A key is used through a service, also where the role's policy does not say so.
                context = {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"} if action.startswith("kms:") else {}
                for condition in statement.get("Condition", {}).values():
                    context |= {key: as_list(value)[0] for key, value in condition.items()}
                for resource in as_list(statement["Resource"]):
                    yield Need(action, resource, tuple(context.items()), f"the policy of {params['RoleName']}")
    managed = json.loads(aws_managed_policies_data)
    for params in calls_of(record, "AttachRolePolicy"):
        name = params["PolicyArn"].rsplit("/", 1)[1]
        stack = params["RoleName"].rsplit("-", 1)[0]
        for statement in managed[name]["Document"]["Statement"]:
            for action in as_list(statement["Action"]):
                if action in UNUSED:
                    continue
                # Of all clusters in the account, the agent is in this one.
                kind = "cluster" if action.startswith("ecs:Submit") or "RegisterContainer" in action else f"container-instance/{stack}"
                of_cluster = action.startswith("ecs:") and action != "ecs:DiscoverPollEndpoint"
                resource = f"arn:aws:ecs:{region}:{record['account']}:{kind}/{stack if kind == 'cluster' else 0}" if of_cluster else "*"
                yield Need(action, resource, (), f"the policy {name}")


def boundary_of(text, record):
    """The boundary with the user's own secrets, streams and buckets, as the README describes."""
    own = []
    for params in calls_of(record, "CreateEventSourceMapping"):
        if ":kinesis:" in params["EventSourceArn"]:
            own.append(("Stream", params["EventSourceArn"]))
    for params in calls_of(record, "PutFunctionEventInvokeConfig"):
        bucket = params["DestinationConfig"]["OnFailure"]["Destination"]
        if ":s3:::" in bucket:
            own += [("Buckets", bucket), ("Buckets", f"{bucket}/*")]
    for params in calls_of(record, "RegisterTaskDefinition"):
        for container in params["containerDefinitions"]:
            secrets = [each["valueFrom"] for each in container.get("secrets") or []]
            secrets += [container[key]["credentialsParameter"] for key in ("repositoryCredentials",) if container.get(key)]
            own += [("Token", ":".join(each.split(":")[:7])) for each in secrets]
    document = json.loads(adapted(text, record))
    for statement in document["Statement"]:
        statement["Resource"] = as_list(statement["Resource"]) + [arn for sid, arn in own if sid == statement["Sid"]]
    return Policy(document)


def allowed(policy, need):
    return policy.allows(need.action, need.resource, dict(need.context))


def main():
    core = Path(sys.argv[1])
    text, of_node, of_yours, boundary = (core.with_name(name).read_text() for name in (core.name, "deployer-policy-node.json", "deployer-policy-yours.json", "boundary-policy.json"))
    records = [json.loads(Path(path).read_text()) for path in sys.argv[2:]]
    failures, proven, granted, bounded = [], set(), set(), 0
    for record in records:
        found = boundaries_of(record)
        bounded += bool(found)
        documents = [adapted(text, record), yours(of_yours, record)] + ([adapted(of_node, record)] if has_node(record) else [])
        policy = Policy(*documents)
        wanted = needs(record, Account(None if found else boundary_arn(record["account"])))
        proven |= wanted
        failures += [f"not allowed: {need}" for need in sorted(wanted) if not allowed(policy, need)]
        within = boundary_of(boundary, record)
        role_needs = set(grants(record))
        granted |= role_needs
        failures += [f"beyond the boundary: {need}" for need in sorted(role_needs) if not allowed(within, need)]
    if not bounded:
        failures.append("no cycle has set permissions_boundary_arn, so that nothing shows that each role is created with it")
    account, region = records[0]["account"], records[0]["calls"][0]["region"]
    # The subscription of a whole account is one of the attacks, for whoever does not want it.
    wanted = [each for each in json.loads(of_yours)["Statement"] if each["Sid"] != "AccountSubscription"]
    shipped = Policy(text, of_node, {"Version": "2012-10-17", "Statement": wanted})
    attacked = attacks(account, region)
    failures += [
        f"a deployer {name}: {', '.join(map(str, wanted))}"
        for name, wanted in attacked.items()
        if all(allowed(shipped, need) for need in wanted)
    ]
    unwanted = still_open(account, region)
    failures += [f"no longer open, so that it belongs to the attacks: a deployer {name}" for name, need in unwanted.items() if not allowed(shipped, need)]
    beyond = beyond_boundary(account, region)
    failures += [f"within the boundary, and should not be: {need}" for need in beyond if allowed(Policy(boundary), need)]
    if failures:
        sys.exit("\n".join(sorted(set(failures))))
    print(f"  {len(proven)} needs of {len({need.action for need in proven})} actions in {len(records)} cycles are allowed")
    print(f"  {len(attacked)} attacks are refused, and {len(unwanted)} are not")
    print(f"  {len(granted)} grants of roles are within the boundary, and {len(beyond)} others are not")


if __name__ == "__main__":
    main()
