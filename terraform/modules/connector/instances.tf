# The instances that the Node runs on, and how they come and go. With a NAT gateway, ECS decides how many there are.

locals {
  # Spot instances may be of several types: the more there are, the less often none is left.
  is_spot        = length(var.spot_instance_types) > 0
  instance_types = local.own_node ? toset(local.is_spot ? var.spot_instance_types : [var.instance_type]) : []
  agent_settings = {
    # The cluster's name also makes the instances go before the cluster does.
    ECS_CLUSTER                       = one(aws_ecs_cluster.this[*].name)
    ECS_AWSVPC_BLOCK_IMDS             = "true"
    ECS_RESERVED_MEMORY               = "256"
    ECS_ENABLE_SPOT_INSTANCE_DRAINING = local.is_spot ? "true" : ""
    ECS_INSTANCE_ATTRIBUTES           = local.is_single_instance ? jsonencode({ (local.single_attribute) = "true" }) : ""
  }

  is_burstable = alltrue([for type in data.aws_ec2_instance_type.node : type.burstable_performance_supported])
}

# An unknown type is refused here, at plan; the input checks look at what is found.
data "aws_ec2_instance_type" "node" {
  for_each = local.instance_types

  instance_type = each.value
}

data "aws_ssm_parameter" "ecs_ami" {
  count = local.own_node ? 1 : 0

  name = var.ecs_ami_ssm_parameter
}

resource "aws_launch_template" "node" {
  count = local.own_node ? 1 : 0

  name        = local.name
  description = "Instances that the Wallarm Native Node runs on"

  # The value is public; the plain attribute would hide it in every plan.
  image_id = data.aws_ssm_parameter.ecs_ami[0].insecure_value
  # A group of Spot instances has types of its own in place of this one, which must fit the image all the same.
  instance_type          = local.is_spot ? var.spot_instance_types[0] : var.instance_type
  vpc_security_group_ids = local.is_single_instance ? null : [aws_security_group.instance[0].id]
  update_default_version = true

  user_data = base64encode(<<-EOT
    #!/bin/bash
    cat >> /etc/ecs/ecs.config <<'CONFIG'
    ${join("\n", [for name, value in local.agent_settings : "${name}=${value}" if value != ""])}
    CONFIG
  EOT
  )

  iam_instance_profile {
    arn = local.instance_profile_arn
  }

  # A burst of surplus credits costs by the hour and the processor; without it, the Node is held to the baseline.
  dynamic "credit_specification" {
    for_each = local.is_burstable ? [var.instance_cpu_credits] : []

    content {
      cpu_credits = credit_specification.value
    }
  }

  # The interface, and with it the address, stays when the instance is replaced.
  dynamic "network_interfaces" {
    for_each = aws_network_interface.node

    content {
      device_index          = 0
      network_interface_id  = network_interfaces.value.id
      delete_on_termination = false
    }
  }

  # One hop: nothing in a container with a network of its own can reach the instance's credentials.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = 30
      encrypted             = true
      delete_on_termination = true
    }
  }

  # The provider's default tags do not reach what the group starts.
  tag_specifications {
    resource_type = "instance"
    tags          = merge(local.tags, { Name = local.name })
  }

  tag_specifications {
    resource_type = "volume"
    tags          = merge(local.tags, { Name = local.name })
  }

  tags = local.tags
}

resource "aws_autoscaling_group" "node" {
  count = local.has_nat_gateway ? 1 : 0

  name                = local.name
  vpc_zone_identifier = local.private_subnet_ids
  min_size            = 1
  # A deployment starts new replicas beside the old ones.
  max_size = 2 * local.node_max_replicas
  # ECS removes this protection when an instance has no task left. It would hold an instance that AWS takes back.
  protect_from_scale_in = !local.is_spot
  # Where AWS is about to take an instance back, a new one starts first.
  capacity_rebalance = local.is_spot
  # The service no longer exists when the group is destroyed; there is nothing to wait for.
  force_delete = true

  dynamic "launch_template" {
    for_each = local.is_spot ? [] : aws_launch_template.node

    content {
      id      = launch_template.value.id
      version = launch_template.value.latest_version
    }
  }

  dynamic "mixed_instances_policy" {
    for_each = local.is_spot ? aws_launch_template.node : []

    content {
      instances_distribution {
        on_demand_percentage_above_base_capacity = 0
        spot_allocation_strategy                 = "price-capacity-optimized"
      }

      launch_template {
        launch_template_specification {
          launch_template_id = mixed_instances_policy.value.id
          version            = mixed_instances_policy.value.latest_version
        }

        dynamic "override" {
          for_each = var.spot_instance_types

          content {
            instance_type = override.value
          }
        }
      }
    }
  }

  # A new image or setting reaches the running instances: a new instance starts first, and ECS moves the tasks
  # to it before the old one stops.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage       = 100
      max_healthy_percentage       = 200
      scale_in_protected_instances = "Refresh"
      skip_matching                = true
    }
  }

  # ECS sets this tag; if it were not declared, each apply would remove it.
  tag {
    key                 = "AmazonECSManaged"
    value               = ""
    propagate_at_launch = true
  }

  # The provider's default tags do not reach the group either. The template tags the instances of the group.
  dynamic "tag" {
    for_each = local.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  # ECS decides how many instances there are.
  lifecycle {
    ignore_changes = [desired_capacity]
  }

  # An instance needs its role and its way to the internet from its first second until its last.
  depends_on = [
    aws_iam_role_policy_attachment.instance,
    aws_route.private_internet,
    aws_route_table_association.private,
    aws_vpc_security_group_egress_rule.instance_to_internet,
  ]
}

resource "aws_ecs_capacity_provider" "node" {
  count = local.has_nat_gateway ? 1 : 0

  name = local.name

  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.node[0].arn
    managed_termination_protection = local.is_spot ? "DISABLED" : "ENABLED"
    managed_draining               = "ENABLED"

    managed_scaling {
      status          = "ENABLED"
      target_capacity = 100
    }
  }

  tags = local.tags
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  count = local.has_nat_gateway ? 1 : 0

  cluster_name       = aws_ecs_cluster.this[0].name
  capacity_providers = [aws_ecs_capacity_provider.node[0].name]

  default_capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.node[0].name
    weight            = 1
  }
}

