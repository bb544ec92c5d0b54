"""Each check of what is deployed fails where that is spoilt: one small change for each of them.

Every change happens in a process of its own, on a copy of all that the emulator holds, so that the
stack itself stays as it is.
"""

import json
import os
import sys
import traceback

import deployed

SPOILS = {}


def spoil(check):
    def add(function):
        SPOILS[check] = function
        return function

    return add


def group_of(stack, part):
    return stack.security_groups()[part][0]


def change_task(stack, change):
    """Registers the task definition anew with a change, and lets the service use it."""
    ecs, task = stack.aws("ecs"), stack.task
    kept = ("family", "executionRoleArn", "networkMode", "requiresCompatibilities", "volumes", "containerDefinitions")
    definition = {key: task[key] for key in kept}
    change({each["name"]: each for each in definition["containerDefinitions"]})
    arn = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=stack.name, service=stack.service["serviceName"], taskDefinition=arn)


@spoil("security_groups_let_through_what_is_meant")
def function_reaches_the_node(stack):
    pair = {"GroupId": group_of(stack, "function")}
    permission = {"IpProtocol": "tcp", "FromPort": 5050, "ToPort": 5050, "UserIdGroupPairs": [pair]}
    stack.aws("ec2").authorize_security_group_ingress(GroupId=group_of(stack, "node"), IpPermissions=[permission])


@spoil("default_security_group_lets_nothing_through")
def default_group_lets_itself_in(stack):
    ec2 = stack.aws("ec2")
    filters = [{"Name": "vpc-id", "Values": [stack.load_balancer["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    pair = {"GroupId": group["GroupId"]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [pair]}])


@spoil("nothing_may_come_in_from_anywhere")
def load_balancer_is_open(stack):
    permission = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    stack.aws("ec2").authorize_security_group_ingress(GroupId=group_of(stack, "load balancer"), IpPermissions=[permission])


@spoil("parts_stand_in_private_subnets_of_two_zones")
def private_subnet_goes_public(stack):
    ec2 = stack.aws("ec2")
    subnet = stack.function["VpcConfig"]["SubnetIds"][0]
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["RouteTables"]
    (gateway,) = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [table["VpcId"]]}])["InternetGateways"]
    route = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.delete_route(**route)
    ec2.create_route(**route, GatewayId=gateway["InternetGatewayId"])


@spoil("nat_gateways_are_as_many_as_asked_for")
def one_nat_gateway_more(stack):
    ec2 = stack.aws("ec2")
    gateway = ec2.describe_nat_gateways()["NatGateways"][0]
    ec2.create_nat_gateway(SubnetId=gateway["SubnetId"], ConnectivityType="private")


@spoil("vpc_resolves_private_names")
def no_host_names(stack):
    stack.aws("ec2").modify_vpc_attribute(VpcId=stack.load_balancer["VpcId"], EnableDnsHostnames={"Value": False})


@spoil("s3_is_reached_without_nat")
def no_endpoint(stack):
    ec2 = stack.aws("ec2")
    ec2.delete_vpc_endpoints(VpcEndpointIds=[each["VpcEndpointId"] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]])


@spoil("load_balancer_is_internal_and_strict")
def invalid_headers_pass(stack):
    attribute = {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "false"}
    stack.aws("elbv2").modify_load_balancer_attributes(LoadBalancerArn=stack.load_balancer["LoadBalancerArn"], Attributes=[attribute])


@spoil("listener_speaks_the_scheme")
def listener_moves(stack):
    elb = stack.aws("elbv2")
    (listener,) = elb.describe_listeners(LoadBalancerArn=stack.load_balancer["LoadBalancerArn"])["Listeners"]
    elb.modify_listener(ListenerArn=listener["ListenerArn"], Port=8080)


@spoil("target_group_asks_the_node_for_its_health")
def health_is_asked_elsewhere(stack):
    elb = stack.aws("elbv2")
    (target,) = elb.describe_target_groups()["TargetGroups"]
    elb.modify_target_group(TargetGroupArn=target["TargetGroupArn"], HealthCheckPath="/")


@spoil("node_has_a_name_where_it_speaks_https")
def one_zone_more(stack):
    stack.aws("route53").create_hosted_zone(Name="example.org", CallerReference="spoil")


@spoil("service_runs_as_meant")
def no_rollback(stack):
    configuration = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    stack.aws("ecs").update_service(
        cluster=stack.name, service=stack.service["serviceName"], deploymentConfiguration=configuration
    )


@spoil("node_is_scaled_by_its_cpu")
def no_node_at_least(stack):
    stack.aws("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{stack.name}/{stack.service['serviceName']}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=0,
    )


@spoil("task_gets_its_token_as_a_secret")
def token_in_the_environment(stack):
    change_task(stack, lambda containers: containers["node"]["environment"].append({"name": "WALLARM_API_TOKEN", "value": "x"}))


@spoil("token_is_nowhere_in_clear")
def token_in_a_label(stack):
    token = stack.settings["wallarm_api_token"]
    change_task(stack, lambda containers: containers["node"].update(dockerLabels={"token": token}))


@spoil("node_reads_its_configuration_at_the_documented_path")
def directory_is_hidden(stack):
    path = "/opt/wallarm/etc/wallarm"
    change_task(stack, lambda containers: containers["node"]["mountPoints"][0].update(containerPath=path))


@spoil("node_configuration_says_what_the_rest_relies_on")
def mesh_on_another_port(stack):
    def change(containers):
        variable = containers["config"]["environment"][0]
        variable["value"] = variable["value"].replace("9093", "9094")

    change_task(stack, change)


@spoil("node_logs_into_its_group")
def lines_are_kept_forever(stack):
    group = stack.container("node")["logConfiguration"]["options"]["awslogs-group"]
    stack.aws("logs").delete_retention_policy(logGroupName=group)


@spoil("instances_guard_their_credentials")
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


@spoil("function_is_configured_as_meant")
def another_application(stack):
    variables = stack.function["Environment"]["Variables"] | {"X_WALLARM_APPLICATION_ID": "7"}
    stack.aws("lambda").update_function_configuration(FunctionName=stack.function_name, Environment={"Variables": variables})


def take_a_stray_stream(stack, **settings):
    """Has the function take a stream that it was not given."""
    stream = stack.aws("kinesis")
    stream.create_stream(StreamName="stray", ShardCount=1)
    arn = stream.describe_stream(StreamName="stray")["StreamDescription"]["StreamARN"]
    mapping = {"EventSourceArn": arn, "FunctionName": stack.function_name, "StartingPosition": "LATEST"}
    stack.aws("lambda").create_event_source_mapping(**mapping, **settings)


@spoil("stream_is_taken_where_there_is_one")
def stream_that_nobody_asked_for(stack):
    take_a_stray_stream(stack)


@spoil("stream_waits_for_a_record_within_bounds")
def record_is_waited_for_without_end(stack):
    kept = {"DestinationConfig": {"OnFailure": {"Destination": stack.queue_arn}}, "MaximumRecordAgeInSeconds": 21600}
    take_a_stray_stream(stack, **kept, BisectBatchOnFunctionError=True, MaximumRetryAttempts=-1)


@spoil("failed_events_are_kept")
def events_are_kept_for_an_hour(stack):
    stack.aws("sqs").set_queue_attributes(QueueUrl=stack.outputs["failure_queue_url"], Attributes={"MessageRetentionPeriod": "3600"})


@spoil("permission_lets_in_the_logs_of_this_account_alone")
def another_service_is_let_in(stack):
    stack.aws("lambda").add_permission(
        FunctionName=stack.function_name, StatementId="spoil", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )


@spoil("permission_comes_before_the_filter")
def filter_came_first(stack):
    calls = stack.emulator.recorder.calls
    calls.sort(key=lambda call: call.operation != "PutSubscriptionFilter")


@spoil("filters_hand_lines_to_the_function")
def filter_is_gone(stack):
    stack.aws("logs").delete_subscription_filter(logGroupName=stack.groups[-1], filterName=stack.function_name)


@spoil("outputs_name_what_is_deployed")
def output_names_another_group(stack):
    stack.outputs["node_log_group"] += "x"


@spoil("roles_are_for_their_services_alone")
def role_for_everybody(stack):
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stack.aws("iam").update_assume_role_policy(RoleName=stack.function["Role"].rsplit("/", 1)[1], PolicyDocument=document)


@spoil("roles_may_do_what_they_need_alone")
def role_sends_anywhere(stack):
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = stack.function["Role"].rsplit("/", 1)[1]
    stack.aws("iam").put_role_policy(RoleName=role, PolicyName="spoil", PolicyDocument=document)


@spoil("alarms_watch_what_is_there")
def alarm_watches_another_function(stack):
    stack.aws("cloudwatch").put_metric_alarm(
        AlarmName="spoil",
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


@spoil("dashboard_shows_what_is_there")
def dashboard_shows_less(stack):
    cloudwatch = stack.aws("cloudwatch")
    body = json.loads(cloudwatch.get_dashboard(DashboardName=stack.name)["DashboardBody"])
    body["widgets"] = body["widgets"][1:]
    cloudwatch.put_dashboard(DashboardName=stack.name, DashboardBody=json.dumps(body))


def is_found(stack, name):
    """Spoils the stack and tells whether the check finds it."""
    SPOILS[name](stack)
    return any(each.startswith(f"{name}:") for each in deployed.violations(stack, [name]))


def run(stack):
    names = [check.__name__ for check in deployed.CHECKS]
    assert sorted(names) == sorted(SPOILS), f"without a spoil, or without a check: {sorted(set(names) ^ set(SPOILS))}"
    blind = []
    for name in names:
        # Nothing is under way in this process now, so that a copy of it is whole but for its threads.
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
            blind.append(f"{name} ({'it does not see the change' if status == 1 else 'the change failed'})")
    assert not blind, f"checks that can't fail: {', '.join(blind)}"
