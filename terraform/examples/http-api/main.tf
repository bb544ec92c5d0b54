# An HTTP API in front of a small page of Amazon's, with a stage that logs for the connector. It
# reads what it needs from the connector's outputs.

terraform {
  required_version = ">= 1.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}

variable "connector_state" {
  description = "State file of the connector, seen from this directory."
  type        = string
  default     = "../../terraform.tfstate"
}

data "terraform_remote_state" "connector" {
  backend = "local"

  config = {
    path = var.connector_state
  }
}

locals {
  connector = data.terraform_remote_state.connector.outputs
}

# The region of the connector, since access logs do not leave it.
provider "aws" {
  region = split(":", local.connector.api_gateway_log_group_arn)[3]
}

resource "aws_apigatewayv2_api" "this" {
  name          = "wallarm-api-discovery-example"
  protocol_type = "HTTP"
}

# This page returns the address that requests it.
resource "aws_apigatewayv2_integration" "this" {
  api_id             = aws_apigatewayv2_api.this.id
  integration_type   = "HTTP_PROXY"
  integration_method = "GET"
  integration_uri    = "https://checkip.amazonaws.com/"
}

resource "aws_apigatewayv2_route" "this" {
  for_each = toset(["GET /pets", "POST /pets", "GET /pets/{id}", "DELETE /pets/{id}", "GET /orders", "GET /orders/{id}"])

  api_id    = aws_apigatewayv2_api.this.id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  # An API needs only these two lines.
  access_log_settings {
    destination_arn = local.connector.api_gateway_log_group_arn
    format          = local.connector.access_log_format
  }

  # The API is open to everybody: a few calls a second are enough for it.
  default_route_settings {
    throttling_rate_limit  = 10
    throttling_burst_limit = 20
  }
}

output "url" {
  description = "Address of the API's stage."
  value       = aws_apigatewayv2_stage.this.invoke_url
}
