# Waiting for the Node: an apply is done when the Node is healthy, or fails and says why it is not. A second function of
# the same package asks the Node for its health, from the network and with the settings of the first one. It costs nothing
# between applies.

locals {
  waits_for_node = local.own_node && var.wait_for_node_seconds > 0
  wait_name      = "wallarm-cw-wait-${local.name}"
  wait_arn       = "${local.arn_prefix}:lambda:${local.arn_region}:function:${local.wait_name}"
}

resource "aws_lambda_function" "wait" {
  count = local.waits_for_node ? 1 : 0

  function_name = local.wait_name
  description   = "Waits for a healthy Wallarm Native Node while Terraform applies"
  role          = local.function_role_arn

  runtime          = "provided.al2023"
  architectures    = [var.lambda_architecture]
  handler          = "bootstrap"
  filename         = local.bootstrap_zip
  source_code_hash = try(filebase64sha256(local.bootstrap_zip), null)

  memory_size = 128
  # The function reports what it has waited for before Lambda ends it.
  timeout = var.wait_for_node_seconds + 30

  vpc_config {
    subnet_ids         = local.private_subnet_ids
    security_group_ids = local.function_security_group_ids
  }

  # The role may write to this group and to no other one.
  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.function.name
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }

  kms_key_arn = local.keys.environment

  environment {
    variables = local.function_variables
  }

  tags = local.tags

  depends_on = [aws_iam_role_policy.lambda]
}

resource "aws_lambda_invocation" "wait" {
  count = local.waits_for_node ? 1 : 0

  function_name = aws_lambda_function.wait[0].function_name

  # Whatever makes new Nodes makes Terraform wait once more.
  input = jsonencode({
    waitForNode = {
      path     = local.health_path
      seconds  = var.wait_for_node_seconds
      revision = "${aws_ecs_task_definition.node[0].arn} ${aws_launch_template.node[0].latest_version} ${local.node_scheme}://${local.node_host}"
    }
  })

  depends_on = [
    aws_autoscaling_group.single,
    aws_ecs_service.node,
    aws_ecs_service.single,
    aws_lb_listener.node,
    aws_route53_record.node,
    aws_vpc_security_group_egress_rule.lambda_to_alb,
    aws_vpc_security_group_egress_rule.lambda_to_node,
    aws_vpc_security_group_ingress_rule.alb_from_lambda,
    aws_vpc_security_group_ingress_rule.node_from_lambda,
  ]
}
