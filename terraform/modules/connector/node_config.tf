# The Node's configuration file, and its environment. What `node_config` says is merged over what is said here, object by
# object: merge() alone would replace a section as a whole, and lose the address or the mesh with it. Lists are replaced.

locals {
  # The Node reads one file, at one path. Wallarm documents a bind mount of that single file, which hides
  # nothing else of the image.
  node_config_path = "/opt/wallarm/etc/wallarm/go-node.yaml"

  # The validations of `node_config` refuse what other parts of the stack rely on.
  node_config_default = {
    version = 4
    mode    = "connector-server"
    connector = merge(
      {
        address = ":${local.node_port}"
        # Copies of calls come here when the calls are over: there is nothing to block. The Console's mode has a higher
        # priority than `wallarm_mode` below, and this setting has not.
        blocking = false
      },
      # Without the key, the Node accepts all hosts.
      { for key in ["allowed_hosts"] : key => var.node_allowed_hosts if length(var.node_allowed_hosts) > 0 },
    )
    mesh = {
      discovery = "dns"
      name      = local.mesh_name
      port      = local.mesh_port
    }
    external_health_check = {
      enabled  = true
      endpoint = local.health_path
    }
    # Behind the peer that the messages come from, the client is who called the API.
    proxy_headers = [{ trusted_networks = local.node_peer_networks, real_ip = [local.client_address_header] }]
    route_config = {
      # The same as in the header of the function: which of the two the Node prefers is not published.
      wallarm_application = tonumber(var.x_wallarm_application_id)
      wallarm_mode        = "monitoring"
    }
    # The Node writes its standard error to a file in the container; only standard output leaves it.
    log = {
      pretty   = false
      level    = var.node_log_level
      log_file = "stdout"
    }
    access_log = {
      enabled  = var.node_access_log
      verbose  = false
      log_file = "stdout"
    }
  }

  node_config = yamlencode(merge(
    {
      version       = local.node_config_default.version
      mode          = local.node_config_default.mode
      proxy_headers = local.node_config_default.proxy_headers
    },
    var.node_config,
    {
      connector = merge(
        local.node_config_default.connector,
        try(var.node_config.connector, {}),
        { external_health_check = merge(local.node_config_default.external_health_check, try(var.node_config.connector.external_health_check, {})) },
        # One Node alone has no mesh.
        { for key in ["mesh"] : key => merge(local.node_config_default.mesh, try(var.node_config.connector.mesh, {})) if local.has_nat_gateway },
        { for key, path in local.node_tls : key => path if local.node_has_tls },
      )
      route_config = merge(local.node_config_default.route_config, try(var.node_config.route_config, {}))
      log = merge(
        local.node_config_default.log,
        try(var.node_config.log, {}),
        { access_log = merge(local.node_config_default.access_log, try(var.node_config.log.access_log, {})) },
      )
    },
  ))

  # Each content has its own path, so a task never finds the file of another revision.
  node_config_dir = "/var/lib/wallarm/${sha1(local.node_config)}"

  # Where the messages come from: the load balancer has an address in each of these subnets, and without one the function.
  node_peer_networks = local.create_vpc ? [for zone in local.zone_names : aws_subnet.private[zone].cidr_block] : data.aws_subnet.private[*].cidr_block

  # The load balancer leaves this header as the function sends it.
  client_address_header = try([for name, other in var.x_node_header_names : other if lower(name) == "x-forwarded-for"][0], "X-Forwarded-For")

  node_environment = concat(
    [
      { name = "WALLARM_API_HOST", value = var.wallarm_api_host },
      { name = "WALLARM_LABELS", value = "group=${var.node_group}" },
    ],
    [for name in ["WALLARM_APID_ONLY"] : { name = name, value = "true" } if var.node_apid_only],
    [for name, value in var.node_environment : { name = name, value = value }],
  )
}

data "aws_subnet" "private" {
  count = local.own_node && !local.create_vpc ? length(var.private_subnet_ids) : 0

  id = var.private_subnet_ids[count.index]
}
