# Written by tests/terraform/generate.py from modules/connector/variables.tf, which has what each value must be.

################################################################################
# Wallarm
################################################################################

variable "wallarm_api_host" {
  description = "Wallarm API server: `us1.api.wallarm.com` for the US Cloud, `api.wallarm.com` for the EU Cloud. Any other must be a host of `wallarm.com`."
  type        = string
  default     = "api.wallarm.com"
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
}

variable "wallarm_api_token_kms_key_arn" {
  description = "ARN of the customer-managed KMS key that encrypts the secrets that you give: `wallarm_api_token_secret_arn`, `node_tls_secret_arn`, `node_registry_secret_arn`. Empty for the keys that AWS manages."
  type        = string
  default     = ""
}

variable "x_wallarm_application_id" {
  description = "Wallarm application id for the calls: a whole number from 1 on, or `-1` for the default application. The function sends it, and the Node has it as `route_config.wallarm_application`."
  type        = string
  default     = "-1"
}

################################################################################
# Names and place
################################################################################

variable "name_prefix" {
  description = "Prefix of all names, at most 38 characters. Two deployments in one account and region need different prefixes."
  type        = string
  default     = "api-gw-discovery"
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
}

variable "availability_zones" {
  description = "Zones for the subnets of the VPC that is created, at least two. Empty for the region's first two. Add later ones at the end: the order gives the subnets their ranges."
  type        = list(string)
  default     = []
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
}

variable "vpc_id" {
  description = "Existing VPC for the Node that is created. Empty to create one. It needs DNS support and DNS host names switched on, and AmazonProvidedDNS as its DNS server."
  type        = string
  default     = ""
}

variable "private_subnet_ids" {
  description = "Subnets of `vpc_id` for the function, the load balancer and the Node: in at least two zones, with a route to the internet over NAT. With `node_url`: subnets for the function alone; empty for a function outside of a VPC."
  type        = list(string)
  default     = []
}

################################################################################
# Node
################################################################################

variable "node_url" {
  description = "Address of a Node that exists already, such as Wallarm's Edge Node: `https://node.example.com`, with the port if it is another than 443. The function forwards to it, and no Node, network or load balancer is created. Empty to create a Node."
  type        = string
  default     = ""
}

variable "node_layout" {
  description = "How the Node that is created is connected: `standard`, `no-nat-gateway`, `no-load-balancer` or `minimal`, which has neither. The README's table of layouts says what each costs and gives up."
  type        = string
  default     = "standard"
}

variable "node_image" {
  description = "Image of the Wallarm Native Node, without the tag. A copy in ECR avoids Docker Hub's limits."
  type        = string
  default     = "wallarm/node-native-aio"
}

variable "node_tag" {
  description = "Tag of the Node's image. Pin it: a new version then comes with an apply, and not whenever a task starts."
  type        = string
  default     = "latest"
}

variable "node_group" {
  description = "Group that the Node joins in Wallarm Console, as its label `group`."
  type        = string
  default     = "api-gateway-api-discovery"
}

variable "node_replicas" {
  description = "Minimum number of Nodes, at most 8. The mesh keeps a call and its response together on one of them."
  type        = number
  default     = 1
}

variable "node_max_replicas" {
  description = "Maximum number of Nodes, at most 8: more Nodes are started if their CPU is busy. If `node_replicas` is larger, it is the maximum."
  type        = number
  default     = 3
}

variable "node_cpu" {
  description = "CPU that a Node reserves, in units of 1/1024 of a processor."
  type        = number
  default     = 1024
}

variable "node_memory" {
  description = "Memory of a Node, in MiB: both reserved and the maximum. The instance needs 352 MiB and a twentieth of its memory more."
  type        = number
  default     = 3072
}

variable "node_log_level" {
  description = "Log level of the Node: `debug`, `info`, `warn`, `error` or `fatal`."
  type        = string
  default     = "info"
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
}

variable "instance_cpu_credits" {
  description = "What an instance of the T family does above its baseline (20 % of each processor of a `t3.medium`): `unlimited` goes on at $0.05 for each hour of a processor, `standard` slows the Node down."
  type        = string
  default     = "unlimited"
}

variable "spot_instance_types" {
  description = "Types of Spot instances that the Node runs on in place of `instance_type`, such as `[\"t3.medium\", \"t3a.medium\"]`: the more types, the less often AWS has none. Only in the layouts with a NAT gateway. Empty for instances that AWS does not take back."
  type        = list(string)
  default     = []
}

variable "ecs_ami_ssm_parameter" {
  description = "Public SSM parameter with the id of the instances' ECS-optimised image. `recommended` changes: an apply after a new image replaces the instances."
  type        = string
  default     = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
}

variable "config_image" {
  description = "Small image with busybox's shell and tools. It writes the Node's configuration file onto the instance before the Node starts, and reads the Node's metrics."
  type        = string
  default     = "public.ecr.aws/docker/library/busybox:1.37"
}

variable "node_registry_secret_arn" {
  description = "ARN of a Secrets Manager secret with `username` and `password` for the registry of `node_image`. Docker Hub accepts more pulls with an account. Empty for none; ECR needs none. If a key of your own encrypts it, it must be that of `wallarm_api_token_kms_key_arn`."
  type        = string
  default     = ""
}

variable "node_allowed_hosts" {
  description = "Hosts whose calls the Node accepts, as `connector.allowed_hosts`: `api.example.com`, `*.example.com`. The Node rejects messages of all others. Empty for all hosts."
  type        = list(string)
  default     = []
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
}

variable "node_config" {
  description = "Settings of the Node as in Wallarm's `go-node.yaml`, merged over those that are written here, object by object: `{ input_filters = { bypass = [{ path = \"^/health$\" }] }, http_inspector = { workers = 2 } }`. A list replaces the whole list."
  type        = any
  default     = {}
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
}

variable "node_dns_name" {
  description = "Name of the Node in `r53_domain_name`: `node`, or in full `node.example.com`."
  type        = string
  default     = ""
}

variable "node_tls_secret_arn" {
  description = "Without a load balancer, for HTTPS: ARN of a Secrets Manager secret with the members `certificate` (PEM, with the intermediate ones) and `key` (PEM) for the Node's name. A load balancer gets its certificate by itself. If a key of your own encrypts it, it must be that of `wallarm_api_token_kms_key_arn`."
  type        = string
  default     = ""
}

variable "alb_access_logs_bucket" {
  description = "S3 bucket for the load balancer's access logs. It must have the bucket policy that they need. Empty for none."
  type        = string
  default     = ""
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
}

variable "lambda_memory_size" {
  description = "Memory of the function, in MB. Its share of a processor is proportional to it."
  type        = number
  default     = 128
}

variable "lambda_timeout" {
  description = "Seconds that the function may take for an event."
  type        = number
  default     = 60
}

variable "lambda_reserved_concurrency" {
  description = "Number of function instances that may run at the same time. `null` for the account's limit. Events that must wait are kept for `lambda_maximum_event_age`. With `enable_redrive`, at least 2."
  type        = number
  default     = null
}

variable "lambda_maximum_event_age" {
  description = "Seconds for which Lambda retries an event, or a record of `kinesis_stream_arn`, before it goes to the failure queue, from 60 to 21600."
  type        = number
  default     = 21600
}

variable "lambda_maximum_retry_attempts" {
  description = "How often Lambda retries an event that failed, from 0 to 2."
  type        = number
  default     = 2
}

variable "failure_queue_max_message_size" {
  description = "Maximum size of an event in the failure queue, in bytes: a larger event can't be kept. `1048576` is enough for nearly all events, but needs a current version 6 of the provider."
  type        = number
  default     = 262144
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
}

variable "kinesis_stream_arn" {
  description = "ARN of an existing Kinesis stream that carries documents of subscriptions, as central logging does. Empty for none."
  type        = string
  default     = ""
}

variable "kinesis_parallelization_factor" {
  description = "Number of the function's instances that read one shard of `kinesis_stream_arn` at the same time, from 1 to 10. More of them catch up faster if the function is behind."
  type        = number
  default     = 1
}

variable "kinesis_batching_window_seconds" {
  description = "Seconds for which Lambda collects records of `kinesis_stream_arn` for an invocation, from 0 to 300. With little traffic, more of them make fewer invocations, and calls arrive later."
  type        = number
  default     = 0
}

variable "x_node_format" {
  description = "`X_NODE_FORMAT`: what is sent to the Node, `resend` or `batch`."
  type        = string
  default     = null
}

variable "x_node_connections" {
  description = "`X_NODE_CONNECTIONS`: simultaneous connections to the Node, from 1 to 64."
  type        = number
  default     = null
}

variable "x_node_connect_timeout_ms" {
  description = "`X_NODE_CONNECT_TIMEOUT_MS`: milliseconds that connecting to the Node may take."
  type        = number
  default     = null
}

variable "x_node_timeout_ms" {
  description = "`X_NODE_TIMEOUT_MS`: milliseconds that a response of the Node may take."
  type        = number
  default     = null
}

variable "x_node_down_after_ms" {
  description = "`X_NODE_DOWN_AFTER_MS`: milliseconds without a success until the Node counts as down, at least `x_node_timeout_ms`. For both, the function's default is 10000."
  type        = number
  default     = null
}

variable "x_node_headers" {
  description = "`X_NODE_HEADERS`: headers that the function adds to each message. Their names may have only letters, digits and hyphens."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "x_node_header_names" {
  description = "`X_NODE_HEADER_NAMES`: other names for headers of the function's own. They may have only letters, digits and hyphens."
  type        = map(string)
  default     = {}
}

variable "x_node_ca_cert" {
  description = "`X_NODE_CA_CERT`: certificates to trust in addition to the public ones, as PEM text. The certificate that is created here needs none."
  type        = string
  default     = null
}

variable "x_max_inflated_bytes" {
  description = "`X_MAX_INFLATED_BYTES`: the maximum number of bytes that one event may inflate to."
  type        = number
  default     = null
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
}

variable "path_source" {
  description = "`X_PATH`: `path` sends the path of each call; `template` sends the route's template in place of it, such as `/pets/{id}`."
  type        = string
  default     = "path"
}

variable "firehose_result" {
  description = "`X_FIREHOSE_RESULT`: `ok` has a Firehose stream store each record; `dropped` has it store no record of which every line was forwarded. It does something only if a Firehose stream uses the function."
  type        = string
  default     = "ok"
}

variable "sample" {
  description = "`X_SAMPLE`: forwards only the first `calls` calls of each endpoint in each `seconds`, and with `keep = \"errors\"` all whose status is 400 or more. It breaks counts of calls, sessions and attack detection. Null forwards every call."
  type        = map(string)
  default     = null
}

variable "x_log_level" {
  description = "`X_LOG_LEVEL`: the minimum level that the function prints. With a level above `INFO`, events without a problem have no metrics."
  type        = string
  default     = null
}

variable "report_line" {
  description = "`X_REPORT_LINE`: `compact` has the function print short lines, metric filters make its metrics of them, and Lambda print only what went wrong. `metrics` has the function print lines that CloudWatch makes the same metrics of, and Lambda three lines for each invocation. Null is `compact`, and `metrics` with `node_url`, where 14 metric filters would be nearly half of what is deployed."
  type        = string
  default     = null
}

################################################################################
# Logs
################################################################################

variable "api_gateway_log_group_name" {
  description = "Existing log group with the API's access logs. It is used and never destroyed. Empty to create one."
  type        = string
  default     = ""
}

variable "additional_log_group_names" {
  description = "More existing log groups with access logs, such as those of other APIs. They are used and never destroyed. With `enable_account_subscription`, another list deletes the account's policy and makes it again: a gap of seconds."
  type        = list(string)
  default     = []
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
}

variable "access_log_stream_buffer_seconds" {
  description = "Seconds after which Firehose invokes the function even if it has fewer lines, from 1 to 900."
  type        = number
  default     = 60
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
}

################################################################################
# Company rules
################################################################################

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that bounds the permissions of each role that is created. Empty for none."
  type        = string
  default     = ""
}

variable "iam_role_path" {
  description = "Path of the roles and the instance profile that are created, such as `/connectors/`. Choose it before the first apply: a later change fails, since IAM has one role of a name."
  type        = string
  default     = "/"
}

variable "existing_role_names" {
  description = "Roles that exist, by what they are for: `function`, `execution`, `task` (of `enable_execute_command`), `access_log_stream`, `api_gateway`, and `instance`, for which it is the name of an instance profile. They are used and not changed. What each must trust and allow is in the output `role_policies`, which a plan without this setting shows."
  type        = map(string)
  default     = {}
}

variable "kms_key_arns" {
  description = "KMS keys of your own, by what they encrypt: `logs` the log groups, `queue` the failed events, `environment` the function's settings, `token` the parameter with the Node's token, `bucket` the access-log stream's bucket. For what has none, AWS has a key."
  type        = map(string)
  default     = {}
}

variable "log_group_prefixes" {
  description = "Beginnings of the names of more log groups with access logs, such as `/aws/apigateway/`. The groups that exist when Terraform plans are subscribed; one that is made later is subscribed by the next apply. One statement of the function's policy is enough for all groups of a prefix. All must be of the class Standard and have room for a subscription."
  type        = list(string)
  default     = []
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
}
