data "aws_iam_policy_document" "assume_lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "lambda" {
  count = local.create_role.function ? 1 : 0

  name                 = "${local.name}-lambda"
  description          = "The function that forwards access-log lines"
  assume_role_policy   = data.aws_iam_policy_document.assume_lambda.json
  path                 = var.iam_role_path
  permissions_boundary = local.permissions_boundary

  tags = local.tags
}

data "aws_iam_policy_document" "lambda" {
  # Without CreateLogGroup: the group is created here, and must not come back after a destroy.
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn_prefix}${local.function_group}:*"]
  }

  statement {
    sid       = "FailedEvents"
    actions   = concat(["sqs:SendMessage"], var.enable_redrive ? ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] : [])
    resources = [local.failure_queue_arn]
  }

  dynamic "statement" {
    for_each = local.keys.queue != null ? [local.keys.queue] : []

    content {
      sid       = "FailedEventsKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.via_service["sqs"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.failure_bucket_name != "" ? [local.failure_bucket_arn] : []

    content {
      sid     = "FailedEventsInBucket"
      actions = ["s3:ListBucket", "s3:PutObject"]
      # Lambda's own names for the objects begin like this.
      resources = [statement.value, "${statement.value}/aws/lambda/*"]

      # Names of buckets are global: this one must belong to this account.
      condition {
        test     = "StringEquals"
        variable = "s3:ResourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }
    }
  }

  dynamic "statement" {
    for_each = var.kinesis_stream_arn != "" ? [var.kinesis_stream_arn] : []

    content {
      sid       = "Stream"
      actions   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      resources = [statement.value]
    }
  }

  # Lambda attaches the function to the VPC with these; none of them can be narrowed to a resource. They stay where the
  # function leaves a VPC: Lambda deletes the interfaces that it had there by this role.
  statement {
    sid       = "NetworkInterfaces"
    actions   = local.network_interface_actions
    resources = ["*"]
  }

  # These permissions are for Lambda, not for the code that runs in it.
  statement {
    sid       = "NotByTheCode"
    effect    = "Deny"
    actions   = local.network_interface_actions
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arn, local.wait_arn]
    }
  }
}

resource "aws_iam_role_policy" "lambda" {
  count = local.create_role.function ? 1 : 0

  name   = "function"
  role   = aws_iam_role.lambda[0].id
  policy = data.aws_iam_policy_document.lambda.json
}

locals {
  # To a Node that exists, the function may go over the internet.
  is_in_vpc = local.own_node || length(var.private_subnet_ids) > 0

  network_interface_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]

  # For the provider, -1 means no limit of its own.
  reserved_concurrency = coalesce(var.lambda_reserved_concurrency, -1)

  # For a value of null, the function uses its default.
  function_settings = {
    X_NODE_FORMAT             = var.x_node_format
    X_NODE_CONNECTIONS        = var.x_node_connections
    X_NODE_CONNECT_TIMEOUT_MS = var.x_node_connect_timeout_ms
    X_NODE_TIMEOUT_MS         = var.x_node_timeout_ms
    X_NODE_DOWN_AFTER_MS      = var.x_node_down_after_ms
    X_NODE_HEADER_NAMES       = length(var.x_node_header_names) > 0 ? jsonencode(var.x_node_header_names) : null
    X_NODE_CA_CERT            = var.x_node_ca_cert
    X_MAX_INFLATED_BYTES      = var.x_max_inflated_bytes
    X_STRIP_STAGE             = var.x_strip_stage
    X_LOG_LEVEL               = var.x_log_level
    X_REPORT_LINE             = local.is_compact ? "compact" : null
    X_DEFAULT_HOST            = length(var.default_hosts) > 0 ? jsonencode(var.default_hosts) : null
    X_PATH                    = var.path_source != "path" ? var.path_source : null
    X_FIREHOSE_RESULT         = var.firehose_result != "ok" ? var.firehose_result : null
    # In a map all values are text, and the function takes numbers.
    X_SAMPLE = var.sample != null ? jsonencode({ for name, value in var.sample : name => try(tonumber(value), value) }) : null
  }

  function_variables = merge(
    {
      X_WALLARM_APPLICATION_ID = var.x_wallarm_application_id
      X_NODE_URL               = local.node_host
      X_NODE_SCHEME            = local.node_scheme
    },
    { for name, value in local.function_settings : name => value if value != null },
    nonsensitive(length(var.x_node_headers)) > 0 ? { X_NODE_HEADERS = jsonencode(var.x_node_headers) } : {},
  )

  function_security_group_ids = local.own_node ? aws_security_group.lambda[*].id : var.function_security_group_ids
}

resource "aws_lambda_function" "resend" {
  function_name = local.function_name
  description   = "Forwards access-log lines of Amazon API Gateway to the Wallarm Native Node"
  role          = local.function_role_arn

  runtime       = "provided.al2023"
  architectures = [var.lambda_architecture]
  handler       = "bootstrap"
  filename      = local.bootstrap_zip
  # The input checks report a missing package, with a clearer message.
  source_code_hash = try(filebase64sha256(local.bootstrap_zip), null)

  # The environment's own key. Without one, Lambda uses a key that AWS manages.
  kms_key_arn = local.keys.environment

  memory_size                    = var.lambda_memory_size
  timeout                        = var.lambda_timeout
  reserved_concurrent_executions = local.reserved_concurrency

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [local.private_subnet_ids] : []

    content {
      subnet_ids         = vpc_config.value
      security_group_ids = local.function_security_group_ids
    }
  }

  # In JSON, Lambda keeps its own lines to what went wrong: no START and no REPORT of each invocation. What the function
  # prints is left to x_log_level: nothing of it is below INFO, and a line without a level counts as INFO.
  logging_config {
    log_format            = local.is_compact ? "JSON" : "Text"
    log_group             = aws_cloudwatch_log_group.function.name
    application_log_level = local.is_compact ? "INFO" : null
    system_log_level      = local.is_compact ? "WARN" : null
  }

  environment {
    variables = local.function_variables
  }

  tags = local.tags

  # The metric filters are there before the first compact line, and a destroy deletes them after the function. From
  # `compact` to `metrics` Terraform deletes them first: compact lines that come before the update make no metrics.
  # Lambda checks the role's permissions when it creates the function. The function gets an address only when
  # that responds: if a live stack changes to HTTPS, the function changes last.
  depends_on = [
    aws_cloudwatch_log_metric_filter.report,
    aws_iam_role_policy.lambda,
    aws_lb_listener.node,
    aws_route53_record.node,
    aws_vpc_security_group_egress_rule.lambda_to_alb,
    aws_vpc_security_group_egress_rule.lambda_to_node,
    aws_vpc_security_group_ingress_rule.alb_from_lambda,
    aws_vpc_security_group_ingress_rule.node_from_lambda,
  ]
}
