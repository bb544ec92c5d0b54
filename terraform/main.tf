# Written by tests/terraform/generate.py.

module "connector" {
  source = "./modules/connector"

  # Wallarm
  wallarm_api_host              = var.wallarm_api_host
  wallarm_api_token             = var.wallarm_api_token
  wallarm_api_token_secret_arn  = var.wallarm_api_token_secret_arn
  wallarm_api_token_kms_key_arn = var.wallarm_api_token_kms_key_arn
  x_wallarm_application_id      = var.x_wallarm_application_id

  # Names and place
  name_prefix = var.name_prefix
  tags        = var.tags

  # Network
  vpc_cidr                    = var.vpc_cidr
  availability_zones          = var.availability_zones
  nat_gateway_per_zone        = var.nat_gateway_per_zone
  function_security_group_ids = var.function_security_group_ids
  vpc_id                      = var.vpc_id
  private_subnet_ids          = var.private_subnet_ids

  # Node
  node_url                 = var.node_url
  node_layout              = var.node_layout
  node_image               = var.node_image
  node_tag                 = var.node_tag
  node_group               = var.node_group
  node_replicas            = var.node_replicas
  node_max_replicas        = var.node_max_replicas
  node_cpu                 = var.node_cpu
  node_memory              = var.node_memory
  node_log_level           = var.node_log_level
  node_access_log          = var.node_access_log
  instance_type            = var.instance_type
  wait_for_node_seconds    = var.wait_for_node_seconds
  instance_cpu_credits     = var.instance_cpu_credits
  spot_instance_types      = var.spot_instance_types
  ecs_ami_ssm_parameter    = var.ecs_ami_ssm_parameter
  config_image             = var.config_image
  node_registry_secret_arn = var.node_registry_secret_arn
  node_allowed_hosts       = var.node_allowed_hosts
  node_apid_only           = var.node_apid_only
  node_environment         = var.node_environment
  node_config              = var.node_config
  enable_node_metrics      = var.enable_node_metrics
  enable_execute_command   = var.enable_execute_command

  # Load balancer and DNS
  r53_domain_name         = var.r53_domain_name
  node_dns_name           = var.node_dns_name
  node_tls_secret_arn     = var.node_tls_secret_arn
  alb_access_logs_bucket  = var.alb_access_logs_bucket
  alb_deletion_protection = var.alb_deletion_protection

  # Function
  bootstrap_zip                   = var.bootstrap_zip
  lambda_architecture             = var.lambda_architecture
  lambda_memory_size              = var.lambda_memory_size
  lambda_timeout                  = var.lambda_timeout
  lambda_reserved_concurrency     = var.lambda_reserved_concurrency
  lambda_maximum_event_age        = var.lambda_maximum_event_age
  lambda_maximum_retry_attempts   = var.lambda_maximum_retry_attempts
  failure_queue_max_message_size  = var.failure_queue_max_message_size
  enable_redrive                  = var.enable_redrive
  failure_bucket_name             = var.failure_bucket_name
  kinesis_stream_arn              = var.kinesis_stream_arn
  kinesis_parallelization_factor  = var.kinesis_parallelization_factor
  kinesis_batching_window_seconds = var.kinesis_batching_window_seconds
  x_node_format                   = var.x_node_format
  x_node_connections              = var.x_node_connections
  x_node_connect_timeout_ms       = var.x_node_connect_timeout_ms
  x_node_timeout_ms               = var.x_node_timeout_ms
  x_node_down_after_ms            = var.x_node_down_after_ms
  x_node_headers                  = var.x_node_headers
  x_node_header_names             = var.x_node_header_names
  x_node_ca_cert                  = var.x_node_ca_cert
  x_max_inflated_bytes            = var.x_max_inflated_bytes
  x_strip_stage                   = var.x_strip_stage
  default_hosts                   = var.default_hosts
  path_source                     = var.path_source
  firehose_result                 = var.firehose_result
  sample                          = var.sample
  x_log_level                     = var.x_log_level
  report_line                     = var.report_line

  # Logs
  api_gateway_log_group_name  = var.api_gateway_log_group_name
  additional_log_group_names  = var.additional_log_group_names
  subscription_filter_pattern = var.subscription_filter_pattern
  log_retention_days          = var.log_retention_days
  manage_api_gateway_account  = var.manage_api_gateway_account

  # Access-log stream
  enable_access_log_stream         = var.enable_access_log_stream
  access_log_stream_buffer_mb      = var.access_log_stream_buffer_mb
  access_log_stream_buffer_seconds = var.access_log_stream_buffer_seconds
  access_log_stream_force_destroy  = var.access_log_stream_force_destroy

  # Operation
  alarm_sns_topic_arn = var.alarm_sns_topic_arn

  # Company rules
  permissions_boundary_arn             = var.permissions_boundary_arn
  iam_role_path                        = var.iam_role_path
  existing_role_names                  = var.existing_role_names
  kms_key_arns                         = var.kms_key_arns
  log_group_prefixes                   = var.log_group_prefixes
  enable_account_subscription          = var.enable_account_subscription
  account_subscription_excluded_groups = var.account_subscription_excluded_groups
}
