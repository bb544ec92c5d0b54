# What a company's rules change, without AWS.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  wallarm_api_token = "token"
  # Any file will do if nothing is deployed.
  bootstrap_zip = "versions.tf"
}

run "company_rules" {
  command = plan

  variables {
    permissions_boundary_arn   = "arn:aws:iam::123456789012:policy/boundary"
    iam_role_path              = "/connectors/"
    existing_role_names        = { execution = "start", instance = "node", task = "exec" }
    enable_execute_command     = true
    manage_api_gateway_account = true
    enable_access_log_stream   = true
    api_gateway_log_group_name = "orders"
    additional_log_group_names = ["/aws/apigateway/carts"]
    log_group_prefixes         = ["/aws/apigateway/"]
    kms_key_arns = {
      for use in ["logs", "queue", "environment", "token", "bucket"] : use => "arn:aws:kms:us-east-1:123456789012:key/${use}"
    }
  }

  override_data {
    target = data.aws_cloudwatch_log_groups.prefix
    values = {
      log_group_names = [
        "/aws/apigateway/carts",
        "/aws/apigateway/returns",
        "/aws/apigateway/wallarm-api-discovery-other-123456",
      ]
    }
  }

  assert {
    condition = alltrue([
      for role in concat(aws_iam_role.lambda, aws_iam_role.api_gateway, aws_iam_role.access_log_stream) :
      role.path == "/connectors/" && role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    ])
    error_message = "Each role that is created has the path and the boundary."
  }
  assert {
    condition = alltrue([
      length(concat(aws_iam_role.execution, aws_iam_role.instance, aws_iam_role.task, aws_iam_role_policy.task)) == 0,
      aws_ecs_task_definition.node[0].task_role_arn == "arn:aws:iam::123456789012:role/existing",
      length(concat(aws_iam_role_policy.execution, aws_iam_role_policy_attachment.instance, aws_iam_instance_profile.instance)) == 0,
      aws_ecs_task_definition.node[0].execution_role_arn == "arn:aws:iam::123456789012:role/existing",
      aws_launch_template.node[0].iam_instance_profile[0].arn == "arn:aws:iam::123456789012:instance-profile/existing",
    ])
    error_message = "A role that exists is used, and has no policy from here."
  }
  assert {
    condition = alltrue([
      toset(keys(output.role_policies)) == toset(["access_log_stream", "api_gateway", "execution", "function", "instance", "task"]),
      output.role_policies["instance"].managed_policies == tolist(["arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"]),
      output.role_policies["function"].policy == data.aws_iam_policy_document.lambda.json,
    ])
    error_message = "The plan has what each role must allow, also for a role that exists."
  }
  assert {
    condition = alltrue([
      for key in concat([aws_cloudwatch_log_group.function.kms_key_id, aws_cloudwatch_log_group.node[0].kms_key_id], aws_cloudwatch_log_group.access_log_stream[*].kms_key_id) :
      key == var.kms_key_arns["logs"]
    ])
    error_message = "The log groups have their key."
  }
  assert {
    condition = alltrue([
      aws_sqs_queue.failed.kms_master_key_id == var.kms_key_arns["queue"],
      aws_lambda_function.resend.kms_key_arn == var.kms_key_arns["environment"],
      aws_ssm_parameter.token[0].key_id == var.kms_key_arns["token"],
      one(one(aws_s3_bucket_server_side_encryption_configuration.access_log[0].rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arns["bucket"],
    ])
    error_message = "Queue, environment, token and bucket have their keys."
  }
  assert {
    condition = alltrue([
      for use, statements in {
        queue  = data.aws_iam_policy_document.lambda.statement
        token  = data.aws_iam_policy_document.execution[0].statement
        bucket = data.aws_iam_policy_document.access_log_stream[0].statement
      } : length([for each in statements : each if each.resources == toset([var.kms_key_arns[use]]) && [for condition in each.condition : condition.variable] == ["kms:ViaService"]]) == 1
    ])
    error_message = "A role may use the key of what it writes or reads, by that service."
  }
  assert {
    condition = alltrue([
      toset(output.forwarded_log_groups) == toset(["/aws/apigateway/carts", "/aws/apigateway/returns", "orders"]),
      toset(keys(aws_cloudwatch_log_subscription_filter.resend)) == toset(output.forwarded_log_groups),
      toset(keys(aws_lambda_permission.logs)) == toset(["orders", "/aws/apigateway/carts"]),
      aws_lambda_permission.log_prefix["/aws/apigateway/"].source_arn == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/apigateway/*",
      aws_lambda_permission.log_prefix["/aws/apigateway/"].source_account == "123456789012",
    ])
    error_message = "Each group of the prefix has a filter but not another connector's, and they have one permission beside that of a group that is named."
  }
}

run "account_subscription" {
  command = plan

  variables {
    enable_access_log_stream             = true
    api_gateway_log_group_name           = "orders"
    additional_log_group_names           = ["/aws/apigateway/carts"]
    enable_account_subscription          = true
    account_subscription_excluded_groups = ["vpc-flow-logs", "orders"]
    subscription_filter_pattern          = "{ $.httpMethod = * }"
  }

  assert {
    condition = (
      jsondecode(trimprefix(aws_cloudwatch_log_account_policy.this[0].selection_criteria, "LogGroupName NOT IN ")) ==
      [
        "/aws/apigateway/carts",
        "/aws/ecs/containerinsights/${local.name}/performance",
        "/aws/ecs/native-node/${local.name}",
        "/aws/kinesisfirehose/amazon-apigateway-${local.name}",
        "/aws/lambda/wallarm-cw-resend-${local.name}",
        "orders",
        "vpc-flow-logs",
      ]
    )
    error_message = "The account's subscription leaves out the connector's groups, those with a filter, and those that are excluded."
  }
  assert {
    condition = alltrue([
      aws_cloudwatch_log_account_policy.this[0].policy_name == local.function_name,
      aws_lambda_permission.account[0].source_arn == "arn:aws:logs:us-east-1:123456789012:log-group:*",
      aws_lambda_permission.account[0].source_account == "123456789012",
    ])
    error_message = "The account's subscription has a name of its own, and a permission for this account's groups."
  }
}

run "another_partition" {
  command = plan

  variables {
    node_image                 = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/node"
    config_image               = "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/tools/busybox:1"
    manage_api_gateway_account = true
    kms_key_arns               = { queue = "arn:aws-cn:kms:cn-north-1:123456789012:key/queue" }
    log_group_prefixes         = ["/orders/"]
  }

  override_data {
    target = data.aws_partition.current
    values = {
      partition  = "aws-cn"
      dns_suffix = "amazonaws.com.cn"
    }
  }
  override_data {
    target = data.aws_region.current
    values = { id = "cn-north-1" }
  }
  override_data {
    target = data.aws_service_principal.logs
    values = { id = "logs.cn-north-1.amazonaws.com.cn" }
  }

  assert {
    condition = alltrue([
      for permission in concat(values(aws_lambda_permission.logs), values(aws_lambda_permission.log_prefix)) :
      permission.principal == "logs.cn-north-1.amazonaws.com.cn"
    ])
    error_message = "CloudWatch Logs has another name in the permission."
  }
  assert {
    condition = alltrue([
      aws_iam_role_policy_attachment.instance[0].policy_arn == "arn:aws-cn:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
      aws_iam_role_policy_attachment.api_gateway[0].policy_arn == "arn:aws-cn:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
      length([
        for each in data.aws_iam_policy_document.lambda.statement : each
        if each.sid == "FailedEventsKey" && toset(flatten([for condition in each.condition : tolist(condition.values)])) == toset(["sqs.cn-north-1.amazonaws.com", "sqs.cn-north-1.amazonaws.com.cn"])
      ]) == 1,
      aws_lambda_permission.log_prefix["/orders/"].source_arn == "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/orders/*",
      local.ecr_images == ["arn:aws-cn:ecr:cn-north-1:123456789012:repository/node", "arn:aws-cn:ecr:eusc-de-east-1:123456789012:repository/tools/busybox"],
    ])
    error_message = "Policies and images have the partition's ARNs."
  }
  assert {
    condition     = output.dashboard_url == "https://console.amazonaws.cn/cloudwatch/home?region=cn-north-1#dashboards/dashboard/${local.name}"
    error_message = "The console is the partition's."
  }
}

run "rules_with_a_node_that_exists" {
  command = plan

  variables {
    wallarm_api_token   = ""
    node_url            = "https://node.example.com"
    existing_role_names = { function = "resend" }
    kms_key_arns        = { token = "arn:aws:kms:us-east-1:123456789012:key/token" }
  }

  assert {
    condition = alltrue([
      aws_lambda_function.resend.role == "arn:aws:iam::123456789012:role/existing",
      length(concat(aws_iam_role.lambda, aws_iam_role.execution, aws_iam_role.instance, aws_iam_role_policy.lambda)) == 0,
      keys(output.role_policies) == ["function"],
    ])
    error_message = "Only the function has a role, and here it exists."
  }
}

run "wrong_rules_1" {
  command = plan

  variables {
    permissions_boundary_arn             = "boundary"                                              # A name.
    iam_role_path                        = "/connectors"                                           # No slash at the end.
    existing_role_names                  = { lambda = "resend" }                                   # Another key.
    kms_key_arns                         = { queues = "arn:aws:kms:us-east-1:123456789012:key/a" } # Another key.
    log_group_prefixes                   = [""]                                                    # Every group.
    account_subscription_excluded_groups = ["a\"b"]                                                # A quotation mark.
  }

  expect_failures = [
    var.permissions_boundary_arn,
    var.iam_role_path,
    var.existing_role_names,
    var.kms_key_arns,
    var.log_group_prefixes,
    var.account_subscription_excluded_groups,
  ]
}

run "wrong_rules_2" {
  command = plan

  variables {
    existing_role_names = { function = "arn:aws:iam::123456789012:role/resend" } # An ARN.
    kms_key_arns        = { queue = "alias/queue" }                              # An alias.
    log_group_prefixes  = ["/aws/lambda/wallarm-cw-resend-"]                     # The function's own.
  }

  expect_failures = [
    var.existing_role_names,
    var.kms_key_arns,
    var.log_group_prefixes,
  ]
}
