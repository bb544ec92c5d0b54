variable "token" {
  description = "Whether the token is given in clear text, has only characters that a token may have, and is given as a secret's ARN."
  type        = object({ given = bool, valid = bool, secret = bool })

  # Here, and not at the variable itself: Terraform prints the value that it rejects, even a sensitive one.
  validation {
    condition     = var.token.valid
    error_message = "The value of wallarm_api_token has a space, a line break or another character that no token has: paste only the token."
  }

  validation {
    condition     = var.token.given || var.token.secret
    error_message = "The token is missing: set wallarm_api_token, or wallarm_api_token_secret_arn to the ARN of the secret that holds it."
  }

  validation {
    condition     = !(var.token.given && var.token.secret)
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

variable "network" {
  description = "The existing VPC, and the number of its subnets that are given."
  type        = object({ vpc_id = string, subnets = number })

  validation {
    condition     = (var.network.vpc_id == "") == (var.network.subnets == 0)
    error_message = "Only one of vpc_id and private_subnet_ids is set: set both to use an existing VPC, or neither to have one created."
  }

  validation {
    condition     = var.network.subnets != 1
    error_message = "The list private_subnet_ids has only one subnet: a load balancer needs two, in different zones."
  }
}

variable "package" {
  description = "The function's package, and whether the file exists."
  type        = object({ path = string, exists = bool })

  validation {
    condition     = var.package.exists
    error_message = "The function's package is missing: build it with the command bootstrap/build in the repository's root, or set bootstrap_zip to the path of a bootstrap.zip. To destroy, any file will do."
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
  description = "Whether all log groups are subscribed, the size of the list of those that are not, and the filter pattern."
  type        = object({ enabled = bool, characters = number, pattern = string })

  validation {
    condition     = !var.subscription.enabled || var.subscription.characters <= 25600
    error_message = "With enable_account_subscription, the names of account_subscription_excluded_groups and of all groups with a subscription here have more than the 25 KB that CloudWatch Logs accepts: subscribe or exclude fewer groups."
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
