# A REST API in front of a small page of Amazon's, with a stage that writes its access log to the connector's
# Firehose stream. It reads what it needs from the connector's outputs. The connector must have been deployed with
# `enable_access_log_stream = true`.

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

  # Path to its methods.
  paths = {
    "/pets"        = ["get", "post"]
    "/pets/{id}"   = ["get", "delete"]
    "/orders"      = ["get"]
    "/orders/{id}" = ["get"]
  }

  # This page returns the address that requests it.
  integration = {
    type       = "http_proxy"
    httpMethod = "GET"
    uri        = "https://checkip.amazonaws.com/"
  }

  openapi = jsonencode({
    openapi = "3.0.1"
    info    = { title = "wallarm-api-discovery-firehose-example", version = "1" }
    paths = {
      for path, methods in local.paths : path => {
        for method in methods : method => {
          parameters                        = [for name in flatten(regexall("{(\\w+)}", path)) : { name = name, in = "path", required = true, schema = { type = "string" } }]
          responses                         = { "200" = { description = "The page" } }
          "x-amazon-apigateway-integration" = local.integration
        }
      }
    }
  })
}

# The region of the connector, since access logs do not leave it.
provider "aws" {
  region = split(":", local.connector.access_log_stream_arn)[3]
}

resource "aws_api_gateway_rest_api" "this" {
  name = "wallarm-api-discovery-firehose-example"
  body = local.openapi

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  triggers    = { openapi = sha1(local.openapi) }

  # The stage uses the old deployment until it has the new one.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  rest_api_id   = aws_api_gateway_rest_api.this.id
  deployment_id = aws_api_gateway_deployment.this.id
  stage_name    = "prod"

  # An API needs only these two lines.
  access_log_settings {
    destination_arn = local.connector.access_log_stream_arn
    format          = local.connector.access_log_format
  }
}

# The API is open to everybody: a few calls a second are enough for it.
resource "aws_api_gateway_method_settings" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = 10
    throttling_burst_limit = 20
  }
}

output "url" {
  description = "Address of the API's stage."
  value       = aws_api_gateway_stage.this.invoke_url
}
