output "api_gateway_log_group_arn" {
  description = "ARN for the stage's access log destination."
  value       = local.log_groups[local.api_group_name]
}

output "api_gateway_log_group" {
  description = "Console page of the log group with the API's access logs."
  value       = "${local.console_url}#logsV2:log-groups/log-group/${replace(urlencode(local.api_group_name), "%", "$25")}"
}

output "access_log_format" {
  description = "Access-log format to paste into the stage, the same for REST and HTTP APIs."
  value       = local.access_log_format
}

output "access_log_format_lean_rest" {
  description = "Small access-log format for the stage of a REST API: less than half of the bytes, and only what the function needs."
  value       = local.lean_formats["rest"]
}

output "access_log_format_lean_http" {
  description = "Small access-log format for the stage of an HTTP API."
  value       = local.lean_formats["http"]
}

output "access_log_stream_arn" {
  description = "With `enable_access_log_stream`: ARN for the access log destination of a REST API's stage."
  value       = one(aws_kinesis_firehose_delivery_stream.access_log[*].arn)
}

output "access_log_stream_command" {
  description = "With `enable_access_log_stream`: command that switches a REST API's stage to the stream. Replace `API` and `STAGE`."
  value       = one([for stream in aws_kinesis_firehose_delivery_stream.access_log : "aws apigateway update-stage --region ${local.region} --rest-api-id API --stage-name STAGE --patch-operations op=replace,path=/accessLogSettings/destinationArn,value=${stream.arn}"])
}

output "access_log_stream_bucket" {
  description = "With `enable_access_log_stream`: bucket with the lines that were not forwarded and, unless `firehose_result` is `dropped`, with all others."
  value       = one(aws_s3_bucket.access_log[*].bucket)
}

output "node_log_group" {
  description = "Console page of the Node's log group. Null for a Node that exists already."
  value       = local.own_node ? "${local.console_url}#logsV2:log-groups/log-group/${replace(urlencode(local.node_group), "%", "$25")}" : null
}

output "node_url" {
  description = "Address at which the function reaches the Node."
  value       = "${local.node_scheme}://${local.node_host}"
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.resend.function_name
}

output "function_log_group" {
  description = "Console page of the function's log group."
  value       = "${local.console_url}#logsV2:log-groups/log-group/${replace(urlencode(local.function_group), "%", "$25")}"
}

output "failure_queue_url" {
  description = "URL of the queue with events that could not be forwarded."
  value       = aws_sqs_queue.failed.url
}

output "dashboard_url" {
  description = "Console page of the dashboard."
  value       = "${local.console_url}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}"
}

output "forwarded_log_groups" {
  description = "Log groups that have a subscription here. With `log_group_prefixes`, those that were there when Terraform planned."
  value       = sort(keys(local.log_groups))
}

output "role_policies" {
  description = "What each role trusts and may do: its trust policy and its policy as JSON, and ARNs of policies that AWS manages. For whoever makes roles for `existing_role_names`."
  value       = local.role_policies
}
