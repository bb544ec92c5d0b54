variable "token" {
  description = "Whether a Node is created that needs a token, whether the token is the example's, is given in clear text, has only characters that a token may have, and is given as a secret's ARN."
  type        = object({ needed = bool, placeholder = bool, given = bool, valid = bool, secret = bool })

  validation {
    condition     = !(var.token.needed && var.token.placeholder)
    error_message = "The value of wallarm_api_token is still the placeholder: set the token that Wallarm Console shows under Settings, API tokens, or set it to \"\" and set wallarm_api_token_secret_arn. A Node that exists, by node_url, needs none."
  }

  # Here, and not at the variable itself: Terraform prints the value that it rejects, even a sensitive one.
  validation {
    condition     = var.token.valid
    error_message = "The value of wallarm_api_token has a space, a line break or another character that no token has: paste only the token."
  }

  validation {
    condition     = !var.token.needed || var.token.given || var.token.secret
    error_message = "The token is missing: set wallarm_api_token, or wallarm_api_token_secret_arn to the ARN of the secret that holds it."
  }

  validation {
    condition     = !(var.token.needed && var.token.given && !var.token.placeholder && var.token.secret)
    error_message = "The token is given twice: with wallarm_api_token_secret_arn, set wallarm_api_token to \"\"."
  }
}

variable "dns" {
  description = "The Route 53 zone and the Node's name in it."
  type        = object({ domain = string, name = string })

  validation {
    condition     = (var.dns.domain == "") == (var.dns.name == "")
    error_message = "Only one of r53_domain_name and node_dns_name is set: set both for HTTPS with a certificate and a DNS record, or neither for HTTP inside the VPC."
  }
}

variable "node" {
  description = "Whether a Node is created, and how it is connected."
  type        = object({ is_own = bool, balanced = bool, single = bool, domain = bool, tls = bool, replicas = number })

  validation {
    condition     = var.node.is_own || !var.node.domain
    error_message = "With node_url, no name is made for the Node: leave r53_domain_name and node_dns_name empty, and give the Node's name in node_url."
  }

  validation {
    condition     = !var.node.is_own || var.node.balanced || var.node.domain == var.node.tls
    error_message = "Without a load balancer, a domain and node_tls_secret_arn belong together: set r53_domain_name, node_dns_name and node_tls_secret_arn for HTTPS with a certificate of your own, or none of them for HTTP inside the VPC."
  }

  validation {
    condition     = var.node.tls ? var.node.is_own && !var.node.balanced : true
    error_message = "The value of node_tls_secret_arn is for the layouts without a load balancer: a load balancer gets its certificate by itself, and a Node that exists has one."
  }

  validation {
    condition     = !(var.node.single && var.node.replicas > 1)
    error_message = "Without a NAT gateway there is one Node, on one instance: set node_replicas to 1, or choose the layout standard or no-load-balancer."
  }
}

variable "network" {
  description = "Whether a Node is created and has a load balancer, the existing VPC, how many of its subnets and security groups are given, and whether the Node has a public subnet."
  type        = object({ is_own = bool, scheme = string, balanced = bool, single = bool, vpc_id = string, subnets = number, security_groups = number })

  validation {
    condition     = !var.network.is_own || (var.network.vpc_id == "") == (var.network.subnets == 0)
    error_message = "Only one of vpc_id and private_subnet_ids is set: set both to use an existing VPC, or neither to have one created."
  }

  validation {
    condition     = !(var.network.balanced && var.network.subnets == 1)
    error_message = "The list private_subnet_ids has only one subnet: a load balancer needs two, in different zones."
  }

  validation {
    condition     = !(var.network.single && var.network.vpc_id != "")
    error_message = "In an existing VPC, the Node needs that VPC's NAT gateway: choose the layout standard or no-load-balancer. Neither pays for a NAT gateway of its own there."
  }

  validation {
    condition     = !(var.network.is_own && var.network.security_groups > 0)
    error_message = "The list function_security_group_ids is only for a Node that exists, by node_url: for a Node that is created, the function's group is created too."
  }

  validation {
    condition     = var.network.is_own || var.network.vpc_id == ""
    error_message = "With node_url, nothing is created in a VPC: leave vpc_id empty. For a function in a VPC, private_subnet_ids and function_security_group_ids are enough."
  }

  validation {
    condition     = var.network.is_own || (var.network.subnets == 0) == (var.network.security_groups == 0)
    error_message = "Only one of private_subnet_ids and function_security_group_ids is set: set both for a function in your VPC, or neither for one outside of a VPC."
  }

  validation {
    condition     = var.network.is_own || var.network.scheme == "https" || var.network.subnets > 0
    error_message = "With http in node_url, callers' addresses and user agents would cross the internet in the clear: use https, or set private_subnet_ids and function_security_group_ids for a function in the Node's network."
  }
}

variable "instances" {
  description = "The processor that the instances' image is for (empty for unknown), whether Spot instances are to have a fixed interface, whether credits are limited, CPU units and MiB that the Node reserves, and what each type has for it."
  type = object({
    architecture = string
    fixed        = bool
    standard     = bool
    cpu          = number
    memory       = number
    types        = map(object({ architectures = list(string), burstable = bool, cpu = number, memory = number }))
  })

  validation {
    condition     = var.instances.architecture == "" || alltrue([for type in values(var.instances.types) : contains(type.architectures, var.instances.architecture)])
    error_message = "The value of instance_type, or one of spot_instance_types, has another processor than the image of ecs_ami_ssm_parameter: choose a type of the same one, or the parameter /aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id for a type with Graviton."
  }

  validation {
    condition     = !var.instances.fixed
    error_message = "Without a NAT gateway the instance has a fixed network interface, which AWS does not allow for a fleet of Spot instances: leave spot_instance_types empty, or choose the layout standard or no-load-balancer."
  }

  validation {
    condition     = !(var.instances.standard && length(distinct([for type in values(var.instances.types) : type.burstable])) > 1)
    error_message = "With instance_cpu_credits = \"standard\", all of spot_instance_types must be of the T family, or none of them: for a mix, AWS takes no setting of credits."
  }

  validation {
    condition     = alltrue([for type in values(var.instances.types) : type.memory >= var.instances.memory && type.cpu >= var.instances.cpu])
    error_message = "The value of instance_type, or one of spot_instance_types, is too small for the Node: choose a type with more memory and processors, or set node_memory and node_cpu to less. An instance has about 95 % of its memory less 256 MiB for tasks, and the two containers beside the Node take 96 MiB of that."
  }
}

variable "package" {
  description = "The function's package, and whether the file exists."
  type        = object({ path = string, exists = bool })

  validation {
    condition     = var.package.exists
    error_message = "The function's package is missing: take bootstrap-arm64.zip from the release and set bootstrap_zip to its path, or build it with the command bootstrap/build in the repository's root. To destroy, any file will do."
  }
}

variable "log_group" {
  description = "The existing log group, and the name of the log group that is created if there is none."
  type        = object({ name = string, own = string })

  validation {
    condition     = var.log_group.name != var.log_group.own
    error_message = "The value of api_gateway_log_group_name is the log group that this configuration creates by itself: leave it empty, otherwise the group would be destroyed with its lines."
  }
}

variable "redrive" {
  description = "Whether the function retries failed events, and how many instances of it may run: -1 for no limit of its own."
  type        = object({ enabled = bool, concurrency = number })

  # A queue's mapping can't be limited to fewer than two instances. If an event finds no free instance, this
  # counts as an attempt, and the event ends in the queue of dead events.
  validation {
    condition     = !(var.redrive.enabled && var.redrive.concurrency == 1)
    error_message = "With enable_redrive, a lambda_reserved_concurrency of 1 is too little: the queue of failed events alone uses two instances of the function. Set at least 2, or null."
  }
}

variable "timeouts" {
  description = "Milliseconds that a response may take, and without a success until the Node counts as down."
  type        = object({ response = number, down_after = number })

  validation {
    condition     = var.timeouts.down_after >= var.timeouts.response
    error_message = "The value of x_node_down_after_ms is less than x_node_timeout_ms: a single slow response would have the Node count as down. Set at least the same; null stands for 10000, for both."
  }
}

variable "default_hosts" {
  description = "The hosts of default_hosts, the Node's own name, and the beginning of the load balancer's name."
  type        = object({ hosts = list(string), node = string, load_balancer = string })

  validation {
    condition     = alltrue([for host in var.default_hosts.hosts : host != var.default_hosts.node && substr(host, 0, length(var.default_hosts.load_balancer)) != var.default_hosts.load_balancer])
    error_message = "A value of default_hosts is the host of the Node itself: the function skips each line with that host. Set it to the host of the API."
  }
}

variable "access_log_stream" {
  description = "Whether the Firehose stream is created, and the seconds that an invocation may take."
  type        = object({ enabled = bool, timeout = number })

  validation {
    condition     = !(var.access_log_stream.enabled && var.access_log_stream.timeout > 300)
    error_message = "With enable_access_log_stream, a lambda_timeout of more than 300 is too much: Firehose waits for an invocation for five minutes, and then repeats it."
  }
}

variable "permissions" {
  description = "The size of the function's policy, which has a statement for each log group or prefix."
  type        = object({ characters = number })

  validation {
    condition     = var.permissions.characters <= 20480
    error_message = "The function's policy has no room for a statement for each of these log groups: Lambda accepts 20480 characters, which is about 45 groups. Set log_group_prefixes to what their names begin with: one statement is then enough for all of them."
  }
}

variable "subscription" {
  description = "Whether all log groups are subscribed, the size of the list of those that are not, the filter pattern, and how many prefixes of groups are subscribed besides."
  type        = object({ enabled = bool, characters = number, pattern = string, prefixes = number })

  validation {
    condition     = !var.subscription.enabled || var.subscription.characters <= 25600
    error_message = "With enable_account_subscription, the names of account_subscription_excluded_groups and of all groups with a subscription here have more than the 25 KB that CloudWatch Logs accepts: subscribe or exclude fewer groups."
  }

  # Each new group of a prefix would be one to leave out, for which the policy is deleted and made again.
  validation {
    condition     = !var.subscription.enabled || var.subscription.prefixes == 0
    error_message = "With enable_account_subscription, leave log_group_prefixes empty: all log groups are subscribed already."
  }

  validation {
    condition     = !var.subscription.enabled || var.subscription.pattern != ""
    error_message = "With enable_account_subscription, each line of the account would go to the function: set subscription_filter_pattern to what only access-log lines have, such as { ($.httpMethod = *) && ($.domainName = *) && ($.status = *) }."
  }
}

variable "keys" {
  description = "The regions of the KMS keys, and the region that they are used in."
  type        = object({ regions = list(string), region = string })

  validation {
    condition     = alltrue([for region in var.keys.regions : region == var.keys.region])
    error_message = "A key of kms_key_arns is in another region: KMS keys work only in their own. Set the ARN of a key, or of a multi-Region key's replica, in the region of the connector."
  }
}
