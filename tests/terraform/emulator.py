"""AWS on loopback: moto's server, with shims for what the AWS provider needs and moto 5.2.1 lacks.

Each shim describes what moto does, and what AWS does instead. Every request is recorded with the name of
its operation, so a test can find out what Terraform requested, and in which order.
"""

import functools
import json
import os
import re
import threading
import traceback
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import parse_qs, parse_qsl

# moto has AWS's managed policies only if this variable is set; it reads the variable once.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import boto3
import botocore.session
from botocore.config import Config
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.autoscaling.models import AutoScalingBackend
from moto.autoscaling.responses import AutoScalingResponse
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.utils import get_backend as lambda_backend
from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.logs.exceptions import InvalidParameterException, LimitExceededException, ResourceNotFoundException
from moto.logs.models import LogsBackend, LogStream
from moto.logs.responses import LogsResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.route53.models import route53_backends
from moto.s3.models import s3_backends
from moto.servicediscovery.models import ServiceDiscoveryBackend
from moto.sqs.models import Queue
from moto.utilities.utils import get_partition
from werkzeug.serving import WSGIRequestHandler, make_server

from policies import Policy

ACCOUNT = "123456789012"

# The name in a signature, and the service's name in policies and models.
SERVICES = {"monitoring": "cloudwatch"}
# Ids in responses: of EC2 and Cloud Map, of certificates and of event source mappings.
ID = re.compile(r"(?<![\w-])(?:[a-z]+-[0-9a-z]{8,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])")
# Services whose requests identify their operation only by method and path.
REST_MODELS = {"lambda": ["lambda"], "route53": ["route53"], "apigateway": ["apigateway", "apigatewayv2"], "s3": ["s3"]}


@dataclass(frozen=True)
class Call:
    """A request as it arrived."""

    service: str
    operation: str
    params: dict
    agent: str
    region: str
    status: list = field(default_factory=list, compare=False)
    body: list = field(default_factory=list, compare=False)

    @property
    def is_terraform(self):
        return "Terraform" in self.agent

    @property
    def failed(self):
        return not self.status or self.status[0] >= 400

    @property
    def name(self):
        return f"{self.service}:{self.operation}"

    def record(self):
        """What is known of the call, with the ids in its response: so that others find out what has an id."""
        found = re.findall(ID, b"".join(self.body).decode(errors="replace"))
        return {
            "service": self.service,
            "operation": self.operation,
            "params": self.params,
            "region": self.region,
            "failed": self.failed,
            "ids": list(dict.fromkeys(found)),
        }

    def has(self, *prefixes):
        """Whether a parameter with such a name exists, nested or flat."""
        return any(self.params.get(each) for each in prefixes) or any(
            name.startswith(f"{each}.") for name in self.params for each in prefixes
        )


class Recorder:
    """Records all requests in front of moto."""

    def __init__(self, application):
        self.application = application
        self.calls = []
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        call = call_of(environ, body)
        if call:
            with self.lock:
                self.calls.append(call)

        def start(status, headers, *rest):
            if call:
                call.status.append(int(status.split()[0]))
            return start_response(status, headers, *rest)

        try:
            body = self.application(environ, start)
            if call and call.is_terraform:
                body = list(body)
                call.body.extend(body)
            return body
        except Exception:
            # The connection would just close, for which the provider waits many minutes.
            traceback.print_exc()
            start("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]


def call_of(environ, body):
    scope = re.search(r"Credential=[^/]*/\d+/([^/]*)/([^/]*)/", environ.get("HTTP_AUTHORIZATION", ""))
    if not scope:
        return None
    region, signed = scope.groups()
    service = SERVICES.get(signed, signed)
    target = environ.get("HTTP_X_AMZ_TARGET")
    path = environ["PATH_INFO"]
    cbor = re.fullmatch(r"/service/[^/]+/operation/([^/]+)", path)
    if target:
        operation, params = target.rsplit(".", 1)[1], json.loads(body or b"{}")
    elif cbor:
        raise RuntimeError(f"{service}:{cbor.group(1)} came as CBOR, which is not supported here")
    elif service in REST_MODELS:
        operation, params = rest_operation(service, environ, body)
    else:
        params = dict(parse_qsl(body.decode(), keep_blank_values=True))
        operation = params.pop("Action", "Unknown")
    return Call(service, operation, params, environ.get("HTTP_USER_AGENT", ""), region)


@functools.lru_cache
def rest_operations(service):
    """Each operation with its method, an expression for its path, and the keys that its query needs."""
    session = botocore.session.get_session()
    found = []
    for name in REST_MODELS[service]:
        model = session.get_service_model(name)
        for operation in model.operation_names:
            http = model.operation_model(operation).http
            path, _, query = http["requestUri"].partition("?")
            expression = "".join(
                f"(?P<{part[1:-1].rstrip('+').replace('-', '_')}>{'.+' if part.endswith('+}') else '[^/]+'})"
                if part.startswith("{")
                else re.escape(part)
                for part in re.split(r"(\{[^}]*\})", path.rstrip("/"))
            )
            literal = len(re.sub(r"\{[^}]*\}", "", path))
            needed = tuple(parse_qs(query, keep_blank_values=True))
            found.append((http["method"], re.compile(expression + "/?"), needed, literal, operation))
    # If several operations match a request, the one with the longest literal path wins.
    return sorted(found, key=lambda each: (-len(each[2]), -each[3]))


def rest_operation(service, environ, body):
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    for method, expression, needed, _, operation in rest_operations(service):
        match = expression.fullmatch(environ["PATH_INFO"])
        if method == environ["REQUEST_METHOD"] and match and all(each in query for each in needed):
            params = {**query, **match.groupdict()}
            if body.startswith(b"{"):
                params |= json.loads(body)
            return operation, params
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", query


class QuietHandler(WSGIRequestHandler):
    """Logs nothing: requests are recorded already."""

    def log_request(self, *_):
        pass


class Emulator:
    """The server, within a `with` block. A process can have only one: moto keeps its state globally."""

    def __init__(self, region="us-east-1"):
        self.region = region
        self.recorder = Recorder(DomainDispatcherApplication(create_backend_app))

    def __enter__(self):
        self.server = make_server("127.0.0.1", 0, self.recorder, threaded=True, request_handler=QuietHandler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def environment(self):
        """Variables that make an AWS client use this server. The configuration needs no change.

        Two attempts for an error are enough: otherwise the provider retries a failure for ten minutes.
        """
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "2",
        }

    def client(self, service):
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"max_attempts": 1}, proxies={}),
        )

    def put_object(self, bucket, key, body):
        """Puts an object past the bucket's policy: that may demand TLS, which this server has not."""
        s3_backends[ACCOUNT][get_partition(self.region)].put_object(bucket, key, body)

    @property
    def calls(self):
        """Terraform's requests so far, in order."""
        with self.recorder.lock:
            return [call for call in self.recorder.calls if call.is_terraform]

    @property
    def gaps(self):
        """The operations that failed with a server error, for any client."""
        with self.recorder.lock:
            return sorted({call.name for call in self.recorder.calls if call.status and call.status[0] >= 500})


def shim(owner, name):
    """Replaces a method with a function, and passes the original method to it."""

    def replace(function):
        original = getattr(owner, name, None)

        def method(self, *args, **kwargs):
            return function(original, self, *args, **kwargs)

        setattr(owner, name, method)
        return function

    return replace


# Application Auto Scaling: moto does not support the tags of a target. They are set when it is registered, and
# the provider reads them with each refresh.

target_tags = {}


@shim(ApplicationAutoScalingResponse, "register_scalable_target")
def register_scalable_target(original, self):
    response = original(self)
    tags = self._get_param("Tags")
    if tags:
        target_tags[json.loads(response)["ScalableTargetARN"]] = tags
    return response


@shim(ApplicationAutoScalingResponse, "list_tags_for_resource")
def list_tags_for_resource(_, self):
    return json.dumps({"Tags": target_tags.get(self._get_param("ResourceARN"), {})})


@shim(ApplicationAutoScalingResponse, "tag_resource")
def tag_resource(_, self):
    target_tags.setdefault(self._get_param("ResourceARN"), {}).update(self._get_param("Tags"))
    return "{}"


@shim(ApplicationAutoScalingResponse, "untag_resource")
def untag_resource(_, self):
    for key in self._get_param("TagKeys"):
        target_tags.get(self._get_param("ResourceARN"), {}).pop(key, None)
    return "{}"


# Lambda: a function has one configuration of its asynchronous invocations. moto keeps all earlier ones, and
# returns the oldest.


@shim(LambdaBackend, "put_function_event_invoke_config")
def put_function_event_invoke_config(original, self, function_name, config):
    self.get_function(function_name).event_invoke_config.clear()
    return original(self, function_name, config)


# Auto Scaling: moto does not support instance refresh. This one has succeeded as soon as it is described.


@shim(AutoScalingResponse, "start_instance_refresh")
def start_instance_refresh(_, self):
    return ActionResult({"InstanceRefreshId": "refresh"})


@shim(AutoScalingResponse, "describe_instance_refreshes")
def describe_instance_refreshes(_, self):
    refresh = {"InstanceRefreshId": "refresh", "Status": "Successful", "PercentageComplete": 100}
    return ActionResult({"InstanceRefreshes": [refresh]})


# A forced deletion of a group deletes its protected instances too; moto keeps them.


@shim(AutoScalingBackend, "delete_auto_scaling_group")
def delete_auto_scaling_group(original, self, group_name):
    group = self.autoscaling_groups[group_name]
    for state in group.instance_states:
        state.protected_from_scale_in = False
    return original(self, group_name)


# An instance's first network interface is deleted with it; moto keeps it if a template created it.


@shim(Instance, "terminate")
def terminate(original, self):
    for interface in self.nics.values():
        interface.delete_on_termination = True
    return original(self)


# NAT gateways: moto keeps the network interface of a deleted one.


@shim(EC2Backend, "delete_nat_gateway")
def delete_nat_gateway(original, self, nat_gateway_id):
    gateway = original(self, nat_gateway_id)
    self.delete_network_interface(gateway._eni.id)
    return gateway


# Security groups: AWS keeps one that a function uses. moto deletes it.


@shim(EC2Backend, "delete_security_group")
def delete_security_group(original, self, name=None, group_id=None):
    for function in lambda_backend(self.account_id, self.region_name).list_functions():
        if group_id in (function.vpc_config or {}).get("SecurityGroupIds", []):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
    return original(self, name, group_id)


# Lambda: moto does not store the log group of a function, nor the key of its environment.


@shim(LambdaFunction, "__init__")
def new_function(original, self, account_id, spec, region, version=1):
    original(self, account_id, spec, region, version)
    self.logging_config = spec.get("LoggingConfig")
    self.environment_key = spec.get("KMSKeyArn")


@shim(LambdaFunction, "update_configuration")
def update_configuration(original, self, config_updates):
    self.logging_config = config_updates.get("LoggingConfig", self.logging_config)
    self.environment_key = config_updates.get("KMSKeyArn", self.environment_key)
    return original(self, config_updates)


@shim(LambdaFunction, "get_configuration")
def get_configuration(original, self, on_create=False):
    configuration = original(self, on_create)
    if self.logging_config:
        configuration["LoggingConfig"] = self.logging_config
    if self.environment_key:
        configuration["KMSKeyArn"] = self.environment_key
    return configuration


# Launch templates: moto puts the tags of the template itself into its data; AWS does not.


@shim(LaunchTemplates, "create_launch_template")
def create_launch_template(original, self):
    response = original(self)
    template = self.ec2_backend.get_launch_template_by_name(self._get_param("LaunchTemplateName"))
    for version in template.versions:
        specifications = version.data.pop("TagSpecifications", [])
        own = [each for each in specifications if each["ResourceType"] != "launch-template"]
        if own:
            version.data["TagSpecifications"] = own
    return response


# moto keeps the user data of a template's later versions as it came, and does not accept that when it starts an instance.

LaunchTemplateVersion.user_data = property(
    lambda self: Base64EncodedString(str(self.data["UserData"])) if self.data.get("UserData") else None
)


# Security groups: moto reads a rule's description only from its address range, and a rule between two groups
# has none.


SecurityGroupRule.description = property(
    lambda self: self.ip_range.get("Description") or self.source_group.get("Description")
)


# AWS returns a template's current tags; moto returns the tags from its creation.

LaunchTemplate.tags = property(lambda self: self.get_tags(), lambda self, tags: None)


# ECS: moto drops most parameters of a new service, and never starts its tasks. Here a service keeps them, and
# has the desired number of tasks.

SERVICE_FIELDS = {
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
    "capacityProviderStrategy": "capacity_provider_strategy",
    "deploymentConfiguration": "deployment_configuration",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "enableExecuteCommand": "enable_execute_command",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    "loadBalancers": "load_balancers",
    "placementConstraints": "placement_constraints",
    "placementStrategy": "placement_strategy",
}


def keep_service_fields(original, self):
    response = original(self)
    service = response.result["service"]
    for name, attribute in SERVICE_FIELDS.items():
        value = self._get_param(name)
        if value is not None:
            setattr(service, attribute, value)
    # Without a network of its own a service has no such member, and an empty one stops the provider.
    service.network_configuration = service.network_configuration or None
    service.running_count, service.pending_count = service.desired_count, 0
    return response


shim(EC2ContainerServiceResponse, "create_service")(keep_service_fields)
shim(EC2ContainerServiceResponse, "update_service")(keep_service_fields)


# Without names of capacity providers, moto fails, and AWS returns all of them.


@shim(EC2ContainerServiceBackend, "describe_capacity_providers")
def describe_capacity_providers(original, self, names):
    return original(self, names or [provider.name for provider in self.capacity_providers.values()])


# SQS returns a redrive policy without whitespace; for the provider, anything else is a change. A queue with a KMS key is
# not encrypted with SQS's own key too; in moto it is.

queue_attributes = Queue.attributes.fget


def compact_attributes(self):
    attributes = queue_attributes(self)
    if attributes.get("RedrivePolicy"):
        policy = json.loads(attributes["RedrivePolicy"])
        attributes["RedrivePolicy"] = json.dumps(policy, separators=(",", ":"))
    if attributes.get("KmsMasterKeyId"):
        attributes["SqsManagedSseEnabled"] = "false"
    return attributes


Queue.attributes = property(compact_attributes)


# CloudWatch Logs: moto only checks whether the function exists. AWS tests whether the service of the region
# may invoke it for the group's streams, and rejects the filter otherwise.


@shim(LogsBackend, "put_subscription_filter")
def put_subscription_filter(original, self, log_group_name, filter_name, filter_pattern, destination_arn, role_arn):
    if ":lambda:" in destination_arn:
        check_permission(self.account_id, self.region_name, destination_arn, f"{self.groups[log_group_name].arn}:*")
    return original(self, log_group_name, filter_name, filter_pattern, destination_arn, role_arn)


def check_permission(account, region, function_arn, source):
    function = lambda_backend(account, region).get_function(function_arn)
    policy = Policy({"Version": "2012-10-17", "Statement": function.policy.statements})
    context = {"aws:SourceArn": source, "aws:SourceAccount": account}
    principals = (f"logs.{region}.amazonaws.com", "logs.amazonaws.com")
    if not any(policy.allows("lambda:InvokeFunction", function.function_arn, context, principal) for principal in principals):
        raise InvalidParameterException(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
            "permission to execute your function."
        )


# moto has no keys of log groups after their creation.


@shim(LogsResponse, "associate_kms_key")
def associate_kms_key(_, self):
    self.logs_backend._find_log_group(log_group_name=self._get_param("logGroupName")).kms_key_id = self._get_param("kmsKeyId")
    return "{}"


@shim(LogsResponse, "disassociate_kms_key")
def disassociate_kms_key(_, self):
    self.logs_backend._find_log_group(log_group_name=self._get_param("logGroupName")).kms_key_id = None
    return "{}"


# moto has no account policies. AWS has one subscription policy in a region: another name is refused, and the same name
# replaces it. AWS documents no name of the error for that; the limit's is the only one that the operation has.

account_policies = {}
MAX_SELECTION_CRITERIA = 25 * 1024
EXCLUDED = re.compile(r'LogGroupName NOT IN (\["[^"]+"(?:, "[^"]+")*\])')


@shim(LogsResponse, "put_account_policy")
def put_account_policy(_, self):
    backend = self.logs_backend
    policy = {name: self._get_param(name) for name in ("policyName", "policyType", "policyDocument", "selectionCriteria")}
    if policy["policyType"] != "SUBSCRIPTION_FILTER_POLICY":
        raise NotImplementedError(policy["policyType"])
    criteria = policy["selectionCriteria"]
    if criteria and (not EXCLUDED.fullmatch(criteria) or len(criteria.encode()) > MAX_SELECTION_CRITERIA):
        raise InvalidParameterException(f"The selection criteria are not as documented: {criteria}")
    place = backend.account_id, backend.region_name
    if account_policies.get(place, policy)["policyName"] != policy["policyName"]:
        raise LimitExceededException()
    any_group = f"arn:{get_partition(place[1])}:logs:{place[1]}:{place[0]}:log-group:any:*"
    check_permission(*place, json.loads(policy["policyDocument"])["DestinationArn"], any_group)
    account_policies[place] = {**policy, "scope": "ALL", "accountId": backend.account_id, "lastUpdatedTime": 0}
    return json.dumps({"accountPolicy": account_policies[place]})


@shim(LogsResponse, "describe_account_policies")
def describe_account_policies(_, self):
    found = account_policies.get((self.logs_backend.account_id, self.logs_backend.region_name))
    name = self._get_param("policyName")
    is_asked = found and found["policyType"] == self._get_param("policyType") and name in (None, found["policyName"])
    if name and not is_asked:
        raise ResourceNotFoundException("The specified policy does not exist.")
    return json.dumps({"accountPolicies": [found] if is_asked else []})


@shim(LogsResponse, "delete_account_policy")
def delete_account_policy(_, self):
    place = self.logs_backend.account_id, self.logs_backend.region_name
    if account_policies.get(place, {}).get("policyName") != self._get_param("policyName"):
        raise ResourceNotFoundException("The specified policy does not exist.")
    del account_policies[place]
    return "{}"


# The account's policy comes beside the filters of the group itself.


@shim(LogStream, "put_log_events")
def put_log_events(original, self, log_events):
    token = original(self, log_events)
    policy = account_policies.get((self.account_id, self.region))
    excluded = EXCLUDED.fullmatch((policy or {}).get("selectionCriteria") or "")
    if policy and self.log_group.name not in (json.loads(excluded[1]) if excluded else []):
        events = [{"id": each.event_id, "timestamp": each.timestamp, "message": each.message} for each in self.events[-len(log_events) :]]
        destination = json.loads(policy["policyDocument"])["DestinationArn"]
        self._send_log_events(service="lambda", destination_arn=destination, filter_name=policy["policyName"], log_events=events)
    return token


# The ids of log events are numbers in moto. In AWS they are strings of 56 digits.


@shim(LogStream, "_send_log_events")
def send_log_events(original, self, service, destination_arn, filter_name, log_events):
    events = [{**event, "id": f"{event['id']:056d}"} for event in log_events]
    return original(self, service, destination_arn, filter_name, events)


# Cloud Map: moto keeps a namespace's hosted zone; AWS deletes it with the namespace.


@shim(ServiceDiscoveryBackend, "delete_namespace")
def delete_namespace(original, self, namespace_id):
    properties = self.get_namespace(namespace_id).dns_properties
    response = original(self, namespace_id)
    route53 = route53_backends[self.account_id][get_partition(self.region_name)]
    route53.delete_hosted_zone(properties["HostedZoneId"])
    return response


# moto passes a queue's message to the function when it is sent. Lambda reads it from the queue later; here,
# the test that runs the function does this.


@shim(LambdaBackend, "send_sqs_batch")
def send_sqs_batch(*_):
    return False


# Here, Lambda runs nothing by itself. A test that handles events adds a handler to this list. The handler gets
# the deployed function, and the event as CloudWatch Logs would pass it. A caller of a synchronous invocation waits
# for what the one in the other list returns: whether the function failed, and its payload.

handlers = []
synchronous_handlers = []


@shim(LambdaFunction, "invoke")
def invoke(_, self, body, request_headers, response_headers):
    event = json.loads(body)
    if request_headers.get("X-Amz-Invocation-Type") == "RequestResponse" and synchronous_handlers:
        outcome = synchronous_handlers[-1](self, event)
        if outcome.is_error:
            response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps(outcome.payload).encode()
    for handler in handlers:
        handler(self, event)
    return b"{}"
