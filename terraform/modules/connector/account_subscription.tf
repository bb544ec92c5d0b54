# One subscription for all log groups of the account in the region, those of later too. AWS has one such policy in a
# region: its name is not the name of any other, so that AWS refuses a second one and never replaces the first.

locals {
  # A line of these would cause an invocation that writes the next one, or would come twice: by this policy, and by the
  # group's own subscription.
  account_subscription_excluded = sort(distinct(concat(
    [local.function_group, local.node_group, local.access_log_stream_group, "/aws/ecs/containerinsights/${local.name}/performance"],
    keys(local.log_groups),
    var.account_subscription_excluded_groups,
  )))

  account_subscription_criteria = "LogGroupName NOT IN [${join(", ", [for name in local.account_subscription_excluded : "\"${name}\""])}]"
}

resource "aws_lambda_permission" "account" {
  count = var.enable_account_subscription ? 1 : 0

  statement_id   = "LogAccount"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.resend.function_name
  principal      = data.aws_service_principal.logs.id
  source_arn     = "${local.log_group_arn_prefix}*"
  source_account = data.aws_caller_identity.current.account_id
}

resource "aws_cloudwatch_log_account_policy" "this" {
  count = var.enable_account_subscription ? 1 : 0

  policy_name        = local.function_name
  policy_type        = "SUBSCRIPTION_FILTER_POLICY"
  selection_criteria = local.account_subscription_criteria

  policy_document = jsonencode({
    DestinationArn = aws_lambda_function.resend.arn
    FilterPattern  = var.subscription_filter_pattern
  })

  # Events that fail before the queue exists would be lost. Where an apply waits for the Node, so do the lines.
  depends_on = [aws_lambda_permission.account, aws_lambda_function_event_invoke_config.resend, aws_lambda_invocation.wait]
}
