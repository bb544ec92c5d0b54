# Without a NAT gateway: one Node on one instance, in a public subnet. A task with a network interface of its own would
# have no public address, so the Node uses the network of its instance. ECS can't register the address of such a Node. So
# the address belongs to an interface that stays, and each instance of the group attaches it.

locals {
  single_attribute = "wallarm.single-instance"
}

resource "aws_network_interface" "node" {
  count = local.is_single_instance ? 1 : 0

  description     = "The Wallarm Native Node, whatever instance it runs on"
  subnet_id       = aws_subnet.public[local.zone_names[0]].id
  security_groups = [aws_security_group.node[0].id]

  tags = merge(local.tags, { Name = local.name })
}

resource "aws_eip" "node" {
  count = local.is_single_instance ? 1 : 0

  domain            = "vpc"
  network_interface = aws_network_interface.node[0].id

  tags = merge(local.tags, { Name = local.name })

  # An address in a VPC without its gateway can neither be used nor released.
  depends_on = [aws_internet_gateway.this]
}

# In this layout the Node's container reaches the instance's role: it may do what the agent needs, with this cluster, and
# nothing else. It reads no secret, no log and no image; the execution role does that.
data "aws_iam_policy_document" "agent" {
  count = local.is_single_instance ? 1 : 0

  statement {
    sid       = "Endpoint"
    actions   = ["ecs:DiscoverPollEndpoint"]
    resources = ["*"]
  }

  statement {
    sid = "Cluster"
    actions = [
      "ecs:DeregisterContainerInstance",
      "ecs:RegisterContainerInstance",
      "ecs:SubmitAttachmentStateChanges",
      "ecs:SubmitContainerStateChange",
      "ecs:SubmitTaskStateChange",
    ]
    resources = [local.cluster_arn]
  }

  statement {
    sid       = "Instance"
    actions   = ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"]
    resources = ["${local.arn_prefix}:ecs:${local.arn_region}:container-instance/${local.name}/*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [local.cluster_arn]
    }
  }
}

resource "aws_iam_role_policy" "agent" {
  count = local.create_role.instance && local.is_single_instance ? 1 : 0

  name   = "agent"
  role   = aws_iam_role.instance[0].id
  policy = data.aws_iam_policy_document.agent[0].json
}

resource "aws_autoscaling_group" "single" {
  count = local.is_single_instance ? 1 : 0

  # Another subnet is another group: only a group that is gone sets the interface free. So it is not deleted by force,
  # which would not wait for its instance.
  name = "${local.name}-single-${substr(sha1("${local.zone_names[0]} ${var.vpc_cidr}"), 0, 6)}"
  # The interface is in a subnet, and so the group has the zone of it and no subnet of its own.
  availability_zones = [local.zone_names[0]]
  min_size           = 1
  max_size           = 1

  launch_template {
    id      = aws_launch_template.node[0].id
    version = aws_launch_template.node[0].latest_version
  }

  # Only one instance at a time can have the interface: the old one ends before the new one starts.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 0
      max_healthy_percentage = 100
      skip_matching          = true
    }
  }

  # The provider's default tags do not reach the group. The template tags the instances of the group.
  dynamic "tag" {
    for_each = local.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  # An instance needs its role and its way to the internet from its first second until its last.
  depends_on = [
    aws_eip.node,
    aws_iam_role_policy.agent,
    aws_route.public_internet,
    aws_route_table_association.public,
    aws_vpc_security_group_egress_rule.node_to_cloud,
  ]
}

resource "aws_ecs_service" "single" {
  count = local.is_single_instance ? 1 : 0

  name            = "native-node-single"
  cluster         = aws_ecs_cluster.this[0].id
  task_definition = aws_ecs_task_definition.node[0].arn
  desired_count   = 1
  launch_type     = "EC2"

  # The old Node leaves its port before the new one takes it. The function repeats what has no response meanwhile.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  enable_execute_command  = var.enable_execute_command
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"

  # ECS rolls a version that does not work back by itself. It can't do that for a wrong token.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # While the layout changes, the cluster still has instances of the other one.
  placement_constraints {
    type       = "memberOf"
    expression = "attribute:${local.single_attribute} == true"
  }

  tags = local.tags

  # A task needs these to start, and until it has stopped.
  depends_on = [
    aws_autoscaling_group.single,
    aws_iam_role_policy.execution,
    aws_lb_target_group_attachment.node,
    aws_vpc_security_group_egress_rule.node_to_cloud,
    aws_vpc_security_group_ingress_rule.node_from_alb,
    aws_vpc_security_group_ingress_rule.node_from_lambda,
  ]
}
