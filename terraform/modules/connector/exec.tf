# ECS Exec: a shell in the Node's container, for troubleshooting. Only then does the task have a role. A read-only
# container has no place for the agent of ECS Exec, so it works in the Node's container alone.

resource "aws_iam_role" "task" {
  count = local.create_role.task ? 1 : 0

  name                 = "${local.name}-task"
  description          = "ECS Exec in the Wallarm Native Node"
  assume_role_policy   = data.aws_iam_policy_document.assume_tasks.json
  path                 = var.iam_role_path
  permissions_boundary = local.permissions_boundary

  tags = local.tags
}

data "aws_iam_policy_document" "task" {
  count = local.needs_role.task ? 1 : 0

  # IAM has no resources for these actions: a channel belongs to the caller.
  statement {
    sid = "Exec"
    actions = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "task" {
  count = local.create_role.task ? 1 : 0

  name   = "exec"
  role   = aws_iam_role.task[0].id
  policy = data.aws_iam_policy_document.task[0].json
}
