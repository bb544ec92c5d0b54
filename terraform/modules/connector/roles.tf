# What the company's rules say of roles. A role is created here, or it was made by somebody else and is only named.

locals {
  create_role = {
    for key in ["function", "execution", "instance", "access_log_stream", "api_gateway"] :
    key => !contains(keys(var.existing_role_names), key)
  }

  permissions_boundary = var.permissions_boundary_arn != "" ? var.permissions_boundary_arn : null

  function_role_arn          = local.create_role.function ? one(aws_iam_role.lambda[*].arn) : data.aws_iam_role.existing["function"].arn
  execution_role_arn         = local.create_role.execution ? one(aws_iam_role.execution[*].arn) : data.aws_iam_role.existing["execution"].arn
  access_log_stream_role_arn = local.create_role.access_log_stream ? one(aws_iam_role.access_log_stream[*].arn) : data.aws_iam_role.existing["access_log_stream"].arn
  api_gateway_role_arn       = local.create_role.api_gateway ? one(aws_iam_role.api_gateway[*].arn) : data.aws_iam_role.existing["api_gateway"].arn
  instance_profile_arn       = local.create_role.instance ? one(aws_iam_instance_profile.instance[*].arn) : one(data.aws_iam_instance_profile.existing[*].arn)

  instance_policy_arn    = "${local.arn_prefix}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
  api_gateway_policy_arn = "${local.arn_prefix}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"

  # ARNs of what the roles may use, made of its names: a plan then shows each policy before anything exists, and whoever
  # makes the roles can take it from there.
  function_arn                 = "${local.arn_prefix}:lambda:${local.arn_region}:function:${local.function_name}"
  failure_queue_name           = "${local.name}-failed-events"
  failure_queue_arn            = "${local.arn_prefix}:sqs:${local.arn_region}:${local.failure_queue_name}"
  log_group_arn_prefix         = "${local.arn_prefix}:logs:${local.arn_region}:log-group:"
  access_log_stream_bucket_arn = "${local.arn_prefix}:s3:::${local.access_log_stream_bucket}"

  # What each role of this deployment trusts and may do.
  role_policies = merge(
    {
      function = {
        trust            = data.aws_iam_policy_document.assume_lambda.json
        policy           = data.aws_iam_policy_document.lambda.json
        managed_policies = tolist([])
      }
      execution = {
        trust            = data.aws_iam_policy_document.assume_tasks.json
        policy           = data.aws_iam_policy_document.execution.json
        managed_policies = tolist([])
      }
      instance = {
        trust            = data.aws_iam_policy_document.assume_ec2.json
        policy           = ""
        managed_policies = tolist([local.instance_policy_arn])
      }
    },
    { for key, document in { access_log_stream = one(data.aws_iam_policy_document.access_log_stream[*].json) } : key => {
      trust                                    = data.aws_iam_policy_document.assume_firehose.json
      policy                                   = document
      managed_policies                         = tolist([])
    } if document != null },
    { for key in ["api_gateway"] : key => {
      trust            = data.aws_iam_policy_document.assume_api_gateway.json
      policy           = ""
      managed_policies = tolist([local.api_gateway_policy_arn])
    } if var.manage_api_gateway_account },
  )
}

# Both are read at plan, which fails if there is none with this name.
data "aws_iam_role" "existing" {
  for_each = { for key, name in var.existing_role_names : key => name if key != "instance" }

  name = each.value
}

data "aws_iam_instance_profile" "existing" {
  count = local.create_role.instance ? 0 : 1

  name = var.existing_role_names["instance"]
}
