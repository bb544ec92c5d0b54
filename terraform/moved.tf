# Up to version 0.1.0 this configuration had no module. What it made keeps its place: a recreated log group or queue
# would be lost data.

moved {
  from = aws_cloudwatch_log_group.access_log_stream
  to   = module.connector.aws_cloudwatch_log_group.access_log_stream
}

moved {
  from = aws_cloudwatch_log_stream.access_log_stream
  to   = module.connector.aws_cloudwatch_log_stream.access_log_stream
}

moved {
  from = aws_cloudwatch_metric_alarm.access_log_stream_failed
  to   = module.connector.aws_cloudwatch_metric_alarm.access_log_stream_failed
}

moved {
  from = aws_iam_role.access_log_stream
  to   = module.connector.aws_iam_role.access_log_stream
}

moved {
  from = aws_iam_role_policy.access_log_stream
  to   = module.connector.aws_iam_role_policy.access_log_stream
}

moved {
  from = aws_kinesis_firehose_delivery_stream.access_log
  to   = module.connector.aws_kinesis_firehose_delivery_stream.access_log
}

moved {
  from = aws_s3_bucket.access_log
  to   = module.connector.aws_s3_bucket.access_log
}

moved {
  from = aws_s3_bucket_lifecycle_configuration.access_log
  to   = module.connector.aws_s3_bucket_lifecycle_configuration.access_log
}

moved {
  from = aws_s3_bucket_policy.access_log
  to   = module.connector.aws_s3_bucket_policy.access_log
}

moved {
  from = aws_s3_bucket_public_access_block.access_log
  to   = module.connector.aws_s3_bucket_public_access_block.access_log
}

moved {
  from = aws_s3_bucket_server_side_encryption_configuration.access_log
  to   = module.connector.aws_s3_bucket_server_side_encryption_configuration.access_log
}

moved {
  from = aws_cloudwatch_metric_alarm.this
  to   = module.connector.aws_cloudwatch_metric_alarm.this
}

moved {
  from = aws_lb.node
  to   = module.connector.aws_lb.node[0]
}

moved {
  from = aws_lb_listener.node
  to   = module.connector.aws_lb_listener.node[0]
}

moved {
  from = aws_lb_target_group.node
  to   = module.connector.aws_lb_target_group.node[0]
}

moved {
  from = aws_cloudwatch_dashboard.this
  to   = module.connector.aws_cloudwatch_dashboard.this
}

moved {
  from = aws_service_discovery_private_dns_namespace.this
  to   = module.connector.aws_service_discovery_private_dns_namespace.this[0]
}

moved {
  from = aws_service_discovery_service.node
  to   = module.connector.aws_service_discovery_service.node[0]
}

moved {
  from = aws_acm_certificate.node
  to   = module.connector.aws_acm_certificate.node
}

moved {
  from = aws_acm_certificate_validation.node
  to   = module.connector.aws_acm_certificate_validation.node
}

moved {
  from = aws_route53_record.node
  to   = module.connector.aws_route53_record.node
}

moved {
  from = aws_route53_record.validation
  to   = module.connector.aws_route53_record.validation
}

moved {
  from = aws_appautoscaling_policy.node_cpu
  to   = module.connector.aws_appautoscaling_policy.node_cpu[0]
}

moved {
  from = aws_appautoscaling_target.node
  to   = module.connector.aws_appautoscaling_target.node[0]
}

moved {
  from = aws_autoscaling_group.node
  to   = module.connector.aws_autoscaling_group.node[0]
}

moved {
  from = aws_ecs_capacity_provider.node
  to   = module.connector.aws_ecs_capacity_provider.node[0]
}

moved {
  from = aws_ecs_cluster.this
  to   = module.connector.aws_ecs_cluster.this[0]
}

moved {
  from = aws_ecs_cluster_capacity_providers.this
  to   = module.connector.aws_ecs_cluster_capacity_providers.this[0]
}

moved {
  from = aws_ecs_service.node
  to   = module.connector.aws_ecs_service.node[0]
}

moved {
  from = aws_ecs_task_definition.node
  to   = module.connector.aws_ecs_task_definition.node[0]
}

moved {
  from = aws_iam_instance_profile.instance
  to   = module.connector.aws_iam_instance_profile.instance[0]
}

moved {
  from = aws_iam_role.execution
  to   = module.connector.aws_iam_role.execution[0]
}

moved {
  from = aws_iam_role.instance
  to   = module.connector.aws_iam_role.instance[0]
}

moved {
  from = aws_iam_role_policy.execution
  to   = module.connector.aws_iam_role_policy.execution[0]
}

moved {
  from = aws_iam_role_policy_attachment.instance
  to   = module.connector.aws_iam_role_policy_attachment.instance[0]
}

moved {
  from = aws_launch_template.node
  to   = module.connector.aws_launch_template.node[0]
}

moved {
  from = aws_lambda_event_source_mapping.redrive
  to   = module.connector.aws_lambda_event_source_mapping.redrive
}

moved {
  from = aws_lambda_function_event_invoke_config.resend
  to   = module.connector.aws_lambda_function_event_invoke_config.resend
}

moved {
  from = aws_sqs_queue.dead
  to   = module.connector.aws_sqs_queue.dead
}

moved {
  from = aws_sqs_queue.failed
  to   = module.connector.aws_sqs_queue.failed
}

moved {
  from = aws_iam_role.lambda
  to   = module.connector.aws_iam_role.lambda[0]
}

moved {
  from = aws_iam_role_policy.lambda
  to   = module.connector.aws_iam_role_policy.lambda[0]
}

moved {
  from = aws_lambda_function.resend
  to   = module.connector.aws_lambda_function.resend
}

moved {
  from = aws_api_gateway_account.this
  to   = module.connector.aws_api_gateway_account.this
}

moved {
  from = aws_cloudwatch_log_group.api
  to   = module.connector.aws_cloudwatch_log_group.api
}

moved {
  from = aws_cloudwatch_log_group.function
  to   = module.connector.aws_cloudwatch_log_group.function
}

moved {
  from = aws_cloudwatch_log_group.node
  to   = module.connector.aws_cloudwatch_log_group.node[0]
}

moved {
  from = aws_cloudwatch_log_subscription_filter.resend
  to   = module.connector.aws_cloudwatch_log_subscription_filter.resend
}

moved {
  from = aws_iam_role.api_gateway
  to   = module.connector.aws_iam_role.api_gateway
}

moved {
  from = aws_iam_role_policy_attachment.api_gateway
  to   = module.connector.aws_iam_role_policy_attachment.api_gateway
}

moved {
  from = aws_lambda_permission.logs
  to   = module.connector.aws_lambda_permission.logs
}

moved {
  from = aws_cloudwatch_log_metric_filter.report
  to   = module.connector.aws_cloudwatch_log_metric_filter.report
}

moved {
  from = aws_default_security_group.this
  to   = module.connector.aws_default_security_group.this
}

moved {
  from = aws_eip.nat
  to   = module.connector.aws_eip.nat
}

moved {
  from = aws_internet_gateway.this
  to   = module.connector.aws_internet_gateway.this
}

moved {
  from = aws_nat_gateway.this
  to   = module.connector.aws_nat_gateway.this
}

moved {
  from = aws_route.private_internet
  to   = module.connector.aws_route.private_internet
}

moved {
  from = aws_route.public_internet
  to   = module.connector.aws_route.public_internet
}

moved {
  from = aws_route_table.private
  to   = module.connector.aws_route_table.private
}

moved {
  from = aws_route_table.public
  to   = module.connector.aws_route_table.public
}

moved {
  from = aws_route_table_association.private
  to   = module.connector.aws_route_table_association.private
}

moved {
  from = aws_route_table_association.public
  to   = module.connector.aws_route_table_association.public
}

moved {
  from = aws_subnet.private
  to   = module.connector.aws_subnet.private
}

moved {
  from = aws_subnet.public
  to   = module.connector.aws_subnet.public
}

moved {
  from = aws_vpc.this
  to   = module.connector.aws_vpc.this
}

moved {
  from = aws_vpc_endpoint.s3
  to   = module.connector.aws_vpc_endpoint.s3
}

moved {
  from = aws_ssm_parameter.token
  to   = module.connector.aws_ssm_parameter.token
}

moved {
  from = aws_security_group.alb
  to   = module.connector.aws_security_group.alb[0]
}

moved {
  from = aws_security_group.instance
  to   = module.connector.aws_security_group.instance[0]
}

moved {
  from = aws_security_group.lambda
  to   = module.connector.aws_security_group.lambda[0]
}

moved {
  from = aws_security_group.node
  to   = module.connector.aws_security_group.node[0]
}

moved {
  from = aws_vpc_security_group_egress_rule.alb_to_node
  to   = module.connector.aws_vpc_security_group_egress_rule.alb_to_node[0]
}

moved {
  from = aws_vpc_security_group_egress_rule.instance_to_internet
  to   = module.connector.aws_vpc_security_group_egress_rule.instance_to_internet[0]
}

moved {
  from = aws_vpc_security_group_egress_rule.lambda_to_alb
  to   = module.connector.aws_vpc_security_group_egress_rule.lambda_to_alb[0]
}

moved {
  from = aws_vpc_security_group_egress_rule.node_mesh
  to   = module.connector.aws_vpc_security_group_egress_rule.node_mesh[0]
}

moved {
  from = aws_vpc_security_group_egress_rule.node_to_cloud
  to   = module.connector.aws_vpc_security_group_egress_rule.node_to_cloud[0]
}

moved {
  from = aws_vpc_security_group_ingress_rule.alb_from_lambda
  to   = module.connector.aws_vpc_security_group_ingress_rule.alb_from_lambda[0]
}

moved {
  from = aws_vpc_security_group_ingress_rule.node_from_alb
  to   = module.connector.aws_vpc_security_group_ingress_rule.node_from_alb[0]
}

moved {
  from = aws_vpc_security_group_ingress_rule.node_mesh
  to   = module.connector.aws_vpc_security_group_ingress_rule.node_mesh[0]
}

moved {
  from = aws_lambda_event_source_mapping.stream
  to   = module.connector.aws_lambda_event_source_mapping.stream
}
