"""Applies the configuration to the emulator with the real provider, changes it, and destroys it.

`cycle.py VARIANT --source TERRAFORM --binaries DIRECTORY --work DIRECTORY` runs one of the variants
`http` and `https`, and writes the requests that Terraform made to WORK/calls.json.
"""

import argparse
import hashlib
import json
import re
import sys
import time
import zipfile
from pathlib import Path

import deployed
import end_to_end
import mutations
from deployed import equal
from emulator import ACCOUNT, Emulator
from tf import MODULE, Failed, Terraform

TOKEN = "test-token-3f9c2a"
CHANGED = {"wallarm_api_token": "test-token-8b71de", "node_tag": "0.26.0"}
# The longest prefix that the README promises.
LONG_PREFIX = "a-rather-long-prefix-for-a-deployment1"
FAILURE_BUCKET = "failed-events"
# The examples of each variant: the kind of API, and the outputs that its stage uses as destination and format.
EXAMPLES = {
    "http": {
        "rest-api": ("rest", "api_gateway_log_group_arn", "access_log_format"),
        "http-api": ("http", "api_gateway_log_group_arn", "access_log_format"),
    },
    "https": {"rest-api-firehose": ("rest", "access_log_stream_arn", "access_log_format")},
}


def unique(prefix):
    """The end of all names, by the README's rule."""
    return f"{prefix}-{hashlib.sha1(f'{ACCOUNT}/us-east-1/{prefix}'.encode()).hexdigest()[:6]}"


def pack(binary, path):
    """Makes the package for Lambda: the binary as `bootstrap`, executable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(entry, binary.read_bytes())


class Cycle:
    """A variant's steps. Each prints a line with its duration."""

    def __init__(self, variant, emulator, options):
        self.variant = variant
        self.emulator = emulator
        self.options = options
        self.terraform = Terraform.copy(options.source, options.work / "terraform", emulator.environment)
        self.variables = self.terraform.directory / "test.auto.tfvars.json"
        self.of_examples = range(0)

    def step(self, text, function, *arguments):
        started = time.monotonic()
        result = function(*arguments)
        print(f"  {text}: {time.monotonic() - started:.1f} s", flush=True)
        return result

    def run(self):
        settings, groups = getattr(self, f"prepare_{self.variant}")()
        before = deployed.inventory(self.emulator)
        self.step("terraform init", self.terraform.init)
        if self.variant == "http":
            self.step("plan for an existing VPC and secret", plan_variant, self)
            self.step(f"{len(REJECTED)} plans with wrong input", plan_wrong_input, self)
        plan = self.step("terraform plan", self.terraform.run, "plan")
        self.step("terraform apply", self.terraform.run, "apply", "-auto-approve")
        resources = self.resources()
        print(f"  {resources} resources")
        assert f"Plan: {resources} to add, 0 to change, 0 to destroy." in plan.stdout, plan.stdout
        self.step("plan without drift", self.no_drift)

        outputs = self.terraform.outputs()
        groups = groups or [outputs["api_gateway_log_group_arn"].split(":log-group:")[1]]
        stack = deployed.Stack(self.emulator, outputs, self.variant, groups, settings)
        self.step(f"{len(deployed.CHECKS)} checks of the deployed stack", self.hold, stack)
        if self.variant == "http":
            self.step("each check fails when its subject is mutated", mutations.run, stack)
        else:
            self.step("and so do those of the access-log stream", mutations.run, stack, ["access_log_stream_is_as_configured"])
        self.step("end to end", end_to_end.run, stack, self.options.work / "environments", self.options.binaries / "cw-resend", self.terraform)
        self.step("examples", self.examples, stack, EXAMPLES[self.variant])

        self.step("a changed tag and token", self.change, stack)
        self.step("plan without drift", self.no_drift)
        if self.variant == "https":
            self.step("changes in most resources", self.change_most_resources, stack)
            self.step("plan without drift", self.no_drift)
        if self.variant == "http":
            zone = self.step("HTTPS switched on", self.switch_https_on, stack)
            self.step("plan without drift", self.no_drift)
        self.step("checks of the deployed stack", self.hold, stack)
        self.step("terraform destroy", self.terraform.run, "destroy", "-auto-approve")
        equal(self.terraform.addresses(), [], "the resources left in Terraform's state")
        if self.variant == "http":
            self.emulator.client("route53").delete_hosted_zone(Id=zone)
        after = deployed.inventory(self.emulator)
        for what, one, other in (("left behind", after, before), ("missing that existed before", before, after)):
            difference = {kind: sorted(set(one[kind]) - set(other[kind])) for kind in one}
            equal({kind: entries for kind, entries in difference.items() if entries}, {}, f"the resources {what}")
        self.write_calls(settings)

    def resources(self):
        return len([each for each in self.terraform.addresses() if not re.search(r"(^|\.)data\.", each)])

    def hold(self, stack):
        found = deployed.violations(stack)
        assert not found, "\n".join(["the deployed stack is not as intended:", *found])

    def no_drift(self):
        result = self.terraform.run("plan", "-detailed-exitcode", expected=(0, 2))
        assert result.returncode == 0, f"a plan right after an apply has changes:\n{result.stdout}"

    def change(self, stack):
        """A new version and a new token change the task, and nothing else."""
        revision = stack.task["revision"]
        before = len(self.emulator.calls)
        self.set_variables(CHANGED)
        _, changes = self.terraform.plan()
        expected = {
            "aws_ecs_service.node": ["update"],
            "aws_ssm_parameter.token[0]": ["update"],
        }
        replaced = changes.pop("aws_ecs_task_definition.node", None)
        assert replaced and sorted(replaced) == ["create", "delete"], f"the task definition: {replaced}"
        equal(changes, expected, "the changes of a new tag and token")
        self.terraform.run("apply", "change.plan")
        stack.settings.update(CHANGED)
        # A token is read when a task starts: without a new task it would never be read.
        assert stack.task["revision"] > revision, "the service still has the old task definition"
        old = stack.aws("ecs").describe_task_definition(taskDefinition=f"{stack.name}:{revision}")["taskDefinition"]
        equal(old["status"], "INACTIVE", "the status of the old task definition")
        # An interrupted apply must not leave the service with an inactive revision.
        self.came_in_order(before, "RegisterTaskDefinition", "UpdateService", "DeregisterTaskDefinition")

    def switch_https_on(self, stack):
        """HTTPS in a live stack: the function gets the new address only when that responds."""
        zone = self.emulator.client("route53").create_hosted_zone(Name="example.com", CallerReference="test")["HostedZone"]["Id"]
        before = len(self.emulator.calls)
        self.set_variables({"r53_domain_name": "example.com", "node_dns_name": "node"})
        _, changes = self.terraform.plan()
        created = {
            "aws_acm_certificate.node[0]",
            "aws_acm_certificate_validation.node[0]",
            "aws_route53_record.node[0]",
            "aws_route53_record.validation[0]",
        }
        updated = {
            "aws_lambda_function.resend",
            "aws_lb_listener.node",
            "aws_vpc_security_group_egress_rule.lambda_to_alb",
            "aws_vpc_security_group_ingress_rule.alb_from_lambda",
        }
        expected = {address: ["create"] for address in created} | {address: ["update"] for address in updated}
        equal(changes, expected, "the changes of HTTPS")
        self.terraform.run("apply", "change.plan")
        stack.scheme, stack.outputs = "https", self.terraform.outputs()
        stack.settings["fqdn"] = "node.example.com"
        # The port stays open until there is a certificate, and the function changes after everything else.
        self.came_in_order(before, "DescribeCertificate", "ModifySecurityGroupRules", "UpdateFunctionConfiguration")
        self.came_in_order(before, "ChangeResourceRecordSets", "UpdateFunctionConfiguration")
        self.came_in_order(before, "ModifyListener", "UpdateFunctionConfiguration")
        return zone

    def came_in_order(self, since, *operations):
        """The last call of each operation came before the first call of the next one."""
        calls = [call.operation for call in self.emulator.calls[since:] if not call.failed]
        for one, next_one in zip(operations, operations[1:]):
            assert one in calls and next_one in calls, f"{one} and {next_one} were not both called: {calls}"
            last = len(calls) - 1 - calls[::-1].index(one)
            assert last < calls.index(next_one), f"{next_one} came before {one}: {calls}"

    def change_most_resources(self, stack):
        """Changes of most resources update them: addresses that others rely on stay."""
        balancer, function = stack.load_balancer["DNSName"], stack.function["FunctionArn"]
        settings = {
            "tags": {"Team": "payments"},
            "node_replicas": 3,
            "instance_type": "t3.large",
            "lambda_timeout": 45,
            "log_retention_days": 90,
            "subscription_filter_pattern": '{ $.status != "404" }',
            "failure_bucket_name": FAILURE_BUCKET,
            "kinesis_stream_arn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/central-logging",
            "access_log_stream_buffer_mb": 0.5,
            "access_log_stream_force_destroy": True,
            "report_line": "compact",
        }
        before = len(self.emulator.calls)
        self.set_variables(settings)
        _, changes = self.terraform.plan()
        replaced = {address for address, actions in changes.items() if "delete" in actions}
        equal(replaced, set(), "the replaced resources")
        self.terraform.run("apply", "change.plan")
        stack.settings.update(settings)
        equal(stack.load_balancer["DNSName"], balancer, "the load balancer's name")
        equal(stack.function["FunctionArn"], function, "the function's ARN")
        equal(stack.function["Timeout"], 45, "the function's timeout")
        # No compact line comes before what counts it.
        self.came_in_order(before, "PutMetricFilter", "UpdateFunctionConfiguration")
        equal(stack.launch_template["InstanceType"], "t3.large", "the instances' type")
        refreshes = [call for call in self.emulator.calls if call.operation == "StartInstanceRefresh"]
        assert refreshes, "the running instances keep their old type"
        tags = stack.aws("lambda").list_tags(Resource=function)["Tags"]
        equal(tags.get("Team"), "payments", "the function's tag")
        # A destroy deletes it with its bucket.
        self.emulator.put_object(stack.outputs["access_log_stream_bucket"], "failed/processing-failed/x", b"{}")

    def examples(self, stack, examples):
        """Examples deploy beside the connector, and their stages log to its log group or its stream."""
        before = len(self.emulator.calls)
        for name, (kind, destination, form) in examples.items():
            directory = self.terraform.directory / "examples" / name
            example = Terraform(directory, self.emulator.environment)
            example.init()
            example.run("apply", "-auto-approve")
            result = example.run("plan", "-detailed-exitcode", expected=(0, 2))
            assert result.returncode == 0, f"the example {name} drifts:\n{result.stdout}"
            logging = getattr(self, f"stage_of_{kind}_api")()
            equal(logging, (stack.outputs[destination], stack.outputs[form]), f"the log destination and format of {name}")
            example.run("destroy", "-auto-approve")
        # The deployer's policy is for the connector, and does not cover the examples.
        self.of_examples = range(before, len(self.emulator.calls))

    def stage_of_rest_api(self):
        gateway = self.emulator.client("apigateway")
        (api,) = gateway.get_rest_apis()["items"]
        (stage,) = gateway.get_stages(restApiId=api["id"])["item"]
        return stage["accessLogSettings"]["destinationArn"], stage["accessLogSettings"]["format"]

    def stage_of_http_api(self):
        gateway = self.emulator.client("apigatewayv2")
        (api,) = gateway.get_apis()["Items"]
        (stage,) = gateway.get_stages(ApiId=api["ApiId"])["Items"]
        return stage["AccessLogSettings"]["DestinationArn"], stage["AccessLogSettings"]["Format"]

    def write_calls(self, settings):
        # Terraform retries a request after an error of the server, which would hide a gap of the emulator.
        equal(self.emulator.gaps, [], "the operations that the emulator failed")
        calls = [
            call.record()
            for number, call in enumerate(self.emulator.calls)
            if number not in self.of_examples
        ]
        record = {"prefix": settings.get("name_prefix", "api-gw-discovery"), "account": ACCOUNT, "calls": calls}
        (self.options.work / "calls.json").write_text(json.dumps(record))
        print(f"  {len(calls)} requests, {len({(each['service'], each['operation']) for each in calls})} operations")

    def set_variables(self, settings):
        """Changes variables as the user would: in the file that `prepare` has written."""
        raise NotImplementedError

    def prepare_http(self):
        """The first steps of the README: the example's file with a token, and the built package."""
        directory = self.terraform.directory
        example = (directory / "terraform.tfvars.example").read_text()
        placeholder = '"your-token-here"'
        equal(example.count(placeholder), 1, "the number of placeholders in the example")
        target = directory / "terraform.tfvars"
        target.write_text(example.replace(placeholder, f'"{TOKEN}"'))
        pack(self.options.binaries / "bootstrap", directory.parent / "bootstrap/dist/arm64/bootstrap.zip")

        def set_variables(settings):
            text = target.read_text()
            for name, value in settings.items():
                text = "\n".join(line for line in text.splitlines() if not line.startswith(f"{name} "))
                text += f'\n{name} = "{value}"\n'
            target.write_text(text)

        self.set_variables = set_variables
        (tag,) = re.findall(r'^node_tag *= "(.*)"$', example, re.MULTILINE)
        return {"wallarm_api_token": TOKEN, "node_tag": tag}, None

    def prepare_https(self):
        """HTTPS with an existing zone and log groups, and every option that changes something."""
        aws = self.emulator.client
        aws("route53").create_hosted_zone(Name="example.com", CallerReference="test")
        groups = ["API-Gateway-Access/orders", "/aws/vendedlogs/payments"]
        for group in groups:
            aws("logs").create_log_group(logGroupName=group)
        topic = aws("sns").create_topic(Name="operators")["TopicArn"]
        for bucket in ("access-logs", FAILURE_BUCKET):
            aws("s3").create_bucket(Bucket=bucket)
        aws("kinesis").create_stream(StreamName="central-logging", ShardCount=1)
        package = self.options.work / "package" / "function.zip"
        pack(self.options.binaries / "bootstrap", package)
        variables = {
            "wallarm_api_host": "us1.api.wallarm.com",
            "wallarm_api_token": TOKEN,
            "x_wallarm_application_id": "42",
            "name_prefix": LONG_PREFIX,
            "node_image": "public.example.com/wallarm/node-native-aio",
            "node_group": "orders",
            "node_replicas": 2,
            "r53_domain_name": "example.com",
            "node_dns_name": "node",
            "api_gateway_log_group_name": groups[0],
            "additional_log_group_names": groups[1:],
            "nat_gateway_per_zone": True,
            "bootstrap_zip": str(package),
            "alb_access_logs_bucket": "access-logs",
            "alarm_sns_topic_arn": topic,
            "lambda_reserved_concurrency": 5,
            "manage_api_gateway_account": True,
            "enable_redrive": True,
            "enable_access_log_stream": True,
            "default_hosts": {f"amazon-apigateway-{unique(LONG_PREFIX)}": "api.example.com"},
            "path_source": "template",
            "firehose_result": "dropped",
            "report_line": "metrics",
            "x_node_connections": 4,
            "x_node_headers": {"X-Team": "payments"},
            "x_node_header_names": {"X-Real-IP": "X-Client-IP"},
        }

        def set_variables(settings):
            variables.update(settings)
            self.variables.write_text(json.dumps(variables))

        self.set_variables = set_variables
        set_variables({})
        settings = {
            **variables,
            "fqdn": "node.example.com",
            "first_replicas": variables["node_replicas"],
            "function_variables": {
                "X_NODE_CONNECTIONS": "4",
                "X_NODE_HEADERS": '{"X-Team":"payments"}',
                "X_NODE_HEADER_NAMES": '{"X-Real-IP":"X-Client-IP"}',
                "X_DEFAULT_HOST": json.dumps(variables["default_hosts"], separators=(",", ":")),
                "X_PATH": "template",
                "X_FIREHOSE_RESULT": "dropped",
            },
        }
        return settings, groups


def plan_variant(cycle):
    """The existing network and the existing secret are only planned: the emulator has neither."""
    ec2, secrets = cycle.emulator.client("ec2"), cycle.emulator.client("secretsmanager")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    subnets = sorted(each["SubnetId"] for each in ec2.describe_subnets()["Subnets"])[:2]
    secret = secrets.create_secret(Name="token", SecretString=TOKEN)["ARN"]
    settings = {
        "vpc_id": vpc["VpcId"],
        "private_subnet_ids": subnets,
        "wallarm_api_token": "",
        "wallarm_api_token_secret_arn": secret,
    }
    cycle.variables.write_text(json.dumps(settings))
    plan, changes = cycle.terraform.plan(file="variant.plan")
    cycle.variables.unlink()
    secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    after = {each["address"].removeprefix(MODULE): each["change"]["after"] for each in plan["resource_changes"]}

    network = "aws_(vpc|subnet|nat_gateway|eip|route|route_table|internet_gateway|vpc_endpoint|default_security_group)"
    equal([each for each in changes if re.match(rf"{network}\.", each)], [], "the network planned beside an existing VPC")
    equal(sorted(after["aws_lb.node"]["subnets"]), subnets, "the load balancer's subnets")
    equal(sorted(after["aws_lambda_function.resend"]["vpc_config"][0]["subnet_ids"]), subnets, "the function's subnets")
    network = after["aws_ecs_service.node"]["network_configuration"][0]
    equal(sorted(network["subnets"]), subnets, "the Node's subnets")
    equal(sorted(after["aws_autoscaling_group.node"]["vpc_zone_identifier"]), subnets, "the instances' subnets")
    for part in ("lambda", "alb", "node", "instance"):
        equal(after[f"aws_security_group.{part}"]["vpc_id"], vpc["VpcId"], f"the VPC of the group {part}")

    equal([each for each in changes if each.startswith("aws_ssm_parameter.")], [], "the parameters planned beside a secret")
    assert TOKEN not in json.dumps(plan), "the plan has the token that a secret holds"
    containers = json.loads(after["aws_ecs_task_definition.node"]["container_definitions"])
    sources = [each["valueFrom"] for container in containers for each in container.get("secrets", [])]
    equal(sources, [secret], "the source of the Node's token")


# Wrong input that no variable shows by itself: variables, and the beginning of each error. An empty name of a
# log group stands for the log group that the configuration creates.
REJECTED = [
    (
        {
            "wallarm_api_token": "",
            "r53_domain_name": "example.com",
            "vpc_id": "vpc-0a1b2c3d4e5f67890",
            "bootstrap_zip": "missing.zip",
            "enable_redrive": True,
            "lambda_reserved_concurrency": 1,
        },
        [
            "The token is missing: ",
            "Only one of r53_domain_name and node_dns_name is set: ",
            "Only one of vpc_id and private_subnet_ids is set: ",
            "The function's package is missing: ",
            "With enable_redrive, a lambda_reserved_concurrency of 1 is too little: ",
        ],
    ),
    (
        {
            "wallarm_api_token_secret_arn": f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/token",
            "node_dns_name": "node",
            "private_subnet_ids": ["subnet-0a1b2c3d4e5f67890", "subnet-0a1b2c3d4e5f67891"],
            "api_gateway_log_group_name": "",
        },
        [
            "The token is given twice: ",
            "Only one of r53_domain_name and node_dns_name is set: ",
            "Only one of vpc_id and private_subnet_ids is set: ",
            "The value of api_gateway_log_group_name is the log group that this configuration creates by itself: ",
        ],
    ),
    (
        {
            "wallarm_api_token": f"{TOKEN}\n",
            "vpc_id": "vpc-0a1b2c3d4e5f67890",
            "private_subnet_ids": ["subnet-0a1b2c3d4e5f67890"],
            "r53_domain_name": "example.com",
            "node_dns_name": "node",
            "default_hosts": {"orders": "api.example.com", "*": "Node.Example.com:443"},
            "enable_access_log_stream": True,
            "lambda_timeout": 301,
        },
        [
            "The value of wallarm_api_token has a space, a line break ",
            "The list private_subnet_ids has only one subnet: ",
            "A value of default_hosts is the host of the Node itself: ",
            "With enable_access_log_stream, a lambda_timeout of more than 300 is too much: ",
        ],
    ),
]


def plan_wrong_input(cycle):
    """A plan of the configuration itself rejects each input, with its error and before anything is created."""
    for settings, beginnings in REJECTED:
        if "api_gateway_log_group_name" in settings:
            settings = settings | {"api_gateway_log_group_name": f"/aws/apigateway/wallarm-api-discovery-{unique('api-gw-discovery')}"}
        cycle.variables.write_text(json.dumps(settings))
        result = cycle.terraform.run("plan", "-json", "-refresh=false", expected=(1,))
        cycle.variables.unlink()
        messages = [json.loads(line) for line in result.stdout.splitlines()]
        details = [each["diagnostic"]["detail"] for each in messages if each["type"] == "diagnostic"]
        # A missing group can't be read either, which is a separate error.
        errors = [each for each in details if "modules/input_checks/" in each]
        unexpected = [each for each in errors if not each.startswith(tuple(beginnings))]
        equal(unexpected, [], f"unexpected errors for {settings}")
        for beginning in beginnings:
            assert any(each.startswith(beginning) for each in errors), f"{settings} is not rejected with {beginning!r}: {details}"
        assert TOKEN not in result.stdout, "an error shows the token"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=["http", "https"])
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--binaries", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    started = time.monotonic()
    with Emulator() as emulator:
        try:
            Cycle(options.variant, emulator, options).run()
        except (AssertionError, Failed) as error:
            sys.exit(f"error: {error}\noperations that the emulator failed: {emulator.gaps}")
    print(f"  total: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
