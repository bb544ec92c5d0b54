"""Compares the deployer's IAM policy with the requests that Terraform really made.

`deployer.py POLICY CALLS...` reads the requests that the emulator recorded in complete cycles. It finds the
IAM action and the resources that each request needs, and fails if the policy does not allow one of them.
This file lists what AWS checks in addition to the request itself, and what only other changes call.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from policies import Policy

DEFAULT_PREFIX = "api-gw-discovery"
# Names of load balancers and target groups have no room for a longer prefix.
BALANCER_PREFIX = 24


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

    def role(self, name):
        return self.arn(f"role/{name}", service="iam", region="")

    def flat(self, name):
        """The members of a list in a query."""
        return [value for key, value in self.params.items() if key.startswith(f"{name}.") and not key.endswith((".Key", ".Value"))]

    def tagged(self):
        names = ("tags", "Tags", "TagList", "Tag", "TagSpecification", "Tags.member")
        return any(self.params.get(name) for name in names) or any(
            key.startswith(("Tags.member.", "TagSpecification.", "Tag.")) for key in self.params
        )


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
    "ecs:CreateCapacityProvider",
    "ecs:CreateCluster",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "lambda:CreateEventSourceMapping",
    "logs:DescribeLogGroups",
    "ssm:DescribeParameters",
}

# Services whose resources have ids of their own. Nobody knows these ids before the resources exist, so a
# policy can't name them.
WITHOUT_NAMES = {"acm", "application-autoscaling", "ec2", "route53", "servicediscovery", "sts"}


def resources(request):
    """The ARNs of the resources of a request."""
    name = f"{request.service}:{request.operation}"
    if name in WITHOUT_RESOURCE or request.service in WITHOUT_NAMES:
        return ["*"]
    return globals()[f"{request.service.replace('-', '_')}_resources"](request)


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


def iam_resources(request):
    if "InstanceProfileName" in request.params:
        return [request.arn(f"instance-profile/{request['InstanceProfileName']}", region="")]
    return [request.role(request["RoleName"])]


def lambda_resources(request):
    params = request.params
    if "EventSourceMapping" in request.operation:
        return [request.arn(f"event-source-mapping:{request['UUID']}")]
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


def context_of(request):
    if "PolicyArn" in request.params:
        return (("iam:PolicyARN", request["PolicyArn"]),)
    return ()


# The action that tags need at creation, in addition to the creation itself. `tagging` finds the resource if
# it differs from the operation's own.
TAGGING = {
    "acm": "acm:AddTagsToCertificate",
    "application-autoscaling": "application-autoscaling:TagResource",
    "autoscaling": "autoscaling:CreateOrUpdateTags",
    "cloudwatch": "cloudwatch:TagResource",
    "ec2": "ec2:CreateTags",
    "ecs": "ecs:TagResource",
    "elasticloadbalancing": "elasticloadbalancing:AddTags",
    "firehose": "firehose:TagDeliveryStream",
    "lambda": "lambda:TagResource",
    "logs": "logs:TagResource",
    "servicediscovery": "servicediscovery:TagResource",
    "sqs": "sqs:TagQueue",
    "ssm": "ssm:AddTagsToResource",
}
ROLE_TAGGING = {"CreateRole": "iam:TagRole", "CreateInstanceProfile": "iam:TagInstanceProfile"}


def tagging(request):
    if not request.tagged() or not request.operation.startswith(("Allocate", "Create", "Put", "Register", "Request", "Run")):
        return
    reason = f"tags given to {request.operation}"
    if request.service == "iam":
        for resource in resources(request):
            yield Need(ROLE_TAGGING[request.operation], resource, (), reason)
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
        found = resources(request)
    for resource in found:
        yield Need(TAGGING[request.service], resource, (), reason)


def passed_roles(request):
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
        found.append((request.role(request["RoleName"]), "ec2.amazonaws.com"))
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
    "autoscaling:CreateAutoScalingGroup": ["ec2:CreateTags", "ec2:RunInstances"],
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
    "servicediscovery:DeleteNamespace": ["route53:DeleteHostedZone"],
}

# AWS creates these roles for itself in an account that has not used the service yet, with the permissions of
# the first user.
SERVICE_ROLES = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
}


def fixed(account, region, name, function):
    """Needs that no request shows: roles of the services, scaling's own alarms, and other changes."""

    def arn(service, rest, where=region, whose=account):
        return f"arn:aws:{service}:{where}:{whose}:{rest}"

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
        arn("elasticloadbalancing", f"targetgroup/{balancer}/0"): ["ModifyTargetGroup"],
        arn("elasticloadbalancing", f"listener/app/{balancer}/0/0"): ["ModifyListener", "RemoveTags"],
        arn("iam", f"role/{name}-lambda", ""): ["UpdateAssumeRolePolicy", "UpdateRole", "UntagRole", "TagRole"],
        arn("iam", f"instance-profile/{name}-instance", ""): ["UntagInstanceProfile", "TagInstanceProfile"],
        arn("lambda", f"function:{function}"): ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PutFunctionConcurrency", "DeleteFunctionConcurrency", "UpdateFunctionEventInvokeConfig", "TagResource", "UntagResource", "ListTags"],
        arn("logs", f"log-group:/aws/lambda/{function}"): ["PutMetricFilter", "DeleteMetricFilter", "PutRetentionPolicy", "UntagResource", "TagResource"],
        arn("sqs", f"{name}-failed-events"): ["SetQueueAttributes", "UntagQueue", "TagQueue"],
        arn("ssm", f"parameter/wallarm/{name}/api-token"): ["PutParameter", "RemoveTagsFromResource", "AddTagsToResource"],
        arn("firehose", f"deliverystream/amazon-apigateway-{name}"): ["UpdateDestination", "StopDeliveryStreamEncryption", "UntagDeliveryStream", "TagDeliveryStream"],
        # Version 6 of the provider reads and writes a bucket's tags with these.
        arn("s3", f"{name}-access-log", "", ""): ["ListTagsForResource", "TagResource", "UntagResource", "DeleteBucketPolicy"],
        arn("s3", f"{name}-access-log/x", "", ""): ["DeleteObject", "DeleteObjectVersion"],
        arn("cloudwatch", f"alarm:{name}-function-errors"): ["UntagResource", "TagResource"],
        "*": [
            "acm:RemoveTagsFromCertificate",
            "application-autoscaling:UntagResource",
            "ec2:CreateLaunchTemplateVersion",
            "ec2:DeleteTags",
            "ec2:ModifyLaunchTemplate",
            "ec2:ModifySecurityGroupRules",
            "ec2:ModifyVpcEndpoint",
            "servicediscovery:DeregisterInstance",
            "servicediscovery:UntagResource",
            "servicediscovery:UpdatePrivateDnsNamespace",
            "servicediscovery:UpdateService",
        ],
    }
    for resource, actions in others.items():
        for action in actions:
            if ":" not in action:
                action = f"{resource.split(':')[2]}:{action}"
            yield Need(action, resource, (), "a later change")


def forbidden(account, region):
    """Needs that the policy must not allow, since it is as narrow as names permit."""

    def arn(service, rest, where=region):
        return f"arn:aws:{service}:{where}:{account}:{rest}"

    admin = (("iam:PolicyARN", "arn:aws:iam::aws:policy/AdministratorAccess"),)
    for_lambda = (("iam:PassedToService", "lambda.amazonaws.com"),)
    return [
        Need("iam:CreateUser", arn("iam", "user/x", "")),
        Need("iam:CreateRole", arn("iam", "role/other", "")),
        Need("iam:PutRolePolicy", arn("iam", "role/other", "")),
        Need("iam:AttachRolePolicy", arn("iam", f"role/{DEFAULT_PREFIX}-x", ""), admin),
        Need("iam:PassRole", arn("iam", "role/other", ""), for_lambda),
        Need("iam:PassRole", arn("iam", f"role/{DEFAULT_PREFIX}-x", ""), (("iam:PassedToService", "glue.amazonaws.com"),)),
        Need("iam:CreateServiceLinkedRole", arn("iam", "role/aws-service-role/x/y", ""), (("iam:AWSServiceName", "x.amazonaws.com"),)),
        Need("lambda:DeleteFunction", arn("lambda", "function:other")),
        Need("lambda:UpdateFunctionCode", arn("lambda", "function:other")),
        Need("lambda:InvokeFunction", arn("lambda", f"function:wallarm-cw-resend-{DEFAULT_PREFIX}-x")),
        Need("logs:DeleteLogGroup", arn("logs", "log-group:/aws/lambda/other")),
        Need("logs:PutMetricFilter", arn("logs", "log-group:/aws/lambda/other")),
        Need("logs:GetLogEvents", arn("logs", "log-group:/aws/lambda/other")),
        Need("sqs:DeleteQueue", arn("sqs", "other")),
        Need("ssm:GetParameter", arn("ssm", "parameter/other")),
        Need("ssm:PutParameter", arn("ssm", "parameter/other")),
        Need("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:other")),
        Need("ecs:DeleteService", arn("ecs", "service/other/other")),
        Need("elasticloadbalancing:DeleteLoadBalancer", arn("elasticloadbalancing", "loadbalancer/app/other/0")),
        Need("autoscaling:DeleteAutoScalingGroup", arn("autoscaling", "autoScalingGroup:0:autoScalingGroupName/other")),
        Need("cloudwatch:DeleteAlarms", arn("cloudwatch", "alarm:other")),
        Need("s3:GetObject", "arn:aws:s3:::other/x"),
        Need("s3:DeleteObject", "arn:aws:s3:::other/x"),
        Need("s3:DeleteBucket", "arn:aws:s3:::other"),
        Need("s3:GetObject", f"arn:aws:s3:::{DEFAULT_PREFIX}-x-access-log/x"),
        Need("firehose:DeleteDeliveryStream", arn("firehose", "deliverystream/amazon-apigateway-other")),
        Need("firehose:PutRecord", arn("firehose", f"deliverystream/amazon-apigateway-{DEFAULT_PREFIX}-x")),
        Need("ec2:RunScheduledInstances", "*"),
        Need("route53:DeleteTrafficPolicy", "*"),
    ]


def name_of_balancer(name):
    prefix, digest = name.rsplit("-", 1)
    return f"{prefix[:BALANCER_PREFIX].rstrip('-')}-{digest}"


def for_prefix(text, prefix):
    """The policy for another prefix, written as the README describes."""
    if prefix == DEFAULT_PREFIX:
        return text
    short = prefix[:BALANCER_PREFIX].rstrip("-")
    lines = [
        line.replace(DEFAULT_PREFIX, short if "arn:aws:elasticloadbalancing:" in line else prefix)
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def needs(record):
    """All needs of a recorded cycle."""
    functions = {call["params"]["FunctionName"] for call in record["calls"] if call["operation"] == "CreateFunction"}
    (function,) = functions
    region = next(call["region"] for call in record["calls"] if call["operation"] == "CreateFunction")
    found = set(fixed(record["account"], region, function.removeprefix("wallarm-cw-resend-"), function))
    for call in record["calls"]:
        request = Request(call, record["account"])
        name = f"{request.service}:{request.operation}"
        if name in FREE:
            continue
        for resource in resources(request):
            found.add(Need(ACTIONS.get(name, name), resource, context_of(request)))
        found.update(tagging(request))
        found.update(passed_roles(request))
        for action in DEPENDENT.get(name, []):
            found.add(Need(action, "*", (), f"in addition to {name}"))
    return found


def allowed(policy, need):
    return policy.allows(need.action, need.resource, dict(need.context))


def main():
    text = Path(sys.argv[1]).read_text()
    failures, actions = [], set()
    for path in sys.argv[2:]:
        record = json.loads(Path(path).read_text())
        policy = Policy(for_prefix(text, record["prefix"]))
        wanted = needs(record)
        actions |= {need.action for need in wanted}
        failures += [f"not allowed: {need}" for need in sorted(wanted) if not allowed(policy, need)]
        region = record["calls"][0]["region"]
    failures += [
        f"allowed, and should not be: {need}"
        for need in forbidden(record["account"], region)
        if allowed(Policy(text), need)
    ]
    if failures:
        sys.exit("\n".join(sorted(set(failures))))
    print(f"  {len(actions)} actions of {len(sys.argv) - 2} cycles are allowed")


if __name__ == "__main__":
    main()
