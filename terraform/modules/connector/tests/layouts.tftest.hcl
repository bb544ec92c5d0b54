# What an apply in the emulator proves nothing more of: variants of the layouts, by plan alone.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  wallarm_api_token = "token"
  # Any file will do if nothing is deployed.
  bootstrap_zip = "versions.tf"
}

run "existing_node_in_a_network" {
  command = plan

  variables {
    node_url                    = "http://10.0.1.5:5050/"
    private_subnet_ids          = ["subnet-0a1b2c3d4e5f67890"]
    function_security_group_ids = ["sg-0a1b2c3d4e5f67890"]
    wallarm_api_token           = "your-token-here" # Nothing needs it.
    report_line                 = "compact"
  }

  assert {
    condition = alltrue([
      aws_lambda_function.resend.environment[0].variables.X_NODE_URL == "10.0.1.5:5050",
      aws_lambda_function.resend.environment[0].variables.X_NODE_SCHEME == "http",
      aws_lambda_function.resend.environment[0].variables.X_REPORT_LINE == "compact",
      aws_lambda_function.resend.vpc_config[0].subnet_ids == toset(["subnet-0a1b2c3d4e5f67890"]),
      aws_lambda_function.resend.vpc_config[0].security_group_ids == toset(["sg-0a1b2c3d4e5f67890"]),
      output.node_url == "http://10.0.1.5:5050",
      output.node_log_group == null,
    ])
    error_message = "The function forwards to this address from the given subnets and groups."
  }
  assert {
    condition = alltrue([for resources in [
      aws_vpc.this, aws_lb.node, aws_ecs_cluster.this, aws_security_group.lambda, aws_security_group.node, aws_ssm_parameter.token,
      aws_iam_role.instance, aws_iam_role.execution, aws_launch_template.node, aws_cloudwatch_log_group.node, aws_eip.node,
      aws_service_discovery_private_dns_namespace.this, aws_route53_record.node,
    ] : length(resources) == 0])
    error_message = "There is no Node here, and no network."
  }
}

run "spot_in_two_zones" {
  command = plan

  variables {
    spot_instance_types  = ["t3.medium", "t3a.medium"]
    instance_type        = "t4g.medium" # Nothing starts it.
    instance_cpu_credits = "standard"
  }

  assert {
    condition = alltrue([
      aws_autoscaling_group.node[0].capacity_rebalance,
      aws_autoscaling_group.node[0].max_size >= 2,
      !aws_autoscaling_group.node[0].protect_from_scale_in,
      length(aws_autoscaling_group.node[0].launch_template) == 0,
      aws_autoscaling_group.node[0].mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 0,
      tolist([for override in aws_autoscaling_group.node[0].mixed_instances_policy[0].launch_template[0].override : override.instance_type]) == tolist(["t3.medium", "t3a.medium"]),
      aws_ecs_capacity_provider.node[0].auto_scaling_group_provider[0].managed_termination_protection == "DISABLED",
      aws_ecs_capacity_provider.node[0].auto_scaling_group_provider[0].managed_draining == "ENABLED",
      aws_launch_template.node[0].credit_specification[0].cpu_credits == "standard",
      aws_launch_template.node[0].instance_type == "t3.medium",
    ])
    error_message = "Instances are Spot ones of several types, of which a new one starts before an old one goes."
  }
}

run "without_load_balancer_in_an_existing_vpc" {
  variables {
    node_layout        = "no-load-balancer"
    vpc_id             = "vpc-0a1b2c3d4e5f67890"
    private_subnet_ids = ["subnet-0a1b2c3d4e5f67890"]
  }

  assert {
    condition = alltrue([
      length(aws_lb.node) == 0,
      length(aws_vpc.this) == 0,
      length(aws_nat_gateway.this) == 0,
      aws_lambda_function.resend.environment[0].variables.X_NODE_URL == "native-node.${local.name}.internal:5050",
      length(aws_ecs_service.node[0].load_balancer) == 0,
      aws_ecs_service.node[0].network_configuration[0].subnets == toset(["subnet-0a1b2c3d4e5f67890"]),
      aws_cloudwatch_metric_alarm.this["no-running-node"].statistic == "SampleCount",
      !contains(keys(aws_cloudwatch_metric_alarm.this), "no-healthy-node"),
    ])
    error_message = "One subnet is enough, and the function finds the Nodes by their name."
  }
}
