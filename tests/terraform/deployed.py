"""Checks of a deployed stack. They read from AWS, as an auditor would, and not from Terraform."""

import base64
import ipaddress
import json
import re
from pathlib import Path

import yaml
from botocore.exceptions import ClientError

from emulator import ACCOUNT
from lambda_service import Role
from policies import arn_like, as_list

CHECKS = []

# Wallarm documents this path for the one file that the Node reads.
NODE_CONFIGURATION = "/opt/wallarm/etc/wallarm/go-node.yaml"
METRICS_SCRIPT = Path(__file__).resolve().parents[2] / "terraform/modules/connector/files/node-metrics.sh"
LISTENER_PORTS = {"http": 80, "https": 443}
NODE_PORT = 5050
MESH_PORT = 9093


def check(function):
    CHECKS.append(function)
    function.part = None
    return function


def check_of(part):
    """A check of something that not every layout has."""

    def add(function):
        check(function).part = part
        return function

    return add


class Stack:
    """A deployed stack, found by the name of its function."""

    def __init__(self, emulator, outputs, scheme, groups, settings):
        self.emulator = emulator
        self.outputs = outputs
        self.scheme = scheme
        # The log groups whose lines are forwarded, and the values of the variables.
        self.groups = groups
        self.settings = settings
        self.function_name = outputs["function_name"]
        self.name = self.function_name.removeprefix("wallarm-cw-resend-")

    def aws(self, service):
        return self.emulator.client(service)

    @property
    def parts(self):
        """What the layout has, by the README's table."""
        if self.settings.get("node_url"):
            return set()
        return {"node"} | {
            "standard": {"load balancer", "NAT gateway"},
            "no-nat-gateway": {"load balancer", "single instance"},
            "no-load-balancer": {"NAT gateway"},
            "minimal": {"single instance"},
        }[self.settings.get("node_layout", "standard")]

    def has(self, part):
        return part in self.parts

    @property
    def vpc(self):
        (subnet,) = self.aws("ec2").describe_subnets(SubnetIds=self.function["VpcConfig"]["SubnetIds"][:1])["Subnets"]
        return subnet["VpcId"]

    @property
    def interface(self):
        """The one network interface of a Node on a single instance."""
        every = self.aws("ec2").describe_network_interfaces()["NetworkInterfaces"]
        (found,) = [each for each in every if "Native Node" in each["Description"]]
        return found

    @property
    def node_host(self):
        """Where the function has to find the Node."""
        settings = self.settings
        if not self.has("node"):
            return settings["node_url"].split("://")[1].rstrip("/")
        if self.scheme == "https":
            host = settings["fqdn"]
        elif self.has("load balancer"):
            host = self.load_balancer["DNSName"]
        else:
            host = mesh_name(self) if self.has("NAT gateway") else self.interface["PrivateIpAddress"]
        return host if self.has("load balancer") else f"{host}:{NODE_PORT}"

    @property
    def function(self):
        return self.aws("lambda").get_function(FunctionName=self.function_name)["Configuration"]

    @property
    def load_balancer(self):
        (found,) = self.aws("elbv2").describe_load_balancers()["LoadBalancers"]
        return found

    @property
    def service(self):
        services = self.aws("ecs").list_services(cluster=self.name)["serviceArns"]
        every = self.aws("ecs").describe_services(cluster=self.name, services=services)["services"]
        # The emulator lists those that are deleted, too.
        (found,) = [each for each in every if each["status"] == "ACTIVE"]
        return found

    @property
    def scaling_group(self):
        (found,) = self.aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return found

    @property
    def task(self):
        arn = self.service["taskDefinition"]
        return self.aws("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]

    @property
    def launch_template(self):
        (template,) = self.aws("ec2").describe_launch_templates()["LaunchTemplates"]
        (version,) = self.aws("ec2").describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        return version["LaunchTemplateData"]

    @property
    def queue_arn(self):
        url = self.outputs["failure_queue_url"]
        return f"arn:aws:sqs:{self.emulator.region}:{ACCOUNT}:{url.rsplit('/', 1)[1]}"

    @property
    def failure_arn(self):
        bucket = self.settings.get("failure_bucket_name")
        return f"arn:aws:s3:::{bucket}" if bucket else self.queue_arn

    def container(self, name):
        (found,) = [each for each in self.task["containerDefinitions"] if each["name"] == name]
        return found

    def group_arn(self, name):
        return f"arn:aws:logs:{self.emulator.region}:{ACCOUNT}:log-group:{name}"

    def key(self, use):
        """The company's key for a use, if there is one."""
        return self.settings.get("kms_key_arns", {}).get(use)

    def sources_of_permissions(self):
        """What may invoke the function, by the settings: a group, all groups of a prefix, all groups of the account."""
        prefixes = self.settings.get("log_group_prefixes", [])
        given = [self.settings.get("api_gateway_log_group_name"), *self.settings.get("additional_log_group_names", [])]
        named = [name for name in given if name] or self.groups[:1]
        sources = [f"{self.group_arn(name)}:*" for name in named] + [f"{self.group_arn(prefix)}*" for prefix in prefixes]
        return sources + ([self.group_arn("*")] if self.settings.get("enable_account_subscription") else [])

    def security_groups(self):
        """The groups of each part, as the part itself reports them; names of groups do not count."""
        found = {"function": self.function["VpcConfig"]["SecurityGroupIds"]}
        if self.has("load balancer"):
            found["load balancer"] = self.load_balancer["SecurityGroups"]
        if self.has("NAT gateway"):
            found["node"] = self.service["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]
            found["instance"] = self.launch_template["SecurityGroupIds"]
        else:
            found["node"] = [each["GroupId"] for each in self.interface["Groups"]]
        return found


def is_reachable(stack):
    """Whether what the function's address names is there, and a Node behind it."""
    address = stack.function["Environment"]["Variables"]["X_NODE_URL"]
    # Without a port, this is the name of the Node that exists.
    if address == "node.example.com":
        return True
    try:
        services = stack.aws("ecs").list_services(cluster=stack.name)["serviceArns"]
    except ClientError:
        # The cluster is gone already.
        return False
    every = stack.aws("ecs").describe_services(cluster=stack.name, services=services)["services"] if services else []
    active = [each for each in every if each["status"] == "ACTIVE"]
    names = {each["DNSName"] for each in stack.aws("elbv2").describe_load_balancers()["LoadBalancers"]}
    interfaces = stack.aws("ec2").describe_network_interfaces()["NetworkInterfaces"]
    names |= {f"{each['PrivateIpAddress']}:{NODE_PORT}" for each in interfaces if "Native Node" in each["Description"]}
    if any(each["serviceRegistries"] for each in active):
        names |= {f"native-node.{stack.name}.internal:{NODE_PORT}", f"node.example.com:{NODE_PORT}"}
    return bool(active) and address in names


def violations(stack, names=None):
    """Runs all checks, or those with these names, and returns the violations."""
    found = []
    for each in CHECKS:
        if names is not None and each.__name__ not in names or each.part not in {None, *stack.parts}:
            continue
        try:
            each(stack)
        except AssertionError as error:
            found.append(f"{each.__name__}: {error}")
        # A missing resource shows as an error of the look-up.
        except (ClientError, KeyError, ValueError, IndexError) as error:
            found.append(f"{each.__name__}: {type(error).__name__}: {error}")
    return found


def equal(actual, expected, what):
    assert actual == expected, f"{what} must be {expected!r}, and is {actual!r}"


################################################################################
# Network
################################################################################


def permissions(group, direction):
    """Each rule as (protocol, from, to, source): a group's id, an address range or a prefix list."""
    for permission in group[direction]:
        sources = [pair["GroupId"] for pair in permission["UserIdGroupPairs"]]
        sources += [each["CidrIp"] for each in permission["IpRanges"]]
        sources += [each["CidrIpv6"] for each in permission["Ipv6Ranges"]]
        sources += [each["PrefixListId"] for each in permission["PrefixListIds"]]
        for source in sources:
            ports = permission.get("FromPort"), permission.get("ToPort")
            yield permission["IpProtocol"], *ports, source


@check_of("node")
def security_groups_allow_exactly_the_intended_traffic(stack):
    groups = stack.security_groups()
    for part, ids in groups.items():
        equal(len(ids), 1, f"the number of security groups of the {part}")
    one = {part: ids[0] for part, ids in groups.items()}
    equal(len(set(one.values())), len(one), "the number of different security groups")
    by_id = {each["GroupId"]: each for each in stack.aws("ec2").describe_security_groups()["SecurityGroups"]}
    internet = ("tcp", 443, 443, "0.0.0.0/0")
    expected = {part: (set(), set()) for part in one}

    def allow(source, target, port):
        expected[source][1].add(("tcp", port, port, one[target]))
        expected[target][0].add(("tcp", port, port, one[source]))

    if stack.has("load balancer"):
        allow("function", "load balancer", LISTENER_PORTS[stack.scheme])
        allow("load balancer", "node", NODE_PORT)
    else:
        allow("function", "node", NODE_PORT)
    expected["node"][1].add(internet)
    if stack.has("NAT gateway"):
        allow("node", "node", MESH_PORT)
        expected["instance"][1].add(internet)
    for part, (ingress, egress) in expected.items():
        group = by_id[one[part]]
        equal(set(permissions(group, "IpPermissions")), ingress, f"the ingress rules of the {part}")
        equal(set(permissions(group, "IpPermissionsEgress")), egress, f"the egress rules of the {part}")


@check_of("node")
def default_security_group_allows_no_traffic(stack):
    vpc = stack.vpc
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = stack.aws("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    equal(list(permissions(group, "IpPermissions")), [], "the ingress rules of the default group")
    equal(list(permissions(group, "IpPermissionsEgress")), [], "the egress rules of the default group")


@check_of("node")
def no_security_group_allows_ingress_from_addresses(stack):
    vpc = stack.vpc
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    for group in stack.aws("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]:
        for rule in permissions(group, "IpPermissions"):
            assert rule[3].startswith("sg-"), f"{group['GroupName']} allows {rule}"


@check_of("node")
def parts_are_in_private_subnets_of_two_zones(stack):
    ec2 = stack.aws("ec2")
    places = {"function": stack.function["VpcConfig"]["SubnetIds"]}
    if stack.has("load balancer"):
        places["load balancer"] = [each["SubnetId"] for each in stack.load_balancer["AvailabilityZones"]]
    if stack.has("NAT gateway"):
        service = stack.service["networkConfiguration"]["awsvpcConfiguration"]
        equal(service.get("assignPublicIp", "DISABLED"), "DISABLED", "a public address of the Node")
        places["node"] = service["subnets"]
        places["instances"] = stack.scaling_group["VPCZoneIdentifier"].split(",")
    for part, ids in places.items():
        subnets = ec2.describe_subnets(SubnetIds=ids)["Subnets"]
        zones = {each["AvailabilityZone"] for each in subnets}
        assert len(zones) >= 2, f"the {part} is only in {zones}"
        for subnet in subnets:
            assert not subnet["MapPublicIpOnLaunch"], f"{subnet['SubnetId']} assigns public addresses"
            default = default_route(ec2, subnet["SubnetId"])
            if stack.has("NAT gateway"):
                assert default and "NatGatewayId" in default, f"the default route of {subnet['SubnetId']} is {default}"
            else:
                equal(default, None, f"the default route of {subnet['SubnetId']}")


def default_route(ec2, subnet):
    filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
    (table,) = ec2.describe_route_tables(Filters=filters)["RouteTables"]
    routes = [each for each in table["Routes"] if each.get("DestinationCidrBlock") == "0.0.0.0/0"]
    return routes[0] if routes else None


@check_of("single instance")
def single_node_has_a_fixed_address_of_its_own(stack):
    """Its interface stays in a public subnet, whatever instance the group starts."""
    ec2, interface, template = stack.aws("ec2"), stack.interface, stack.launch_template
    default = default_route(ec2, interface["SubnetId"])
    assert default and default.get("GatewayId", "").startswith("igw-"), f"the default route of the Node's subnet is {default}"
    addresses = [each for each in ec2.describe_addresses()["Addresses"] if each.get("NetworkInterfaceId") == interface["NetworkInterfaceId"]]
    equal(len(addresses), 1, "the number of public addresses of the Node")
    (attached,) = template["NetworkInterfaces"]
    equal(attached["NetworkInterfaceId"], interface["NetworkInterfaceId"], "the interface of the instance")
    equal(str(attached["DeleteOnTermination"]).lower(), "false", "whether the interface ends with its instance")
    equal(template.get("SecurityGroupIds", []), [], "the security groups beside those of the interface")
    group = stack.scaling_group
    (subnet,) = ec2.describe_subnets(SubnetIds=[interface["SubnetId"]])["Subnets"]
    equal(group["AvailabilityZones"], [subnet["AvailabilityZone"]], "the zones of the group")
    # A second instance could not have the interface.
    equal((group["MinSize"], group["MaxSize"]), (1, 1), "the sizes of the group")


@check_of("single instance")
def single_service_leaves_its_port_before_a_new_one_takes_it(stack):
    service = stack.service
    equal(service["desiredCount"], 1, "the number of Nodes")
    equal(service["launchType"], "EC2", "the launch type")
    configuration = service["deploymentConfiguration"]
    equal((configuration["minimumHealthyPercent"], configuration["maximumPercent"]), (0, 100), "the percents of a deployment")
    equal(configuration["deploymentCircuitBreaker"], {"enable": True, "rollback": True}, "the circuit breaker")
    (constraint,) = service["placementConstraints"]
    user_data = base64.b64decode(stack.launch_template["UserData"]).decode()
    (attribute,) = re.findall(r'^ECS_INSTANCE_ATTRIBUTES=(.*)$', user_data, re.MULTILINE)
    ((name, value),) = json.loads(attribute).items()
    equal(constraint, {"type": "memberOf", "expression": f"attribute:{name} == {value}"}, "where the Node is placed")


@check_of("single instance")
def container_reaches_only_the_agents_permissions(stack):
    """In host networking a container has what the instance's role allows."""
    role = Role(stack.aws("iam"), instance_role(stack))
    cluster = f"arn:aws:ecs:{stack.emulator.region}:{ACCOUNT}:cluster/{stack.name}"
    for document in role.documents:
        for statement in document["Statement"]:
            for action in as_list(statement["Action"]):
                assert action.startswith("ecs:") and "*" not in action, f"the instance may do {action}"
                narrow = all(stack.name in each for each in as_list(statement["Resource"]))
                assert narrow or action == "ecs:DiscoverPollEndpoint", f"the instance may do {action} with {statement['Resource']}"
    assert role.allows("ecs:RegisterContainerInstance", cluster), "the instance may not join the cluster"
    instance = cluster.replace(":cluster/", ":container-instance/") + "/0123"
    assert role.allows("ecs:Poll", instance, {"ecs:cluster": cluster}), "the agent gets no tasks"
    assert not role.allows("ecs:Poll", instance, {"ecs:cluster": f"{cluster}x"}), "the agent gets tasks of other clusters"


def instance_role(stack):
    profile = stack.launch_template["IamInstanceProfile"]["Arn"].rsplit("/", 1)[1]
    (role,) = stack.aws("iam").get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
    return role["Arn"]


@check_of("NAT gateway")
def number_of_nat_gateways_is_as_configured(stack):
    ec2 = stack.aws("ec2")
    gateways = ec2.describe_nat_gateways(Filters=[{"Name": "state", "Values": ["available"]}])["NatGateways"]
    zones = stack.function["VpcConfig"]["SubnetIds"]
    equal(len(gateways), len(zones) if stack.settings.get("nat_gateway_per_zone") else 1, "the number of NAT gateways")
    for gateway in gateways:
        default = default_route(ec2, gateway["SubnetId"])
        assert default.get("GatewayId", "").startswith("igw-"), f"the default route of a NAT gateway is {default}"


@check_of("node")
def vpc_resolves_private_names(stack):
    vpc = stack.vpc
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        response = stack.aws("ec2").describe_vpc_attribute(VpcId=vpc, Attribute=attribute)
        equal(response[attribute[0].upper() + attribute[1:]]["Value"], True, attribute)


@check_of("NAT gateway")
def s3_is_reached_without_nat(stack):
    every = stack.aws("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    (endpoint,) = [each for each in every if each["State"] == "available"]
    equal(endpoint["VpcEndpointType"], "Gateway", "the type of the endpoint")
    assert endpoint["ServiceName"].endswith(".s3"), endpoint["ServiceName"]
    assert len(endpoint["RouteTableIds"]) >= 2, "the endpoint is not in the private route tables"


################################################################################
# Load balancer and DNS
################################################################################


@check_of("load balancer")
def load_balancer_is_internal_and_strict(stack):
    balancer = stack.load_balancer
    equal(balancer["Scheme"], "internal", "the scheme of the load balancer")
    equal(balancer["Type"], "application", "the type of the load balancer")
    response = stack.aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])
    attributes = {each["Key"]: each["Value"] for each in response["Attributes"]}
    equal(attributes.get("routing.http.drop_invalid_header_fields.enabled"), "true", "dropping invalid headers")
    bucket = stack.settings.get("alb_access_logs_bucket", "")
    equal(attributes.get("access_logs.s3.enabled", "false"), "true" if bucket else "false", "access logs")
    equal(attributes.get("access_logs.s3.bucket") or "", bucket, "the bucket of the access logs")


@check_of("load balancer")
def listener_uses_the_scheme(stack):
    elb = stack.aws("elbv2")
    (listener,) = elb.describe_listeners(LoadBalancerArn=stack.load_balancer["LoadBalancerArn"])["Listeners"]
    equal(listener["Protocol"], stack.scheme.upper(), "the protocol of the listener")
    equal(listener["Port"], LISTENER_PORTS[stack.scheme], "the port of the listener")
    (action,) = listener["DefaultActions"]
    equal(action["Type"], "forward", "the action of the listener")
    (target,) = elb.describe_target_groups()["TargetGroups"]
    equal(action["TargetGroupArn"], target["TargetGroupArn"], "the target of the listener")
    if stack.scheme == "http":
        equal(listener.get("Certificates", []), [], "the certificates of the listener")
        return
    policy = listener["SslPolicy"]
    assert re.fullmatch(r"ELBSecurityPolicy-TLS13-1-[23]-\d{4}-\d\d", policy), f"the TLS policy is {policy}"
    (certificate,) = stack.aws("acm").list_certificates()["CertificateSummaryList"]
    equal([each["CertificateArn"] for each in listener["Certificates"]], [certificate["CertificateArn"]], "the certificate")
    details = stack.aws("acm").describe_certificate(CertificateArn=certificate["CertificateArn"])["Certificate"]
    equal(details["Status"], "ISSUED", "the status of the certificate")
    equal(details["DomainName"], stack.settings["fqdn"], "the name in the certificate")


@check_of("load balancer")
def target_group_checks_the_health_of_the_node(stack):
    (target,) = stack.aws("elbv2").describe_target_groups()["TargetGroups"]
    expected = {
        "Protocol": "HTTP",
        "Port": NODE_PORT,
        "TargetType": "ip",
        "HealthCheckPath": "/wallarm-external-health",
        "HealthCheckPort": "traffic-port",
        "HealthCheckProtocol": "HTTP",
    }
    equal({key: target.get(key) for key in expected}, expected, "the target group")


@check_of("node")
def node_has_a_name_if_it_uses_https(stack):
    zones = stack.aws("route53").list_hosted_zones()["HostedZones"]
    public = [zone for zone in zones if not zone["Config"]["PrivateZone"]]
    records = [
        each
        for zone in public
        for each in stack.aws("route53").list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
        if each["Type"] not in ("NS", "SOA")
    ]
    if stack.scheme == "http":
        return equal(records, [], "the records in public zones")
    (record,) = [each for each in records if each["Name"].rstrip(".") == stack.settings["fqdn"]]
    if stack.has("load balancer"):
        target = record["AliasTarget"]["DNSName"].rstrip(".").removeprefix("dualstack.")
        equal((record["Type"], target.lower()), ("A", stack.load_balancer["DNSName"].lower()), "the target of the Node's name")
        assert any(each["Type"] == "CNAME" for each in records), "there is no record to validate the certificate"
        return
    target = ("CNAME", mesh_name(stack)) if stack.has("NAT gateway") else ("A", stack.interface["PrivateIpAddress"])
    equal((record["Type"], [each["Value"] for each in record["ResourceRecords"]]), (target[0], [target[1]]), "the target of the Node's name")
    # The function demands a certificate of this name, and without a load balancer the Node itself has it.
    configuration = node_configuration(stack)["connector"]
    writer, node = stack.container("config"), stack.container("node")
    volumes = {each["name"]: each["host"]["sourcePath"] for each in stack.task["volumes"]}
    mounts = {each["containerPath"]: volumes[each["sourceVolume"]] for each in node["mountPoints"]}
    secrets = {each["name"]: each["valueFrom"] for each in writer["secrets"]}
    for setting, member, variable in (("tls_cert", "certificate", "NODE_TLS_CERT"), ("tls_key", "key", "NODE_TLS_KEY")):
        assert mounts[configuration[setting]].endswith("/" + configuration[setting].rsplit("/", 1)[1]), f"{setting} is not mounted: {mounts}"
        equal(secrets[variable], f"{stack.settings['node_tls_secret_arn']}:{member}::", f"the secret of {setting}")
    execution = Role(stack.aws("iam"), stack.task["executionRoleArn"])
    assert execution.allows("secretsmanager:GetSecretValue", stack.settings["node_tls_secret_arn"]), "the certificate can't be read"


################################################################################
# Node
################################################################################


@check_of("NAT gateway")
def service_is_configured_as_intended(stack):
    service, settings = stack.service, stack.settings
    # Later, Application Auto Scaling sets it; in the emulator it does nothing.
    equal(service["desiredCount"], settings.get("first_replicas", 1), "the number of Nodes")
    assert "FARGATE" not in str(service.get("launchType")), "the service runs on Fargate"
    equal(service["deploymentConfiguration"]["deploymentCircuitBreaker"], {"enable": True, "rollback": True}, "the circuit breaker")
    (strategy,) = service["capacityProviderStrategy"]
    spread = {"type": "spread", "field": "attribute:ecs.availability-zone"}
    equal(service["placementStrategy"][0], spread, "the first placement strategy")
    targets = stack.aws("elbv2").describe_target_groups()["TargetGroups"]
    equal(len(targets), 1 if stack.has("load balancer") else 0, "the number of target groups")
    expected = [{"targetGroupArn": each["TargetGroupArn"], "containerName": "node", "containerPort": NODE_PORT} for each in targets]
    equal([{key: each.get(key) for key in ("targetGroupArn", "containerName", "containerPort")} for each in service["loadBalancers"]], expected, "the service's load balancer")
    (provider,) = [
        each
        for each in stack.aws("ecs").describe_capacity_providers(capacityProviders=[strategy["capacityProvider"]])["capacityProviders"]
    ]
    group = provider["autoScalingGroupProvider"]
    (scaling,) = stack.aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    equal(group["autoScalingGroupArn"], scaling["AutoScalingGroupARN"], "the capacity provider's group")
    is_spot = bool(settings.get("spot_instance_types"))
    equal(group["managedTerminationProtection"], "DISABLED" if is_spot else "ENABLED", "the protection of instances with tasks")
    equal(group["managedScaling"]["status"], "ENABLED", "the scaling of instances")
    # AWS rejects managed termination protection without it.
    equal(scaling["NewInstancesProtectedFromScaleIn"], not is_spot, "the group's protection from scale-in")
    tags = {tag["Key"]: tag["Value"] for tag in scaling["Tags"]}
    assert "AmazonECSManaged" in tags, "the tag AmazonECSManaged is missing"
    own = {"Application": "wallarm-api-discovery", **settings.get("tags", {})}
    assert own.items() <= tags.items(), f"the group's tags are {tags}"
    (cluster,) = stack.aws("ecs").describe_clusters(clusters=[stack.name])["clusters"]
    equal(cluster["capacityProviders"], [strategy["capacityProvider"]], "the cluster's capacity providers")


@check_of("NAT gateway")
def node_is_scaled_by_its_cpu(stack):
    scaling = stack.aws("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    equal(target["ResourceId"], f"service/{stack.name}/{stack.service['serviceName']}", "the scaled resource")
    equal(target["MinCapacity"], stack.settings.get("node_replicas", 1), "the minimum number of Nodes")
    assert target["MaxCapacity"] >= target["MinCapacity"], "the maximum number of Nodes is below the minimum"
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    equal(metric, "ECSServiceAverageCPUUtilization", "the metric that the Nodes are scaled by")


@check_of("node")
def task_gets_its_token_as_a_secret(stack):
    node, settings = stack.container("node"), stack.settings
    equal(node["image"], f"{settings.get('node_image', 'wallarm/node-native-aio')}:{settings.get('node_tag', 'latest')}", "the Node's image")
    secrets = {each["name"]: each["valueFrom"] for each in node["secrets"]}
    equal(list(secrets), ["WALLARM_API_TOKEN"], "the Node's secrets")
    name = secrets["WALLARM_API_TOKEN"].split(":parameter", 1)[1]
    parameter = stack.aws("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    equal(parameter["Type"], "SecureString", "the type of the token's parameter")
    equal(parameter["Value"], settings["wallarm_api_token"], "the token")
    execution = Role(stack.aws("iam"), stack.task["executionRoleArn"])
    assert execution.allows("ssm:GetParameters", parameter["ARN"]), "the execution role may not read the token"
    environment = {each["name"]: each["value"] for each in node["environment"]}
    assert "WALLARM_API_TOKEN" not in environment, "the token is in the environment"
    known = {"WALLARM_API_HOST", "WALLARM_LABELS"}
    own = settings.get("node_environment", {}) | ({"WALLARM_APID_ONLY": "true"} if settings.get("node_apid_only") else {})
    equal({key: value for key, value in environment.items() if key not in known}, own, "the Node's other variables")
    secret = settings.get("node_registry_secret_arn")
    equal((node.get("repositoryCredentials") or {}).get("credentialsParameter"), secret, "the credentials of the image's registry")
    if secret:
        assert execution.allows("secretsmanager:GetSecretValue", secret), "the execution role may not read the registry's credentials"
    equal(node["stopTimeout"], 90, "the seconds that the Node has to stop")
    equal(environment["WALLARM_API_HOST"], settings.get("wallarm_api_host", "api.wallarm.com"), "the API host")
    group = settings.get("node_group", "api-gateway-api-discovery")
    equal(environment["WALLARM_LABELS"], f"group={group}", "the Node's labels")


@check_of("node")
def token_is_nowhere_in_clear_text(stack):
    token = stack.settings["wallarm_api_token"]
    places = {
        "the task definition": stack.task,
        "the launch template": stack.launch_template,
        "the function": stack.aws("lambda").get_function(FunctionName=stack.function_name),
        "the dashboard": stack.aws("cloudwatch").get_dashboard(DashboardName=stack.name),
    }
    spellings = (token, base64.b64encode(token.encode()).decode(), token[::-1])
    for place, content in places.items():
        text = json.dumps(content, default=str)
        if place == "the launch template":
            text += base64.b64decode(content["UserData"]).decode()
        for spelling in spellings:
            assert spelling not in text, f"the token is in {place}"


@check_of("node")
def node_reads_its_configuration_at_the_documented_path(stack):
    task, node, writer = stack.task, stack.container("node"), stack.container("config")
    equal(task["networkMode"], "host" if stack.has("single instance") else "awsvpc", "the network mode")
    equal(task["requiresCompatibilities"], ["EC2"], "the compatibility of the task")
    for forbidden in ("entryPoint", "command"):
        assert not node.get(forbidden), f"the Node's container overrides {forbidden}"
    assert not node.get("privileged"), "the Node's container is privileged"
    volumes = {each["name"]: each["host"]["sourcePath"] for each in task["volumes"]}
    (mount,) = [each for each in node["mountPoints"] if each["containerPath"] == NODE_CONFIGURATION]
    (written,) = writer["mountPoints"]
    file, directory = volumes[mount["sourceVolume"]], volumes[written["sourceVolume"]]
    # A mounted directory would hide the image's other files in that directory.
    equal(file, f"{directory}/go-node.yaml", "the mounted file")
    command = " ".join(writer["command"])
    assert f"{written['containerPath']}/go-node.yaml" in command, f"nothing writes the file: {command}"
    equal(node["dependsOn"], [{"containerName": "config", "condition": "SUCCESS"}], "the dependency of the Node")
    equal(writer["essential"], False, "whether the container that writes is essential")
    names = {each["name"] for each in writer.get("secrets", [])}
    assert names <= {"NODE_TLS_CERT", "NODE_TLS_KEY"}, f"the container that writes has the secrets {names}"


@check_of("node")
def node_configuration_matches_the_other_parts(stack):
    configuration = node_configuration(stack)
    equal(configuration["version"], 4, "the version of the configuration")
    equal(configuration["mode"], "connector-server", "the Node's mode")
    connector = configuration["connector"]
    equal(connector["address"], f":{NODE_PORT}", "the Node's address")
    health = connector["external_health_check"]
    equal(health, {"enabled": True, "endpoint": "/wallarm-external-health"}, "the health check")
    mesh = {"discovery": "dns", "port": MESH_PORT, "name": mesh_name(stack)} if stack.has("NAT gateway") else None
    equal(connector.get("mesh"), mesh, "the mesh")
    equal(configuration["log"]["log_file"], "stdout", "the log file of the Node")
    equal(connector["blocking"], False, "whether the Node blocks")
    application = int(stack.function["Environment"]["Variables"]["X_WALLARM_APPLICATION_ID"])
    equal(configuration["route_config"], {"wallarm_application": application, "wallarm_mode": "monitoring"}, "the Node's routes")
    equal(connector.get("allowed_hosts", []), stack.settings.get("node_allowed_hosts", []), "the hosts that the Node accepts")
    own = stack.settings.get("node_config", {})
    for section in set(own) - {"connector", "log", "route_config"}:
        equal(configuration.get(section), own[section], f"the section {section} of node_config")
    ports = {each["containerPort"] for each in stack.container("node")["portMappings"]}
    equal(ports, {NODE_PORT, MESH_PORT} if mesh else {NODE_PORT}, "the ports of the container")


def node_configuration(stack):
    """What the first container writes for the Node."""
    environment = {each["name"]: each["value"] for each in stack.container("config")["environment"]}
    (text,) = environment.values()
    return yaml.safe_load(text)


def mesh_name(stack):
    """The name that Cloud Map resolves to the service's tasks."""
    discovery = stack.aws("servicediscovery")
    (registry,) = stack.service["serviceRegistries"]
    (service,) = [each for each in discovery.list_services()["Services"] if each["Arn"] == registry["registryArn"]]
    details = discovery.get_service(Id=service["Id"])["Service"]
    (record,) = details["DnsConfig"]["DnsRecords"]
    equal(record["Type"], "A", "the type of the Nodes' records")
    equal(details["DnsConfig"]["RoutingPolicy"], "MULTIVALUE", "the routing of the Nodes' records")
    # With a container's name or port, the records would have another type.
    equal(set(registry), {"registryArn"}, "the keys of the registry")
    namespace = discovery.get_namespace(Id=details["DnsConfig"]["NamespaceId"])["Namespace"]
    equal(namespace["Type"], "DNS_PRIVATE", "the type of the namespace")
    return f"{details['Name']}.{namespace['Name']}"


@check_of("node")
def node_trusts_what_is_in_front_of_it(stack):
    """The client is the caller of the API, as the function's header says, and not the load balancer."""
    (rule,) = node_configuration(stack)["proxy_headers"]
    names = json.loads(stack.function["Environment"]["Variables"].get("X_NODE_HEADER_NAMES", "{}"))
    equal(rule["real_ip"], [names.get("X-Forwarded-For", "X-Forwarded-For")], "the header with the client's address")
    trusted = {ipaddress.ip_network(each) for each in rule["trusted_networks"]}
    # The load balancer is in the function's subnets.
    subnets = stack.function["VpcConfig"]["SubnetIds"]
    found = {ipaddress.ip_network(each["CidrBlock"]) for each in stack.aws("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]}
    equal(trusted, found, "the networks that the Node trusts")
    if not stack.has("load balancer"):
        return
    response = stack.aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=stack.load_balancer["LoadBalancerArn"])
    attributes = {each["Key"]: each["Value"] for each in response["Attributes"]}
    equal(attributes.get("routing.http.xff_header_processing.mode"), "preserve", "what the load balancer does with the header")


@check_of("node")
def metrics_are_read_without_rights(stack):
    reader, node = stack.container("metrics"), stack.container("node")
    assert not reader["essential"], "a Node without metrics would stop"
    equal(reader["command"], ["sh", "-c", METRICS_SCRIPT.read_text()], "the command that reads the metrics")
    environment = {each["name"]: each["value"] for each in reader["environment"]}
    metrics = stack.settings.get("node_config", {}).get("metrics", {})
    expected = {
        "NODE_METRICS_DEPLOYMENT": stack.name,
        "NODE_METRICS_PREFIX": metrics.get("namespace", "wallarm_gonode"),
        "NODE_METRICS_URL": f"http://127.0.0.1:{metrics.get('listen_address', ':9000').rsplit(':', 1)[1]}/metrics",
    }
    equal(environment, expected, "what the container is told")
    equal(reader["image"], stack.container("config")["image"], "the image of the container")
    equal(reader["dependsOn"], [{"containerName": node["name"], "condition": "START"}], "what the container waits for")
    equal(reader["readonlyRootFilesystem"], True, "whether the container's file system is read-only")
    equal(reader["user"], "65534:65534", "the user of the container")
    equal(reader["linuxParameters"]["capabilities"]["drop"], ["ALL"], "what the container may not do")
    assert not reader.get("secrets") and not reader.get("mountPoints") and not reader.get("portMappings"), "the container has more than it needs"


@check_of("node")
def node_logs_into_its_group(stack):
    execution = Role(stack.aws("iam"), stack.task["executionRoleArn"])
    for name in ("node", "config", "metrics"):
        log = stack.container(name)["logConfiguration"]
        equal(log["logDriver"], "awslogs", f"the log driver of {name}")
        group = log["options"]["awslogs-group"]
        (found,) = stack.aws("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        assert found.get("retentionInDays"), f"{group} keeps its lines forever"
        stream = f"{stack.group_arn(group)}:log-stream:node/node/1"
        assert execution.allows("logs:PutLogEvents", stream), f"the execution role may not write to {group}"


@check_of("node")
def instances_protect_their_credentials(stack):
    template = stack.launch_template
    options = template["MetadataOptions"]
    equal(options["HttpTokens"], "required", "whether IMDSv2 is required")
    equal(int(options["HttpPutResponseHopLimit"]), 1, "the hop limit of IMDS")
    (device,) = template["BlockDeviceMappings"]
    equal(str(device["Ebs"]["Encrypted"]).lower(), "true", "whether the disk is encrypted")
    equal(device["Ebs"]["VolumeType"], "gp3", "the type of the disk")
    assert int(device["Ebs"]["VolumeSize"]) >= 30, "the disk is smaller than the image"
    user_data = base64.b64decode(template["UserData"]).decode()
    assert f"ECS_CLUSTER={stack.name}\n" in user_data, "the instances do not join this cluster"
    assert "ECS_AWSVPC_BLOCK_IMDS=true\n" in user_data, "tasks can reach the instance's credentials"
    assert not template.get("KeyName"), "the instances have an SSH key"
    image = template["ImageId"]
    path = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
    equal(image, stack.aws("ssm").get_parameter(Name=path)["Parameter"]["Value"], "the image")


################################################################################
# Function
################################################################################


def is_compact(stack):
    return stack.settings.get("report_line", "compact" if stack.has("node") else "metrics") == "compact"


def metric_filters(stack):
    return stack.aws("logs").describe_metric_filters(logGroupName=f"/aws/lambda/{stack.function_name}")["metricFilters"]


@check
def metric_filters_are_for_compact_lines(stack):
    filters = metric_filters(stack)
    if not is_compact(stack):
        equal(filters, [], "the metric filters beside lines that make metrics by themselves")
        return
    made = {}
    for each in filters:
        (metric,) = each["metricTransformations"]
        assert "($._aws NOT EXISTS)" in each["filterPattern"], f"{each['filterName']} counts lines that make metrics by themselves"
        assert "defaultValue" not in metric, f"{each['filterName']} has a default beside dimensions"
        equal(metric["dimensions"], {"functionName": "$.functionName"}, f"the dimensions of {each['filterName']}")
        made.setdefault((metric["metricNamespace"], metric["metricName"], metric["unit"]), []).append(metric["metricValue"])
    expected = {("CwResend", name, "Count"): ["$." + name, "0"] for name in (
        "recordsReceived", "recordsForwarded", "recordsRefused", "recordsSkipped", "recordsUndelivered", "retries",
    )}
    expected[("CwResend", "nodeLatencyMs", "Milliseconds")] = ["$.nodeLatencyMs"]
    expected[("CwResend", "logGroupsMostlySkipped", "Count")] = ["$.logGroupsMostlySkipped"]
    equal({key: sorted(values) for key, values in made.items()}, {key: sorted(values) for key, values in expected.items()}, "what the metric filters make")


@check
def function_is_configured_as_intended(stack):
    function, settings = stack.function, stack.settings
    expected = {
        "Runtime": "provided.al2023",
        "Architectures": ["arm64"],
        "MemorySize": 128,
        "PackageType": "Zip",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{stack.function_name}"},
    }
    if is_compact(stack):
        # What the function prints is left to its own level.
        expected["LoggingConfig"] |= {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
    equal({key: function.get(key) for key in expected}, expected, "the function")
    assert 30 <= function["Timeout"] <= 60, f"the timeout is {function['Timeout']} s"
    variables = function["Environment"]["Variables"]
    host = stack.node_host
    known = {
        "X_WALLARM_APPLICATION_ID": settings.get("x_wallarm_application_id", "-1"),
        "X_NODE_URL": host,
        "X_NODE_SCHEME": stack.scheme,
    }
    if is_compact(stack):
        known["X_REPORT_LINE"] = "compact"
    equal({key: variables.get(key) for key in known}, known, "the function's environment")
    own = settings.get("function_variables", {})
    rest = {key: value for key, value in variables.items() if key not in known}
    equal(rest, own, "the other variables of the function's environment")
    equal(stack.outputs["node_url"], f"{stack.scheme}://{host}", "the output node_url")
    reserved = stack.aws("lambda").get_function_concurrency(FunctionName=stack.function_name)
    equal(reserved.get("ReservedConcurrentExecutions"), settings.get("lambda_reserved_concurrency"), "the concurrency")


@check
def failed_events_are_kept(stack):
    settings = stack.aws("lambda").get_function_event_invoke_config(FunctionName=stack.function_name)
    equal(settings["MaximumRetryAttempts"], 2, "the number of Lambda's retries")
    equal(settings["MaximumEventAgeInSeconds"], 21600, "the maximum age of an event")
    equal(settings["DestinationConfig"]["OnFailure"]["Destination"], stack.failure_arn, "the on-failure destination")
    url = stack.outputs["failure_queue_url"]
    attributes = stack.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    equal(attributes["MessageRetentionPeriod"], "1209600", "the retention of the queue")
    encrypted = attributes.get("SqsManagedSseEnabled") == "true" or "KmsMasterKeyId" in attributes
    assert encrypted, "the queue is not encrypted"
    assert attributes.get("FifoQueue") != "true", "the queue is a FIFO queue, to which Lambda can't send"
    assert int(attributes["VisibilityTimeout"]) >= 6 * stack.function["Timeout"], "the visibility timeout is too short"


@check
def stream_is_mapped_if_one_is_configured(stack):
    # The emulator does not find a mapping by the function's name if it was created with the ARN.
    mappings = stack.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    own = [each for each in mappings if each["FunctionArn"] == stack.function["FunctionArn"]]
    streams = [each for each in own if ":kinesis:" in each["EventSourceArn"]]
    expected = stack.settings.get("kinesis_stream_arn")
    equal([each["EventSourceArn"] for each in streams], [expected] if expected else [], "the streams that are mapped to the function")
    for each in streams:
        equal(each["FunctionResponseTypes"], ["ReportBatchItemFailures"], "the response types of the function for a stream")
        function = Role(stack.aws("iam"), stack.function["Role"])
        for action in ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"):
            assert function.allows(f"kinesis:{action}", expected), f"Lambda may not do {action} with the stream"
        assert not function.allows("kinesis:GetRecords", f"{expected}x"), "Lambda may read other streams"


@check
def stream_retries_a_record_within_limits(stack):
    """A record that never succeeds blocks its shard for a limited time, and is then kept."""
    mappings = stack.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    for each in mappings:
        if each["FunctionArn"] != stack.function["FunctionArn"] or ":kinesis:" not in each["EventSourceArn"]:
            continue
        # Minus one, which is the default of both, means no limit.
        retries, age = each.get("MaximumRetryAttempts", -1), each.get("MaximumRecordAgeInSeconds", -1)
        assert 100 <= retries <= 10000, f"a record of the stream is retried {retries} times"
        equal(age, 21600, "the maximum age of a record of the stream")
        settings = each.get("ParallelizationFactor", 1), each.get("MaximumBatchingWindowInSeconds", 0)
        expected = stack.settings.get("kinesis_parallelization_factor", 1), stack.settings.get("kinesis_batching_window_seconds", 0)
        equal(settings, expected, "the instances for a shard of the stream, and the seconds for a batch")
        equal(each.get("BisectBatchOnFunctionError"), True, "whether a failed batch is split")
        destination = each.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        equal(destination, stack.failure_arn, "the on-failure destination of the stream")


@check
def access_log_stream_is_as_configured(stack):
    """API Gateway writes lines to it, the function forwards them, and a private bucket keeps what is left."""
    firehose, s3 = stack.aws("firehose"), stack.aws("s3")
    names = firehose.list_delivery_streams()["DeliveryStreamNames"]
    if not stack.settings.get("enable_access_log_stream"):
        return equal(names, [], "the Firehose streams")
    # API Gateway accepts no other beginning.
    equal(names, [f"amazon-apigateway-{stack.name}"], "the Firehose streams")
    stream = firehose.describe_delivery_stream(DeliveryStreamName=names[0])["DeliveryStreamDescription"]
    equal(stream["DeliveryStreamType"], "DirectPut", "the source of the stream")
    arn = f"arn:aws:firehose:{stack.emulator.region}:{ACCOUNT}:deliverystream/{names[0]}"
    equal(stack.outputs["access_log_stream_arn"], arn, "the output access_log_stream_arn")
    assert stack.outputs["access_log_stream_command"].endswith(f",value={arn}"), stack.outputs["access_log_stream_command"]
    (destination,) = stream["Destinations"]
    destination = destination["ExtendedS3DestinationDescription"]
    processing = destination["ProcessingConfiguration"]
    equal(processing["Enabled"], True, "whether the stream invokes the function")
    (processor,) = processing["Processors"]
    equal(processor["Type"], "Lambda", "the type of the transformation")
    parameters = {each["ParameterName"]: each["ParameterValue"] for each in processor["Parameters"]}
    function = f"{stack.function['FunctionArn']}:$LATEST"
    equal(parameters["LambdaArn"], function, "the function that the stream invokes")
    # Lambda accepts 6 MB, of which base64 takes a quarter, and the records' ids up to a third.
    size = float(parameters.get("BufferSizeInMBs", "1"))
    equal(size, stack.settings.get("access_log_stream_buffer_mb", 1), "the buffer for an invocation")
    assert size <= 2, f"a buffer of {size} MB may be more than Lambda accepts"
    prefix = destination["ErrorOutputPrefix"]
    assert prefix.startswith("failed/!{firehose:error-output-type}/"), f"failed lines are written below {prefix}"

    bucket = stack.outputs["access_log_stream_bucket"]
    equal(destination["BucketARN"], f"arn:aws:s3:::{bucket}", "the stream's bucket")
    access = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    equal(set(access.values()), {True}, "the values of the public access block")
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    encryption, key = rule["ApplyServerSideEncryptionByDefault"], stack.key("bucket")
    equal(encryption["SSEAlgorithm"], "aws:kms" if key else "AES256", "the encryption of the bucket")
    equal((encryption.get("KMSMasterKeyID"), rule.get("BucketKeyEnabled", False)), (key, bool(key)), "the bucket's key")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    equal((rule["Status"], rule["Expiration"]["Days"]), ("Enabled", stack.settings.get("log_retention_days", 30)), "the bucket's expiration")
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    equal((statement["Effect"], statement["Condition"]), ("Deny", {"Bool": {"aws:SecureTransport": "false"}}), "the bucket's policy")

    log = destination["CloudWatchLoggingOptions"]
    equal(log["Enabled"], True, "whether the stream logs its errors")
    streams = stack.aws("logs").describe_log_streams(logGroupName=log["LogGroupName"])["logStreams"]
    equal([each["logStreamName"] for each in streams], [log["LogStreamName"]], "the log streams of the stream's errors")
    role = Role(stack.aws("iam"), destination["RoleARN"])
    for action, resource in (
        ("lambda:InvokeFunction", function),
        ("lambda:GetFunctionConfiguration", function),
        ("s3:PutObject", f"arn:aws:s3:::{bucket}/failed/x"),
        ("s3:ListBucket", f"arn:aws:s3:::{bucket}"),
        ("logs:PutLogEvents", f"{stack.group_arn(log['LogGroupName'])}:log-stream:{log['LogStreamName']}"),
    ):
        assert role.allows(action, resource), f"the stream may not do {action} with {resource}"
        other = resource.replace(stack.name, "other")
        assert not role.allows(action, other), f"the stream may do {action} with {other}"


@check
def permission_allows_only_the_logs_of_this_account(stack):
    response = stack.aws("lambda").get_policy(FunctionName=stack.function_name)
    statements = json.loads(response["Policy"])["Statement"]
    sources = []
    for statement in statements:
        equal(statement["Effect"], "Allow", "the effect")
        equal(statement["Action"], "lambda:InvokeFunction", "the action")
        region = stack.emulator.region
        equal(statement["Principal"], {"Service": f"logs.{region}.amazonaws.com"}, "the principal")
        condition = statement["Condition"]
        equal(condition["StringEquals"], {"AWS:SourceAccount": ACCOUNT}, "the account")
        sources.append(condition["ArnLike"]["AWS:SourceArn"])
    equal(sorted(sources), sorted(stack.sources_of_permissions()), "the log groups")


@check
def permission_comes_before_the_filter(stack):
    calls = [(call.operation, call.params) for call in stack.emulator.calls if not call.failed]
    for name in stack.groups:
        covers = [each for each in stack.sources_of_permissions() if arn_like(each, f"{stack.group_arn(name)}:*")]
        granted = [n for n, (operation, params) in enumerate(calls) if operation == "AddPermission" and params.get("SourceArn") == covers[0]]
        put = [n for n, (operation, params) in enumerate(calls) if operation == "PutSubscriptionFilter" and params.get("logGroupName") == name]
        assert granted and put, f"{name} has no permission, or no subscription"
        assert granted[0] < put[0], f"the filter of {name} is created before the permission"
        destination = [n for n, (operation, _) in enumerate(calls) if operation == "PutFunctionEventInvokeConfig"]
        assert destination and destination[0] < put[0], f"the filter of {name} is created before failed events are kept"
    rejected = [call for call in stack.emulator.calls if call.operation == "PutSubscriptionFilter" and call.failed]
    equal(rejected, [], "filters that were rejected at first")


@check
def filters_send_lines_to_the_function(stack):
    logs = stack.aws("logs")
    for name in stack.groups:
        (found,) = logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]
        equal(found["destinationArn"], stack.function["FunctionArn"], f"the destination of {name}")
        equal(found["filterPattern"], stack.settings.get("subscription_filter_pattern", ""), "the pattern")
    every = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    others = [name for name in every if name not in stack.groups]
    assert f"/aws/lambda/{stack.function_name}" in others, "the function has no log group"
    for name in others:
        filters = logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]
        equal(filters, [], f"the filters of {name}")


@check
def account_subscription_is_as_configured(stack):
    """One policy for all groups but those of the connector, and those that have a subscription of their own."""
    settings = stack.settings
    policies = stack.aws("logs").describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"]
    if not settings.get("enable_account_subscription"):
        return equal(policies, [], "the account's subscription policies")
    (policy,) = policies
    equal(policy["policyName"], stack.function_name, "the name of the account's subscription policy")
    pattern = settings["subscription_filter_pattern"]
    document = {"DestinationArn": stack.function["FunctionArn"], "FilterPattern": pattern}
    equal(json.loads(policy["policyDocument"]), document, "the account's subscription policy")
    written = [f"/aws/lambda/{stack.function_name}"]
    if stack.has("node"):
        written.append(stack.container("node")["logConfiguration"]["options"]["awslogs-group"])
    if settings.get("enable_access_log_stream"):
        written.append(f"/aws/kinesisfirehose/amazon-apigateway-{stack.name}")
    excluded = json.loads(policy["selectionCriteria"].removeprefix("LogGroupName NOT IN "))
    for name in [*written, *stack.groups, *settings.get("account_subscription_excluded_groups", [])]:
        assert name in excluded, f"the account's subscription includes {name}"


@check
def outputs_name_what_is_deployed(stack):
    equal(stack.outputs["forwarded_log_groups"], sorted(stack.groups), "the output forwarded_log_groups")
    main = stack.groups[0]
    equal(stack.outputs["api_gateway_log_group_arn"], stack.group_arn(main), "the output api_gateway_log_group_arn")
    region = stack.emulator.region
    groups = {"api_gateway_log_group": main, "function_log_group": f"/aws/lambda/{stack.function_name}"}
    if stack.has("node"):
        groups["node_log_group"] = stack.container("node")["logConfiguration"]["options"]["awslogs-group"]
    else:
        # An output of null is none.
        equal(stack.outputs.get("node_log_group"), None, "the output node_log_group")
    for output, group in groups.items():
        # The console escapes a name twice, with $ for the second percent sign.
        url = stack.outputs[output]
        prefix = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
        equal(url, prefix + group.replace("/", "$252F"), f"the output {output}")
    line = json.loads(re.sub(r"\$context\.[A-Za-z.]+", "-", stack.outputs["access_log_format"]))
    assert "\n" not in stack.outputs["access_log_format"], "the log format is not a single line"
    needed = {"requestId", "httpMethod", "path", "status", "domainName"}
    assert needed <= set(line), line
    for output, route in (("access_log_format_lean_rest", "resourcePath"), ("access_log_format_lean_http", "routeKey")):
        names = needed | {route}
        equal(json.loads(stack.outputs[output]), {name: f"$context.{name}" for name in names}, f"the output {output}")


################################################################################
# Roles
################################################################################


@check
def roles_trust_only_their_services(stack):
    expected = {stack.function["Role"]: "lambda.amazonaws.com"}
    if stack.has("node"):
        expected[stack.task["executionRoleArn"]] = "ecs-tasks.amazonaws.com"
        expected[instance_role(stack)] = "ec2.amazonaws.com"
    if stack.settings.get("enable_execute_command"):
        expected[stack.task["taskRoleArn"]] = "ecs-tasks.amazonaws.com"
    if stack.settings.get("manage_api_gateway_account"):
        expected[stack.aws("apigateway").get_account()["cloudwatchRoleArn"]] = "apigateway.amazonaws.com"
    if stack.settings.get("enable_access_log_stream"):
        expected[access_log_stream_role(stack)] = "firehose.amazonaws.com"
    for arn, service in expected.items():
        trust = Role(stack.aws("iam"), arn).trust
        (statement,) = trust["Statement"]
        equal(statement["Principal"], {"Service": service}, f"the principal that may assume {arn}")
    roles = {each["Arn"] for each in stack.aws("iam").list_roles()["Roles"]}
    own = {arn for arn in roles if "/aws-service-role/" not in arn}
    equal(own, set(expected), "the roles")


@check_of("node")
def roles_follow_the_companys_rules(stack):
    """Roles that are created have the company's path and boundary, and those that existed are used as they are."""
    iam, settings = stack.aws("iam"), stack.settings
    path, boundary = settings.get("iam_role_path", "/"), settings.get("permissions_boundary_arn")
    existing = settings.get("existing_role_names", {})
    for role in iam.list_roles()["Roles"]:
        if "/aws-service-role/" in role["Arn"] or role["RoleName"] in existing.values():
            continue
        name = role["RoleName"]
        equal(role["Path"], path, f"the path of {name}")
        found = iam.get_role(RoleName=name)["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        equal(found, boundary, f"the boundary of {name}")
    profile = stack.launch_template["IamInstanceProfile"]["Arn"].rsplit("/", 1)[1]
    used = {
        "function": stack.function["Role"],
        "execution": stack.task["executionRoleArn"],
        "instance": iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Arn"],
    }
    if settings.get("manage_api_gateway_account"):
        used["api_gateway"] = stack.aws("apigateway").get_account()["cloudwatchRoleArn"]
    if settings.get("enable_access_log_stream"):
        used["access_log_stream"] = access_log_stream_role(stack)
    for part, arn in used.items():
        own = arn.rsplit("/", 1)[1].startswith(f"{stack.name}-")
        equal(own, part not in existing, f"whether the role for {part} is created here, which is {arn},")
        if part in existing:
            equal(arn.rsplit("/", 1)[1], existing[part], f"the role for {part}")


@check_of("node")
def data_is_encrypted_with_the_companys_keys(stack):
    """Each kind of data with its key, and a role may use a key only by the service that encrypts with it."""
    node = stack.container("node")
    groups = [f"/aws/lambda/{stack.function_name}", node["logConfiguration"]["options"]["awslogs-group"]]
    if stack.settings.get("enable_access_log_stream"):
        groups.append(f"/aws/kinesisfirehose/amazon-apigateway-{stack.name}")
    for name in groups:
        (group,) = stack.aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        equal(group.get("kmsKeyId"), stack.key("logs"), f"the key of {name}")
    sqs = stack.aws("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        if f"/{stack.name}-" in url:
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            found = attributes.get("KmsMasterKeyId"), attributes["SqsManagedSseEnabled"]
            equal(found, (stack.key("queue"), "false" if stack.key("queue") else "true"), f"the encryption of {url}")
    equal(stack.function.get("KMSKeyArn"), stack.key("environment"), "the key of the function's environment")
    name = node["secrets"][0]["valueFrom"].split(":parameter", 1)[1]
    (parameter,) = stack.aws("ssm").describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"]
    equal(parameter["KeyId"], stack.key("token") or "alias/aws/ssm", "the key of the token")
    users = [("queue", "sqs", stack.function["Role"]), ("token", "ssm", stack.task["executionRoleArn"])]
    if stack.settings.get("enable_access_log_stream"):
        users.append(("bucket", "s3", access_log_stream_role(stack)))
    for use, service, arn in users:
        key, role = stack.key(use), Role(stack.aws("iam"), arn)
        if key:
            by = {"kms:ViaService": f"{service}.{stack.emulator.region}.amazonaws.com"}
            actions = ["kms:Decrypt"] if use == "token" else ["kms:Decrypt", "kms:GenerateDataKey"]
            for action in actions:
                assert role.allows(action, key, by), f"{arn} may not do {action} with the key of the {use}"
                assert not role.allows(action, key), f"{arn} may do {action} with the key of the {use} past {service}"
                assert not role.allows(action, f"{key}x", by), f"{arn} may do {action} with other keys"


def access_log_stream_role(stack):
    response = stack.aws("firehose").describe_delivery_stream(DeliveryStreamName=f"amazon-apigateway-{stack.name}")
    return response["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"]["RoleARN"]


# IAM has no resources for these actions of the function's role. Lambda needs them to attach the function to
# its VPC.
WITHOUT_RESOURCES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}


@check
def roles_allow_only_what_is_needed(stack):
    iam = stack.aws("iam")
    streams = [access_log_stream_role(stack)] if stack.settings.get("enable_access_log_stream") else []
    execution = [stack.task["executionRoleArn"]] if stack.has("node") else []
    for arn in (stack.function["Role"], *execution, *streams):
        for document in Role(iam, arn).documents:
            for statement in document["Statement"]:
                if statement["Effect"] == "Deny":
                    continue
                for action in as_list(statement["Action"]):
                    assert "*" not in action, f"{arn} may do {action}"
                    for resource in as_list(statement["Resource"]):
                        # The streams of one log group are the narrowest resource that such a policy can name.
                        narrow = "*" not in resource.removesuffix(":*").removesuffix("/aws/lambda/*").removesuffix("-access-log/*")
                        assert narrow or action in WITHOUT_RESOURCES, f"{arn} may do {action} with {resource}"
    function = Role(iam, stack.function["Role"])
    assert function.allows("sqs:SendMessage", stack.queue_arn), "the function may not keep failed events"
    assert not function.allows("sqs:SendMessage", f"{stack.queue_arn}x"), "the function may send to other queues"
    bucket = stack.settings.get("failure_bucket_name")
    if bucket:
        own = {"s3:ResourceAccount": "123456789012"}
        objects = f"arn:aws:s3:::{bucket}/aws/lambda"
        failed = f"{objects}/async/{stack.function_name}/x"
        assert function.allows("s3:PutObject", failed, own), "the function may not keep failed events in the bucket"
        # Records that a stream gave up are stored below the id of its mapping.
        batch = f"{objects}/0a1b2c3d-0000-0000-0000-000000000000/shardId-000000000000/2026/11/01/x"
        assert function.allows("s3:PutObject", batch, own), "the function may not keep a stream's records in the bucket"
        assert function.allows("s3:ListBucket", f"arn:aws:s3:::{bucket}", own), "the function may not list the bucket: Lambda rejects it"
        assert not function.allows("s3:PutObject", failed, {"s3:ResourceAccount": "210987654321"}), "the bucket may belong to another account"
    own = stack.group_arn(f"/aws/lambda/{stack.function_name}")
    assert function.allows("logs:PutLogEvents", f"{own}:log-stream:x"), "the function may not log"
    for name in stack.groups:
        stream = f"{stack.group_arn(name)}:log-stream:x"
        assert not function.allows("logs:PutLogEvents", stream), f"the function may write to {name}"
    # Lambda needs these actions; the code that runs in it does not.
    context = {"lambda:SourceFunctionArn": stack.function["FunctionArn"]}
    for action in WITHOUT_RESOURCES:
        assert not function.allows(action, "*", context), f"the function's code may do {action}"
    # Lambda rejects a role without one of these when a function in a VPC is created.
    for action in ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"):
        assert function.allows(action, "*"), f"Lambda may not do {action}"
    if not stack.has("node"):
        return
    task = stack.task.get("taskRoleArn")
    if not stack.settings.get("enable_execute_command"):
        assert not task, "the Node has a role, but it does not call AWS"
        return
    (document,) = Role(iam, task).documents
    (statement,) = document["Statement"]
    channels = {f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")}
    equal((statement["Effect"], set(as_list(statement["Action"]))), ("Allow", channels), "what the Node's role allows")


################################################################################
# Operation
################################################################################


def known_dimensions(stack):
    queues = stack.aws("sqs").list_queues()["QueueUrls"]
    known = {
        "FunctionName": {stack.function_name},
        "functionName": {stack.function_name},
        "deployment": {stack.name},
        "QueueName": {url.rsplit("/", 1)[1] for url in queues},
        "DeliveryStreamName": set(stack.aws("firehose").list_delivery_streams()["DeliveryStreamNames"]),
    }
    if stack.has("node"):
        known |= {"ClusterName": {stack.name}, "ServiceName": {stack.service["serviceName"]}}
    if stack.has("load balancer"):
        (target,) = stack.aws("elbv2").describe_target_groups()["TargetGroups"]
        known |= {
            "LoadBalancer": {stack.load_balancer["LoadBalancerArn"].split(":loadbalancer/", 1)[1]},
            "TargetGroup": {target["TargetGroupArn"].rsplit(":", 1)[1]},
        }
    return known


# The metrics of the function and of the Node that an alarm may watch: AWS counts nothing like them.
OWN_METRICS = {
    ("CwResend", "logGroupsMostlySkipped"),
    ("CwResend", "recordsUndelivered"),
    ("WallarmNode", "MessagesSeen"),
    ("WallarmNode", "NotTakenPercent"),
}


@check
def alarms_watch_existing_resources(stack):
    known = known_dimensions(stack)
    every = stack.aws("cloudwatch").describe_alarms()["MetricAlarms"]
    # Application Auto Scaling creates alarms of its own for target tracking.
    alarms = [each for each in every if not each["AlarmName"].startswith("TargetTracking-")]
    watched = set()
    for alarm in alarms:
        name = alarm["AlarmName"]
        assert alarm["AlarmDescription"], f"{name} has no description"
        # An alarm on an expression has its metrics inside.
        queries = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        for metric in queries or [alarm]:
            # The function's own metrics come from log lines, which may be lost.
            counted = metric["Namespace"] in ("AWS/Lambda", "AWS/SQS", "AWS/ApplicationELB", "AWS/ECS", "AWS/Firehose")
            assert counted or (metric["Namespace"], metric["MetricName"]) in OWN_METRICS, f"{name} watches {metric['Namespace']}"
            assert metric["Dimensions"], f"{name} has no dimensions"
            for dimension in metric["Dimensions"]:
                assert dimension["Value"] in known[dimension["Name"]], f"{name} watches {dimension}"
            watched.add((metric["Namespace"], metric["MetricName"]))
        topic = stack.settings.get("alarm_sns_topic_arn")
        equal(alarm["AlarmActions"], [topic] if topic else [], f"the actions of {name}")
    needed = {
        ("AWS/Lambda", "Errors"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("CwResend", "logGroupsMostlySkipped"),
    }
    if stack.has("node"):
        needed |= {("WallarmNode", "MessagesSeen"), ("WallarmNode", "NotTakenPercent")}
    if stack.has("load balancer"):
        needed |= {("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"), ("AWS/ApplicationELB", "HealthyHostCount")}
    elif stack.has("node"):
        needed.add(("AWS/ECS", "CPUUtilization"))
    if stack.settings.get("enable_access_log_stream"):
        needed |= {
            ("AWS/Firehose", "SucceedProcessing.Records"),
            ("AWS/Firehose", "DeliveryToS3.DataFreshness"),
            ("AWS/Firehose", "ThrottledRecords"),
            ("CwResend", "recordsUndelivered"),
        }
    if stack.settings.get("enable_redrive"):
        needed.add(("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"))
    assert needed <= watched, f"no alarm watches {needed - watched}"


def dashboard_metrics(stack):
    """Each metric of the dashboard: its namespace, its name, its dimensions."""
    response = stack.aws("cloudwatch").get_dashboard(DashboardName=stack.name)
    for widget in json.loads(response["DashboardBody"])["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            texts = [each for each in metric if isinstance(each, str)]
            yield texts[0], texts[1], dict(zip(texts[2::2], texts[3::2]))


@check
def dashboard_shows_existing_resources(stack):
    known = known_dimensions(stack)
    shown = set()
    for namespace, metric, dimensions in dashboard_metrics(stack):
        for name, value in dimensions.items():
            assert value in known[name], f"{metric} is shown for {name} {value}"
        shown.add((namespace, metric))
    needed = {
        ("CwResend", "recordsReceived"),
        ("CwResend", "recordsForwarded"),
        ("CwResend", "recordsSkipped"),
        ("CwResend", "retries"),
        ("CwResend", "nodeLatencyMs"),
        ("CwResend", "logGroupsMostlySkipped"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Duration"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"),
    }
    if stack.has("load balancer"):
        needed |= {("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"), ("AWS/ApplicationELB", "HealthyHostCount")}
    if stack.has("node"):
        needed |= {("WallarmNode", name) for name in ("RequestsProcessed", "ResponsesProcessed", "RejectedByHost", "Errors")}
        needed.add(("AWS/ECS", "CPUUtilization"))
    if stack.settings.get("enable_access_log_stream"):
        needed |= {("AWS/Firehose", "IncomingRecords"), ("AWS/Firehose", "SucceedProcessing.Records")}
    assert needed <= shown, f"the dashboard lacks {needed - shown}"


################################################################################
# Inventory
################################################################################


def inventory(emulator):
    """All existing resources, by kind. Two inventories show what a destroy leaves behind."""
    aws = emulator.client
    ec2, elb, ecs = aws("ec2"), aws("elbv2"), aws("ecs")
    found = {}

    def add(kind, entries, *keys):
        found[kind] = sorted("/".join(str(entry[key]) for key in keys) for entry in entries)

    add("VPCs", ec2.describe_vpcs()["Vpcs"], "VpcId")
    add("subnets", ec2.describe_subnets()["Subnets"], "SubnetId")
    add("route tables", ec2.describe_route_tables()["RouteTables"], "RouteTableId")
    add("internet gateways", ec2.describe_internet_gateways()["InternetGateways"], "InternetGatewayId")
    add("NAT gateways", [each for each in ec2.describe_nat_gateways()["NatGateways"] if each["State"] != "deleted"], "NatGatewayId")
    add("addresses", ec2.describe_addresses()["Addresses"], "AllocationId")
    add("endpoints", [each for each in ec2.describe_vpc_endpoints()["VpcEndpoints"] if each["State"] != "deleted"], "VpcEndpointId")
    add("security groups", ec2.describe_security_groups()["SecurityGroups"], "GroupId")
    add("network interfaces", ec2.describe_network_interfaces()["NetworkInterfaces"], "NetworkInterfaceId")
    add("launch templates", ec2.describe_launch_templates()["LaunchTemplates"], "LaunchTemplateId")
    reservations = ec2.describe_instances()["Reservations"]
    instances = [instance for each in reservations for instance in each["Instances"]]
    add("instances", [each for each in instances if each["State"]["Name"] != "terminated"], "InstanceId")
    add("volumes", ec2.describe_volumes()["Volumes"], "VolumeId")
    add("scaling groups", aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"], "AutoScalingGroupName")
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    add("load balancers", balancers, "LoadBalancerArn")
    add("target groups", elb.describe_target_groups()["TargetGroups"], "TargetGroupArn")
    # The emulator lists deleted resources too, with a status that says so.
    names = ecs.list_clusters()["clusterArns"]
    clusters = ecs.describe_clusters(clusters=names)["clusters"] if names else []
    add("clusters", [each for each in clusters if each["status"] == "ACTIVE"], "clusterName")
    services = [
        service
        for cluster in clusters
        for arn in ecs.list_services(cluster=cluster["clusterName"])["serviceArns"]
        for service in ecs.describe_services(cluster=cluster["clusterName"], services=[arn])["services"]
    ]
    add("services", [each for each in services if each["status"] == "ACTIVE"], "serviceName")
    found["task definitions"] = sorted(ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"])
    add("capacity providers", ecs.describe_capacity_providers()["capacityProviders"], "name")
    scaling = aws("application-autoscaling")
    add("scalable targets", scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"], "ResourceId")
    add("scaling policies", scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"], "PolicyARN")
    add("roles", aws("iam").list_roles()["Roles"], "RoleName")
    add("policies", aws("iam").list_policies(Scope="Local")["Policies"], "Arn")
    add("instance profiles", aws("iam").list_instance_profiles()["InstanceProfiles"], "InstanceProfileName")
    add("functions", aws("lambda").list_functions()["Functions"], "FunctionName")
    add("event source mappings", aws("lambda").list_event_source_mappings()["EventSourceMappings"], "UUID")
    groups = aws("logs").describe_log_groups()["logGroups"]
    add("log groups", groups, "logGroupName")
    policies = aws("logs").describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"]
    add("account policies", policies, "policyName")
    filters = [
        each
        for group in groups
        for each in aws("logs").describe_subscription_filters(logGroupName=group["logGroupName"])["subscriptionFilters"]
    ]
    add("subscription filters", filters, "logGroupName", "filterName")
    add("metric filters", aws("logs").describe_metric_filters()["metricFilters"], "logGroupName", "filterName")
    found["Firehose streams"] = sorted(aws("firehose").list_delivery_streams()["DeliveryStreamNames"])
    add("buckets", aws("s3").list_buckets()["Buckets"], "Name")
    found["queues"] = sorted(aws("sqs").list_queues().get("QueueUrls", []))
    add("topics", aws("sns").list_topics()["Topics"], "TopicArn")
    # The emulator has thousands of AWS's own parameters; none of them is secret.
    secret = [{"Key": "Type", "Values": ["SecureString"]}]
    add("parameters", aws("ssm").describe_parameters(ParameterFilters=secret)["Parameters"], "Name")
    add("secrets", aws("secretsmanager").list_secrets()["SecretList"], "ARN")
    add("namespaces", aws("servicediscovery").list_namespaces()["Namespaces"], "Id")
    add("discovery services", aws("servicediscovery").list_services()["Services"], "Id")
    zones = aws("route53").list_hosted_zones()["HostedZones"]
    add("hosted zones", zones, "Id")
    records = [
        {"Zone": zone["Id"], **each}
        for zone in zones
        for each in aws("route53").list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    ]
    add("records", records, "Zone", "Name", "Type")
    add("certificates", aws("acm").list_certificates()["CertificateSummaryList"], "CertificateArn")
    add("alarms", aws("cloudwatch").describe_alarms()["MetricAlarms"], "AlarmName")
    add("dashboards", aws("cloudwatch").list_dashboards()["DashboardEntries"], "DashboardName")
    add("REST APIs", aws("apigateway").get_rest_apis()["items"], "id")
    add("HTTP APIs", aws("apigatewayv2").get_apis()["Items"], "ApiId")
    return found
