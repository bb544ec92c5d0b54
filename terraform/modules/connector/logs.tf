locals {
  create_api_group = var.api_gateway_log_group_name == ""

  existing_groups = toset(compact(concat([var.api_gateway_log_group_name], var.additional_log_group_names)))

  # Name to ARN, of all groups whose lines are forwarded. An ARN ends with `:*` in some versions of the
  # provider and not in others.
  log_groups = merge(
    { for group in aws_cloudwatch_log_group.api : group.name => trimsuffix(group.arn, ":*") },
    { for name, group in data.aws_cloudwatch_log_group.existing : name => trimsuffix(group.arn, ":*") },
  )

  api_group_name = local.create_api_group ? local.api_group : var.api_gateway_log_group_name
}

resource "aws_cloudwatch_log_group" "api" {
  count = local.create_api_group ? 1 : 0

  name              = local.api_group
  retention_in_days = var.log_retention_days

  tags = local.tags
}

# This configuration only reads these groups, so it can't destroy them.
data "aws_cloudwatch_log_group" "existing" {
  for_each = local.existing_groups

  name = each.value
}

resource "aws_cloudwatch_log_group" "function" {
  name              = local.function_group
  retention_in_days = var.log_retention_days

  tags = local.tags
}

resource "aws_cloudwatch_log_group" "node" {
  count = local.own_node ? 1 : 0

  name              = local.node_group
  retention_in_days = var.log_retention_days

  tags = local.tags
}

# CloudWatch Logs tests the permission when a filter is created. It calls the function with the ARN of one of
# the group's streams: an ARN without `:*` matches none of them.
resource "aws_lambda_permission" "logs" {
  for_each = local.log_groups

  statement_id   = "Logs-${substr(sha1(each.key), 0, 12)}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.resend.function_name
  principal      = "logs.${local.region}.amazonaws.com"
  source_arn     = "${each.value}:*"
  source_account = data.aws_caller_identity.current.account_id
}

# A group can have at most two filters.
resource "aws_cloudwatch_log_subscription_filter" "resend" {
  for_each = local.log_groups

  name            = local.function_name
  log_group_name  = each.key
  filter_pattern  = var.subscription_filter_pattern
  destination_arn = aws_lambda_function.resend.arn

  # Events that fail before the queue exists would be lost.
  depends_on = [aws_lambda_permission.logs, aws_lambda_function_event_invoke_config.resend]
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
  count = var.manage_api_gateway_account ? 1 : 0

  name               = "${local.name}-apigateway"
  description        = "Logs of all REST and WebSocket APIs of this account in this region"
  assume_role_policy = data.aws_iam_policy_document.assume_api_gateway.json

  tags = local.tags
}

resource "aws_iam_role_policy_attachment" "api_gateway" {
  count = var.manage_api_gateway_account ? 1 : 0

  role       = aws_iam_role.api_gateway[0].name
  policy_arn = "${local.arn_prefix}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  count = var.manage_api_gateway_account ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.api_gateway[0].arn

  # API Gateway tests the role when it is set.
  depends_on = [aws_iam_role_policy_attachment.api_gateway]
}
