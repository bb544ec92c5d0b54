# The Node's settings, without AWS.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  # With a secret of one's own, the plan knows the whole task.
  wallarm_api_token            = ""
  wallarm_api_token_secret_arn = "arn:aws:ssm:us-east-1:123456789012:parameter/wallarm/token"
  # Any file will do if nothing is deployed.
  bootstrap_zip = "versions.tf"
}

run "neighbours_stay" {
  command = plan

  variables {
    x_wallarm_application_id = 42
    node_allowed_hosts       = ["api.example.com"]
    node_log_level           = "warn"
    enable_node_metrics      = false
    # In each object a key that is new, or not as it is written without it.
    node_config = {
      connector = {
        blocking              = true
        url_normalize         = false
        allowed_networks      = ["10.0.0.0/8"]
        per_connection_limits = { max_requests = 300 }
        mesh                  = { later = 1 }
        external_health_check = { later = 2 }
      }
      route_config = {
        wallarm_mode = "off"
        routes       = [{ host = "a.example.com", wallarm_application = 1 }, { route = "/testing" }]
      }
      log            = { level = "debug", proton_log_mask = "info@*", access_log = { verbose = true } }
      input_filters  = { bypass = [{ path = ".*\\.(png|jpg)$" }, { ip_addresses = ["192.0.2.7"] }] }
      http_inspector = { workers = 2, wmcp_enabled = false }
      metrics        = { per_host_stats = false }
    }
  }

  assert {
    condition = yamldecode(local.node_config) == {
      version = 4
      mode    = "connector-server"
      connector = {
        address               = ":5050"
        blocking              = true
        allowed_hosts         = ["api.example.com"]
        url_normalize         = false
        allowed_networks      = ["10.0.0.0/8"]
        per_connection_limits = { max_requests = 300 }
        mesh                  = { discovery = "dns", name = "native-node.${local.name}.internal", port = 9093, later = 1 }
        external_health_check = { enabled = true, endpoint = "/wallarm-external-health", later = 2 }
      }
      proxy_headers = [{ trusted_networks = ["10.0.16.0/20", "10.0.32.0/20"], real_ip = ["X-Forwarded-For"] }]
      route_config = {
        wallarm_application = 42
        wallarm_mode        = "off"
        routes              = [{ host = "a.example.com", wallarm_application = 1 }, { route = "/testing" }]
      }
      log = {
        pretty          = false
        level           = "debug"
        log_file        = "stdout"
        proton_log_mask = "info@*"
        access_log      = { enabled = false, verbose = true, log_file = "stdout" }
      }
      input_filters  = { bypass = [{ path = ".*\\.(png|jpg)$" }, { ip_addresses = ["192.0.2.7"] }] }
      http_inspector = { workers = 2, wmcp_enabled = false }
      metrics        = { per_host_stats = false }
    }
    error_message = "What node_config sets is set, and everything beside it stays as it was."
  }
  assert {
    condition     = strcontains(local.node_config, "\"wallarm_mode\": \"off\"")
    error_message = "The mode off is text, which YAML would read as false without its quotation marks."
  }
  assert {
    condition = alltrue([
      [for container in jsondecode(aws_ecs_task_definition.node[0].container_definitions) : container.name] == ["config", "node"],
      length([for alarm in keys(local.alarms) : alarm if can(regex("^node-(rejects|metrics)", alarm))]) == 0,
      length(local.node_metric_widgets) == 0,
    ])
    error_message = "Without the metrics there is neither their container nor what shows them."
  }
}

run "node_settings" {
  command = plan

  variables {
    node_config = {
      proxy_headers = [{ trusted_networks = ["192.0.2.0/24"], real_ip = ["X-Client"] }]
      metrics       = { listen_address = "127.0.0.1:9100", namespace = "own_name" }
    }
    node_apid_only           = true
    node_environment         = { WALLARM_WSTORE__SERVICE__PROTOCOL = "tcp" }
    node_registry_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:docker-hub-AbCdEf"
    enable_execute_command   = true
    wallarm_api_host         = "me1.api.wallarm.com"
    node_replicas            = 8
  }

  assert {
    condition     = yamldecode(local.node_config).proxy_headers == [{ trusted_networks = ["192.0.2.0/24"], real_ip = ["X-Client"] }]
    error_message = "A list is replaced as a whole."
  }
  assert {
    condition = { for variable in jsondecode(aws_ecs_task_definition.node[0].container_definitions)[1].environment : variable.name => variable.value } == {
      WALLARM_API_HOST                  = "me1.api.wallarm.com"
      WALLARM_LABELS                    = "group=api-gateway-api-discovery"
      WALLARM_APID_ONLY                 = "true"
      WALLARM_WSTORE__SERVICE__PROTOCOL = "tcp"
    }
    error_message = "The Node has these variables."
  }
  assert {
    condition = alltrue([
      jsondecode(aws_ecs_task_definition.node[0].container_definitions)[1].repositoryCredentials == { credentialsParameter = var.node_registry_secret_arn },
      jsondecode(aws_ecs_task_definition.node[0].container_definitions)[1].stopTimeout == 90,
      aws_ecs_service.node[0].enable_execute_command,
      length(aws_iam_role.task) == 1,
    ])
    error_message = "The image has its credentials, the Node has time to stop, and ECS Exec has a role."
  }
  assert {
    condition = { for variable in jsondecode(aws_ecs_task_definition.node[0].container_definitions)[2].environment : variable.name => variable.value } == {
      NODE_METRICS_DEPLOYMENT = local.name
      NODE_METRICS_PREFIX     = "own_name"
      NODE_METRICS_URL        = "http://127.0.0.1:9100/metrics"
    }
    error_message = "The metrics are read where the Node has them."
  }
  assert {
    condition = alltrue([
      jsondecode(aws_ecs_task_definition.node[0].container_definitions)[2].command == ["sh", "-c", file("files/node-metrics.sh")],
      !jsondecode(aws_ecs_task_definition.node[0].container_definitions)[2].essential,
      jsondecode(aws_ecs_task_definition.node[0].container_definitions)[2].dependsOn == [{ containerName = "node", condition = "START" }],
    ])
    error_message = "The script runs beside the Node, and stops before it."
  }
  assert {
    condition = alltrue([
      local.alarms["node-rejects-messages"].dimensions == { deployment = local.name },
      local.alarms["node-rejects-messages"].missing == "notBreaching",
      local.alarms["node-metrics-missing"].dimensions == { deployment = local.name },
      local.alarms["node-metrics-missing"].missing == "breaching",
    ])
    error_message = "An alarm tells of a Node that does not take what is sent to it, and another one if nothing is known of that."
  }
}
