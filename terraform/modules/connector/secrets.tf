# A SecureString costs nothing and needs no permission on a key. It has no recovery window, so its name is
# free again after a destroy. Terraform's state still contains the token. To avoid that, set a secret's ARN.

locals {
  token_name   = "/wallarm/${local.name}/api-token"
  create_token = local.own_node && var.wallarm_api_token_secret_arn == ""
  token_arn    = local.create_token ? one(aws_ssm_parameter.token[*].arn) : var.wallarm_api_token_secret_arn

  # ECS accepts a secret's ARN with a key, a stage and a version at its end; IAM needs the ARN without them.
  token_parts    = split(":", var.wallarm_api_token_secret_arn)
  is_secret      = try(local.token_parts[2], "") == "secretsmanager"
  token_resource = local.create_token ? "${local.arn_prefix}:ssm:${local.arn_region}:parameter${local.token_name}" : local.is_secret ? join(":", slice(local.token_parts, 0, 7)) : var.wallarm_api_token_secret_arn
}

resource "aws_ssm_parameter" "token" {
  count = local.create_token ? 1 : 0

  name        = local.token_name
  description = "Wallarm API token of the Native Node"
  type        = "SecureString"
  # By its name, so that a key that is no longer set is left again. Another key is another version, which only the next
  # plan sees.
  key_id = coalesce(local.keys.token, "alias/aws/ssm")
  value  = var.wallarm_api_token

  tags = local.tags
}
