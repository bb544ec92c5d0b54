# A SecureString costs nothing, has no recovery window that would hold its name back after a
# destroy, and needs no permission on a key. The token still stands in Terraform's state: whoever
# does not want that gives a secret's ARN.

locals {
  create_token = var.wallarm_api_token_secret_arn == ""
  token_arn    = local.create_token ? one(aws_ssm_parameter.token[*].arn) : var.wallarm_api_token_secret_arn

  # ECS takes a secret's ARN with a key, a stage and a version behind it; IAM takes it without.
  token_parts    = split(":", var.wallarm_api_token_secret_arn)
  is_secret      = try(local.token_parts[2], "") == "secretsmanager"
  token_resource = local.is_secret ? join(":", slice(local.token_parts, 0, 7)) : local.token_arn
}

resource "aws_ssm_parameter" "token" {
  count = local.create_token ? 1 : 0

  name        = "/wallarm/${local.name}/api-token"
  description = "Wallarm API token of the Native Node"
  type        = "SecureString"
  value       = var.wallarm_api_token
}
