# The effect of the variables, without AWS: run `terraform init` and `terraform test`.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  wallarm_api_token = "token"
  # Any file will do if nothing is deployed.
  bootstrap_zip = "versions.tf"
}

run "default" {
  assert {
    condition     = aws_lambda_function.resend.function_name == "wallarm-cw-resend-api-gw-discovery-${substr(sha1("123456789012/us-east-1/api-gw-discovery"), 0, 6)}"
    error_message = "The suffix is the prefix and a hash of account, region and prefix."
  }
  assert {
    condition = alltrue([
      aws_cloudwatch_log_group.function.name == "/aws/lambda/${output.function_name}",
      output.function_name == "wallarm-cw-resend-${local.name}",
      aws_cloudwatch_log_group.api[0].name == "/aws/apigateway/wallarm-api-discovery-${local.name}",
      aws_cloudwatch_log_group.node[0].name == "/aws/ecs/native-node/${local.name}",
    ])
    error_message = "The log groups have the documented names."
  }
  assert {
    condition = aws_lambda_function.resend.environment[0].variables == tomap({
      X_WALLARM_APPLICATION_ID = "-1"
      X_NODE_URL               = "internal-mock.us-east-1.elb.amazonaws.com"
      X_NODE_SCHEME            = "http"
      X_REPORT_LINE            = "compact"
    })
    error_message = "The function uses its default for a setting that is not set."
  }
  assert {
    condition = alltrue([
      aws_lambda_function.resend.logging_config[0].log_format == "JSON",
      aws_lambda_function.resend.logging_config[0].system_log_level == "WARN",
      aws_lambda_function.resend.logging_config[0].application_log_level == "INFO",
    ])
    error_message = "Lambda prints only what went wrong, and drops nothing that the function prints."
  }
  assert {
    condition = { for key, each in aws_cloudwatch_log_metric_filter.report : key => each.pattern } == merge(
      { for name in ["recordsReceived", "recordsForwarded", "recordsRefused", "recordsSkipped", "recordsUndelivered", "retries", "nodeLatencyMs", "logGroupsMostlySkipped"] :
      name => "{ ($.${name} = *) && ($.functionName = *) && ($._aws NOT EXISTS) }" },
      { for name in ["recordsReceived", "recordsForwarded", "recordsRefused", "recordsSkipped", "recordsUndelivered", "retries"] :
      "${name}-zero" => "{ ($.${name} NOT EXISTS) && ($.functionName = *) && ($._aws NOT EXISTS) }" },
    )
    error_message = "A line has a value of each count, which is zero where it is not in the line; no other line and no line that makes metrics by itself has one."
  }
  assert {
    condition = alltrue([for key, each in aws_cloudwatch_log_metric_filter.report : alltrue([
      each.log_group_name == aws_cloudwatch_log_group.function.name,
      each.metric_transformation[0].namespace == "CwResend",
      each.metric_transformation[0].name == trimsuffix(key, "-zero"),
      each.metric_transformation[0].value == (endswith(key, "-zero") ? "0" : "$.${key}"),
      each.metric_transformation[0].unit == (key == "nodeLatencyMs" ? "Milliseconds" : "Count"),
      each.metric_transformation[0].default_value == null,
      each.metric_transformation[0].dimensions == tomap({ functionName = "$.functionName" }),
    ])])
    error_message = "The filters make the metrics of the dashboard and the alarms."
  }
  assert {
    condition = alltrue([
      aws_lambda_function.resend.runtime == "provided.al2023",
      aws_lambda_function.resend.architectures == tolist(["arm64"]),
      aws_lambda_function.resend.memory_size == 128,
      aws_lambda_function.resend.reserved_concurrent_executions == -1,
      length(aws_lambda_function.resend.vpc_config[0].subnet_ids) == 2,
    ])
    error_message = "The function is a small arm64 one in the private subnets."
  }
  assert {
    condition = alltrue([
      aws_lb.node[0].internal,
      aws_lb.node[0].drop_invalid_header_fields,
      aws_lb_listener.node[0].port == 80,
      aws_lb_listener.node[0].protocol == "HTTP",
      aws_lb_listener.node[0].certificate_arn == null,
      length(aws_acm_certificate.node) == 0,
      length(aws_route53_record.node) == 0,
    ])
    error_message = "Without names the load balancer is internal and uses HTTP."
  }
  assert {
    condition = alltrue([
      length(aws_nat_gateway.this) == 1,
      length(aws_subnet.private) == 2,
      length(aws_subnet.public) == 2,
      length(aws_vpc_endpoint.s3) == 1,
      length(distinct([for subnet in concat(values(aws_subnet.private), values(aws_subnet.public)) : subnet.cidr_block])) == 4,
    ])
    error_message = "The network has two zones and one NAT gateway."
  }
  assert {
    condition = alltrue([
      aws_ecs_service.node[0].desired_count == 1,
      aws_appautoscaling_target.node[0].min_capacity == 1,
      aws_appautoscaling_target.node[0].max_capacity == 3,
    ])
    error_message = "One replica runs, three at most."
  }
  assert {
    condition = (
      { for tag in aws_autoscaling_group.node[0].tag : tag.key => tag.propagate_at_launch } ==
      { AmazonECSManaged = true, Application = false, Deployment = false }
    )
    error_message = "The group has the tags, and its instances get them from the template."
  }
  assert {
    condition = alltrue([
      for container in jsondecode(aws_ecs_task_definition.node[0].container_definitions) : try(container.entryPoint, null) == null
    ])
    error_message = "No image's entrypoint is replaced."
  }
  assert {
    condition = (
      yamldecode(jsondecode(aws_ecs_task_definition.node[0].container_definitions)[0].environment[0].value) ==
      {
        version = 4
        mode    = "connector-server"
        connector = {
          address               = ":5050"
          blocking              = false
          mesh                  = { discovery = "dns", name = "native-node.${local.name}.internal", port = 9093 }
          external_health_check = { enabled = true, endpoint = "/wallarm-external-health" }
        }
        proxy_headers = [{ trusted_networks = ["10.0.16.0/20", "10.0.32.0/20"], real_ip = ["X-Forwarded-For"] }]
        route_config  = { wallarm_application = -1, wallarm_mode = "monitoring" }
        log = {
          pretty     = false
          level      = "info"
          log_file   = "stdout"
          access_log = { enabled = false, verbose = false, log_file = "stdout" }
        }
      }
    )
    error_message = "The Node gets this configuration."
  }
  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.node[0].container_definitions)[1].secrets ==
      [{ name = "WALLARM_API_TOKEN", valueFrom = aws_ssm_parameter.token[0].arn }]
    )
    error_message = "The token comes from the parameter."
  }
  assert {
    condition     = !strcontains(aws_ecs_task_definition.node[0].container_definitions, "\"value\":\"token\"")
    error_message = "The task definition never contains the token."
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.node[0].container_definitions)[1].dockerLabels["wallarm.token-version"] == "3"
    error_message = "A new version of the token makes a new revision of the task."
  }
  assert {
    condition = alltrue([
      length(aws_lambda_permission.logs) == 1,
      length(aws_cloudwatch_log_subscription_filter.resend) == 1,
      alltrue([for permission in aws_lambda_permission.logs : permission.source_arn == "${aws_cloudwatch_log_group.api[0].arn}:*"]),
      alltrue([for permission in aws_lambda_permission.logs : permission.principal == "logs.us-east-1.amazonaws.com"]),
      alltrue([for permission in aws_lambda_permission.logs : permission.source_account == "123456789012"]),
    ])
    error_message = "CloudWatch Logs may call the function only for this group."
  }
  assert {
    condition = alltrue([
      aws_sqs_queue.failed.message_retention_seconds == 1209600,
      aws_sqs_queue.failed.sqs_managed_sse_enabled,
      aws_sqs_queue.failed.visibility_timeout_seconds == 360,
      length(aws_sqs_queue.dead) == 0,
      length(aws_lambda_event_source_mapping.redrive) == 0,
      length(aws_lambda_event_source_mapping.stream) == 0,
      aws_lambda_function_event_invoke_config.resend.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed.arn,
    ])
    error_message = "The failure queue keeps events for two weeks, and nothing reads them."
  }
  assert {
    condition     = length(local.ecr_images) == 0
    error_message = "Public images need no permissions in ECR."
  }
  assert {
    condition     = length(aws_api_gateway_account.this) == 0
    error_message = "The account's setting is not changed."
  }
  assert {
    condition     = endswith(output.api_gateway_log_group, "#logsV2:log-groups/log-group/$252Faws$252Fapigateway$252Fwallarm-api-discovery-${local.name}")
    error_message = "The console's address has the name in the encoding that the console expects."
  }
  assert {
    condition     = jsondecode(output.access_log_format).domainName == "$context.domainName" && !strcontains(output.access_log_format, "\n")
    error_message = "The access-log format is one line of JSON."
  }
  assert {
    condition = alltrue([
      length(aws_kinesis_firehose_delivery_stream.access_log) == 0,
      length(aws_s3_bucket.access_log) == 0,
      length(aws_iam_role.access_log_stream) == 0,
      length(aws_cloudwatch_log_group.access_log_stream) == 0,
      length(aws_cloudwatch_metric_alarm.access_log_stream_failed) == 0,
      length([for name in keys(aws_cloudwatch_metric_alarm.this) : name if startswith(name, "access-log-stream")]) == 0,
      output.access_log_stream_arn == null,
      output.access_log_stream_command == null,
      output.access_log_stream_bucket == null,
    ])
    error_message = "The access log goes to CloudWatch Logs, and no stream is created."
  }
  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].namespace == "CwResend",
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].metric_name == "logGroupsMostlySkipped",
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].dimensions == tomap({ functionName = output.function_name }),
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].statistic == "Maximum",
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].threshold == 1,
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].datapoints_to_alarm == 3,
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].evaluation_periods == 12,
      aws_cloudwatch_metric_alarm.this["log-groups-skipped"].treat_missing_data == "notBreaching",
    ])
    error_message = "An alarm tells of log groups of which most lines are skipped, and not because of one event."
  }
}

# The names are what the function knows, and the values are all of API Gateway's variables that it needs.
run "lean_formats" {
  command = plan

  assert {
    condition = jsondecode(output.access_log_format_lean_rest) == {
      requestId    = "$context.requestId"
      httpMethod   = "$context.httpMethod"
      path         = "$context.path"
      resourcePath = "$context.resourcePath"
      status       = "$context.status"
      domainName   = "$context.domainName"
    }
    error_message = "The lean format of a REST API has these six names."
  }
  assert {
    condition = jsondecode(output.access_log_format_lean_http) == {
      requestId  = "$context.requestId"
      httpMethod = "$context.httpMethod"
      path       = "$context.path"
      routeKey   = "$context.routeKey"
      status     = "$context.status"
      domainName = "$context.domainName"
    }
    error_message = "The lean format of an HTTP API has the route's key in place of the resource's path."
  }
  assert {
    condition     = length([for format in [output.access_log_format_lean_rest, output.access_log_format_lean_http] : format if can(regex("\\s", format))]) == 0
    error_message = "A lean format has no whitespace, which each line would have too."
  }
  # The README has these numbers. A line is the format, with a value in place of each variable.
  assert {
    condition = alltrue([
      for line in [
        { format = output.access_log_format_lean_rest, id = "7f3c1a4e-5b6d-4e8f-9a0b-1c2d3e4f5a6b", bytes = 199 },
        { format = output.access_log_format_lean_http, id = "GQIVriFLIAMEMsA=", bytes = 179 },
        { format = output.access_log_format, id = "7f3c1a4e-5b6d-4e8f-9a0b-1c2d3e4f5a6b", bytes = 485 },
      ] :
      line.bytes == length(line.format) + sum([
        for name in regexall("\\$context\\.[A-Za-z.]+", line.format) :
        length({
          "$context.requestId"          = line.id
          "$context.httpMethod"         = "GET"
          "$context.path"               = "/prod/pets/42"
          "$context.resourcePath"       = "/pets/{id}"
          "$context.routeKey"           = "GET /pets/{id}"
          "$context.protocol"           = "HTTP/1.1"
          "$context.status"             = "200"
          "$context.responseLength"     = "345"
          "$context.requestTime"        = "25/Nov/2026:10:00:00 +0000"
          "$context.requestTimeEpoch"   = "1795341600000"
          "$context.responseLatency"    = "12"
          "$context.integrationLatency" = "9"
          "$context.integrationStatus"  = "200"
          "$context.error.message"      = "-"
          "$context.stage"              = "prod"
          "$context.domainName"         = "q7w8e9r0t1.execute-api.eu-west-1.amazonaws.com"
          "$context.identity.sourceIp"  = "203.0.113.7"
          "$context.identity.userAgent" = "curl/8.5.0"
        }[name]) - length(name)
      ])
    ])
    error_message = "A typical line has as many bytes as the README says."
  }
}

run "https" {
  override_resource {
    target = aws_acm_certificate.node
    values = {
      arn = "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
      domain_validation_options = [{
        domain_name           = "node.example.com"
        resource_record_name  = "_1.node.example.com."
        resource_record_type  = "CNAME"
        resource_record_value = "_2.acm-validations.aws."
      }]
    }
  }

  variables {
    r53_domain_name = "example.com"
    node_dns_name   = "node"
  }

  assert {
    condition = alltrue([
      aws_lb_listener.node[0].port == 443,
      aws_lb_listener.node[0].protocol == "HTTPS",
      aws_lb_listener.node[0].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06",
      aws_lb_listener.node[0].certificate_arn == aws_acm_certificate_validation.node[0].certificate_arn,
      aws_lb.node[0].internal,
      aws_vpc_security_group_egress_rule.lambda_to_alb[0].from_port == 443,
      aws_vpc_security_group_ingress_rule.alb_from_lambda[0].from_port == 443,
    ])
    error_message = "With both names the load balancer uses HTTPS."
  }
  assert {
    condition = alltrue([
      aws_acm_certificate.node[0].domain_name == "node.example.com",
      aws_route53_record.node[0].name == "node.example.com",
      aws_lambda_function.resend.environment[0].variables.X_NODE_URL == "node.example.com",
      aws_lambda_function.resend.environment[0].variables.X_NODE_SCHEME == "https",
      output.node_url == "https://node.example.com",
    ])
    error_message = "The function calls the Node by the name of the certificate."
  }
}

run "the_full_name" {
  command = plan

  variables {
    r53_domain_name = "example.com"
    node_dns_name   = "node.example.com"
  }

  assert {
    condition     = local.fqdn == "node.example.com"
    error_message = "A full name gets no second suffix."
  }
}

run "the_zone_itself" {
  command = plan

  variables {
    r53_domain_name = "example.com"
    node_dns_name   = "example.com"
  }

  assert {
    condition     = local.fqdn == "example.com"
    error_message = "The zone's own name gets no suffix."
  }
}

run "a_name_with_a_similar_end" {
  command = plan

  variables {
    r53_domain_name = "example.com"
    node_dns_name   = "node-example.com"
  }

  assert {
    condition     = local.fqdn == "node-example.com.example.com"
    error_message = "Only a whole label counts."
  }
}

run "existing_groups" {
  variables {
    api_gateway_log_group_name = "/aws/apigateway/existing"
    additional_log_group_names = ["other", "/aws/apigateway/existing"]
  }

  assert {
    condition = alltrue([
      length(aws_cloudwatch_log_group.api) == 0,
      toset(keys(aws_cloudwatch_log_subscription_filter.resend)) == toset(["/aws/apigateway/existing", "other"]),
      toset(keys(aws_lambda_permission.logs)) == toset(["/aws/apigateway/existing", "other"]),
      output.api_gateway_log_group_arn == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/apigateway/existing",
    ])
    error_message = "Existing groups are read, and each has its permission and filter once."
  }
}

run "existing_vpc" {
  variables {
    vpc_id              = "vpc-0123456789abcdef0"
    private_subnet_ids  = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    x_node_header_names = { x-forwarded-for = "X-Client-IP", X-Real-IP = "X-Forwarded-For" }
  }

  assert {
    condition     = yamldecode(local.node_config).proxy_headers == [{ trusted_networks = ["192.0.2.0/24", "192.0.2.0/24"], real_ip = ["X-Client-IP"] }]
    error_message = "The Node trusts the subnets' addresses, and finds the client where the function sends it."
  }

  assert {
    condition = alltrue([
      length(aws_vpc.this) == 0,
      length(aws_default_security_group.this) == 0,
      length(aws_internet_gateway.this) == 0,
      length(aws_subnet.private) == 0,
      length(aws_subnet.public) == 0,
      length(aws_nat_gateway.this) == 0,
      length(aws_eip.nat) == 0,
      length(aws_vpc_endpoint.s3) == 0,
      length(aws_route.private_internet) == 0,
      length(aws_route.public_internet) == 0,
    ])
    error_message = "No part of the network is created."
  }
  assert {
    condition = alltrue([
      aws_security_group.node[0].vpc_id == "vpc-0123456789abcdef0",
      aws_lb.node[0].subnets == toset(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]),
      aws_lambda_function.resend.vpc_config[0].subnet_ids == toset(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]),
    ])
    error_message = "All parts are in the existing subnets."
  }
}

run "nat_per_zone_in_three_zones" {
  variables {
    availability_zones   = ["us-east-1a", "us-east-1b", "us-east-1c"]
    nat_gateway_per_zone = true
  }

  assert {
    condition = alltrue([
      length(aws_nat_gateway.this) == 3,
      length(aws_subnet.private) == 3,
      alltrue([for zone, route in aws_route.private_internet : route.nat_gateway_id == aws_nat_gateway.this[zone].id]),
    ])
    error_message = "Each zone reaches the internet over its own gateway."
  }
}

run "smallest_range" {
  command = plan

  variables {
    vpc_cidr           = "10.1.0.0/20"
    availability_zones = ["a", "b", "c", "d", "e", "f"]
  }

  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.private), values(aws_subnet.public)) : tonumber(split("/", subnet.cidr_block)[1]) <= 28])
    error_message = "AWS accepts no subnet smaller than /28."
  }
}

run "replicas" {
  variables {
    node_replicas     = 5
    node_max_replicas = 2
  }

  assert {
    condition = alltrue([
      aws_appautoscaling_target.node[0].min_capacity == 5,
      aws_appautoscaling_target.node[0].max_capacity == 5,
      aws_autoscaling_group.node[0].max_size == 10,
    ])
    error_message = "The minimum number of replicas is also the maximum if it is larger."
  }
}

run "token_from_a_secret" {
  variables {
    wallarm_api_token             = ""
    wallarm_api_token_secret_arn  = "arn:aws:secretsmanager:us-east-1:123456789012:secret:wallarm-AbCdEf:token::"
    wallarm_api_token_kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
  }

  assert {
    condition = alltrue([
      length(aws_ssm_parameter.token) == 0,
      jsondecode(aws_ecs_task_definition.node[0].container_definitions)[1].secrets[0].valueFrom == var.wallarm_api_token_secret_arn,
      local.token_resource == "arn:aws:secretsmanager:us-east-1:123456789012:secret:wallarm-AbCdEf",
    ])
    error_message = "ECS gets the secret with its key, and IAM gets it without the key."
  }
}

run "token_from_a_parameter" {
  command = plan

  variables {
    wallarm_api_token            = ""
    wallarm_api_token_secret_arn = "arn:aws:ssm:us-east-1:123456789012:parameter/wallarm/token"
  }

  assert {
    condition     = local.token_resource == var.wallarm_api_token_secret_arn && !local.is_secret
    error_message = "A parameter is read as a parameter."
  }
}

run "image_in_an_own_registry" {
  command = plan

  variables {
    node_image = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/copies/node-native-aio"
  }

  assert {
    condition     = local.ecr_images == ["arn:aws:ecr:eu-west-1:210987654321:repository/copies/node-native-aio"]
    error_message = "ECS may pull this image, and no other."
  }
}

run "function_settings" {
  variables {
    x_wallarm_application_id      = 42
    x_node_format                 = "batch"
    x_node_connections            = 4
    x_node_connect_timeout_ms     = 1000
    x_node_timeout_ms             = 2000
    x_node_down_after_ms          = 3000
    x_node_headers                = { X-Team = "payments" }
    x_node_header_names           = { X-Real-IP = "X-Client-IP" }
    x_node_ca_cert                = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
    x_max_inflated_bytes          = 268435456
    x_strip_stage                 = true
    x_log_level                   = "WARN"
    default_hosts                 = { "/aws/apigateway/orders" = "orders.example.com:8443", "*" = "api.example.com" }
    path_source                   = "template"
    firehose_result               = "dropped"
    report_line                   = "metrics"
    sample                        = { calls = 5, seconds = 3600, keep = "errors" }
    lambda_reserved_concurrency   = 7
    lambda_architecture           = "x86_64"
    lambda_maximum_event_age      = 3600
    lambda_maximum_retry_attempts = 1
  }

  assert {
    condition = aws_lambda_function.resend.environment[0].variables == tomap({
      X_WALLARM_APPLICATION_ID  = "42"
      X_NODE_URL                = "internal-mock.us-east-1.elb.amazonaws.com"
      X_NODE_SCHEME             = "http"
      X_NODE_FORMAT             = "batch"
      X_NODE_CONNECTIONS        = "4"
      X_NODE_CONNECT_TIMEOUT_MS = "1000"
      X_NODE_TIMEOUT_MS         = "2000"
      X_NODE_DOWN_AFTER_MS      = "3000"
      X_NODE_HEADERS            = "{\"X-Team\":\"payments\"}"
      X_NODE_HEADER_NAMES       = "{\"X-Real-IP\":\"X-Client-IP\"}"
      X_NODE_CA_CERT            = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
      X_MAX_INFLATED_BYTES      = "268435456"
      X_STRIP_STAGE             = "true"
      X_LOG_LEVEL               = "WARN"
      X_DEFAULT_HOST            = "{\"*\":\"api.example.com\",\"/aws/apigateway/orders\":\"orders.example.com:8443\"}"
      X_PATH                    = "template"
      X_FIREHOSE_RESULT         = "dropped"
      X_SAMPLE                  = "{\"calls\":5,\"keep\":\"errors\",\"seconds\":3600}"
    })
    error_message = "Each setting reaches the function under its own name."
  }
  assert {
    condition = alltrue([
      aws_lambda_function.resend.reserved_concurrent_executions == 7,
      aws_lambda_function.resend.architectures == tolist(["x86_64"]),
      aws_lambda_function_event_invoke_config.resend.maximum_event_age_in_seconds == 3600,
      aws_lambda_function_event_invoke_config.resend.maximum_retry_attempts == 1,
    ])
    error_message = "Lambda's own settings are set."
  }
  assert {
    condition = alltrue([
      length(aws_cloudwatch_log_metric_filter.report) == 0,
      aws_lambda_function.resend.logging_config[0].log_format == "Text",
    ])
    error_message = "Lines with a block of metrics need no filters."
  }
}

run "redrive" {
  variables {
    enable_redrive                 = true
    lambda_timeout                 = 100
    failure_queue_max_message_size = 262144
  }

  assert {
    condition = alltrue([
      aws_sqs_queue.failed.visibility_timeout_seconds == 600,
      jsondecode(aws_sqs_queue.failed.redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead[0].arn,
      aws_lambda_event_source_mapping.redrive[0].event_source_arn == aws_sqs_queue.failed.arn,
      aws_lambda_event_source_mapping.redrive[0].function_response_types == toset(["ReportBatchItemFailures"]),
      contains(keys(aws_cloudwatch_metric_alarm.this), "dead-events"),
    ])
    error_message = "The function retries failed events, and events that fail each time go into a second queue."
  }
  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.this["failed-events-in-flight"].metric_name == "ApproximateNumberOfMessagesNotVisible",
      aws_cloudwatch_metric_alarm.this["failed-events-in-flight"].dimensions == tomap({ QueueName = aws_sqs_queue.failed.name }),
    ])
    error_message = "The alarm sees a message that fails each time, even while it is hidden."
  }
}

run "failed_events_in_a_bucket" {
  variables {
    failure_bucket_name = "failed-events"
  }

  assert {
    condition = alltrue([
      aws_lambda_function_event_invoke_config.resend.destination_config[0].on_failure[0].destination == "arn:aws:s3:::failed-events",
      contains(keys(aws_cloudwatch_metric_alarm.this), "failed-events-in-bucket"),
    ])
    error_message = "The bucket is the on-failure destination."
  }
}

run "failed_records_of_a_stream_in_a_bucket" {
  variables {
    failure_bucket_name             = "failed-events"
    kinesis_stream_arn              = "arn:aws:kinesis:us-east-1:123456789012:stream/logs"
    kinesis_parallelization_factor  = 10
    kinesis_batching_window_seconds = 300
  }

  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.stream[0].parallelization_factor == 10,
      aws_lambda_event_source_mapping.stream[0].maximum_batching_window_in_seconds == 300,
    ])
    error_message = "The function reads the stream as configured."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream[0].destination_config[0].on_failure[0].destination_arn == "arn:aws:s3:::failed-events"
    error_message = "The bucket keeps the records of the stream that are given up."
  }
}

run "stream" {
  variables {
    kinesis_stream_arn       = "arn:aws:kinesis:us-east-1:123456789012:stream/logs"
    lambda_maximum_event_age = 7200
  }

  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.stream[0].event_source_arn == "arn:aws:kinesis:us-east-1:123456789012:stream/logs",
      aws_lambda_event_source_mapping.stream[0].function_response_types == toset(["ReportBatchItemFailures"]),
      contains(keys(aws_cloudwatch_metric_alarm.this), "stream-behind"),
    ])
    error_message = "The function reads the stream, and reports a result for each record."
  }
  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.stream[0].maximum_record_age_in_seconds == 7200,
      aws_lambda_event_source_mapping.stream[0].maximum_retry_attempts == 1000,
      aws_lambda_event_source_mapping.stream[0].parallelization_factor == 1,
      aws_lambda_event_source_mapping.stream[0].maximum_batching_window_in_seconds == 0,
      aws_lambda_event_source_mapping.stream[0].bisect_batch_on_function_error,
      aws_lambda_event_source_mapping.stream[0].destination_config[0].on_failure[0].destination_arn == aws_sqs_queue.failed.arn,
    ])
    error_message = "A record is retried within limits, and its position is kept when it is given up."
  }
}

run "access_log_stream" {
  variables {
    enable_access_log_stream = true
    log_retention_days       = 14
    alarm_sns_topic_arn      = "arn:aws:sns:us-east-1:123456789012:operations"
  }

  assert {
    condition = alltrue([
      aws_kinesis_firehose_delivery_stream.access_log[0].name == "amazon-apigateway-${local.name}",
      aws_kinesis_firehose_delivery_stream.access_log[0].destination == "extended_s3",
      aws_kinesis_firehose_delivery_stream.access_log[0].server_side_encryption[0].enabled,
      strcontains(aws_kinesis_firehose_delivery_stream.access_log[0].extended_s3_configuration[0].error_output_prefix, "!{firehose:error-output-type}"),
      aws_kinesis_firehose_delivery_stream.access_log[0].extended_s3_configuration[0].cloudwatch_logging_options[0].log_group_name == "/aws/kinesisfirehose/amazon-apigateway-${local.name}",
      aws_cloudwatch_log_group.access_log_stream[0].retention_in_days == 14,
    ])
    error_message = "API Gateway accepts the stream's name, and its errors are logged."
  }
  assert {
    condition = (
      { for parameter in one(aws_kinesis_firehose_delivery_stream.access_log[0].extended_s3_configuration[0].processing_configuration[0].processors).parameters : parameter.parameter_name => parameter.parameter_value } ==
      { LambdaArn = "${aws_lambda_function.resend.arn}:$LATEST", NumberOfRetries = "20" }
    )
    error_message = "The function is the transformation, and no parameter is set to its default."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket.access_log[0].bucket == "${local.name}-access-log",
      !aws_s3_bucket.access_log[0].force_destroy,
      aws_s3_bucket_public_access_block.access_log[0].block_public_acls,
      aws_s3_bucket_public_access_block.access_log[0].block_public_policy,
      aws_s3_bucket_public_access_block.access_log[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.access_log[0].restrict_public_buckets,
      aws_s3_bucket_lifecycle_configuration.access_log[0].rule[0].expiration[0].days == 14,
    ])
    error_message = "The bucket is private, its lines expire, and a destroy does not delete them."
  }
  assert {
    condition = alltrue([
      endswith(output.access_log_stream_command, "value=${output.access_log_stream_arn}"),
      output.access_log_stream_bucket == "${local.name}-access-log",
    ])
    error_message = "The outputs name the stream and the bucket."
  }
  assert {
    condition = alltrue(concat(
      [for name in ["access-log-stream-undelivered", "access-log-stream-behind", "access-log-stream-throttled"] : contains(keys(aws_cloudwatch_metric_alarm.this), name)],
      [aws_cloudwatch_metric_alarm.access_log_stream_failed[0].alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:operations"])],
      [strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "SucceedProcessing.Records")],
    ))
    error_message = "Alarms and the dashboard watch the stream."
  }
}

run "access_log_stream_with_another_buffer" {
  variables {
    enable_access_log_stream        = true
    access_log_stream_buffer_mb     = 0.5
    access_log_stream_force_destroy = true
  }

  assert {
    condition = (
      { for parameter in one(aws_kinesis_firehose_delivery_stream.access_log[0].extended_s3_configuration[0].processing_configuration[0].processors).parameters : parameter.parameter_name => parameter.parameter_value } ==
      { LambdaArn = "${aws_lambda_function.resend.arn}:$LATEST", NumberOfRetries = "20", BufferSizeInMBs = "0.5" }
    )
    error_message = "A parameter is set if it is not the default."
  }
  assert {
    condition     = aws_s3_bucket.access_log[0].force_destroy
    error_message = "The bucket is destroyed with its lines if this is configured."
  }
}

run "account_wide_role" {
  command = plan

  variables {
    manage_api_gateway_account = true
  }

  assert {
    condition     = length(aws_api_gateway_account.this) == 1 && length(aws_iam_role_policy_attachment.api_gateway) == 1
    error_message = "The account's role is set if this is configured."
  }
}

run "alarms_have_a_topic" {
  command = plan

  variables {
    alarm_sns_topic_arn = "arn:aws:sns:us-east-1:123456789012:operations"
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:operations"]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "Each alarm notifies the topic when it begins and ends."
  }
}

run "alb_options" {
  command = plan

  variables {
    alb_access_logs_bucket  = "logs"
    alb_deletion_protection = true
  }

  assert {
    condition     = aws_lb.node[0].access_logs[0].bucket == "logs" && aws_lb.node[0].enable_deletion_protection
    error_message = "Access logs and deletion protection are switched on."
  }
}

run "longest_prefix" {
  command = plan

  variables {
    # 38 characters, with a hyphen at the place where the load balancer's name is cut.
    name_prefix = "abcdefghijklmnopqrstuvw-xyz01234567890"
  }

  assert {
    condition = alltrue([
      length(aws_lambda_function.resend.function_name) <= 64,
      length(aws_iam_role.execution[0].name) <= 64,
      length(aws_lb.node[0].name) <= 32,
      aws_lb.node[0].name == "abcdefghijklmnopqrstuvw-${local.name_hash}",
      length(aws_sqs_queue.failed.name) <= 80,
      length(local.access_log_stream) <= 64,
      length(local.access_log_stream_bucket) <= 63,
    ])
    error_message = "No name is longer than AWS allows."
  }
}
