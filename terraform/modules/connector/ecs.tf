locals {
  # The Node reads one file, at one path. Wallarm documents a bind mount of that single file, which hides
  # nothing else of the image.
  node_config_path = "/opt/wallarm/etc/wallarm/go-node.yaml"

  node_config = yamlencode({
    version = 4
    mode    = "connector-server"
    connector = {
      address = ":${local.node_port}"
      mesh = {
        discovery = "dns"
        name      = "${aws_service_discovery_service.node.name}.${aws_service_discovery_private_dns_namespace.this.name}"
        port      = local.mesh_port
      }
      external_health_check = {
        enabled  = true
        endpoint = local.health_path
      }
    }
    # The Node writes its standard error to a file in the container; only standard output leaves it.
    log = {
      pretty   = false
      level    = var.node_log_level
      log_file = "stdout"
      access_log = {
        enabled  = var.node_access_log
        verbose  = false
        log_file = "stdout"
      }
    }
  })

  # Each content has its own path, so a task never finds the file of another revision.
  node_config_dir = "/var/lib/wallarm/${sha1(local.node_config)}"

  node_log_options = {
    "awslogs-group"         = aws_cloudwatch_log_group.node.name
    "awslogs-region"        = local.region
    "awslogs-stream-prefix" = "node"
    # A Node never waits for its log.
    "mode"            = "non-blocking"
    "max-buffer-size" = "4m"
  }

  node_max_replicas = max(var.node_replicas, var.node_max_replicas)

  # Account, region and name of each image that is in ECR: only a pull of those needs permissions.
  ecr_images = flatten([
    for image in [var.node_image, var.config_image] : [
      for part in regexall("^([0-9]{12})\\.dkr[.-]ecr(?:-fips)?\\.([a-z0-9-]+)\\.[a-z.]+/([^:@]+)", image) :
      "${local.arn_prefix}:ecr:${part[1]}:${part[0]}:repository/${part[2]}"
    ]
  ])
}

################################################################################
# Roles
################################################################################

data "aws_iam_policy_document" "assume_ec2" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "instance" {
  count = local.create_role.instance ? 1 : 0

  name                 = "${local.name}-instance"
  description          = "Instances that the Wallarm Native Node runs on"
  assume_role_policy   = data.aws_iam_policy_document.assume_ec2.json
  path                 = var.iam_role_path
  permissions_boundary = local.permissions_boundary

  tags = local.tags
}

# AWS maintains this policy with what the ECS agent needs.
resource "aws_iam_role_policy_attachment" "instance" {
  count = local.create_role.instance ? 1 : 0

  role       = aws_iam_role.instance[0].name
  policy_arn = local.instance_policy_arn
}

resource "aws_iam_instance_profile" "instance" {
  count = local.create_role.instance ? 1 : 0

  name = "${local.name}-instance"
  role = aws_iam_role.instance[0].name
  path = var.iam_role_path

  tags = local.tags
}

data "aws_iam_policy_document" "assume_tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# ECS starts the task with this role. The Node itself has no role, since it does not call AWS.
resource "aws_iam_role" "execution" {
  count = local.create_role.execution ? 1 : 0

  name                 = "${local.name}-execution"
  description          = "Start of the Wallarm Native Node: its token, its log, its image"
  assume_role_policy   = data.aws_iam_policy_document.assume_tasks.json
  path                 = var.iam_role_path
  permissions_boundary = local.permissions_boundary

  tags = local.tags
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn_prefix}${local.node_group}:*"]
  }

  statement {
    sid       = "Token"
    actions   = [local.is_secret ? "secretsmanager:GetSecretValue" : "ssm:GetParameters"]
    resources = [local.token_resource]
  }

  dynamic "statement" {
    for_each = var.wallarm_api_token_kms_key_arn != "" ? [var.wallarm_api_token_kms_key_arn] : []

    content {
      sid       = "TokenKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = local.create_token && local.keys.token != null ? [local.keys.token] : []

    content {
      sid       = "OwnTokenKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.via_service["ssm"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(local.ecr_images) > 0 ? [local.ecr_images] : []

    content {
      sid       = "RegistryPull"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(local.ecr_images) > 0 ? ["*"] : []

    content {
      sid       = "RegistryLogin"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  count = local.create_role.execution ? 1 : 0

  name   = "execution"
  role   = aws_iam_role.execution[0].id
  policy = data.aws_iam_policy_document.execution.json
}

################################################################################
# Instances
################################################################################

resource "aws_ecs_cluster" "this" {
  name = local.name

  tags = local.tags
}

data "aws_ssm_parameter" "ecs_ami" {
  name = var.ecs_ami_ssm_parameter
}

resource "aws_launch_template" "node" {
  name        = local.name
  description = "Instances that the Wallarm Native Node runs on"

  # The value is public; the plain attribute would hide it in every plan.
  image_id               = data.aws_ssm_parameter.ecs_ami.insecure_value
  instance_type          = var.instance_type
  vpc_security_group_ids = [aws_security_group.instance.id]
  update_default_version = true

  # The cluster's name also makes the instances go before the cluster does.
  user_data = base64encode(<<-EOT
    #!/bin/bash
    cat >> /etc/ecs/ecs.config <<'CONFIG'
    ECS_CLUSTER=${aws_ecs_cluster.this.name}
    ECS_AWSVPC_BLOCK_IMDS=true
    ECS_RESERVED_MEMORY=256
    CONFIG
  EOT
  )

  iam_instance_profile {
    arn = local.instance_profile_arn
  }

  # One hop: nothing in a container can reach the instance's credentials.
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
  name                = local.name
  vpc_zone_identifier = local.private_subnet_ids
  min_size            = 1
  # A deployment starts new replicas beside the old ones.
  max_size = 2 * local.node_max_replicas
  # ECS removes this protection when an instance has no task left.
  protect_from_scale_in = true
  # The service no longer exists when the group is destroyed; there is nothing to wait for.
  force_delete = true

  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
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
  name = local.name

  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.node.arn
    managed_termination_protection = "ENABLED"
    managed_draining               = "ENABLED"

    managed_scaling {
      status          = "ENABLED"
      target_capacity = 100
    }
  }

  tags = local.tags
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = [aws_ecs_capacity_provider.node.name]

  default_capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.node.name
    weight            = 1
  }
}

################################################################################
# Task and service
################################################################################

resource "aws_ecs_task_definition" "node" {
  family                   = local.name
  network_mode             = "awsvpc"
  requires_compatibilities = ["EC2"]
  execution_role_arn       = local.execution_role_arn

  # The configuration is part of the task definition: the first container writes the file onto the instance,
  # and the Node starts when this has succeeded. If the instance's user data wrote it instead, a changed
  # configuration would need new instances before any task could start with it. A task that started too early
  # would find an empty directory in place of the file.
  volume {
    name      = "config-dir"
    host_path = local.node_config_dir
  }

  volume {
    name      = "config-file"
    host_path = "${local.node_config_dir}/go-node.yaml"
  }

  container_definitions = jsonencode([
    {
      name                   = "config"
      image                  = var.config_image
      essential              = false
      cpu                    = 0
      memory                 = 64
      readonlyRootFilesystem = true
      # Another task may start on the instance at the same time: it sees the whole file, or no file.
      command     = ["sh", "-c", "file=$(mktemp /config/XXXXXX) && printf '%s' \"$GO_NODE_YAML\" >\"$file\" && chmod 0644 \"$file\" && mv \"$file\" /config/go-node.yaml"]
      environment = [{ name = "GO_NODE_YAML", value = local.node_config }]
      mountPoints = [{ sourceVolume = "config-dir", containerPath = "/config", readOnly = false }]
      logConfiguration = {
        logDriver = "awslogs"
        options   = merge(local.node_log_options, { "awslogs-stream-prefix" = "config" })
      }
    },
    {
      name         = "node"
      image        = "${var.node_image}:${var.node_tag}"
      essential    = true
      cpu          = var.node_cpu
      memory       = var.node_memory
      dependsOn    = [{ containerName = "config", condition = "SUCCESS" }]
      portMappings = [for port in [local.node_port, local.mesh_port] : { containerPort = port, hostPort = port, protocol = "tcp" }]
      environment = [
        { name = "WALLARM_API_HOST", value = var.wallarm_api_host },
        { name = "WALLARM_LABELS", value = "group=${var.node_group}" },
      ]
      secrets     = [{ name = "WALLARM_API_TOKEN", valueFrom = local.token_arn }]
      mountPoints = [{ sourceVolume = "config-file", containerPath = local.node_config_path, readOnly = false }]
      # A token is read when a task starts. This label has its version, so a changed token starts new tasks.
      dockerLabels = { "wallarm.token-version" = local.create_token ? tostring(aws_ssm_parameter.token[0].version) : "external" }
      logConfiguration = {
        logDriver = "awslogs"
        options   = local.node_log_options
      }
    },
  ])

  tags = local.tags

  # The service leaves the old revision before that is deregistered. Otherwise an apply that fails halfway
  # would leave it with an inactive revision, and ECS updates no service to such a revision.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_ecs_service" "node" {
  name            = "native-node"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.node.arn
  desired_count   = var.node_replicas

  # A new replica is healthy before an old one stops.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  # It registers in Wallarm's Cloud before it responds.
  health_check_grace_period_seconds = 300

  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"

  # This is the EC2 launch type; ECS accepts the provider or the type, not both.
  capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.node.name
    weight            = 1
  }

  # ECS rolls a version that does not work back by itself. It can't do that for a wrong token: both revisions
  # read it from the same place, and it must be fixed there.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  ordered_placement_strategy {
    type  = "spread"
    field = "attribute:ecs.availability-zone"
  }

  ordered_placement_strategy {
    type  = "spread"
    field = "instanceId"
  }

  network_configuration {
    subnets         = local.private_subnet_ids
    security_groups = [aws_security_group.node.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.node.arn
    container_name   = "node"
    container_port   = local.node_port
  }

  service_registries {
    registry_arn = aws_service_discovery_service.node.arn
  }

  tags = local.tags

  # Autoscaling decides how many replicas there are.
  lifecycle {
    ignore_changes = [desired_count]
  }

  # A task needs these to start, and until it has stopped.
  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.execution,
    aws_lb_listener.node,
    aws_vpc_security_group_egress_rule.alb_to_node,
    aws_vpc_security_group_egress_rule.node_mesh,
    aws_vpc_security_group_egress_rule.node_to_cloud,
    aws_vpc_security_group_ingress_rule.node_from_alb,
    aws_vpc_security_group_ingress_rule.node_mesh,
  ]
}

resource "aws_appautoscaling_target" "node" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.node.name}"
  min_capacity       = var.node_replicas
  max_capacity       = local.node_max_replicas

  tags = local.tags
}

resource "aws_appautoscaling_policy" "node_cpu" {
  name               = "${local.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.node.service_namespace
  scalable_dimension = aws_appautoscaling_target.node.scalable_dimension
  resource_id        = aws_appautoscaling_target.node.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
