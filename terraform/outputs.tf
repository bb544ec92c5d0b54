# Written by tests/terraform/generate.py from modules/connector/outputs.tf.

output "api_gateway_log_group_arn" {
  description = "ARN for the stage's access log destination."
  value       = module.connector.api_gateway_log_group_arn
}

output "api_gateway_log_group" {
  description = "Console page of the log group with the API's access logs."
  value       = module.connector.api_gateway_log_group
}

output "access_log_format" {
  description = "Access-log format to paste into the stage, the same for REST and HTTP APIs."
  value       = module.connector.access_log_format
}

output "access_log_format_lean_rest" {
  description = "Small access-log format for the stage of a REST API: less than half of the bytes, and only what the function needs."
  value       = module.connector.access_log_format_lean_rest
}

output "access_log_format_lean_http" {
  description = "Small access-log format for the stage of an HTTP API."
  value       = module.connector.access_log_format_lean_http
}

output "access_log_stream_arn" {
  description = "With `enable_access_log_stream`: ARN for the access log destination of a REST API's stage."
  value       = module.connector.access_log_stream_arn
}

output "access_log_stream_command" {
  description = "With `enable_access_log_stream`: command that switches a REST API's stage to the stream. Replace `API` and `STAGE`."
  value       = module.connector.access_log_stream_command
}

output "access_log_stream_bucket" {
  description = "With `enable_access_log_stream`: bucket with the lines that were not forwarded and, unless `firehose_result` is `dropped`, with all others."
  value       = module.connector.access_log_stream_bucket
}

output "node_log_group" {
  description = "Console page of the Node's log group. Null for a Node that exists already."
  value       = module.connector.node_log_group
}

output "node_url" {
  description = "Address at which the function reaches the Node."
  value       = module.connector.node_url
}

output "function_name" {
  description = "Name of the function."
  value       = module.connector.function_name
}

output "function_log_group" {
  description = "Console page of the function's log group."
  value       = module.connector.function_log_group
}

output "failure_queue_url" {
  description = "URL of the queue with events that could not be forwarded."
  value       = module.connector.failure_queue_url
}

output "dashboard_url" {
  description = "Console page of the dashboard."
  value       = module.connector.dashboard_url
}

output "forwarded_log_groups" {
  description = "Log groups that have a subscription here. With `log_group_prefixes`, those that were there when Terraform planned."
  value       = module.connector.forwarded_log_groups
}

output "role_policies" {
  description = "What each role trusts and may do: its trust policy and its policy as JSON, and ARNs of policies that AWS manages. For whoever makes roles for `existing_role_names`."
  value       = module.connector.role_policies
}
