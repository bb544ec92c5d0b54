################################################################################
# Wallarm
################################################################################

variable "wallarm_api_host" {
  description = "Wallarm API server: `us1.api.wallarm.com` for the US Cloud, `api.wallarm.com` for the EU Cloud. Any other must be a host of `wallarm.com`."
  type        = string
  default     = "api.wallarm.com"

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+wallarm\\.com$", var.wallarm_api_host))
    error_message = "The value of wallarm_api_host must be us1.api.wallarm.com for the US Cloud, api.wallarm.com for the EU Cloud, or another host of wallarm.com: without a scheme, a port or a path."
  }
}

variable "wallarm_api_token" {
  description = "Wallarm API token of the usage type `Node deployment/Deployment`. Empty if `wallarm_api_token_secret_arn` is set. With `node_url` it is not needed."
  type        = string
  default     = "your-token-here"
  sensitive   = true
}

variable "wallarm_api_token_secret_arn" {
  description = "ARN of an SSM SecureString parameter or a Secrets Manager secret that holds the token. Terraform's state then never contains it. Set `wallarm_api_token` to `\"\"`."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:(ssm:[a-z0-9-]+:[0-9]{12}:parameter/.+|secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+))?$", var.wallarm_api_token_secret_arn))
    error_message = "The value of wallarm_api_token_secret_arn must be the ARN of an SSM parameter (arn:aws:ssm:...:parameter/...) or of a Secrets Manager secret (arn:aws:secretsmanager:...:secret:...)."
  }
}

variable "wallarm_api_token_kms_key_arn" {
  description = "ARN of the customer-managed KMS key that encrypts the secrets that you give: `wallarm_api_token_secret_arn`, `node_tls_secret_arn`, `node_registry_secret_arn`. Empty for the keys that AWS manages."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+)?$", var.wallarm_api_token_kms_key_arn))
    error_message = "The value of wallarm_api_token_kms_key_arn must be the ARN of a KMS key (arn:aws:kms:...:key/...), not an alias."
  }
}

variable "x_wallarm_application_id" {
  description = "Wallarm application id for the calls: a whole number from 1 on, or `-1` for the default application. The function sends it, and the Node has it as `route_config.wallarm_application`."
  type        = string
  default     = "-1"

  validation {
    condition     = can(regex("^(-1|[1-9][0-9]{0,17})$", var.x_wallarm_application_id))
    error_message = "The value of x_wallarm_application_id must be -1 for the default application, or the id that Wallarm Console shows under Settings, Applications: a whole number from 1 on."
  }
}

################################################################################
# Names and place
################################################################################

variable "name_prefix" {
  description = "Prefix of all names, at most 38 characters. Two deployments in one account and region need different prefixes."
  type        = string
  default     = "api-gw-discovery"

  validation {
    condition     = length(var.name_prefix) <= 38
    error_message = "The value of name_prefix must have at most 38 characters: the name of the function has no room for more."
  }

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name_prefix))
    error_message = "The value of name_prefix must have at least two characters: lower-case letters, digits and hyphens, with a letter first and no hyphen last."
  }

  validation {
    # A hyphen and the hash follow the prefix, so `internal` and `sg` alone are rejected too.
    condition     = !can(regex("^(internal(-|$)|sg(-|$)|aws|ecs|fargate)", var.name_prefix))
    error_message = "The value of name_prefix must not be internal or sg, and must not begin with internal- (AWS rejects it for load balancers), sg- (for security groups), aws, ecs or fargate (for ECS capacity providers)."
  }
}

variable "tags" {
  description = "Tags for everything that supports tags."
  type        = map(string)
  default     = {}
}

################################################################################
# Network
################################################################################

variable "vpc_cidr" {
  description = "Address range of the VPC that is created, from /16 to /20."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && can(regex("/(1[6-9]|20)$", var.vpc_cidr))
    error_message = "The value of vpc_cidr must be an IPv4 range of a size from /16 to /20, such as 10.0.0.0/16."
  }

  validation {
    condition     = !can(regex("^172\\.17\\.", var.vpc_cidr))
    error_message = "The value of vpc_cidr must not be in 172.17.0.0/16: Docker on the Node's instance uses that range itself."
  }
}

variable "availability_zones" {
  description = "Zones for the subnets of the VPC that is created, at least two. Empty for the region's first two. Add later ones at the end: the order gives the subnets their ranges."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.availability_zones) == 0 || (length(distinct(var.availability_zones)) >= 2 && length(distinct(var.availability_zones)) == length(var.availability_zones) && length(var.availability_zones) <= 6)
    error_message = "The value of availability_zones must be empty or have two to six different zones: a load balancer needs two."
  }
}

variable "nat_gateway_per_zone" {
  description = "Whether each zone gets its own NAT gateway. One for all zones costs less; with one per zone, the Node still reaches the internet if a zone fails."
  type        = bool
  default     = false
}

variable "function_security_group_ids" {
  description = "With `node_url` and `private_subnet_ids`: security groups of the function. They must let it reach the Node."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.function_security_group_ids : can(regex("^sg-[0-9a-f]+$", id))])
    error_message = "Each of function_security_group_ids must be the id of a security group, such as sg-0a1b2c3d4e5f67890."
  }
}

variable "vpc_id" {
  description = "Existing VPC for the Node that is created. Empty to create one. It needs DNS support and DNS host names switched on, and AmazonProvidedDNS as its DNS server."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(vpc-[0-9a-f]+)?$", var.vpc_id))
    error_message = "The value of vpc_id must be the id of a VPC, such as vpc-0a1b2c3d4e5f67890, or empty to have one created."
  }
}

variable "private_subnet_ids" {
  description = "Subnets of `vpc_id` for the function, the load balancer and the Node: in at least two zones, with a route to the internet over NAT. With `node_url`: subnets for the function alone; empty for a function outside of a VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.private_subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "Each of private_subnet_ids must be the id of a subnet, such as subnet-0a1b2c3d4e5f67890."
  }
}

################################################################################
# Node
################################################################################

variable "node_url" {
  description = "Address of a Node that exists already, such as Wallarm's Edge Node: `https://node.example.com`, with the port if it is another than 443. The function forwards to it, and no Node, network or load balancer is created. Empty to create a Node."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(https?://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)*[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(:[0-9]{1,5})?/?)?$", var.node_url))
    error_message = "The value of node_url must be a scheme, a host and, if needed, a port, without a path: such as https://node.example.com or http://10.0.1.5:5050."
  }

  validation {
    condition     = try(tonumber(regex(":([0-9]+)/?$", var.node_url)[0]) >= 1 && tonumber(regex(":([0-9]+)/?$", var.node_url)[0]) <= 65535, true)
    error_message = "The port in node_url must be a number from 1 to 65535."
  }
}

variable "node_layout" {
  description = "How the Node that is created is connected: `standard`, `no-nat-gateway`, `no-load-balancer` or `minimal`, which has neither. The README's table of layouts says what each costs and gives up."
  type        = string
  default     = "standard"

  validation {
    condition     = contains(["standard", "no-nat-gateway", "no-load-balancer", "minimal"], var.node_layout)
    error_message = "The value of node_layout must be standard, no-nat-gateway, no-load-balancer or minimal."
  }
}

variable "node_image" {
  description = "Image of the Wallarm Native Node, without the tag. A copy in ECR avoids Docker Hub's limits."
  type        = string
  default     = "wallarm/node-native-aio"

  validation {
    condition     = can(regex("^[a-z0-9][a-zA-Z0-9._:/-]*[a-z0-9]$", var.node_image)) && !can(regex(":[^/]*$", var.node_image))
    error_message = "The value of node_image must be an image's name without its tag, such as wallarm/node-native-aio: set the tag as node_tag."
  }
}

variable "node_tag" {
  description = "Tag of the Node's image. Pin it: a new version then comes with an apply, and not whenever a task starts."
  type        = string
  default     = "latest"

  validation {
    condition     = can(regex("^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$", var.node_tag))
    error_message = "The value of node_tag must be an image's tag, such as 0.25.5."
  }
}

variable "node_group" {
  description = "Group that the Node joins in Wallarm Console, as its label `group`."
  type        = string
  default     = "api-gateway-api-discovery"

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9._-]*$", var.node_group))
    error_message = "The value of node_group must be a name of letters, digits, dots, underscores and hyphens."
  }
}

variable "node_replicas" {
  description = "Minimum number of Nodes, at most 8. The mesh keeps a call and its response together on one of them."
  type        = number
  default     = 1

  validation {
    condition     = var.node_replicas >= 1 && var.node_replicas <= 8 && floor(var.node_replicas) == var.node_replicas
    error_message = "The value of node_replicas must be a whole number from 1 to 8: the name by which the Nodes of the mesh find each other has at most eight addresses. For more load, set a larger instance_type, and node_cpu and node_memory to go with it."
  }
}

variable "node_max_replicas" {
  description = "Maximum number of Nodes, at most 8: more Nodes are started if their CPU is busy. If `node_replicas` is larger, it is the maximum."
  type        = number
  default     = 3

  validation {
    condition     = var.node_max_replicas >= 1 && var.node_max_replicas <= 8 && floor(var.node_max_replicas) == var.node_max_replicas
    error_message = "The value of node_max_replicas must be a whole number from 1 to 8: the name by which the Nodes of the mesh find each other has at most eight addresses. For more load, set a larger instance_type, and node_cpu and node_memory to go with it."
  }
}

variable "node_cpu" {
  description = "CPU that a Node reserves, in units of 1/1024 of a processor."
  type        = number
  default     = 1024

  validation {
    condition     = var.node_cpu >= 256 && floor(var.node_cpu) == var.node_cpu
    error_message = "The value of node_cpu must be a whole number of at least 256."
  }
}

variable "node_memory" {
  description = "Memory of a Node, in MiB: both reserved and the maximum. The instance needs 352 MiB and a twentieth of its memory more."
  type        = number
  default     = 3072

  validation {
    condition     = var.node_memory >= 1024 && floor(var.node_memory) == var.node_memory
    error_message = "The value of node_memory must be a whole number of at least 1024."
  }
}

variable "node_log_level" {
  description = "Log level of the Node: `debug`, `info`, `warn`, `error` or `fatal`."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["debug", "info", "warn", "error", "fatal"], var.node_log_level)
    error_message = "The value of node_log_level must be one of debug, info, warn, error or fatal."
  }
}

variable "node_access_log" {
  description = "Whether the Node logs each message that it gets. This is for troubleshooting: it writes two lines for a call, and CloudWatch bills them."
  type        = bool
  default     = false
}

variable "instance_type" {
  description = "Type of the EC2 instances that the Node runs on. Its processor must match `ecs_ami_ssm_parameter`."
  type        = string
  default     = "t3.medium"
}

variable "wait_for_node_seconds" {
  description = "Seconds for which an apply waits for a healthy Node, up to 840. If there is none by then, the apply fails and says why. 0 does not wait. With `node_url` it does nothing."
  type        = number
  default     = 0

  validation {
    condition     = var.wait_for_node_seconds >= 0 && var.wait_for_node_seconds <= 840 && floor(var.wait_for_node_seconds) == var.wait_for_node_seconds
    error_message = "The value of wait_for_node_seconds must be a whole number from 0 to 840: a function of Lambda ends after 900 seconds."
  }
}

variable "instance_cpu_credits" {
  description = "What an instance of the T family does above its baseline (20 % of each processor of a `t3.medium`): `unlimited` goes on at $0.05 for each hour of a processor, `standard` slows the Node down."
  type        = string
  default     = "unlimited"

  validation {
    condition     = contains(["standard", "unlimited"], var.instance_cpu_credits)
    error_message = "The value of instance_cpu_credits must be standard or unlimited."
  }
}

variable "spot_instance_types" {
  description = "Types of Spot instances that the Node runs on in place of `instance_type`, such as `[\"t3.medium\", \"t3a.medium\"]`: the more types, the less often AWS has none. Only in the layouts with a NAT gateway. Empty for instances that AWS does not take back."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.spot_instance_types) == length(distinct(var.spot_instance_types)) && length(var.spot_instance_types) <= 40
    error_message = "The list spot_instance_types must have at most 40 different types."
  }
}

variable "ecs_ami_ssm_parameter" {
  description = "Public SSM parameter with the id of the instances' ECS-optimised image. `recommended` changes: an apply after a new image replaces the instances."
  type        = string
  default     = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"

  validation {
    condition     = can(regex("^/.+/image_id$", var.ecs_ami_ssm_parameter))
    error_message = "The value of ecs_ami_ssm_parameter must be an SSM parameter that holds only an image's id: its name ends with /image_id."
  }
}

variable "config_image" {
  description = "Small image with busybox's shell and tools. It writes the Node's configuration file onto the instance before the Node starts, and reads the Node's metrics."
  type        = string
  default     = "public.ecr.aws/docker/library/busybox:1.37"

  validation {
    condition     = can(regex("^[a-z0-9][a-zA-Z0-9._:/@-]*[a-zA-Z0-9]$", var.config_image))
    error_message = "The value of config_image must be an image with its tag, such as public.ecr.aws/docker/library/busybox:1.37, or a copy of it: without it, the Node has no configuration."
  }
}

variable "node_registry_secret_arn" {
  description = "ARN of a Secrets Manager secret with `username` and `password` for the registry of `node_image`. Docker Hub accepts more pulls with an account. Empty for none; ECR needs none. If a key of your own encrypts it, it must be that of `wallarm_api_token_kms_key_arn`."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[a-zA-Z0-9/_+=.@-]+)?$", var.node_registry_secret_arn))
    error_message = "The value of node_registry_secret_arn must be the ARN of a Secrets Manager secret (arn:aws:secretsmanager:...:secret:...), without a key or a version at its end, or empty."
  }
}

variable "node_allowed_hosts" {
  description = "Hosts whose calls the Node accepts, as `connector.allowed_hosts`: `api.example.com`, `*.example.com`. The Node rejects messages of all others. Empty for all hosts."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for host in var.node_allowed_hosts : can(regex("^[^/ :]+$", host))])
    error_message = "Each of node_allowed_hosts must be a host, such as api.example.com or *.example.com, without a scheme, a port or a path."
  }
}

variable "node_apid_only" {
  description = "Whether the Node is only for API Discovery (`WALLARM_APID_ONLY`): it exports no attacks to Wallarm's Cloud."
  type        = bool
  default     = false
}

variable "node_environment" {
  description = "More environment variables of the Node that Wallarm documents for its image, such as `{ WALLARM_WSTORE__SERVICE__PROTOCOL = \"tcp\" }`. They are not secret: the task definition shows them."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.node_environment) : can(regex("^[a-zA-Z_][a-zA-Z0-9_]*$", name))])
    error_message = "Each name in node_environment must be the name of an environment variable: letters, digits and underscores, and no digit first."
  }

  validation {
    condition     = length([for name in keys(var.node_environment) : name if contains(["WALLARM_API_TOKEN", "WALLARM_API_HOST", "WALLARM_LABELS", "WALLARM_APID_ONLY"], name)]) == 0
    error_message = "The value of node_environment must not have WALLARM_API_TOKEN, WALLARM_API_HOST, WALLARM_LABELS or WALLARM_APID_ONLY: set wallarm_api_token, wallarm_api_host, node_group and node_apid_only."
  }
}

variable "node_config" {
  description = "Settings of the Node as in Wallarm's `go-node.yaml`, merged over those that are written here, object by object: `{ input_filters = { bypass = [{ path = \"^/health$\" }] }, http_inspector = { workers = 2 } }`. A list replaces the whole list."
  type        = any
  default     = {}

  # The messages can't name the key that is wrong before Terraform 1.2.
  validation {
    condition = can(keys(var.node_config)) && alltrue([for section in [
      try(var.node_config.connector, {}),
      try(var.node_config.connector.mesh, {}),
      try(var.node_config.connector.external_health_check, {}),
      try(var.node_config.route_config, {}),
      try(var.node_config.log, {}),
      try(var.node_config.log.access_log, {}),
      try(var.node_config.metrics, {}),
    ] : can(keys(section))])
    error_message = "The value of node_config must be an object, and so must be its connector, connector.mesh, connector.external_health_check, route_config, log, log.access_log and metrics where they are set."
  }

  validation {
    condition     = !can(var.node_config.version) && !can(var.node_config.mode)
    error_message = "The value of node_config must not set version or mode: the function needs a Node of the mode connector-server, and the rest of the file has the form of version 4."
  }

  validation {
    condition = length(setintersection(
      concat([""], try(keys(var.node_config.connector), [])), ["address", "tls_cert", "tls_key"],
      )) == 0 && length(setintersection(
      concat([""], try(keys(var.node_config.connector.mesh), [])), ["discovery", "name", "port"],
      )) == 0 && length(setintersection(
      concat([""], try(keys(var.node_config.connector.external_health_check), [])), ["enabled", "endpoint"],
    )) == 0
    error_message = "The value of node_config must not set connector.address, tls_cert or tls_key, connector.mesh.discovery, name or port, or connector.external_health_check.enabled or endpoint: the health check, the security groups and the Nodes' own name go with what is written here."
  }

  validation {
    condition     = !can(var.node_config.route_config.wallarm_application)
    error_message = "The value of node_config must not set route_config.wallarm_application: set x_wallarm_application_id, which the function sends too. The routes in route_config may have applications of their own."
  }

  validation {
    condition     = !can(var.node_config.log.log_file) && !can(var.node_config.log.access_log.log_file)
    error_message = "The value of node_config must not set log.log_file or log.access_log.log_file: only what the Node writes to stdout gets to its log group, and a file would fill the disk."
  }

  validation {
    condition     = try(var.node_config.metrics.enabled, true) == true && try(var.node_config.metrics.legacy_status.enabled, true) == true && try(var.node_config.postanalytics_exporter.enabled, true) == true
    error_message = "The value of node_config must not switch off metrics.enabled, metrics.legacy_status.enabled or postanalytics_exporter.enabled: by Wallarm's documentation, the Node does not work without them."
  }

  validation {
    condition     = can(regex("^(0\\.0\\.0\\.0|127\\.0\\.0\\.1|localhost)?:[1-9][0-9]{1,4}$", try(var.node_config.metrics.listen_address, ":9000")))
    error_message = "The metrics.listen_address of node_config must be a port of this host, such as :9100 or 127.0.0.1:9100: the container that reads the metrics is on the same host."
  }

  # The mesh, the exporter's store, its metrics, the messages, the Node's health check and its status have these.
  validation {
    condition     = !contains(["3313", "5050", "8080", "9001", "9093", "10246"], try(regex("[0-9]+$", var.node_config.metrics.listen_address), "9000"))
    error_message = "The metrics.listen_address of node_config has a port that the Node uses for something else: 3313, 5050, 8080, 9001, 9093 or 10246. Set another one, such as :9100."
  }

  validation {
    condition     = can(regex("^[a-zA-Z_][a-zA-Z0-9_]*$", try(var.node_config.metrics.namespace, "wallarm_gonode")))
    error_message = "The metrics.namespace of node_config must have only letters, digits and underscores, and no digit first."
  }
}

variable "enable_node_metrics" {
  description = "Whether a small container beside the Node makes CloudWatch metrics of what the Node counts, with two alarms: only they show whether the Node takes what is sent to it."
  type        = bool
  default     = true
}

variable "enable_execute_command" {
  description = "Whether ECS Exec opens a shell in the Node's container, for whoever has `ecs:ExecuteCommand`. The task then has a role for it. It concerns tasks that start afterwards."
  type        = bool
  default     = false
}

################################################################################
# Load balancer and DNS
################################################################################

variable "r53_domain_name" {
  description = "Public Route 53 zone for the Node's name. With `node_dns_name`, the function uses HTTPS to the Node."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z][a-z0-9-]*[a-z0-9])?$", var.r53_domain_name))
    error_message = "The value of r53_domain_name must be the name of a Route 53 hosted zone in lower case, such as example.com, without a dot at the end."
  }
}

variable "node_dns_name" {
  description = "Name of the Node in `r53_domain_name`: `node`, or in full `node.example.com`."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)?$", var.node_dns_name))
    error_message = "The value of node_dns_name must be a DNS name in lower case, such as node or node.example.com, without a dot at the end."
  }
}

variable "node_tls_secret_arn" {
  description = "Without a load balancer, for HTTPS: ARN of a Secrets Manager secret with the members `certificate` (PEM, with the intermediate ones) and `key` (PEM) for the Node's name. A load balancer gets its certificate by itself. If a key of your own encrypts it, it must be that of `wallarm_api_token_kms_key_arn`."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^:]+)?$", var.node_tls_secret_arn))
    error_message = "The value of node_tls_secret_arn must be the ARN of a Secrets Manager secret (arn:aws:secretsmanager:...:secret:...), without a version."
  }
}

variable "alb_access_logs_bucket" {
  description = "S3 bucket for the load balancer's access logs. It must have the bucket policy that they need. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = var.alb_access_logs_bucket == "" || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.alb_access_logs_bucket))
    error_message = "The value of alb_access_logs_bucket must be the name of a bucket, without s3://, an ARN or a path, or empty for no access logs."
  }
}

variable "alb_deletion_protection" {
  description = "Whether the load balancer is protected from deletion. Before `terraform destroy`, switch this off with an apply."
  type        = bool
  default     = false
}

################################################################################
# Function
################################################################################

variable "bootstrap_zip" {
  description = "The function's package. Empty for `../bootstrap/dist/{lambda_architecture}/bootstrap.zip`, where the command `bootstrap/build` puts it."
  type        = string
  default     = ""
}

variable "lambda_architecture" {
  description = "Processor of the function: `arm64` or `x86_64`. The package must be built for it."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "The value of lambda_architecture must be arm64 or x86_64."
  }
}

variable "lambda_memory_size" {
  description = "Memory of the function, in MB. Its share of a processor is proportional to it."
  type        = number
  default     = 128

  validation {
    condition     = var.lambda_memory_size >= 128 && var.lambda_memory_size <= 10240 && floor(var.lambda_memory_size) == var.lambda_memory_size
    error_message = "The value of lambda_memory_size must be a whole number from 128 to 10240."
  }
}

variable "lambda_timeout" {
  description = "Seconds that the function may take for an event."
  type        = number
  default     = 60

  validation {
    condition     = var.lambda_timeout >= 10 && var.lambda_timeout <= 900 && floor(var.lambda_timeout) == var.lambda_timeout
    error_message = "The value of lambda_timeout must be a whole number of seconds from 10 to 900."
  }
}

variable "lambda_reserved_concurrency" {
  description = "Number of function instances that may run at the same time. `null` for the account's limit. Events that must wait are kept for `lambda_maximum_event_age`. With `enable_redrive`, at least 2."
  type        = number
  default     = null

  validation {
    condition     = var.lambda_reserved_concurrency == null ? true : var.lambda_reserved_concurrency >= 1 && floor(var.lambda_reserved_concurrency) == var.lambda_reserved_concurrency
    error_message = "The value of lambda_reserved_concurrency must be a whole number of at least 1, or null: with 0, no event would ever be forwarded."
  }
}

variable "lambda_maximum_event_age" {
  description = "Seconds for which Lambda retries an event, or a record of `kinesis_stream_arn`, before it goes to the failure queue, from 60 to 21600."
  type        = number
  default     = 21600

  validation {
    condition     = var.lambda_maximum_event_age >= 60 && var.lambda_maximum_event_age <= 21600 && floor(var.lambda_maximum_event_age) == var.lambda_maximum_event_age
    error_message = "The value of lambda_maximum_event_age must be a whole number of seconds from 60 to 21600."
  }
}

variable "lambda_maximum_retry_attempts" {
  description = "How often Lambda retries an event that failed, from 0 to 2."
  type        = number
  default     = 2

  validation {
    condition     = contains([0, 1, 2], var.lambda_maximum_retry_attempts)
    error_message = "The value of lambda_maximum_retry_attempts must be 0, 1 or 2."
  }
}

variable "failure_queue_max_message_size" {
  description = "Maximum size of an event in the failure queue, in bytes: a larger event can't be kept. `1048576` is enough for nearly all events, but needs a current version 6 of the provider."
  type        = number
  default     = 262144

  validation {
    condition     = var.failure_queue_max_message_size >= 262144 && var.failure_queue_max_message_size <= 1048576 && floor(var.failure_queue_max_message_size) == var.failure_queue_max_message_size
    error_message = "The value of failure_queue_max_message_size must be a whole number from 262144 to 1048576."
  }
}

variable "enable_redrive" {
  description = "Whether the function retries the events of the failure queue by itself."
  type        = bool
  default     = false
}

variable "failure_bucket_name" {
  description = "An existing S3 bucket of this account. It keeps failed events of any size instead of the queue, and failed records of `kinesis_stream_arn`. Empty for the queue."
  type        = string
  default     = ""

  validation {
    condition     = var.failure_bucket_name == "" || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.failure_bucket_name))
    error_message = "The value of failure_bucket_name must be the name of a bucket, without s3:// or a path, or empty to use the queue."
  }
}

variable "kinesis_stream_arn" {
  description = "ARN of an existing Kinesis stream that carries documents of subscriptions, as central logging does. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = var.kinesis_stream_arn == "" || can(regex("^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.-]+$", var.kinesis_stream_arn))
    error_message = "The value of kinesis_stream_arn must be the ARN of a stream, such as arn:aws:kinesis:us-east-1:123456789012:stream/logs, or empty."
  }
}

variable "kinesis_parallelization_factor" {
  description = "Number of the function's instances that read one shard of `kinesis_stream_arn` at the same time, from 1 to 10. More of them catch up faster if the function is behind."
  type        = number
  default     = 1

  validation {
    condition     = var.kinesis_parallelization_factor >= 1 && var.kinesis_parallelization_factor <= 10 && floor(var.kinesis_parallelization_factor) == var.kinesis_parallelization_factor
    error_message = "The value of kinesis_parallelization_factor must be a whole number from 1 to 10."
  }
}

variable "kinesis_batching_window_seconds" {
  description = "Seconds for which Lambda collects records of `kinesis_stream_arn` for an invocation, from 0 to 300. With little traffic, more of them make fewer invocations, and calls arrive later."
  type        = number
  default     = 0

  validation {
    condition     = var.kinesis_batching_window_seconds >= 0 && var.kinesis_batching_window_seconds <= 300 && floor(var.kinesis_batching_window_seconds) == var.kinesis_batching_window_seconds
    error_message = "The value of kinesis_batching_window_seconds must be a whole number from 0 to 300."
  }
}

# The function's own settings, each with its name in lower case. `null` keeps the function's default.

variable "x_node_format" {
  description = "`X_NODE_FORMAT`: what is sent to the Node, `resend` or `batch`."
  type        = string
  default     = null

  validation {
    condition     = var.x_node_format == null ? true : contains(["resend", "batch"], var.x_node_format)
    error_message = "The value of x_node_format must be resend or batch, or null for the function's default."
  }
}

variable "x_node_connections" {
  description = "`X_NODE_CONNECTIONS`: simultaneous connections to the Node, from 1 to 64."
  type        = number
  default     = null

  validation {
    condition     = var.x_node_connections == null ? true : var.x_node_connections >= 1 && var.x_node_connections <= 64 && floor(var.x_node_connections) == var.x_node_connections
    error_message = "The value of x_node_connections must be a whole number from 1 to 64, or null for the function's default."
  }
}

variable "x_node_connect_timeout_ms" {
  description = "`X_NODE_CONNECT_TIMEOUT_MS`: milliseconds that connecting to the Node may take."
  type        = number
  default     = null

  validation {
    condition     = var.x_node_connect_timeout_ms == null ? true : var.x_node_connect_timeout_ms >= 1 && var.x_node_connect_timeout_ms <= 900000 && floor(var.x_node_connect_timeout_ms) == var.x_node_connect_timeout_ms
    error_message = "The value of x_node_connect_timeout_ms must be a whole number from 1 to 900000, or null for the function's default."
  }
}

variable "x_node_timeout_ms" {
  description = "`X_NODE_TIMEOUT_MS`: milliseconds that a response of the Node may take."
  type        = number
  default     = null

  validation {
    condition     = var.x_node_timeout_ms == null ? true : var.x_node_timeout_ms >= 1 && var.x_node_timeout_ms <= 900000 && floor(var.x_node_timeout_ms) == var.x_node_timeout_ms
    error_message = "The value of x_node_timeout_ms must be a whole number from 1 to 900000, or null for the function's default."
  }
}

variable "x_node_down_after_ms" {
  description = "`X_NODE_DOWN_AFTER_MS`: milliseconds without a success until the Node counts as down, at least `x_node_timeout_ms`. For both, the function's default is 10000."
  type        = number
  default     = null

  validation {
    condition     = var.x_node_down_after_ms == null ? true : var.x_node_down_after_ms >= 1 && var.x_node_down_after_ms <= 900000 && floor(var.x_node_down_after_ms) == var.x_node_down_after_ms
    error_message = "The value of x_node_down_after_ms must be a whole number from 1 to 900000, or null for the function's default."
  }
}

variable "x_node_headers" {
  description = "`X_NODE_HEADERS`: headers that the function adds to each message. Their names may have only letters, digits and hyphens."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.x_node_headers) : can(regex("^[a-zA-Z0-9-]+$", name))])
    error_message = "Each name in x_node_headers must have only letters, digits and hyphens: the load balancer drops a header with any other name."
  }

  validation {
    condition     = length(distinct([for name in keys(var.x_node_headers) : lower(name)])) == length(var.x_node_headers)
    error_message = "Two names in x_node_headers differ only in their case: they are one header, so that only one of them may be set."
  }
}

variable "x_node_header_names" {
  description = "`X_NODE_HEADER_NAMES`: other names for headers of the function's own. They may have only letters, digits and hyphens."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in values(var.x_node_header_names) : can(regex("^[a-zA-Z0-9-]+$", name))])
    error_message = "Each value in x_node_header_names must have only letters, digits and hyphens: the load balancer drops a header with any other name."
  }
}

variable "x_node_ca_cert" {
  description = "`X_NODE_CA_CERT`: certificates to trust in addition to the public ones, as PEM text. The certificate that is created here needs none."
  type        = string
  default     = null

  validation {
    condition     = var.x_node_ca_cert == null ? true : can(regex("-----BEGIN CERTIFICATE-----", var.x_node_ca_cert))
    error_message = "The value of x_node_ca_cert must be certificates as PEM text that contains BEGIN CERTIFICATE, or null."
  }
}

variable "x_max_inflated_bytes" {
  description = "`X_MAX_INFLATED_BYTES`: the maximum number of bytes that one event may inflate to."
  type        = number
  default     = null

  validation {
    condition     = var.x_max_inflated_bytes == null ? true : var.x_max_inflated_bytes >= 1024 && floor(var.x_max_inflated_bytes) == var.x_max_inflated_bytes
    error_message = "The value of x_max_inflated_bytes must be a whole number of at least 1024, or null for the function's default."
  }
}

variable "x_strip_stage" {
  description = "`X_STRIP_STAGE`: whether the stage is removed from the path of the gateway's own domain."
  type        = bool
  default     = null
}

variable "default_hosts" {
  description = "`X_DEFAULT_HOST`: log group, or Firehose stream, to the host of its lines that log none; `*` stands for all others. Only for lines with a status, and a request id or a route template."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for source in keys(var.default_hosts) : source == "*" || can(regex("^[a-zA-Z0-9_./#-]{1,512}$", source))])
    error_message = "Each key of default_hosts must be the name of a log group or of a Firehose stream, not its ARN, or * for all others."
  }

  validation {
    condition = alltrue([
      for host in values(var.default_hosts) :
      can(regex("^([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\\.)*[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(:[0-9]{1,5})?$", host)) && length(host) <= 253
    ])
    error_message = "Each value of default_hosts must be a host, such as api.example.com: labels of letters, digits and hyphens, with a port if it has one, and without a scheme or a path."
  }

  validation {
    condition     = alltrue([for host in values(var.default_hosts) : try(tonumber(split(":", host)[1]) >= 1 && tonumber(split(":", host)[1]) <= 65535, true)])
    error_message = "A port in default_hosts must be a number from 1 to 65535."
  }

  # All variables of a function have 4 KB together. Certificates may need most of them.
  validation {
    condition     = length(jsonencode(var.default_hosts)) <= 2048
    error_message = "The value of default_hosts must have at most 2048 characters as JSON, since Lambda gives all settings of a function 4 KB: let * stand for the host of most log groups."
  }
}

variable "path_source" {
  description = "`X_PATH`: `path` sends the path of each call; `template` sends the route's template in place of it, such as `/pets/{id}`."
  type        = string
  default     = "path"

  validation {
    condition     = contains(["path", "template"], var.path_source)
    error_message = "The value of path_source must be path or template."
  }
}

variable "firehose_result" {
  description = "`X_FIREHOSE_RESULT`: `ok` has a Firehose stream store each record; `dropped` has it store no record of which every line was forwarded. It does something only if a Firehose stream uses the function."
  type        = string
  default     = "ok"

  validation {
    condition     = contains(["ok", "dropped"], var.firehose_result)
    error_message = "The value of firehose_result must be ok or dropped."
  }
}

variable "sample" {
  description = "`X_SAMPLE`: forwards only the first `calls` calls of each endpoint in each `seconds`, and with `keep = \"errors\"` all whose status is 400 or more. It breaks counts of calls, sessions and attack detection. Null forwards every call."
  type        = map(string)
  default     = null

  validation {
    condition     = try(length(setsubtract(keys(var.sample), ["calls", "seconds", "keep"])) == 0, var.sample == null)
    error_message = "The value of sample may have calls, seconds and keep, and nothing else."
  }
  validation {
    condition     = try(tonumber(var.sample.calls) >= 2 && tonumber(var.sample.calls) <= 1000 && floor(var.sample.calls) == tonumber(var.sample.calls), var.sample == null)
    error_message = "The calls of sample must be a whole number from 2 to 1000."
  }
  validation {
    condition     = try(tonumber(var.sample.seconds) >= 600 && tonumber(var.sample.seconds) <= 604800 && floor(var.sample.seconds) == tonumber(var.sample.seconds), var.sample == null)
    error_message = "The seconds of sample must be a whole number from 600 to 604800, a week."
  }
  validation {
    condition     = try(lookup(var.sample, "keep", "errors") == "errors", var.sample == null)
    error_message = "The keep of sample must be errors, or absent."
  }
}

variable "x_log_level" {
  description = "`X_LOG_LEVEL`: the minimum level that the function prints. With a level above `INFO`, events without a problem have no metrics."
  type        = string
  default     = null

  validation {
    condition     = var.x_log_level == null ? true : contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], var.x_log_level)
    error_message = "The value of x_log_level must be one of TRACE, DEBUG, INFO, WARN, ERROR or FATAL, or null for the function's default."
  }
}

variable "report_line" {
  description = "`X_REPORT_LINE`: `compact` has the function print short lines, metric filters make its metrics of them, and Lambda print only what went wrong. `metrics` has the function print lines that CloudWatch makes the same metrics of, and Lambda three lines for each invocation. Null is `compact`, and `metrics` with `node_url`, where 14 metric filters would be nearly half of what is deployed."
  type        = string
  default     = null

  validation {
    condition     = var.report_line == null ? true : contains(["compact", "metrics"], var.report_line)
    error_message = "The value of report_line must be compact or metrics."
  }
}

################################################################################
# Logs
################################################################################

variable "api_gateway_log_group_name" {
  description = "Existing log group with the API's access logs. It is used and never destroyed. Empty to create one."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[a-zA-Z0-9_./#-]{0,512}$", var.api_gateway_log_group_name))
    error_message = "The value of api_gateway_log_group_name must be the name of a log group, not its ARN."
  }

  validation {
    condition     = !can(regex("^(/aws/lambda/wallarm-cw-resend|/aws/ecs/native-node)", var.api_gateway_log_group_name))
    error_message = "The value of api_gateway_log_group_name must not be a log group that the connector itself writes to: each line would cause another line, without end. Set it to the group of the API's access logs."
  }
}

variable "additional_log_group_names" {
  description = "More existing log groups with access logs, such as those of other APIs. They are used and never destroyed. With `enable_account_subscription`, another list deletes the account's policy and makes it again: a gap of seconds."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.additional_log_group_names : can(regex("^[a-zA-Z0-9_./#-]{1,512}$", name))])
    error_message = "Each of additional_log_group_names must be the name of a log group, not its ARN."
  }

  validation {
    condition     = alltrue([for name in var.additional_log_group_names : !can(regex("^(/aws/lambda/wallarm-cw-resend|/aws/ecs/native-node)", name))])
    error_message = "Each of additional_log_group_names must be a log group that the connector itself does not write to: each line would cause another line, without end. Set it to groups of access logs."
  }
}

variable "subscription_filter_pattern" {
  description = "Filter pattern of the subscriptions: lines that do not match it are not forwarded. Empty for all lines."
  type        = string
  default     = ""
}

variable "log_retention_days" {
  description = "Days for which the log groups that are created keep their lines, and the bucket of `enable_access_log_stream`. The API's lines are in its log group even if the Node was down."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "The value of log_retention_days must be a number of days that CloudWatch Logs supports, such as 7, 14, 30, 90 or 365."
  }
}

variable "manage_api_gateway_account" {
  description = "Whether to set the role that API Gateway logs with. It is one setting for all REST and WebSocket APIs of the account in the region. An existing role is replaced, and a destroy removes the role."
  type        = bool
  default     = false
}

################################################################################
# Access-log stream
################################################################################

variable "enable_access_log_stream" {
  description = "Whether to create a Firehose stream that REST APIs write access logs to in place of CloudWatch Logs."
  type        = bool
  default     = false
}

variable "access_log_stream_buffer_mb" {
  description = "Megabytes of lines that Firehose collects for an invocation of the function, from 0.2 to 2."
  type        = number
  default     = 1

  # An invocation accepts 6 MB. Each line is in it as base64, beside an id and a time of up to 200 bytes.
  validation {
    condition     = var.access_log_stream_buffer_mb >= 0.2 && var.access_log_stream_buffer_mb <= 2
    error_message = "The value of access_log_stream_buffer_mb must be from 0.2 to 2: with more, an event with many short lines is larger than the 6 MB that Lambda accepts."
  }
}

variable "access_log_stream_buffer_seconds" {
  description = "Seconds after which Firehose invokes the function even if it has fewer lines, from 1 to 900."
  type        = number
  default     = 60

  validation {
    condition     = var.access_log_stream_buffer_seconds >= 1 && var.access_log_stream_buffer_seconds <= 900 && floor(var.access_log_stream_buffer_seconds) == var.access_log_stream_buffer_seconds
    error_message = "The value of access_log_stream_buffer_seconds must be a whole number from 1 to 900."
  }
}

variable "access_log_stream_force_destroy" {
  description = "Whether `terraform destroy` also deletes the lines in the stream's bucket. Otherwise it stops at a bucket with lines, among them those that were not forwarded."
  type        = bool
  default     = false
}

################################################################################
# Operation
################################################################################

variable "alarm_sns_topic_arn" {
  description = "SNS topic that alarms are sent to. If it is empty, alarms are visible only in CloudWatch."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+)?$", var.alarm_sns_topic_arn))
    error_message = "The value of alarm_sns_topic_arn must be the ARN of an SNS topic (arn:aws:sns:...), or empty."
  }
}

################################################################################
# Company rules
################################################################################

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that bounds the permissions of each role that is created. Empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[!-~]+)?$", var.permissions_boundary_arn))
    error_message = "The value of permissions_boundary_arn must be the ARN of an IAM policy, such as arn:aws:iam::123456789012:policy/boundary, or empty."
  }
}

variable "iam_role_path" {
  description = "Path of the roles and the instance profile that are created, such as `/connectors/`. Choose it before the first apply: a later change fails, since IAM has one role of a name."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.iam_role_path)) && length(var.iam_role_path) <= 512
    error_message = "The value of iam_role_path must begin and end with a slash, such as /connectors/, and have at most 512 characters."
  }
}

variable "existing_role_names" {
  description = "Roles that exist, by what they are for: `function`, `execution`, `task` (of `enable_execute_command`), `access_log_stream`, `api_gateway`, and `instance`, for which it is the name of an instance profile. They are used and not changed. What each must trust and allow is in the output `role_policies`, which a plan without this setting shows."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.existing_role_names), ["function", "execution", "instance", "task", "access_log_stream", "api_gateway"])) == 0
    error_message = "The keys of existing_role_names may be function, execution, instance, task, access_log_stream and api_gateway, and nothing else."
  }

  validation {
    condition     = alltrue([for name in values(var.existing_role_names) : can(regex("^[a-zA-Z0-9+=,.@_-]{1,128}$", name))])
    error_message = "Each value of existing_role_names must be the name of a role, or of an instance profile for instance, without its path, and not an ARN."
  }
}

variable "kms_key_arns" {
  description = "KMS keys of your own, by what they encrypt: `logs` the log groups, `queue` the failed events, `environment` the function's settings, `token` the parameter with the Node's token, `bucket` the access-log stream's bucket. For what has none, AWS has a key."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.kms_key_arns), ["logs", "queue", "environment", "token", "bucket"])) == 0
    error_message = "The keys of kms_key_arns may be logs, queue, environment, token and bucket, and nothing else."
  }

  validation {
    condition     = alltrue([for arn in values(var.kms_key_arns) : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", arn))])
    error_message = "Each value of kms_key_arns must be the ARN of a KMS key (arn:aws:kms:...:key/...), not an alias."
  }
}

variable "log_group_prefixes" {
  description = "Beginnings of the names of more log groups with access logs, such as `/aws/apigateway/`. The groups that exist when Terraform plans are subscribed; one that is made later is subscribed by the next apply. One statement of the function's policy is enough for all groups of a prefix. All must be of the class Standard and have room for a subscription."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for prefix in var.log_group_prefixes : can(regex("^[a-zA-Z0-9_./#-]{1,512}$", prefix))])
    error_message = "Each of log_group_prefixes must be the beginning of a log group's name, such as /aws/apigateway/, without * and not empty: for all log groups of the account, set enable_account_subscription."
  }

  validation {
    condition     = alltrue([for prefix in var.log_group_prefixes : !can(regex("^(/aws/lambda/wallarm-cw-resend|/aws/ecs/native-node)", prefix))])
    error_message = "Each of log_group_prefixes must be of log groups that the connector itself does not write to: each line would cause another line, without end. Set it to what groups of access logs begin with."
  }
}

variable "enable_account_subscription" {
  description = "Whether all log groups of the account in the region are subscribed, also those that are made later, but not those of the connector itself. It needs a `subscription_filter_pattern`. AWS has one such policy in a region: look for another before, since AWS then refuses this one."
  type        = bool
  default     = false
}

variable "account_subscription_excluded_groups" {
  description = "Log groups that `enable_account_subscription` leaves out. Those of VPC flow logs and of CloudTrail that log the function's own calls belong here. A change deletes the policy and creates it again: lines of the seconds between are not forwarded."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.account_subscription_excluded_groups : can(regex("^[a-zA-Z0-9_./#-]{1,512}$", name))])
    error_message = "Each of account_subscription_excluded_groups must be the whole name of a log group, not its ARN, and without *."
  }
}
