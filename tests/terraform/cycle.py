"""Applies the configuration to the emulator with the real provider, changes it, and destroys it.

`cycle.py VARIANT --source TERRAFORM --binaries DIRECTORY --work DIRECTORY` runs one of the variants, and writes the
requests that Terraform made to WORK/calls.json. `http` and `https` are the layout with everything, the first one upgraded
from version 0.1.0. The others go from layout to layout.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import deployed
import end_to_end
import mutations
from deployed import equal
from emulator import ACCOUNT, Emulator
from tf import MODULE, NOT_COPIED, Failed, Terraform

TOKEN = "test-token-3f9c2a"
CHANGED = {"wallarm_api_token": "test-token-8b71de", "node_tag": "0.26.0"}
# What version 0.1.0 was, without its examples.
OLD_VERSION = Path(__file__).with_name("0.1.0.tar.gz")
TLS_SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:node-tls-AbCdEf"
SPOT = ["t3.medium", "t3a.medium"]
# The layouts that a variant goes through, one after the other.
LAYOUTS = {
    "existing": [
        {
            "node_url": "https://node.example.com",
            "enable_account_subscription": True,
            "account_subscription_excluded_groups": ["vpc-flow-logs"],
            "subscription_filter_pattern": "{ ($.httpMethod = *) && ($.domainName = *) && ($.status = *) }",
        }
    ],
    "smaller": [{"node_layout": "minimal"}, {"node_layout": "no-nat-gateway"}],
    "unbalanced": [
        {"node_layout": "no-load-balancer", "spot_instance_types": SPOT, "r53_domain_name": "example.com", "node_dns_name": "node", "node_tls_secret_arn": TLS_SECRET},
        {"node_layout": "standard", "spot_instance_types": SPOT},
        {"node_url": "https://node.example.com"},
    ],
}
# The longest prefix that the README promises.
LONG_PREFIX = "a-rather-long-prefix-for-a-deployment1"
FAILURE_BUCKET = "failed-events"
# The checks that see more with HTTPS than without.
OF_HTTPS = [
    "access_log_stream_is_as_configured",
    "data_is_encrypted_with_the_companys_keys",
    "roles_follow_the_companys_rules",
]
# Roles that exist before the connector.
EXISTING_ROLES = {"execution": "company-start-of-node", "instance": "company-instance", "api_gateway": "company-api-logs"}
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
        if variant == "http":
            self.unpack_old_version()
        self.variables = self.terraform.directory / "test.auto.tfvars.json"
        self.of_others = range(0)
        self.of_old_version = range(0)

    def remove_configuration(self):
        for path in self.terraform.directory.glob("*.tf"):
            path.unlink()
        shutil.rmtree(self.terraform.directory / "modules")

    def unpack_old_version(self):
        self.remove_configuration()
        with tarfile.open(OLD_VERSION) as archive:
            archive.extractall(self.options.work)

    def step(self, text, function, *arguments):
        started = time.monotonic()
        result = function(*arguments)
        print(f"  {text}: {time.monotonic() - started:.1f} s", flush=True)
        return result

    def run(self):
        if self.variant in LAYOUTS:
            return self.run_layouts(LAYOUTS[self.variant])
        settings, groups = getattr(self, f"prepare_{self.variant}")()
        self.before = deployed.inventory(self.emulator)
        self.step("terraform init", self.terraform.init)
        if self.variant == "http":
            self.step("terraform apply of version 0.1.0", self.terraform.run, "apply", "-auto-approve")
            self.of_old_version = range(len(self.emulator.calls))
            self.step("upgrade from version 0.1.0", self.upgrade)
        else:
            self.step("roles made of a plan's output", self.make_roles, settings)
            applied = self.step("terraform apply", self.terraform.run, "apply", "-auto-approve")
            planned = f"Plan: {self.resources()} to add, 0 to change, 0 to destroy."
            assert planned in applied.stdout, applied.stdout
        print(f"  {self.resources()} resources")
        self.step("plan without drift", self.no_drift)

        outputs = self.terraform.outputs()
        groups = groups or [outputs["api_gateway_log_group_arn"].split(":log-group:")[1]]
        stack = deployed.Stack(self.emulator, outputs, self.variant, groups, settings)
        self.step(f"{len(deployed.CHECKS)} checks of the deployed stack", self.hold, stack)
        if self.variant == "http":
            self.step("each check fails when its subject is mutated", mutations.run, stack)
        else:
            self.step("and so do those of the stream and of a company's rules", mutations.run, stack, OF_HTTPS)
        self.step("end to end", end_to_end.run, stack, self.options.work / "environments", self.options.binaries / "cw-resend", self.terraform)
        self.step("examples", self.examples, stack, EXAMPLES[self.variant])

        if self.variant == "http":
            self.step("a changed tag and token", self.change, stack)
            self.step("plan without drift", self.no_drift)
        if self.variant == "https":
            self.step("changes in most resources", self.change_most_resources, stack)
            self.step("plan without drift", self.no_drift)
        zone = None
        if self.variant == "http":
            zone = self.step("HTTPS switched on", self.switch_https_on, stack)
            self.step("plan without drift", self.no_drift)
        self.step("checks of the deployed stack", self.hold, stack)
        self.destroy(settings, zone)

    def destroy(self, settings, zone=None):
        """Nothing is left but a zone, which is the user's."""
        self.step("terraform destroy", self.terraform.run, "destroy", "-auto-approve")
        equal(self.terraform.addresses(), [], "the resources left in Terraform's state")
        if zone:
            self.emulator.client("route53").delete_hosted_zone(Id=zone)
        self.nothing_is_left()
        self.write_calls(settings)

    def nothing_is_left(self):
        after = deployed.inventory(self.emulator)
        for what, one, other in (("left behind", after, self.before), ("missing that existed before", self.before, after)):
            difference = {kind: sorted(set(one[kind]) - set(other[kind])) for kind in one}
            equal({kind: entries for kind, entries in difference.items() if entries}, {}, f"the resources {what}")

    def run_layouts(self, layouts):
        """Each layout is applied, from nothing or from the one before, and shows no drift; the last one is destroyed."""
        pack(self.options.binaries / "bootstrap", self.options.work / "package.zip")
        self.emulator.client("route53").create_hosted_zone(Name="example.com", CallerReference="test")
        self.before = deployed.inventory(self.emulator)
        self.step("terraform init", self.terraform.init)
        if self.variant == "existing":
            self.prepare_http()
            self.step("plan for an existing VPC and secret", plan_variant, self)
            self.step(f"{len(REJECTED) + len(REFUSED)} plans with wrong input", plan_wrong_input, self)
            # Who deploys for a Node that exists makes none of these plans.
            self.of_others = range(len(self.emulator.calls))
        stack = None
        for number, layout in enumerate(layouts):
            settings = {
                "bootstrap_zip": str(self.options.work / "package.zip"),
                "wallarm_api_token": TOKEN,
                # Between two layouts there may be no Node for minutes.
                "enable_redrive": len(layouts) > 1,
                **({"wait_for_node_seconds": 6} if layout.get("node_layout") == "minimal" else {}),
                **layout,
            }
            name = layout.get("node_layout", "a Node that exists")
            self.variables.write_text(json.dumps(settings))
            self.step(f"terraform apply of {name}", self.apply_layout, stack, number, settings)
            self.step("plan without drift", self.no_drift)
            resources = self.resources()
            print(f"  {resources} resources")
            assert resources <= 20 or not layout.get("node_url"), "a Node that exists needs more than 20 resources"
            outputs = self.terraform.outputs()
            group = outputs["api_gateway_log_group_arn"].split(":log-group:")[1]
            settings["fqdn"] = "node.example.com"
            scheme = "https" if layout.get("r53_domain_name") or layout.get("node_url") else "http"
            stack = deployed.Stack(self.emulator, outputs, scheme, [group], settings)
            self.step("checks of the deployed stack", self.hold, stack)
            own = [check.__name__ for check in deployed.CHECKS if check.part == "single instance" and stack.has(check.part)]
            if layout.get("enable_account_subscription"):
                own.append("account_subscription_is_as_configured")
            if own:
                self.step("each check of this layout fails when its subject is mutated", mutations.run, stack, own)
            self.step("end to end", end_to_end.run_short, stack, self.options.work / f"environments-{number}", self.options.binaries / "cw-resend")
        self.destroy(settings)

    def apply_layout(self, stack, number, settings):
        if stack is None:
            if "wait_for_node_seconds" in settings:
                self.wait_in_vain()
            return self.terraform.run("apply", "-auto-approve")
        directory = self.options.work / f"change-{number}"
        program = self.options.binaries / "cw-resend"
        return end_to_end.nothing_is_lost(stack, directory, program, lambda: self.terraform.run("apply", "-auto-approve"))

    def wait_in_vain(self):
        """An apply fails if no Node is healthy, and says why. No log group is subscribed yet."""
        program = self.options.binaries / "cw-resend"
        with end_to_end.Bridge(self.emulator, self.options.work / "wait", program, lambda: False):
            result = self.terraform.run("apply", "-auto-approve", expected=(1,))
        said = re.sub(r"[\s│]+", " ", result.stdout)
        for part in ("Function.NodeNotHealthy", "failed to wait for the Node: no healthy response from http://127.0.0.1:", "the connection was closed"):
            assert part in said, f"the apply does not say {part!r}: {result.stdout}"
        calls = [call.operation for call in self.emulator.calls]
        assert "Invoke" in calls and "PutSubscriptionFilter" not in calls, f"lines are forwarded before the Node is healthy: {calls}"
        # With a Node, the same apply goes on.
        with end_to_end.Bridge(self.emulator, self.options.work / "waited", program):
            self.terraform.run("apply", "-auto-approve")

    def upgrade(self):
        """The state of version 0.1.0 becomes this version's, and nothing is destroyed but the task's old revision."""
        self.remove_configuration()
        shutil.copytree(self.options.source, self.terraform.directory, dirs_exist_ok=True, ignore=NOT_COPIED)
        self.terraform.init()
        _, changes = self.terraform.plan()
        gone = {address: actions for address, actions in changes.items() if "delete" in actions}
        equal(set(gone), {"aws_ecs_task_definition.node[0]"}, "what the upgrade from version 0.1.0 destroys")
        equal(gone["aws_ecs_task_definition.node[0]"], ["create", "delete"], "the order of the revisions")
        self.terraform.run("apply", "change.plan")

    def make_roles(self, settings):
        """Whoever makes the roles takes what they need from a plan, before anything of it exists."""
        self.terraform.run("plan", "-out=roles.plan")
        planned = self.terraform.json("show", "-json", "roles.plan")["planned_values"]["outputs"]["role_policies"]["value"]
        equal(sorted(planned), ["access_log_stream", "api_gateway", "execution", "function", "instance", "task"], "the roles of the output")
        iam = self.emulator.client("iam")
        for part, name in EXISTING_ROLES.items():
            role = planned[part]
            iam.create_role(RoleName=name, Path="/company/", AssumeRolePolicyDocument=role["trust"])
            if role["policy"]:
                iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=role["policy"])
            for arn in role["managed_policies"]:
                iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        profile = EXISTING_ROLES["instance"]
        iam.create_instance_profile(InstanceProfileName=profile, Path="/company/")
        iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=profile)
        self.before = deployed.inventory(self.emulator)
        self.set_variables({"existing_role_names": EXISTING_ROLES})
        settings["existing_role_names"] = EXISTING_ROLES

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
            "aws_ecs_service.node[0]": ["update"],
            "aws_ssm_parameter.token[0]": ["update"],
        }
        replaced = changes.pop("aws_ecs_task_definition.node[0]", None)
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
            "aws_lb_listener.node[0]",
            "aws_vpc_security_group_egress_rule.lambda_to_alb[0]",
            "aws_vpc_security_group_ingress_rule.alb_from_lambda[0]",
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
            # Another key of the token would be another version of it, which only the next plan sees.
            "kms_key_arns": {use: arn if use == "token" else self.new_key() for use, arn in stack.settings["kms_key_arns"].items()},
            "failure_bucket_name": FAILURE_BUCKET,
            "kinesis_stream_arn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/central-logging",
            "kinesis_parallelization_factor": 2,
            "kinesis_batching_window_seconds": 5,
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
            example = Terraform(directory, self.emulator.environment, self.terraform.provider)
            example.init()
            example.run("apply", "-auto-approve")
            result = example.run("plan", "-detailed-exitcode", expected=(0, 2))
            assert result.returncode == 0, f"the example {name} drifts:\n{result.stdout}"
            logging = getattr(self, f"stage_of_{kind}_api")()
            equal(logging, (stack.outputs[destination], stack.outputs[form]), f"the log destination and format of {name}")
            example.run("destroy", "-auto-approve")
        # The deployer's policy is for the connector, and does not cover the examples.
        self.of_others = range(before, len(self.emulator.calls))

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
            # What the old version called needs no permission any more, but it made what is there.
            {**call.record(), "earlier": number in self.of_old_version}
            for number, call in enumerate(self.emulator.calls)
            if number not in self.of_others
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

    def new_key(self):
        return self.emulator.client("kms").create_key()["KeyMetadata"]["Arn"]

    def prepare_https(self):
        """HTTPS with an existing zone and log groups, and every option that changes something."""
        aws = self.emulator.client
        aws("route53").create_hosted_zone(Name="example.com", CallerReference="test")
        groups = ["API-Gateway-Access/orders", "/aws/vendedlogs/payments", "/aws/apigateway/carts", "/aws/apigateway/returns"]
        # The prefix is also that of a group of another connector, which has a subscription of its own there.
        for group in [*groups, "/aws/apigateway/wallarm-api-discovery-other"]:
            aws("logs").create_log_group(logGroupName=group)
        boundary = aws("iam").create_policy(
            PolicyName="wallarm-connector-boundary", PolicyDocument=(self.options.source / "boundary-policy.json").read_text()
        )["Policy"]["Arn"]
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
            "additional_log_group_names": groups[1:3],
            "log_group_prefixes": ["/aws/apigateway/"],
            "permissions_boundary_arn": boundary,
            "iam_role_path": "/connectors/",
            "kms_key_arns": {use: self.new_key() for use in ("logs", "queue", "environment", "token", "bucket")},
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
            "node_allowed_hosts": ["*.example.com"],
            "node_apid_only": True,
            "node_environment": {"WALLARM_WSTORE__SERVICE__PROTOCOL": "tcp"},
            "node_registry_secret_arn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:docker-hub-AbCdEf",
            "node_config": {
                "connector": {"url_normalize": False, "mesh": {}},
                "http_inspector": {"workers": 2, "wmcp_enabled": False},
                "input_filters": {"bypass": [{"path": "^/health$"}, {"headers": {"host": "^internal\\."}}]},
                "metrics": {"listen_address": ":9100"},
            },
            "enable_execute_command": True,
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
    equal(sorted(after["aws_lb.node[0]"]["subnets"]), subnets, "the load balancer's subnets")
    equal(sorted(after["aws_lambda_function.resend"]["vpc_config"][0]["subnet_ids"]), subnets, "the function's subnets")
    network = after["aws_ecs_service.node[0]"]["network_configuration"][0]
    equal(sorted(network["subnets"]), subnets, "the Node's subnets")
    equal(sorted(after["aws_autoscaling_group.node[0]"]["vpc_zone_identifier"]), subnets, "the instances' subnets")
    for part in ("lambda", "alb", "node", "instance"):
        equal(after[f"aws_security_group.{part}[0]"]["vpc_id"], vpc["VpcId"], f"the VPC of the group {part}")

    equal([each for each in changes if each.startswith("aws_ssm_parameter.")], [], "the parameters planned beside a secret")
    assert TOKEN not in json.dumps(plan), "the plan has the token that a secret holds"
    containers = json.loads(after["aws_ecs_task_definition.node[0]"]["container_definitions"])
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
            "instance_type": "t4g.medium",
            "existing_role_names": {"function": "no-such-role", "instance": "no-such-profile"},
            "kms_key_arns": {"logs": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/a"},
        },
        [
            "The token is missing: ",
            "Only one of r53_domain_name and node_dns_name is set: ",
            "Only one of vpc_id and private_subnet_ids is set: ",
            "The function's package is missing: ",
            "With enable_redrive, a lambda_reserved_concurrency of 1 is too little: ",
            "The value of instance_type, or one of spot_instance_types, has another processor ",
            "A key of kms_key_arns is in another region: ",
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
            "log_group_prefixes": [f"/orders/{number}/" for number in range(60)],
            "enable_account_subscription": True,
            "account_subscription_excluded_groups": [f"{number}/{'a' * 500}" for number in range(60)],
        },
        [
            "The value of wallarm_api_token has a space, a line break ",
            "The list private_subnet_ids has only one subnet: ",
            "A value of default_hosts is the host of the Node itself: ",
            "With enable_access_log_stream, a lambda_timeout of more than 300 is too much: ",
            "The function's policy has no room for a statement for each of these log groups: ",
            "With enable_account_subscription, the names of account_subscription_excluded_groups ",
            "With enable_account_subscription, each line of the account would go to the function: ",
            "With enable_account_subscription, leave log_group_prefixes empty: ",
        ],
    ),
    (
        {
            "node_url": "http://node.example.com",
            "vpc_id": "vpc-0a1b2c3d4e5f67890",
            "function_security_group_ids": ["sg-0a1b2c3d4e5f67890"],
            "r53_domain_name": "example.com",
            "node_dns_name": "node",
            "node_tls_secret_arn": TLS_SECRET,
            "default_hosts": {"*": "node.example.com"},
        },
        [
            "With node_url, no name is made for the Node: ",
            "The value of node_tls_secret_arn is for the layouts without a load balancer: ",
            "With node_url, nothing is created in a VPC: ",
            "Only one of private_subnet_ids and function_security_group_ids is set: ",
            "With http in node_url, callers' addresses and user agents would cross the internet in the clear: ",
            "A value of default_hosts is the host of the Node itself: ",
        ],
    ),
    (
        {
            "wallarm_api_token": "your-token-here",
            "node_layout": "minimal",
            "node_replicas": 2,
            "vpc_id": "vpc-0a1b2c3d4e5f67890",
            "private_subnet_ids": ["subnet-0a1b2c3d4e5f67890"],
            "function_security_group_ids": ["sg-0a1b2c3d4e5f67890"],
            "r53_domain_name": "example.com",
            "node_dns_name": "node",
            "instance_type": "t3.small",
            "spot_instance_types": ["t3.small", "m7a.medium"],
            "instance_cpu_credits": "standard",
        },
        [
            "The value of wallarm_api_token is still the placeholder: ",
            "Without a load balancer, a domain and node_tls_secret_arn belong together: ",
            "Without a NAT gateway there is one Node, on one instance: ",
            "In an existing VPC, the Node needs that VPC's NAT gateway: ",
            "The list function_security_group_ids is only for a Node that exists",
            "The value of instance_type, or one of spot_instance_types, is too small for the Node: ",
            "Without a NAT gateway the instance has a fixed network interface, ",
            'With instance_cpu_credits = "standard", all of spot_instance_types must be of the T family',
        ],
    ),
]

# Input that is refused before the rules about several variables: variables, and a part of each error.
REFUSED = [
    ({"region": "us-east-1a"}, ["The value of region must be the code of an AWS region"]),
    ({"instance_type": "t9.medium"}, ["The following supplied instance types do not exist: [t9.medium]"]),
    (
        {
            "config_image": "",
            "alb_access_logs_bucket": "s3://access-logs",
            "failure_bucket_name": "https://failed-events.s3.amazonaws.com",
            "node_layout": "tiny",
            "node_url": "https://node.example.com/path",
            "node_replicas": 9,
            "vpc_cidr": "172.17.0.0/16",
            "node_config": {"connector": {"address": ":5051"}},
            "permissions_boundary_arn": "boundary",
            "kms_key_arns": {"logs": "alias/logs"},
            "log_group_prefixes": [""],
        },
        [
            "The value of config_image ",
            "The value of alb_access_logs_bucket ",
            "The value of failure_bucket_name ",
            "The value of node_layout ",
            "The value of node_url ",
            "The value of node_replicas ",
            "The value of vpc_cidr ",
            "The value of node_config ",
            "The value of permissions_boundary_arn ",
            "kms_key_arns ",
            "Each of log_group_prefixes ",
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
        summaries = [each["diagnostic"]["summary"] for each in messages if each["type"] == "diagnostic"]
        for name in settings.get("existing_role_names", {}).values():
            assert any(name in each for each in summaries), f"the plan accepts {name}, which is no role: {summaries}"
        # A missing group can't be read either, which is a separate error.
        errors = [each for each in details if "modules/input_checks/" in each]
        unexpected = [each for each in errors if not each.startswith(tuple(beginnings))]
        equal(unexpected, [], f"unexpected errors for {settings}")
        for beginning in beginnings:
            assert any(each.startswith(beginning) for each in errors), f"{settings} is not rejected with {beginning!r}: {details}"
        assert TOKEN not in result.stdout, "an error shows the token"
    for settings, parts in REFUSED:
        cycle.variables.write_text(json.dumps(settings))
        result = cycle.terraform.run("plan", "-refresh=false", expected=(1,))
        cycle.variables.unlink()
        said = re.sub(r"[\s│]+", " ", result.stdout)
        for part in parts:
            assert part in said, f"{settings} is not refused with {part!r}: {result.stdout}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=["http", "https", *LAYOUTS])
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
