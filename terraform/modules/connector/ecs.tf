locals {
  # Without a load balancer, the Node itself has the certificate of its name.
  node_has_tls = local.has_domain && !local.has_load_balancer
  node_tls = {
    tls_cert = "/opt/wallarm/etc/tls/tls.crt"
    tls_key  = "/opt/wallarm/etc/tls/tls.key"
  }

  # What the first container writes: from the text in this variable, which may come from a member of the secret, this
  # file on the instance, which the Node has at this path.
  node_files = concat(
    [{ variable = "GO_NODE_YAML", member = "", name = "go-node.yaml", volume = "config-file", path = local.node_config_path }],
    [for file in [
      { variable = "NODE_TLS_CERT", member = "certificate", name = "tls.crt", volume = "tls-cert", path = local.node_tls.tls_cert },
      { variable = "NODE_TLS_KEY", member = "key", name = "tls.key", volume = "tls-key", path = local.node_tls.tls_key },
    ] : file if local.node_has_tls],
  )
  node_file_secrets = [for file in local.node_files : { name = file.variable, valueFrom = "${var.node_tls_secret_arn}:${file.member}::" } if file.member != ""]

  service_name = one(concat(aws_ecs_service.node[*].name, aws_ecs_service.single[*].name))

  node_log_options = {
    "awslogs-group"         = one(aws_cloudwatch_log_group.node[*].name)
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

# AWS maintains this policy with what the ECS agent needs. Tasks with a network interface of their own can't reach it.
resource "aws_iam_role_policy_attachment" "instance" {
  count = local.create_role.instance && local.has_nat_gateway ? 1 : 0

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

# ECS starts the task with this role. The Node itself has none unless ECS Exec is enabled, since it does not call AWS.
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
  count = local.own_node ? 1 : 0

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
    for_each = local.node_has_tls ? [var.node_tls_secret_arn] : []

    content {
      sid       = "Certificate"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
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
    for_each = var.node_registry_secret_arn != "" ? [var.node_registry_secret_arn] : []

    content {
      sid       = "RegistryCredentials"
      actions   = ["secretsmanager:GetSecretValue"]
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
  policy = data.aws_iam_policy_document.execution[0].json
}

################################################################################
# Cluster, task and service
################################################################################

resource "aws_ecs_cluster" "this" {
  count = local.own_node ? 1 : 0

  name = local.name

  tags = local.tags
}

resource "aws_ecs_task_definition" "node" {
  count = local.own_node ? 1 : 0

  family                   = local.name
  network_mode             = local.is_single_instance ? "host" : "awsvpc"
  requires_compatibilities = ["EC2"]
  execution_role_arn       = local.execution_role_arn
  task_role_arn            = local.needs_role.task ? local.task_role_arn : null

  # The configuration is part of the task definition: the first container writes the file onto the instance,
  # and the Node starts when this has succeeded. If the instance's user data wrote it instead, a changed
  # configuration would need new instances before any task could start with it. A task that started too early
  # would find an empty directory in place of the file.
  volume {
    name      = "config-dir"
    host_path = local.node_config_dir
  }

  dynamic "volume" {
    for_each = local.node_files

    content {
      name      = volume.value.volume
      host_path = "${local.node_config_dir}/${volume.value.name}"
    }
  }

  container_definitions = jsonencode(concat([
    merge({ for name, value in { secrets = local.node_file_secrets } : name => value if length(value) > 0 }, {
      name                   = "config"
      image                  = var.config_image
      essential              = false
      cpu                    = 0
      memory                 = 64
      readonlyRootFilesystem = true
      # Another task may start on the instance at the same time: it sees the whole file, or no file.
      command     = ["sh", "-c", join(" && ", [for file in local.node_files : format("file=$(mktemp /config/XXXXXX) && printf '%%s' \"$%s\" >\"$file\" && chmod 0644 \"$file\" && mv \"$file\" /config/%s", file.variable, file.name)])]
      environment = [{ name = "GO_NODE_YAML", value = local.node_config }]
      mountPoints = [{ sourceVolume = "config-dir", containerPath = "/config", readOnly = false }]
      logConfiguration = {
        logDriver = "awslogs"
        options   = merge(local.node_log_options, { "awslogs-stream-prefix" = "config" })
      }
    }),
    {
      name         = "node"
      image        = "${var.node_image}:${var.node_tag}"
      essential    = true
      cpu          = var.node_cpu
      memory       = var.node_memory
      dependsOn    = [{ containerName = "config", condition = "SUCCESS" }]
      portMappings = [for port in concat([local.node_port], local.has_nat_gateway ? [local.mesh_port] : []) : { containerPort = port, hostPort = port, protocol = "tcp" }]
      environment  = local.node_environment
      secrets      = [{ name = "WALLARM_API_TOKEN", valueFrom = local.token_arn }]
      mountPoints  = [for file in local.node_files : { sourceVolume = file.volume, containerPath = file.path, readOnly = false }]
      # A token is read when a task starts. This label has its version, so a changed token starts new tasks.
      dockerLabels = { "wallarm.token-version" = local.create_token ? tostring(aws_ssm_parameter.token[0].version) : "external" }
      # Only a private registry other than ECR needs them.
      repositoryCredentials = var.node_registry_secret_arn != "" ? { credentialsParameter = var.node_registry_secret_arn } : null
      # As long as Wallarm's chart gives the Node to stop.
      stopTimeout = 90
      logConfiguration = {
        logDriver = "awslogs"
        options   = local.node_log_options
      }
    },
  ], local.node_metrics_containers))

  tags = local.tags

  # The service leaves the old revision before that is deregistered. Otherwise an apply that fails halfway
  # would leave it with an inactive revision, and ECS updates no service to such a revision.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_ecs_service" "node" {
  count = local.has_nat_gateway ? 1 : 0

  # ECS refuses a grace period in the request that takes the load balancer away. Another name makes it another service.
  name            = local.has_load_balancer ? "native-node" : "native-node-direct"
  cluster         = aws_ecs_cluster.this[0].id
  task_definition = aws_ecs_task_definition.node[0].arn
  desired_count   = var.node_replicas

  # A new replica is healthy before an old one stops.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  # It registers in Wallarm's Cloud before it responds.
  health_check_grace_period_seconds = local.has_load_balancer ? 300 : null

  enable_execute_command  = var.enable_execute_command
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"

  # This is the EC2 launch type; ECS accepts the provider or the type, not both.
  capacity_provider_strategy {
    capacity_provider = aws_ecs_capacity_provider.node[0].name
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
    security_groups = [aws_security_group.node[0].id]
  }

  dynamic "load_balancer" {
    for_each = aws_lb_target_group.node

    content {
      target_group_arn = load_balancer.value.arn
      container_name   = "node"
      container_port   = local.node_port
    }
  }

  service_registries {
    registry_arn = aws_service_discovery_service.node[0].arn
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
    aws_vpc_security_group_ingress_rule.node_from_lambda,
    aws_vpc_security_group_ingress_rule.node_mesh,
  ]
}

resource "aws_appautoscaling_target" "node" {
  count = local.has_nat_gateway ? 1 : 0

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this[0].name}/${aws_ecs_service.node[0].name}"
  min_capacity       = var.node_replicas
  max_capacity       = local.node_max_replicas

  tags = local.tags
}

resource "aws_appautoscaling_policy" "node_cpu" {
  count = local.has_nat_gateway ? 1 : 0

  name               = "${local.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.node[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.node[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.node[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
