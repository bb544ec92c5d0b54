# The connector in two regions, by its module. Access logs do not leave their region, so that each region has a connector
# of its own. A module takes its provider from outside: each region is a provider and a block that names it.

terraform {
  required_version = ">= 1.1"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}

variable "wallarm_api_token" {
  description = "Wallarm API token of the usage type `Node deployment/Deployment`."
  type        = string
  sensitive   = true
}

variable "in_europe" {
  description = "Whether the second region has a connector."
  type        = bool
  default     = true
}

provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "europe"
  region = "eu-central-1"
}

# A connector for each of two teams: the key is the prefix of all its names.
module "america" {
  for_each = toset(["orders", "payments"])
  source   = "../../modules/connector"

  name_prefix       = each.key
  wallarm_api_token = var.wallarm_api_token
  node_group        = each.key
}

module "europe" {
  count  = var.in_europe ? 1 : 0
  source = "../../modules/connector"

  providers = {
    aws = aws.europe
  }

  wallarm_api_token = var.wallarm_api_token
}

output "log_groups" {
  description = "ARN for the access log destination of the stages, by connector."
  value = merge(
    { for name, connector in module.america : "us-east-1 ${name}" => connector.api_gateway_log_group_arn },
    { for connector in module.europe : "eu-central-1" => connector.api_gateway_log_group_arn },
  )
}
