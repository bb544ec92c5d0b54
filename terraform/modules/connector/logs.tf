locals {
  create_api_group = var.api_gateway_log_group_name == ""

  existing_groups = toset(compact(concat([var.api_gateway_log_group_name], var.additional_log_group_names)))

  # Name to ARN, of all groups whose lines are forwarded. An ARN ends with `:*` in some versions of the
  # provider and not in others.
  named_groups = merge(
    { for group in aws_cloudwatch_log_group.api : group.name => trimsuffix(group.arn, ":*") },
    { for name, group in data.aws_cloudwatch_log_group.existing : name => trimsuffix(group.arn, ":*") },
  )
  log_groups = merge(
    { for name in local.groups_with_prefix : name => "${local.log_group_arn_prefix}${name}" },
    local.named_groups,
  )

  # Groups that this or another connector writes itself: each of their lines would cause another one, or be forwarded
  # twice.
  written_by_connectors = "^/aws/(lambda/wallarm-cw-resend|ecs/native-node|ecs/containerinsights/|kinesisfirehose/amazon-apigateway-|apigateway/wallarm-api-discovery-)"

  # The groups that begin with a prefix while Terraform plans.
  groups_with_prefix = toset([
    for name in flatten([for groups in data.aws_cloudwatch_log_groups.prefix : tolist(groups.log_group_names)]) :
    name if !can(regex(local.written_by_connectors, name))
  ])

  # Lambda keeps all of a function's statements in one policy, which has this size.
  permitted_sources = concat(
    [for name in keys(local.named_groups) : "${local.log_group_arn_prefix}${name}:*"],
    [for prefix in distinct(var.log_group_prefixes) : "${local.log_group_arn_prefix}${prefix}*"],
    var.enable_account_subscription ? ["${local.log_group_arn_prefix}*"] : [],
  )
  permission_characters = length(jsonencode({
    Version = "2012-10-17"
    Id      = "default"
    Statement = [for source in local.permitted_sources : {
      Sid       = "Logs-0123456789ab"
      Effect    = "Allow"
      Principal = { Service = data.aws_service_principal.logs.id }
      Action    = "lambda:InvokeFunction"
      Resource  = local.function_arn
      Condition = {
        StringEquals = { "AWS:SourceAccount" = data.aws_caller_identity.current.account_id }
        ArnLike      = { "AWS:SourceArn" = source }
      }
    }]
  }))

  api_group_name = local.create_api_group ? local.api_group : var.api_gateway_log_group_name
}

resource "aws_cloudwatch_log_group" "api" {
  count = local.create_api_group ? 1 : 0

  name              = local.api_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.keys.logs

  tags = local.tags
}

# This configuration only reads these groups, so it can't destroy them.
data "aws_cloudwatch_log_group" "existing" {
  for_each = local.existing_groups

  name = each.value
}

data "aws_cloudwatch_log_groups" "prefix" {
  for_each = toset(var.log_group_prefixes)

  log_group_name_prefix = each.value
}

resource "aws_cloudwatch_log_group" "function" {
  name              = local.function_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.keys.logs

  tags = local.tags
}

resource "aws_cloudwatch_log_group" "node" {
  count = local.own_node ? 1 : 0

  name              = local.node_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.keys.logs

  tags = local.tags
}

# In China its name has another end.
data "aws_service_principal" "logs" {
  service_name = "logs"
}

# CloudWatch Logs tests the permission when a filter is created. It calls the function with the ARN of one of
# the group's streams: an ARN without `:*` matches none of them. A group that is named keeps its own permission under a
# prefix: without one for a moment, CloudWatch Logs skips its lines for minutes.
resource "aws_lambda_permission" "logs" {
  for_each = local.named_groups

  statement_id   = "Logs-${substr(sha1(each.key), 0, 12)}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.resend.function_name
  principal      = data.aws_service_principal.logs.id
  source_arn     = "${each.value}:*"
  source_account = data.aws_caller_identity.current.account_id
}

# The end matches whatever follows the prefix, and the streams.
resource "aws_lambda_permission" "log_prefix" {
  for_each = toset(var.log_group_prefixes)

  statement_id   = "LogPrefix-${substr(sha1(each.value), 0, 12)}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.resend.function_name
  principal      = data.aws_service_principal.logs.id
  source_arn     = "${local.log_group_arn_prefix}${each.value}*"
  source_account = data.aws_caller_identity.current.account_id
}

# A group can have at most two filters.
resource "aws_cloudwatch_log_subscription_filter" "resend" {
  for_each = local.log_groups

  name            = local.function_name
  log_group_name  = each.key
  filter_pattern  = var.subscription_filter_pattern
  destination_arn = aws_lambda_function.resend.arn

  # Events that fail before the queue exists would be lost. Where an apply waits for the Node, so do the lines.
  depends_on = [aws_lambda_permission.logs, aws_lambda_permission.log_prefix, aws_lambda_function_event_invoke_config.resend, aws_lambda_invocation.wait]
}

################################################################################
# The role that API Gateway writes logs of REST and WebSocket APIs with
################################################################################

data "aws_iam_policy_document" "assume_api_gateway" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["apigateway.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "api_gateway" {
  count = local.create_role.api_gateway ? 1 : 0

  name                 = "${local.name}-apigateway"
  description          = "Logs of all REST and WebSocket APIs of this account in this region"
  assume_role_policy   = data.aws_iam_policy_document.assume_api_gateway.json
  path                 = var.iam_role_path
  permissions_boundary = local.permissions_boundary

  tags = local.tags
}

resource "aws_iam_role_policy_attachment" "api_gateway" {
  count = local.create_role.api_gateway ? 1 : 0

  role       = aws_iam_role.api_gateway[0].name
  policy_arn = local.api_gateway_policy_arn
}

resource "aws_api_gateway_account" "this" {
  count = var.manage_api_gateway_account ? 1 : 0

  cloudwatch_role_arn = local.api_gateway_role_arn

  # API Gateway tests the role when it is set.
  depends_on = [aws_iam_role_policy_attachment.api_gateway]
}
