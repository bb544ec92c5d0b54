data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # Version 6 of the provider has the attribute `name` no longer in favour, and version 5 has no `region`.
  region = data.aws_region.current.id

  # The hash is known at plan, without a provider for random values. If names are unknown at plan, the AWS
  # provider fails on the service's capacity provider. And the plan shows its reader the real names.
  name_hash = substr(sha1("${data.aws_caller_identity.current.account_id}/${local.region}/${var.name_prefix}"), 0, 6)
  name      = "${var.name_prefix}-${local.name_hash}"

  # Load balancers and target groups have names of at most 32 characters, without a hyphen at the end.
  short_name = "${trimsuffix(substr(var.name_prefix, 0, 24), "-")}-${local.name_hash}"

  function_name  = "wallarm-cw-resend-${local.name}"
  function_group = "/aws/lambda/${local.function_name}"
  api_group      = "/aws/apigateway/wallarm-api-discovery-${local.name}"
  node_group     = "/aws/ecs/native-node/${local.name}"

  tags = merge({ Application = "wallarm-api-discovery", Deployment = var.name_prefix }, var.tags)

  arn_prefix = "arn:${data.aws_partition.current.partition}"
  arn_region = "${local.region}:${data.aws_caller_identity.current.account_id}"

  # The Node exists already, or it is made here in one of the layouts.
  own_node          = var.node_url == ""
  has_load_balancer = local.own_node && contains(["standard", "no-nat-gateway"], var.node_layout)
  has_nat_gateway   = local.own_node && contains(["standard", "no-load-balancer"], var.node_layout)
  # Without a NAT gateway, the Node uses the network of its one instance, whose address never changes.
  is_single_instance = local.own_node && !local.has_nat_gateway

  # The Node has a name of its own only with both; the check below rejects one without the other.
  has_domain = local.own_node && var.r53_domain_name != "" && var.node_dns_name != ""
  is_fqdn    = var.node_dns_name == var.r53_domain_name || can(regex("\\.${replace(var.r53_domain_name, ".", "\\.")}$", var.node_dns_name))
  fqdn       = local.is_fqdn ? var.node_dns_name : "${var.node_dns_name}.${var.r53_domain_name}"

  # Where the function finds the Node. Without a load balancer it is the Node itself, with its port.
  own_host = (
    local.has_domain ? local.fqdn :
    local.has_load_balancer ? one(aws_lb.node[*].dns_name) :
    local.is_single_instance ? one(aws_network_interface.node[*].private_ip) :
    local.mesh_name
  )
  own_address   = local.has_load_balancer ? local.own_host : "${local.own_host}:${local.node_port}"
  existing_node = split("://", trimsuffix(lower(var.node_url), "/"))

  node_scheme = local.own_node ? (local.has_domain ? "https" : "http") : local.existing_node[0]
  node_host   = local.own_node ? local.own_address : local.existing_node[1]

  node_port   = 5050
  mesh_port   = 9093
  health_path = "/wallarm-external-health"

  bootstrap_zip = var.bootstrap_zip != "" ? var.bootstrap_zip : "${path.module}/../../../bootstrap/dist/${var.lambda_architecture}/bootstrap.zip"

  # The one line that the API's stage must log. The README of the function has the same line.
  access_log_fields = [
    ["requestId", "requestId"],
    ["httpMethod", "httpMethod"],
    ["path", "path"],
    ["protocol", "protocol"],
    ["status", "status"],
    ["responseLength", "responseLength"],
    ["requestTime", "requestTime"],
    ["requestTimeEpoch", "requestTimeEpoch"],
    ["responseLatency", "responseLatency"],
    ["integrationLatency", "integrationLatency"],
    ["integrationStatus", "integrationStatus"],
    ["errorMessage", "error.message"],
    ["stage", "stage"],
    ["domainName", "domainName"],
    ["sourceIp", "identity.sourceIp"],
    ["userAgent", "identity.userAgent"],
  ]
  access_log_format = "{ ${join(", ", [for field in local.access_log_fields : "\"${field[0]}\": \"$context.${field[1]}\""])} }"

  # What the function needs and nothing more, for a smaller bill. The template of the route has another name in each
  # kind of API.
  lean_fields = {
    for kind, route in { rest = "resourcePath", http = "routeKey" } :
    kind => ["requestId", "httpMethod", "path", route, "status", "domainName"]
  }
  lean_formats = {
    for kind, fields in local.lean_fields :
    kind => "{${join(",", [for field in fields : "\"${field}\":\"$context.${field}\""])}}"
  }

  # Each partition has a console of its own.
  consoles = {
    aws-cn     = "console.amazonaws.cn"
    aws-eusc   = "console.amazonaws-eusc.eu"
    aws-us-gov = "console.amazonaws-us-gov.com"
  }
  console     = lookup(local.consoles, data.aws_partition.current.partition, "${local.region}.console.aws.amazon.com")
  console_url = "https://${local.console}/cloudwatch/home?region=${local.region}"
}

# Before Terraform 1.9, a variable's validation sees only that variable. Checks of several variables use the
# variables of a module that contains nothing else.
module "input_checks" {
  source = "./modules/input_checks"

  token = {
    needed      = local.own_node
    placeholder = nonsensitive(var.wallarm_api_token == "your-token-here")
    given       = nonsensitive(var.wallarm_api_token != "")
    # The result of can() is never sensitive, and before Terraform 1.7 nonsensitive() rejects such a value.
    valid  = nonsensitive(sensitive(can(regex("^[!-~]*$", var.wallarm_api_token))))
    secret = var.wallarm_api_token_secret_arn != ""
  }
  dns = {
    domain = var.r53_domain_name
    name   = var.node_dns_name
  }
  node = {
    is_own   = local.own_node
    balanced = local.has_load_balancer
    single   = local.is_single_instance
    domain   = var.r53_domain_name != "" || var.node_dns_name != ""
    tls      = var.node_tls_secret_arn != ""
    replicas = var.node_replicas
  }
  network = {
    is_own          = local.own_node
    scheme          = local.existing_node[0]
    balanced        = local.has_load_balancer
    single          = local.is_single_instance
    vpc_id          = var.vpc_id
    subnets         = length(distinct(var.private_subnet_ids))
    security_groups = length(distinct(var.function_security_group_ids))
  }
  instances = {
    # The names of AWS's own parameters tell for which processor they are.
    architecture = substr(var.ecs_ami_ssm_parameter, 0, 17) != "/aws/service/ecs/" ? "" : length(regexall("/arm64/", var.ecs_ami_ssm_parameter)) > 0 ? "arm64" : "x86_64"
    fixed        = local.is_single_instance && local.is_spot
    standard     = var.instance_cpu_credits == "standard"
    cpu          = var.node_cpu
    # Beside the Node run the container that writes its configuration and the one that reads its metrics.
    memory = var.node_memory + 96
    types = {
      for type, found in data.aws_ec2_instance_type.node : type => {
        architectures = found.supported_architectures
        burstable     = found.burstable_performance_supported
        cpu           = 1024 * found.default_vcpus
        # The kernel takes about a twentieth, and the agent keeps 256 MiB.
        memory = floor(0.95 * found.memory_size) - 256
      }
    }
  }
  package = {
    path   = local.bootstrap_zip
    exists = try(fileexists(local.bootstrap_zip), false)
  }
  log_group = {
    name = var.api_gateway_log_group_name
    own  = local.api_group
  }
  redrive = {
    enabled     = var.enable_redrive
    concurrency = local.reserved_concurrency
  }
  # The function's default for both is 10000.
  timeouts = {
    response   = coalesce(var.x_node_timeout_ms, 10000)
    down_after = coalesce(var.x_node_down_after_ms, 10000)
  }
  # The load balancer's name is known before it is created, except for a number at the end of its first label.
  default_hosts = {
    hosts         = [for host in values(var.default_hosts) : lower(split(":", host)[0])]
    node          = local.own_node ? (local.has_domain ? local.fqdn : "") : split(":", local.node_host)[0]
    load_balancer = "internal-${local.short_name}-"
  }
  access_log_stream = {
    enabled = var.enable_access_log_stream
    timeout = var.lambda_timeout
  }
  permissions = {
    characters = local.permission_characters
  }
  subscription = {
    prefixes   = length(var.log_group_prefixes)
    enabled    = var.enable_account_subscription
    characters = length(local.account_subscription_criteria)
    pattern    = var.subscription_filter_pattern
  }
  keys = {
    regions = [for arn in values(var.kms_key_arns) : try(split(":", arn)[3], "")]
    region  = local.region
  }
}
