# What the company's rules say of roles. A role is created here, or it was made by somebody else and is only named.

locals {
  needs_role = {
    function          = true
    execution         = local.own_node
    instance          = local.own_node
    task              = local.own_node && var.enable_execute_command
    access_log_stream = var.enable_access_log_stream
    api_gateway       = var.manage_api_gateway_account
  }
  create_role = { for key, needed in local.needs_role : key => needed && !contains(keys(var.existing_role_names), key) }

  permissions_boundary = var.permissions_boundary_arn != "" ? var.permissions_boundary_arn : null

  function_role_arn          = local.create_role.function ? one(aws_iam_role.lambda[*].arn) : try(data.aws_iam_role.existing["function"].arn, null)
  execution_role_arn         = local.create_role.execution ? one(aws_iam_role.execution[*].arn) : try(data.aws_iam_role.existing["execution"].arn, null)
  task_role_arn              = local.create_role.task ? one(aws_iam_role.task[*].arn) : try(data.aws_iam_role.existing["task"].arn, null)
  access_log_stream_role_arn = local.create_role.access_log_stream ? one(aws_iam_role.access_log_stream[*].arn) : try(data.aws_iam_role.existing["access_log_stream"].arn, null)
  api_gateway_role_arn       = local.create_role.api_gateway ? one(aws_iam_role.api_gateway[*].arn) : try(data.aws_iam_role.existing["api_gateway"].arn, null)
  instance_profile_arn       = local.create_role.instance ? one(aws_iam_instance_profile.instance[*].arn) : one(data.aws_iam_instance_profile.existing[*].arn)

  instance_policy_arn    = "${local.arn_prefix}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
  api_gateway_policy_arn = "${local.arn_prefix}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"

  # ARNs of what the roles may use, made of its names: a plan then shows each policy before anything exists, and whoever
  # makes the roles can take it from there.
  function_arn                 = "${local.arn_prefix}:lambda:${local.arn_region}:function:${local.function_name}"
  failure_queue_name           = "${local.name}-failed-events"
  failure_queue_arn            = "${local.arn_prefix}:sqs:${local.arn_region}:${local.failure_queue_name}"
  log_group_arn_prefix         = "${local.arn_prefix}:logs:${local.arn_region}:log-group:"
  cluster_arn                  = "${local.arn_prefix}:ecs:${local.arn_region}:cluster/${local.name}"
  access_log_stream_bucket_arn = "${local.arn_prefix}:s3:::${local.access_log_stream_bucket}"

  # What each role of this deployment trusts and may do.
  role_policies = {
    for key, role in {
      function = {
        trust            = data.aws_iam_policy_document.assume_lambda.json
        policy           = data.aws_iam_policy_document.lambda.json
        managed_policies = tolist([])
      }
      execution = {
        trust            = data.aws_iam_policy_document.assume_tasks.json
        policy           = join("", data.aws_iam_policy_document.execution[*].json)
        managed_policies = tolist([])
      }
      instance = {
        trust            = data.aws_iam_policy_document.assume_ec2.json
        policy           = join("", data.aws_iam_policy_document.agent[*].json)
        managed_policies = local.has_nat_gateway ? tolist([local.instance_policy_arn]) : tolist([])
      }
      task = {
        trust            = data.aws_iam_policy_document.assume_tasks.json
        policy           = join("", data.aws_iam_policy_document.task[*].json)
        managed_policies = tolist([])
      }
      access_log_stream = {
        trust            = data.aws_iam_policy_document.assume_firehose.json
        policy           = join("", data.aws_iam_policy_document.access_log_stream[*].json)
        managed_policies = tolist([])
      }
      api_gateway = {
        trust            = data.aws_iam_policy_document.assume_api_gateway.json
        policy           = ""
        managed_policies = tolist([local.api_gateway_policy_arn])
      }
    } : key => role if local.needs_role[key]
  }
}

# Both are read at plan, which fails if there is none with this name.
data "aws_iam_role" "existing" {
  for_each = { for key, name in var.existing_role_names : key => name if key != "instance" }

  name = each.value
}

data "aws_iam_instance_profile" "existing" {
  count = contains(keys(var.existing_role_names), "instance") ? 1 : 0

  name = var.existing_role_names["instance"]
}
