"""Each check of the deployed stack fails when its subject is mutated: one small change for each check.

Each mutation runs in its own process, on a copy of the emulator's whole state, so the stack itself does
not change.
"""

import json
import os
import sys
import traceback

import deployed
from emulator import ACCOUNT

MUTATIONS = {}


def mutation(check):
    def add(function):
        MUTATIONS[check] = function
        return function

    return add


def group_of(stack, part):
    return stack.security_groups()[part][0]


def change_task(stack, change):
    """Registers a new revision of the task definition with a change, and lets the service use it."""
    ecs, task = stack.aws("ecs"), stack.task
    kept = ("family", "executionRoleArn", "taskRoleArn", "networkMode", "requiresCompatibilities", "volumes", "containerDefinitions")
    definition = {key: task[key] for key in kept if key in task}
    change({each["name"]: each for each in definition["containerDefinitions"]})
    arn = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=stack.name, service=stack.service["serviceName"], taskDefinition=arn)


@mutation("security_groups_allow_exactly_the_intended_traffic")
def function_reaches_the_node(stack):
    pair = {"GroupId": group_of(stack, "function")}
    permission = {"IpProtocol": "tcp", "FromPort": 5050, "ToPort": 5050, "UserIdGroupPairs": [pair]}
    stack.aws("ec2").authorize_security_group_ingress(GroupId=group_of(stack, "node"), IpPermissions=[permission])


@mutation("default_security_group_allows_no_traffic")
def default_group_allows_itself(stack):
    ec2 = stack.aws("ec2")
    filters = [{"Name": "vpc-id", "Values": [stack.vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    pair = {"GroupId": group["GroupId"]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [pair]}])


@mutation("no_security_group_allows_ingress_from_addresses")
def load_balancer_is_open(stack):
    permission = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    stack.aws("ec2").authorize_security_group_ingress(GroupId=group_of(stack, "load balancer"), IpPermissions=[permission])


@mutation("parts_are_in_private_subnets_of_two_zones")
def private_subnet_goes_public(stack):
    ec2 = stack.aws("ec2")
    subnet = stack.function["VpcConfig"]["SubnetIds"][0]
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["RouteTables"]
    (gateway,) = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [table["VpcId"]]}])["InternetGateways"]
    route = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.delete_route(**route)
    ec2.create_route(**route, GatewayId=gateway["InternetGatewayId"])


@mutation("number_of_nat_gateways_is_as_configured")
def one_nat_gateway_more(stack):
    ec2 = stack.aws("ec2")
    gateway = ec2.describe_nat_gateways()["NatGateways"][0]
    ec2.create_nat_gateway(SubnetId=gateway["SubnetId"], ConnectivityType="private")


@mutation("single_node_has_a_fixed_address_of_its_own")
def second_instance(stack):
    stack.aws("autoscaling").update_auto_scaling_group(AutoScalingGroupName=stack.scaling_group["AutoScalingGroupName"], MaxSize=2)


@mutation("single_service_leaves_its_port_before_a_new_one_takes_it")
def both_at_once(stack):
    configuration = stack.service["deploymentConfiguration"] | {"minimumHealthyPercent": 100, "maximumPercent": 200}
    stack.aws("ecs").update_service(
        cluster=stack.name, service=stack.service["serviceName"], deploymentConfiguration=configuration
    )


@mutation("container_reaches_only_the_agents_permissions")
def managed_policy_for_the_instance(stack):
    stack.aws("iam").attach_role_policy(
        RoleName=deployed.instance_role(stack).rsplit("/", 1)[1],
        PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
    )


@mutation("vpc_resolves_private_names")
def no_host_names(stack):
    stack.aws("ec2").modify_vpc_attribute(VpcId=stack.vpc, EnableDnsHostnames={"Value": False})


@mutation("s3_is_reached_without_nat")
def no_endpoint(stack):
    ec2 = stack.aws("ec2")
    ec2.delete_vpc_endpoints(VpcEndpointIds=[each["VpcEndpointId"] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]])


@mutation("load_balancer_is_internal_and_strict")
def invalid_headers_pass(stack):
    attribute = {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "false"}
    stack.aws("elbv2").modify_load_balancer_attributes(LoadBalancerArn=stack.load_balancer["LoadBalancerArn"], Attributes=[attribute])


@mutation("listener_uses_the_scheme")
def listener_moves(stack):
    elb = stack.aws("elbv2")
    (listener,) = elb.describe_listeners(LoadBalancerArn=stack.load_balancer["LoadBalancerArn"])["Listeners"]
    elb.modify_listener(ListenerArn=listener["ListenerArn"], Port=8080)


@mutation("target_group_checks_the_health_of_the_node")
def health_check_has_another_path(stack):
    elb = stack.aws("elbv2")
    (target,) = elb.describe_target_groups()["TargetGroups"]
    elb.modify_target_group(TargetGroupArn=target["TargetGroupArn"], HealthCheckPath="/")


@mutation("node_has_a_name_if_it_uses_https")
def one_record_more(stack):
    """The Node's name leads somewhere else, or somewhere at all."""
    route53 = stack.aws("route53")
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="mutation")["HostedZone"]["Id"]
    record = {"Name": "node.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})


@mutation("service_is_configured_as_intended")
def no_rollback(stack):
    configuration = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    stack.aws("ecs").update_service(
        cluster=stack.name, service=stack.service["serviceName"], deploymentConfiguration=configuration
    )


@mutation("node_is_scaled_by_its_cpu")
def no_node_at_least(stack):
    stack.aws("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{stack.name}/{stack.service['serviceName']}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=0,
    )


@mutation("task_gets_its_token_as_a_secret")
def token_in_the_environment(stack):
    change_task(stack, lambda containers: containers["node"]["environment"].append({"name": "WALLARM_API_TOKEN", "value": "x"}))


@mutation("token_is_nowhere_in_clear_text")
def token_in_a_label(stack):
    token = stack.settings["wallarm_api_token"]
    change_task(stack, lambda containers: containers["node"].update(dockerLabels={"token": token}))


@mutation("node_reads_its_configuration_at_the_documented_path")
def directory_is_hidden(stack):
    path = "/opt/wallarm/etc/wallarm"
    change_task(stack, lambda containers: containers["node"]["mountPoints"][0].update(containerPath=path))


@mutation("node_configuration_matches_the_other_parts")
def mesh_on_another_port(stack):
    def change(containers):
        variable = containers["config"]["environment"][0]
        variable["value"] = variable["value"].replace("9093", "9094")

    change_task(stack, change)


@mutation("node_trusts_what_is_in_front_of_it")
def node_trusts_everybody(stack):
    def change(containers):
        variable = containers["config"]["environment"][0]
        variable["value"] = variable["value"].replace("10.0.16.0/20", "0.0.0.0/0")

    change_task(stack, change)


@mutation("metrics_are_read_without_rights")
def metrics_are_read_as_root(stack):
    change_task(stack, lambda containers: containers["metrics"].update(user="0:0"))


@mutation("node_logs_into_its_group")
def lines_are_kept_forever(stack):
    group = stack.container("node")["logConfiguration"]["options"]["awslogs-group"]
    stack.aws("logs").delete_retention_policy(logGroupName=group)


@mutation("instances_protect_their_credentials")
def old_metadata_service(stack):
    ec2 = stack.aws("ec2")
    (template,) = ec2.describe_launch_templates()["LaunchTemplates"]
    data = stack.launch_template
    data["MetadataOptions"] = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1}
    for specification in data["BlockDeviceMappings"]:
        specification["Ebs"] = {"VolumeType": "gp3", "VolumeSize": 30, "Encrypted": True}
    kept = ("ImageId", "InstanceType", "UserData", "SecurityGroupIds", "IamInstanceProfile", "MetadataOptions", "BlockDeviceMappings")
    ec2.create_launch_template_version(
        LaunchTemplateId=template["LaunchTemplateId"], LaunchTemplateData={key: data[key] for key in kept}
    )


@mutation("function_is_configured_as_intended")
def another_application(stack):
    variables = stack.function["Environment"]["Variables"] | {"X_WALLARM_APPLICATION_ID": "7"}
    stack.aws("lambda").update_function_configuration(FunctionName=stack.function_name, Environment={"Variables": variables})


def map_an_unrelated_stream(stack, **settings):
    """Maps a stream to the function that the settings do not name."""
    stream = stack.aws("kinesis")
    stream.create_stream(StreamName="unrelated", ShardCount=1)
    arn = stream.describe_stream(StreamName="unrelated")["StreamDescription"]["StreamARN"]
    mapping = {"EventSourceArn": arn, "FunctionName": stack.function_name, "StartingPosition": "LATEST"}
    stack.aws("lambda").create_event_source_mapping(**mapping, **settings)


@mutation("stream_is_mapped_if_one_is_configured")
def unrelated_stream_is_mapped(stack):
    map_an_unrelated_stream(stack)


@mutation("stream_retries_a_record_within_limits")
def record_is_retried_without_limit(stack):
    kept = {"DestinationConfig": {"OnFailure": {"Destination": stack.queue_arn}}, "MaximumRecordAgeInSeconds": 21600}
    map_an_unrelated_stream(stack, **kept, BisectBatchOnFunctionError=True, MaximumRetryAttempts=-1)


@mutation("access_log_stream_is_as_configured")
def stream_does_not_invoke_the_function(stack):
    """Where there is no stream, one that nobody has configured; where there is one, it no longer invokes the function."""
    firehose = stack.aws("firehose")
    names = firehose.list_delivery_streams()["DeliveryStreamNames"]
    bucket = {"RoleARN": stack.function["Role"], "BucketARN": "arn:aws:s3:::mutation"}
    if not names:
        return firehose.create_delivery_stream(DeliveryStreamName="amazon-apigateway-mutation", ExtendedS3DestinationConfiguration=bucket)
    stream = firehose.describe_delivery_stream(DeliveryStreamName=names[0])["DeliveryStreamDescription"]
    firehose.update_destination(
        DeliveryStreamName=names[0],
        CurrentDeliveryStreamVersionId=stream["VersionId"],
        DestinationId=stream["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={"ProcessingConfiguration": {"Enabled": False, "Processors": []}},
    )


@mutation("failed_events_are_kept")
def events_are_kept_for_an_hour(stack):
    stack.aws("sqs").set_queue_attributes(QueueUrl=stack.outputs["failure_queue_url"], Attributes={"MessageRetentionPeriod": "3600"})


@mutation("permission_allows_only_the_logs_of_this_account")
def another_service_is_allowed(stack):
    stack.aws("lambda").add_permission(
        FunctionName=stack.function_name, StatementId="mutation", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )


@mutation("permission_comes_before_the_filter")
def filter_came_first(stack):
    calls = stack.emulator.recorder.calls
    calls.sort(key=lambda call: call.operation != "PutSubscriptionFilter")


@mutation("filters_send_lines_to_the_function")
def filter_is_missing(stack):
    stack.aws("logs").delete_subscription_filter(logGroupName=stack.groups[-1], filterName=stack.function_name)


@mutation("metric_filters_are_for_compact_lines")
def metric_filter_is_missing(stack):
    stack.aws("logs").delete_metric_filter(logGroupName=f"/aws/lambda/{stack.function_name}", filterName="retries-zero")


@mutation("account_subscription_is_as_configured")
def account_subscription_is_another(stack):
    """Where there is none, one that nobody has configured; where there is one, it includes the function's own group."""
    logs = stack.aws("logs")
    found = logs.describe_account_policies(policyType="SUBSCRIPTION_FILTER_POLICY")["accountPolicies"]
    stack.aws("lambda").add_permission(
        FunctionName=stack.function_name,
        StatementId="mutation",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=stack.group_arn("*"),
        SourceAccount=ACCOUNT,
    )
    document = json.dumps({"DestinationArn": stack.function["FunctionArn"], "FilterPattern": ""})
    policy = found[0] if found else {"policyName": "mutation", "policyDocument": document}
    criteria = policy.get("selectionCriteria", 'LogGroupName NOT IN ["x"]').replace(f"/aws/lambda/{stack.function_name}", "x")
    logs.put_account_policy(
        policyName=policy["policyName"],
        policyType="SUBSCRIPTION_FILTER_POLICY",
        policyDocument=policy["policyDocument"],
        selectionCriteria=criteria,
    )


@mutation("outputs_name_what_is_deployed")
def output_names_another_group(stack):
    stack.outputs["function_log_group"] += "x"


@mutation("roles_trust_only_their_services")
def role_for_everybody(stack):
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stack.aws("iam").update_assume_role_policy(RoleName=stack.function["Role"].rsplit("/", 1)[1], PolicyDocument=document)


@mutation("roles_follow_the_companys_rules")
def role_has_another_boundary(stack):
    role = stack.function["Role"].rsplit("/", 1)[1]
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/mutation"
    stack.aws("iam").put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)


@mutation("data_is_encrypted_with_the_companys_keys")
def group_has_another_key(stack):
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/mutation"
    stack.aws("logs").associate_kms_key(logGroupName=f"/aws/lambda/{stack.function_name}", kmsKeyId=key)


@mutation("roles_allow_only_what_is_needed")
def role_sends_anywhere(stack):
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = stack.function["Role"].rsplit("/", 1)[1]
    stack.aws("iam").put_role_policy(RoleName=role, PolicyName="mutation", PolicyDocument=document)


@mutation("alarms_watch_existing_resources")
def alarm_watches_another_function(stack):
    stack.aws("cloudwatch").put_metric_alarm(
        AlarmName="mutation",
        AlarmDescription="x",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": "other"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )


@mutation("dashboard_shows_existing_resources")
def dashboard_shows_less(stack):
    cloudwatch = stack.aws("cloudwatch")
    body = json.loads(cloudwatch.get_dashboard(DashboardName=stack.name)["DashboardBody"])
    body["widgets"] = body["widgets"][1:]
    cloudwatch.put_dashboard(DashboardName=stack.name, DashboardBody=json.dumps(body))


def is_found(stack, name):
    """Mutates the stack, and returns whether the check finds the mutation."""
    MUTATIONS[name](stack)
    return any(each.startswith(f"{name}:") for each in deployed.violations(stack, [name]))


def run(stack, some=None):
    """Runs the mutations of all checks, or of some."""
    names = [check.__name__ for check in deployed.CHECKS]
    assert sorted(names) == sorted(MUTATIONS), f"without a mutation, or without a check: {sorted(set(names) ^ set(MUTATIONS))}"
    blind = []
    fitting = [check.__name__ for check in deployed.CHECKS if check.part in {None, *stack.parts}]
    for name in some or fitting:
        # Nothing is in progress in this process now, so a copy of it is complete except for its threads.
        child = os.fork()
        if child == 0:
            status = 2
            try:
                with stack.emulator:
                    status = 0 if is_found(stack, name) else 1
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            blind.append(f"{name} ({'it does not find the mutation' if status == 1 else 'the mutation failed'})")
    assert not blind, f"checks that do not fail: {', '.join(blind)}"
