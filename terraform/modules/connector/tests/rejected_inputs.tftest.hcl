# Wrong input is rejected at plan. Each variable is checked by itself, so a run has a wrong value for each
# variable that has one left; every one of them must be rejected.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  wallarm_api_token = "token"
  # Any file will do if nothing is deployed.
  bootstrap_zip = "versions.tf"
}

run "wrong_values_1" {
  command = plan

  variables {
    node_registry_secret_arn         = "docker-hub"                                                   # A name.
    node_allowed_hosts               = ["https://api.example.com"]                                    # With a scheme.
    node_environment                 = { "1ST" = "x" }                                                # A digit first.
    node_config                      = "log: {}"                                                      # Text.
    config_image                     = ""                                                             # Empty.
    alb_access_logs_bucket           = "s3://logs"                                                    # An address.
    kinesis_parallelization_factor   = 11                                                             # One too many.
    kinesis_batching_window_seconds  = 301                                                            # One too many.
    wallarm_api_host                 = "api.example.com"                                              # Neither of the two Clouds.
    wallarm_api_token_secret_arn     = "wallarm/token"                                                # A name.
    wallarm_api_token_kms_key_arn    = "alias/wallarm"                                                # An alias.
    x_wallarm_application_id         = 1.5                                                            # A fraction.
    name_prefix                      = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                      # 39 characters.
    vpc_cidr                         = "10.0.0.0/24"                                                  # Too small.
    availability_zones               = ["us-east-1a"]                                                 # One zone.
    vpc_id                           = "main"                                                         # A name.
    private_subnet_ids               = ["private-a", "private-b"]                                     # Names.
    node_image                       = "wallarm/node-native-aio:0.25.5"                               # With its tag.
    node_tag                         = ""                                                             # Empty.
    node_group                       = "my group"                                                     # A space.
    node_replicas                    = 0                                                              # None.
    node_max_replicas                = 0                                                              # None.
    node_cpu                         = 128                                                            # Too little.
    node_memory                      = 512                                                            # Too little.
    node_log_level                   = "trace"                                                        # Unknown to the Node.
    ecs_ami_ssm_parameter            = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended" # More than an id.
    r53_domain_name                  = "example.com."                                                 # A dot at the end.
    node_dns_name                    = "my_node"                                                      # An underscore.
    lambda_architecture              = "arm"                                                          # Unknown.
    lambda_memory_size               = 64                                                             # Too little.
    lambda_timeout                   = 3600                                                           # An hour.
    lambda_reserved_concurrency      = 0                                                              # Never runs.
    lambda_maximum_event_age         = 86400                                                          # A day.
    lambda_maximum_retry_attempts    = 3                                                              # One too many.
    failure_queue_max_message_size   = 2000000                                                        # More than SQS takes.
    failure_bucket_name              = "s3://failed-events"                                           # An address.
    kinesis_stream_arn               = "logs"                                                         # A name.
    x_node_format                    = "json"                                                         # Unknown.
    x_node_connections               = 65                                                             # Too many.
    x_node_connect_timeout_ms        = 0                                                              # None.
    x_node_timeout_ms                = 0.5                                                            # A fraction.
    x_node_down_after_ms             = 900001                                                         # Too long.
    x_node_headers                   = { X_Team = "payments" }                                        # An underscore.
    x_node_header_names              = { X-Real-IP = "X_Client" }                                     # An underscore.
    x_node_ca_cert                   = "ca.pem"                                                       # A path.
    x_max_inflated_bytes             = 1000                                                           # Too few.
    x_log_level                      = "info"                                                         # In lower case.
    default_hosts                    = { "*" = "https://api.example.com" }                            # With a scheme.
    path_source                      = "real"                                                         # Unknown.
    firehose_result                  = "Dropped"                                                      # With a capital letter.
    report_line                      = "short"                                                        # Unknown.
    sample                           = { calls = 1, seconds = 3600 }                                  # One call has no other.
    access_log_stream_buffer_mb      = 3                                                              # Too much with base64.
    access_log_stream_buffer_seconds = 0                                                              # Without end.
    api_gateway_log_group_name       = "arn:aws:logs:us-east-1:123456789012:log-group:a"              # An ARN.
    additional_log_group_names       = ["arn:aws:logs:us-east-1:123456789012:log-group:a"]            # An ARN.
    log_retention_days               = 31                                                             # Unknown to CloudWatch.
    alarm_sns_topic_arn              = "operations"                                                   # A name.
  }

  expect_failures = [
    var.node_registry_secret_arn,
    var.node_allowed_hosts,
    var.node_environment,
    var.node_config,
    var.config_image,
    var.alb_access_logs_bucket,
    var.kinesis_parallelization_factor,
    var.kinesis_batching_window_seconds,
    var.wallarm_api_host,
    var.wallarm_api_token_secret_arn,
    var.wallarm_api_token_kms_key_arn,
    var.x_wallarm_application_id,
    var.name_prefix,
    var.vpc_cidr,
    var.availability_zones,
    var.vpc_id,
    var.private_subnet_ids,
    var.node_image,
    var.node_tag,
    var.node_group,
    var.node_replicas,
    var.node_max_replicas,
    var.node_cpu,
    var.node_memory,
    var.node_log_level,
    var.ecs_ami_ssm_parameter,
    var.r53_domain_name,
    var.node_dns_name,
    var.lambda_architecture,
    var.lambda_memory_size,
    var.lambda_timeout,
    var.lambda_reserved_concurrency,
    var.lambda_maximum_event_age,
    var.lambda_maximum_retry_attempts,
    var.failure_queue_max_message_size,
    var.failure_bucket_name,
    var.kinesis_stream_arn,
    var.x_node_format,
    var.x_node_connections,
    var.x_node_connect_timeout_ms,
    var.x_node_timeout_ms,
    var.x_node_down_after_ms,
    var.x_node_headers,
    var.x_node_header_names,
    var.x_node_ca_cert,
    var.x_max_inflated_bytes,
    var.x_log_level,
    var.default_hosts,
    var.path_source,
    var.firehose_result,
    var.report_line,
    var.sample,
    var.access_log_stream_buffer_mb,
    var.access_log_stream_buffer_seconds,
    var.api_gateway_log_group_name,
    var.additional_log_group_names,
    var.log_retention_days,
    var.alarm_sns_topic_arn,
  ]
}

run "wrong_values_2" {
  command = plan

  variables {
    node_config                 = { connector = null }                                # No object.
    node_environment            = { WALLARM_API_TOKEN = "x" }                         # The token.
    alb_access_logs_bucket      = "arn:aws:s3:::logs"                                 # An ARN.
    node_max_replicas           = 9                                                   # More than Cloud Map gives.
    failure_bucket_name         = "failed-events/x"                                   # With a path.
    wallarm_api_host            = "https://api.wallarm.com"                           # With a scheme.
    x_wallarm_application_id    = "default"                                           # Not a number.
    name_prefix                 = "discovery-"                                        # A hyphen at the end.
    vpc_cidr                    = "10.0.0/16"                                         # Not a range.
    availability_zones          = ["us-east-1a", "us-east-1a"]                        # One zone twice.
    node_replicas               = 1.5                                                 # A fraction.
    api_gateway_log_group_name  = "/aws/lambda/wallarm-cw-resend-other-123456"        # A function's own.
    additional_log_group_names  = ["a", "/aws/lambda/wallarm-cw-resend-other-123456"] # One is a function's own.
    x_node_headers              = { X-Team = "a", x-team = "b" }                      # One name in two cases.
    default_hosts               = { "" = "api.example.com" }                          # An empty key.
    sample                      = { calls = 5, seconds = 300 }                        # No room for a late call.
    access_log_stream_buffer_mb = 0.1                                                 # Too little.
  }

  expect_failures = [
    var.node_config,
    var.node_environment,
    var.alb_access_logs_bucket,
    var.node_max_replicas,
    var.failure_bucket_name,
    var.wallarm_api_host,
    var.x_wallarm_application_id,
    var.name_prefix,
    var.vpc_cidr,
    var.availability_zones,
    var.node_replicas,
    var.api_gateway_log_group_name,
    var.additional_log_group_names,
    var.x_node_headers,
    var.default_hosts,
    var.sample,
    var.access_log_stream_buffer_mb,
  ]
}

run "wrong_values_3" {
  command = plan

  variables {
    node_config                = { mode = "tcp-capture-v2" }            # No connector.
    node_replicas              = 9                                      # More than Cloud Map gives.
    x_wallarm_application_id   = 0                                      # No id.
    name_prefix                = "Discovery"                            # A capital letter.
    api_gateway_log_group_name = "/aws/ecs/native-node/other-123456"    # A Node's own.
    default_hosts              = { "orders" = "api.example.com:65536" } # No port.
    sample                     = { calls = 5.5, seconds = 3600 }        # A fraction.
  }

  expect_failures = [
    var.node_config,
    var.node_replicas,
    var.x_wallarm_application_id,
    var.name_prefix,
    var.api_gateway_log_group_name,
    var.default_hosts,
    var.sample,
  ]
}

run "wrong_values_4" {
  command = plan

  variables {
    node_config   = { connector = { address = ":5051" } }       # Not where the load balancer looks.
    name_prefix   = "1discovery"                                # A digit at the start.
    default_hosts = { "orders" = "-api.example.com" }           # A hyphen at the start.
    sample        = { calls = 5, seconds = 3600, keep = "all" } # Unknown.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
    var.default_hosts,
    var.sample,
  ]
}

run "wrong_values_5" {
  command = plan

  variables {
    node_config   = { connector = { mesh = { name = "mesh.example.com" } } }                  # Not the name of the Nodes.
    name_prefix   = "api_discovery"                                                           # An underscore.
    default_hosts = { "arn:aws:logs:us-east-1:123456789012:log-group:a" = "api.example.com" } # An ARN.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
    var.default_hosts,
  ]
}

run "wrong_values_6" {
  command = plan

  variables {
    node_config = { connector = { external_health_check = { enabled = false } } } # No Node would be healthy.
    name_prefix = "a"                                                             # One character.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
  ]
}

run "wrong_values_7" {
  command = plan

  variables {
    node_config = { route_config = { wallarm_application = 7 } } # Another one than the function sends.
    name_prefix = "internal-a"                                   # AWS rejects it for load balancers.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
  ]
}

run "wrong_values_8" {
  command = plan

  variables {
    node_config = { log = { access_log = { log_file = "/tmp/log" } } } # Nobody reads it.
    name_prefix = "sg-a"                                               # AWS rejects it for security groups.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
  ]
}

run "wrong_values_9" {
  command = plan

  variables {
    node_config = { metrics = { enabled = false } } # The Node needs it.
    name_prefix = "aws-a"                           # AWS rejects it for capacity providers.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
  ]
}

run "wrong_values_10" {
  command = plan

  variables {
    node_config = { metrics = { listen_address = "192.0.2.1:9000" } } # Another host.
    name_prefix = "ecs-a"                                             # Likewise.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
  ]
}

run "wrong_values_11" {
  command = plan

  variables {
    node_config = { metrics = { listen_address = ":9093" } } # The mesh's port.
    name_prefix = "fargate-a"                                # Likewise.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
  ]
}

run "wrong_values_12" {
  command = plan

  variables {
    node_config = { metrics = { namespace = "wallarm-node" } } # A hyphen.
    name_prefix = "internal"                                   # A hyphen follows.
  }

  expect_failures = [
    var.node_config,
    var.name_prefix,
  ]
}

run "wrong_values_13" {
  command = plan

  variables {
    name_prefix = "sg" # Likewise.
  }

  expect_failures = [
    var.name_prefix,
  ]
}

run "a_prefix_with_a_similar_beginning" {
  command = plan

  variables {
    name_prefix = "internals"
  }
}

run "another_prefix_with_a_similar_beginning" {
  command = plan

  variables {
    name_prefix = "sgx"
  }
}

################################################################################
# Combinations of several variables
################################################################################

run "valid_combination" {
  command = plan

  module {
    source = "./modules/input_checks"
  }

  variables {
    node              = { is_own = true, balanced = true, single = false, domain = true, tls = false, replicas = 3 }
    instances         = { architecture = "x86_64", fixed = false, standard = true, cpu = 1024, memory = 3168, types = { "t3.medium" = { architectures = ["x86_64"], burstable = true, cpu = 2048, memory = 3635 } } }
    token             = { needed = true, placeholder = false, given = false, valid = true, secret = true }
    dns               = { domain = "example.com", name = "node" }
    network           = { is_own = true, scheme = "", balanced = true, single = false, security_groups = 0, vpc_id = "vpc-0", subnets = 2 }
    package           = { path = "a.zip", exists = true }
    log_group         = { name = "/mine", own = "/own" }
    redrive           = { enabled = true, concurrency = 2 }
    timeouts          = { response = 400, down_after = 400 }
    default_hosts     = { hosts = ["api.example.com", "node.example.com.example.com", "internal-other-1.us-east-1.elb.amazonaws.com"], node = "node.example.com", load_balancer = "internal-own-" }
    access_log_stream = { enabled = true, timeout = 300 }
    permissions       = { characters = 20480 }
    subscription      = { enabled = true, characters = 25600, pattern = "x", prefixes = 0 }
    keys              = { regions = ["us-east-1"], region = "us-east-1" }
  }
}

run "wrong_combinations_1" {
  command = plan

  module {
    source = "./modules/input_checks"
  }

  variables {
    node              = { is_own = true, balanced = true, single = false, domain = true, tls = false, replicas = 3 }
    instances         = { architecture = "x86_64", fixed = false, standard = true, cpu = 1024, memory = 3168, types = { "t3.medium" = { architectures = ["x86_64"], burstable = true, cpu = 2048, memory = 3635 } } }
    token             = { needed = true, placeholder = false, given = false, valid = true, secret = false }                                 # None.
    dns               = { domain = "example.com", name = "" }                                                                               # Half a pair.
    network           = { is_own = true, scheme = "", balanced = true, single = false, security_groups = 0, vpc_id = "vpc-0", subnets = 0 } # A VPC without subnets.
    package           = { path = "a.zip", exists = false }                                                                                  # Missing.
    log_group         = { name = "/own", own = "/own" }                                                                                     # The one that is created.
    redrive           = { enabled = true, concurrency = 1 }                                                                                 # One instance for two at a time.
    timeouts          = { response = 10000, down_after = 9999 }                                                                             # Down before a response is late.
    default_hosts     = { hosts = ["api.example.com", "node.example.com"], node = "node.example.com", load_balancer = "internal-own-" }     # The Node's.
    access_log_stream = { enabled = true, timeout = 301 }                                                                                   # Longer than Firehose waits.
    permissions       = { characters = 20481 }                                                                                              # One too many.
    subscription      = { enabled = true, characters = 25601, pattern = "x", prefixes = 0 }                                                 # One too many.
    keys              = { regions = ["us-east-1", "eu-west-1"], region = "us-east-1" }                                                      # One is elsewhere.
  }

  expect_failures = [
    var.token,
    var.dns,
    var.network,
    var.package,
    var.log_group,
    var.redrive,
    var.timeouts,
    var.default_hosts,
    var.access_log_stream,
    var.permissions,
    var.subscription,
    var.keys,
  ]
}

run "wrong_combinations_2" {
  command = plan

  module {
    source = "./modules/input_checks"
  }

  variables {
    node              = { is_own = true, balanced = true, single = false, domain = true, tls = false, replicas = 3 }
    instances         = { architecture = "x86_64", fixed = false, standard = true, cpu = 1024, memory = 3168, types = { "t3.medium" = { architectures = ["x86_64"], burstable = true, cpu = 2048, memory = 3635 } } }
    token             = { needed = true, placeholder = false, given = true, valid = true, secret = true }                              # Two.
    dns               = { domain = "", name = "node" }                                                                                 # The other half.
    network           = { is_own = true, scheme = "", balanced = true, single = false, security_groups = 0, vpc_id = "", subnets = 2 } # Subnets without a VPC.
    package           = { path = "a.zip", exists = true }
    log_group         = { name = "", own = "/own" }
    redrive           = { enabled = true, concurrency = -1 }
    timeouts          = { response = 10000, down_after = 10000 }
    default_hosts     = { hosts = ["internal-own-1234.us-east-1.elb.amazonaws.com"], node = "", load_balancer = "internal-own-" } # The load balancer's.
    access_log_stream = { enabled = false, timeout = 900 }
    permissions       = { characters = 500 }
    subscription      = { enabled = true, characters = 500, pattern = "x", prefixes = 1 } # Each line of the account.
    keys              = { regions = [], region = "us-east-1" }
  }

  expect_failures = [
    var.token,
    var.dns,
    var.network,
    var.default_hosts,
    var.subscription,
  ]
}

run "wrong_combinations_3" {
  command = plan

  module {
    source = "./modules/input_checks"
  }

  variables {
    node              = { is_own = true, balanced = true, single = false, domain = true, tls = false, replicas = 3 }
    instances         = { architecture = "x86_64", fixed = false, standard = true, cpu = 1024, memory = 3168, types = { "t3.medium" = { architectures = ["x86_64"], burstable = true, cpu = 2048, memory = 3635 } } }
    token             = { needed = true, placeholder = false, given = true, valid = false, secret = false } # A line break.
    dns               = { domain = "", name = "" }
    network           = { is_own = true, scheme = "", balanced = true, single = false, security_groups = 0, vpc_id = "vpc-0", subnets = 1 } # One subnet.
    package           = { path = "a.zip", exists = true }
    log_group         = { name = "", own = "/own" }
    redrive           = { enabled = false, concurrency = 1 }
    timeouts          = { response = 400, down_after = 600 }
    default_hosts     = { hosts = [], node = "", load_balancer = "internal-own-" }
    access_log_stream = { enabled = false, timeout = 60 }
    permissions       = { characters = 500 }
    subscription      = { enabled = false, characters = 99999, pattern = "", prefixes = 0 }
    keys              = { regions = [], region = "us-east-1" }
  }

  expect_failures = [
    var.token,
    var.network,
  ]
}

run "wrong_combinations_of_a_node_that_exists" {
  command = plan

  module {
    source = "./modules/input_checks"
  }

  variables {
    token             = { needed = false, placeholder = true, given = true, valid = true, secret = true }                                                                                                             # Nothing needs one.
    node              = { is_own = false, balanced = false, single = false, domain = true, tls = false, replicas = 1 }                                                                                                # A name for it.
    network           = { is_own = false, scheme = "http", balanced = false, single = false, vpc_id = "", subnets = 0, security_groups = 0 }                                                                          # The internet.
    instances         = { architecture = "arm64", fixed = false, standard = false, cpu = 1024, memory = 3168, types = { "t3.medium" = { architectures = ["x86_64"], burstable = true, cpu = 2048, memory = 3635 } } } # Another processor.
    dns               = { domain = "", name = "" }
    package           = { path = "a.zip", exists = true }
    log_group         = { name = "", own = "/own" }
    redrive           = { enabled = false, concurrency = 1 }
    timeouts          = { response = 400, down_after = 600 }
    default_hosts     = { hosts = [], node = "", load_balancer = "internal-own-" }
    access_log_stream = { enabled = false, timeout = 60 }
    permissions       = { characters = 500 }
    subscription      = { enabled = false, characters = 500, pattern = "", prefixes = 0 }
    keys              = { regions = [], region = "us-east-1" }
  }

  expect_failures = [var.node, var.network, var.instances]
}

run "wrong_combinations_of_a_single_instance" {
  command = plan

  module {
    source = "./modules/input_checks"
  }

  variables {
    token             = { needed = true, placeholder = true, given = true, valid = true, secret = false }                                                                                                             # The example's.
    node              = { is_own = true, balanced = false, single = true, domain = true, tls = true, replicas = 2 }                                                                                                   # Two.
    network           = { is_own = true, scheme = "", balanced = false, single = true, vpc_id = "vpc-0", subnets = 1, security_groups = 0 }                                                                           # Without a public subnet.
    instances         = { architecture = "x86_64", fixed = false, standard = true, cpu = 1024, memory = 3636, types = { "t3.medium" = { architectures = ["x86_64"], burstable = true, cpu = 2048, memory = 3635 } } } # One MiB too few.
    dns               = { domain = "example.com", name = "node" }
    package           = { path = "a.zip", exists = true }
    log_group         = { name = "", own = "/own" }
    redrive           = { enabled = false, concurrency = 1 }
    timeouts          = { response = 400, down_after = 600 }
    default_hosts     = { hosts = [], node = "", load_balancer = "internal-own-" }
    access_log_stream = { enabled = false, timeout = 60 }
    permissions       = { characters = 500 }
    subscription      = { enabled = false, characters = 500, pattern = "", prefixes = 0 }
    keys              = { regions = [], region = "us-east-1" }
  }

  expect_failures = [var.token, var.node, var.network, var.instances]
}
